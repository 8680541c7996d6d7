//go:build !lpsolve

package milp

import (
	"errors"
	"time"
)

// NewLPSolve says how to get an engine that this build leaves out.
func NewLPSolve(time.Duration) (Engine, error) {
	return nil, errors.New("this build leaves lp_solve out: build with `go build -tags lpsolve ./cmd/caravan`, which needs cgo and Debian's liblpsolve55-dev, or write the model with --write-mps for an engine elsewhere")
}
