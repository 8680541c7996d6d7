package workloads

import "time"

// ArrivalKind names how requests arrive.
type ArrivalKind uint8

const (
	Periodic ArrivalKind = iota // one every Period
	Poisson                     // independent exponential gaps at Rate
	MMPP                        // bursty: Poisson whose rate follows a Markov chain of States
	Trace                       // at the recorded instants
	Closed                      // Population users who think, send, and wait for the answer
)

// Arrivals generates the requests of a pipeline.
type Arrivals struct {
	Kind   ArrivalKind
	Period time.Duration // Periodic
	Rate   float64       // Poisson: arrivals (batches) a second
	Batch  int           // requests that arrive together; 0 is 1
	States []MMPPState   // MMPP, in the order visited; starts in the first
	Times  []time.Duration
	// Factors are named columns of a trace, one value an arrival. An operator
	// whose WorkFactor or OutputFactor names a column multiplies by its value.
	Factors     [][]float64
	FactorNames []string
	// Population and Think describe a closed loop.
	Population int
	Think      Dist // seconds

	StartAt time.Duration // no request before this instant
	StopAt  time.Duration // none at or after this instant; 0 never stops
	Count   int           // at most this many requests; 0 is unbounded
}

// An MMPPState is one state of a bursty source, left after an exponential time.
type MMPPState struct {
	Rate float64 // requests a second
	Mean time.Duration
}

// MeanRate is the long-run number of requests a second, 0 when it is not
// known beforehand (a closed loop) or empty.
func (a Arrivals) MeanRate() float64 {
	b := float64(max(a.Batch, 1))
	switch a.Kind {
	case Periodic:
		if a.Period > 0 {
			return b / a.Period.Seconds()
		}
	case Poisson:
		return a.Rate * b
	case MMPP:
		var n, t float64
		for _, s := range a.States {
			n += s.Rate * s.Mean.Seconds()
			t += s.Mean.Seconds()
		}
		if t > 0 {
			return n / t * b
		}
	case Trace:
		if n := len(a.Times); n > 1 && a.Times[n-1] > a.Times[0] {
			return float64(n-1) / (a.Times[n-1] - a.Times[0]).Seconds()
		}
	}
	return 0
}
