package nomad

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"

	"github.com/hashicorp/nomad/api"
)

// An AccessError is a cluster that does not let this client in, because of what
// the environment says.
type AccessError struct {
	err  error
	hint string
}

func (e *AccessError) Error() string { return e.err.Error() + ": " + e.hint }

func (e *AccessError) Unwrap() error { return e.err }

// failed tells what was asked of the cluster, and what the environment should
// say when that is why it failed.
func (b *Backend) failed(what string, err error) error {
	err = fmt.Errorf("%s of %s: %w", what, b.Address(), err)
	var (
		response    api.UnexpectedResponseError
		certificate *tls.CertificateVerificationError
	)
	switch {
	case errors.As(err, &certificate) && os.Getenv("NOMAD_CACERT") == "":
		return &AccessError{err, "NOMAD_CACERT is not set: it names the file of the authority to trust"}
	case errors.As(err, &certificate):
		return &AccessError{err, "NOMAD_CACERT names the file of the authority to trust"}
	case !errors.As(err, &response):
		return err
	case response.StatusCode() == http.StatusForbidden && os.Getenv("NOMAD_TOKEN") == "":
		return &AccessError{err, "NOMAD_TOKEN is not set, and the cluster asks for a token"}
	case response.StatusCode() == http.StatusForbidden:
		return &AccessError{err, "the token in NOMAD_TOKEN is unknown or lacks a right (docs/clusters.md lists those that are needed)"}
	case response.StatusCode() == http.StatusBadRequest && strings.Contains(response.Body(), "HTTPS"):
		return &AccessError{err, "NOMAD_ADDR must begin with https://"}
	}
	return err
}
