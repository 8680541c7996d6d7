package des

import (
	"fmt"
	"math"
	"testing"
	"time"
)

// BenchmarkHold measures a pop and a push at a constant length.
func BenchmarkHold(b *testing.B) {
	for _, law := range []string{"exponential", "pareto", "integer", "constant", "bimodal"} {
		draw := increments()[law]
		s := FromSeed(7)
		gaps := make([]float64, 4096)
		for i := range gaps {
			gaps[i] = draw(&s)
		}
		for _, n := range []int{1e3, 1e5, 1e6} {
			b.Run(fmt.Sprintf("queue=ladder/increments=%s/length=%d", law, n), func(b *testing.B) {
				hold(b, new(Queue), gaps, n)
			})
			b.Run(fmt.Sprintf("queue=heap/increments=%s/length=%d", law, n), func(b *testing.B) {
				hold(b, new(heap), gaps, n)
			})
		}
	}
}

func hold[Q interface {
	Push(key, payload uint64)
	Pop() (key, payload uint64, ok bool)
}](b *testing.B, q Q, gaps []float64, n int) {
	s := FromSeed(42)
	for i := range n {
		q.Push(math.Float64bits(s.ExpInverse()), uint64(i))
	}
	i := 0
	step := func() {
		key, id, _ := q.Pop()
		q.Push(math.Float64bits(math.Float64frombits(key)+gaps[i%4096]), id)
		i++
	}
	for range max(n, 100000) {
		step()
	}
	b.ReportAllocs()
	for b.Loop() {
		step()
	}
}

// BenchmarkTimers measures an engine whose n timers re-arm themselves.
func BenchmarkTimers(b *testing.B) {
	for _, n := range []int{1e3, 1e5} {
		b.Run(fmt.Sprintf("style=switch/timers=%d", n), func(b *testing.B) {
			e := New()
			streams := make([]Stream, n)
			for i := range streams {
				streams[i] = FromSeed(1000 + uint64(i))
				e.Schedule(time.Duration(streams[i].ExpInverse()*1e9), 0, NewEvent(0, 0, uint32(i)))
			}
			for b.Loop() {
				ev, _ := e.Next()
				e.After(time.Duration(streams[ev.Slot()].ExpInverse()*1e9), 0, ev)
			}
		})
		b.Run(fmt.Sprintf("style=process/timers=%d", n), func(b *testing.B) {
			e := New()
			var p Processes
			defer p.Stop()
			for i := range n {
				s := FromSeed(1000 + uint64(i))
				p.Start(e, 0, func(sleep func(time.Duration) bool) error {
					for sleep(time.Duration(s.ExpInverse() * 1e9)) {
					}
					return nil
				})
			}
			for b.Loop() {
				ev, _ := e.Next()
				if err := p.Handle(e, ev); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkDraw(b *testing.B) {
	for _, c := range []struct {
		law  string
		draw func(*Stream) float64
	}{
		{"uniform", (*Stream).Float64},
		{"exponential/method=ziggurat", (*Stream).Exp},
		{"exponential/method=inversion", (*Stream).ExpInverse},
		{"normal/method=ziggurat", (*Stream).Norm},
	} {
		b.Run("law="+c.law, func(b *testing.B) {
			s := FromSeed(1)
			for b.Loop() {
				c.draw(&s)
			}
		})
	}
}

func BenchmarkHistogramAdd(b *testing.B) {
	s := FromSeed(1)
	values := make([]time.Duration, 4096)
	for i := range values {
		values[i] = time.Duration(s.Exp() * 1e7)
	}
	var h Histogram
	i := 0
	for b.Loop() {
		h.Add(values[i%4096])
		i++
	}
}

func BenchmarkHistogramQuantile(b *testing.B) {
	s := FromSeed(1)
	var h Histogram
	for range 100000 {
		h.Add(time.Duration(s.Exp() * 1e7))
	}
	for b.Loop() {
		h.Quantile(0.99)
	}
}
