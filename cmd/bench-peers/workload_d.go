package main

import (
	"fmt"
	"slices"
	"time"

	"caravan/sim/des"
	"caravan/sim/maxmin"
)

// A build returns the capacities of media in bytes per second, and the routes
// that flows choose from.
type build func(s *des.Stream) (capacities []float64, routes [][]int32)

// mesh has 100 media and 1000 routes of 4 distinct ones.
func mesh(s *des.Stream) ([]float64, [][]int32) {
	capacities := make([]float64, 100)
	for i := range capacities {
		capacities[i] = 1e9 * (0.5 + s.Float64())
	}
	routes := make([][]int32, 1000)
	for i := range routes {
		for len(routes[i]) < 4 {
			if m := int32(s.IntN(100)); !slices.Contains(routes[i], m) {
				routes[i] = append(routes[i], m)
			}
		}
	}
	return capacities, routes
}

// edgeTree has 1000 uplinks, 50 to each of 20 fog links, which share a core.
func edgeTree(s *des.Stream) ([]float64, [][]int32) {
	const uplinks, fogs = 1000, 20
	var capacities []float64
	for range uplinks {
		capacities = append(capacities, 1e8*(0.5+s.Float64()))
	}
	for range fogs {
		capacities = append(capacities, 5e9)
	}
	capacities = append(capacities, 1e11)
	routes := make([][]int32, uplinks)
	for i := range routes {
		routes[i] = []int32{int32(i), int32(uplinks + i*fogs/uplinks), uplinks + fogs}
	}
	return capacities, routes
}

// flows keeps n flows under way until k have ended: whenever one ends, its
// successor takes another route with another number of bytes. The value is the
// instant of the last end in seconds.
func flows(b build, n, k int) (measurement, error) {
	s := des.FromSeed(99)
	capacities, routes := b(&s)
	network := maxmin.New(capacities)
	draws := make([]des.Stream, n)
	for i := range draws {
		draws[i] = des.FromSeed(1000 + uint64(i))
	}
	var now time.Duration
	start := func(i uint32) {
		route := routes[draws[i].IntN(len(routes))]
		network.Add(now, route, 1e8*draws[i].ExpInverse(), 1, i)
	}
	cpu, err := timed(func() error {
		for i := range draws {
			start(uint32(i))
		}
		var ended []uint32
		for done := 0; ; {
			at, ok := network.Next()
			if !ok {
				return fmt.Errorf("after %d completions no flow ends", done)
			}
			now = at
			ended = network.Complete(now, ended[:0])
			if done += len(ended); done >= k {
				return nil
			}
			for _, i := range ended {
				start(i)
			}
		}
	})
	return measurement{Operations: int64(k), CPU: cpu, Value: now.Seconds()}, err
}
