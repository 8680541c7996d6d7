//go:build linux

package clusters

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// A security is what a cluster with TLS and access control lists needs.
type security struct {
	dir     string // of certificates and keys
	ca      *x509.Certificate
	key     *ecdsa.PrivateKey
	client  *http.Client // trusts ca
	manager string       // the management token
}

// certified is for how long certificates hold: longer than any session.
const certified = 30 * 24 * time.Hour

// secure makes the certificate authority of a cluster.
func (c *Cluster) secure() (err error) {
	s := &security{dir: filepath.Join(c.Dir, "tls")}
	if err := os.Mkdir(s.dir, 0o700); err != nil {
		return err
	}
	if s.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return err
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()), Subject: pkix.Name{CommonName: "cluster " + c.Name},
		NotBefore: now.Add(-time.Minute), NotAfter: now.Add(certified),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, s.key.Public(), s.key)
	if err != nil {
		return err
	}
	if s.ca, err = x509.ParseCertificate(der); err != nil {
		return err
	}
	pool := x509.NewCertPool()
	pool.AddCert(s.ca)
	s.client = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}}
	c.security = s
	return writePEM(s.file("ca"), "CERTIFICATE", der)
}

func (s *security) file(name string) string { return filepath.Join(s.dir, name+".pem") }

func writePEM(path, kind string, der []byte) error {
	return os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600)
}

// certify gives a machine a key and a certificate for its role, server or
// client, and returns the agent's tls block. Agents ask each other for theirs;
// tools only need to trust the authority.
func (s *security) certify(h *host, role string) (map[string]any, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: h.name},
		NotBefore: s.ca.NotBefore, NotAfter: s.ca.NotAfter, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		DNSNames:    []string{role + ".global.nomad", "localhost"},
		IPAddresses: []net.IP{h.address.AsSlice(), net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, s.ca, key.Public(), s.key)
	if err != nil {
		return nil, err
	}
	private, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, err
	}
	if err := writePEM(s.file(h.name), "CERTIFICATE", der); err != nil {
		return nil, err
	}
	if err := writePEM(s.file(h.name+"-key"), "EC PRIVATE KEY", private); err != nil {
		return nil, err
	}
	return map[string]any{
		"http": true, "rpc": true, "verify_server_hostname": true, "verify_https_client": false,
		"ca_file": s.file("ca"), "cert_file": s.file(h.name), "key_file": s.file(h.name + "-key"),
	}, nil
}

// caravanPolicy is what a token needs for everything that caravan does with a
// cluster, and no more.
const caravanPolicy = `namespace "default" {
  capabilities = ["list-jobs", "read-job", "submit-job"]
}
node { policy = "read" }
operator { policy = "read" }
`

// grant makes the first token of the cluster, and one with the rights that
// caravan needs, which it returns.
func (c *Cluster) grant(ctx context.Context) (string, error) {
	var token struct{ SecretID string }
	err := c.await(ctx, func(ctx context.Context) error { // the server may not lead yet
		return c.call(ctx, http.MethodPost, "/v1/acl/bootstrap", nil, &token)
	})
	if err != nil {
		return "", err
	}
	c.security.manager = token.SecretID
	policy := map[string]string{"Name": "caravan", "Rules": caravanPolicy}
	if err := c.call(ctx, http.MethodPost, "/v1/acl/policy/caravan", policy, nil); err != nil {
		return "", err
	}
	ask := map[string]any{"Name": "caravan", "Type": "client", "Policies": []string{"caravan"}}
	err = c.call(ctx, http.MethodPost, "/v1/acl/token", ask, &token)
	return token.SecretID, err
}

// call talks to the orchestrator's API.
func (c *Cluster) call(ctx context.Context, method, path string, body, answer any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, method, c.Address+path, bytes.NewReader(text))
	if err != nil {
		return err
	}
	client := http.DefaultClient
	if c.security != nil {
		client = c.security.client
		request.Header.Set("X-Nomad-Token", c.security.manager)
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	said, err := io.ReadAll(io.LimitReader(response.Body, 1<<24))
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s: %s", path, response.Status, strings.TrimSpace(string(said)))
	}
	if answer == nil {
		return nil
	}
	return json.Unmarshal(said, answer)
}
