//go:build lpsolve

package milp

// #cgo CFLAGS: -I/usr/include/lpsolve
// #cgo LDFLAGS: -L/usr/lib/lp_solve -Wl,-rpath,/usr/lib/lp_solve -llpsolve55 -lm
// #include <lp_lib.h>
import "C"

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"
)

// NewLPSolve is the engine lp_solve 5.5. It looks at its own clock, in whole
// seconds, instead of the context; 0 is no limit.
func NewLPSolve(limit time.Duration) (Engine, error) { return lpSolve{limit}, nil }

type lpSolve struct{ limit time.Duration }

// Solve implements Engine. What lp_solve proves short of an optimum it does
// not tell, so that there is no bound then.
func (e lpSolve) Solve(_ context.Context, m *Model, gap float64) (Answer, error) {
	lp := C.make_lp(0, C.int(len(m.Cost)))
	if lp == nil {
		return Answer{}, errors.New("lp_solve: no memory for the model")
	}
	defer C.delete_lp(lp)
	C.set_verbose(lp, 1) // what is severe
	C.set_minim(lp)
	C.set_mip_gap(lp, 1, 0)
	C.set_mip_gap(lp, 0, C.REAL(gap))
	if e.limit > 0 {
		C.set_timeout(lp, C.long(math.Ceil(e.limit.Seconds())))
	}
	if err := state(lp, m); err != nil {
		return Answer{}, err
	}
	a := Answer{Bound: math.Inf(-1)}
	switch code := C.solve(lp); code {
	case C.OPTIMAL, C.PRESOLVED:
		a.Optimal = true
	case C.SUBOPTIMAL, C.FEASFOUND:
	case C.INFEASIBLE:
		a.Infeasible = true
		return a, nil
	case C.TIMEOUT, C.NOFEASFOUND, C.USERABORT:
		return a, nil
	default:
		return a, fmt.Errorf("lp_solve ended with code %d", int(code))
	}
	values := make([]C.REAL, max(1, len(m.Cost)))
	C.get_variables(lp, &values[0])
	sum := 0.0
	for j := range m.Cost {
		a.Values = append(a.Values, float64(values[j]))
		sum += m.Cost[j] * float64(values[j])
	}
	if a.Optimal {
		a.Bound = sum - gap*math.Abs(sum)
	}
	a.Steps = int64(C.get_total_nodes(lp))
	return a, nil
}

// state hands the model to lp_solve, which counts rows and columns from 1.
func state(lp *C.lprec, m *Model) error {
	ok := true
	for j := range m.Cost {
		upper := C.REAL(m.Upper[j])
		if math.IsInf(m.Upper[j], 1) {
			upper = C.get_infinite(lp)
		}
		ok = ok && C.set_bounds(lp, C.int(j+1), C.REAL(m.Lower[j]), upper) != 0
		if m.Integer[j] {
			ok = ok && C.set_int(lp, C.int(j+1), 1) != 0
		}
	}
	row := func(index []int, value []float64) (C.int, *C.REAL, *C.int) {
		at, v := make([]C.int, len(index)+1), make([]C.REAL, len(index)+1)
		for k := range index {
			at[k], v[k] = C.int(index[k]+1), C.REAL(value[k])
		}
		return C.int(len(index)), &v[0], &at[0]
	}
	all := make([]int, len(m.Cost))
	for j := range all {
		all[j] = j
	}
	C.set_add_rowmode(lp, 1)
	n, v, at := row(all, m.Cost)
	ok = ok && C.set_obj_fnex(lp, n, v, at) != 0
	for i := range m.Rows {
		r := &m.Rows[i]
		kind, side := C.int(C.GE), r.Lower
		switch {
		case r.Lower == r.Upper:
			kind = C.EQ
		case math.IsInf(r.Lower, -1):
			kind, side = C.LE, r.Upper
		}
		n, v, at := row(r.Index, r.Value)
		ok = ok && C.add_constraintex(lp, n, v, at, kind, C.REAL(side)) != 0
	}
	C.set_add_rowmode(lp, 0)
	if !ok {
		return errors.New("lp_solve does not take the model")
	}
	return nil
}
