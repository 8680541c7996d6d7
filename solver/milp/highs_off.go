//go:build !highs

package milp

import (
	"errors"
	"time"
)

// NewHiGHS says how to get an engine that this build leaves out.
func NewHiGHS(time.Duration) (Engine, error) {
	return nil, errors.New("this build leaves HiGHS out: build with `go build -tags highs ./cmd/caravan`, which needs cgo and a C++ compiler, or write the model with --write-mps for an engine elsewhere")
}
