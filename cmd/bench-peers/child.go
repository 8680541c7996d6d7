package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"syscall"
	"time"
)

// child runs the simulator's own side of a workload and prints the
// measurement: child WORKLOAD N...
func child(ctx context.Context, args []string, stdout io.Writer) error {
	if len(args) < 2 {
		return fmt.Errorf("child %q: it takes a workload and its sizes", args)
	}
	var sizes []int
	for _, a := range args[1:] {
		n, err := strconv.Atoi(a)
		if err != nil || n < 1 {
			return fmt.Errorf("child %s: size %q: a positive number", args[0], a)
		}
		sizes = append(sizes, n)
	}
	m, err := simulate(ctx, args[0], sizes)
	if err != nil {
		return fmt.Errorf("child %s: %w", args[0], err)
	}
	return json.NewEncoder(stdout).Encode(m)
}

func simulate(ctx context.Context, workload string, sizes []int) (measurement, error) {
	want := 1
	var two func(n, k int) (measurement, error)
	switch workload {
	case "a1":
		want, two = 2, hold
	case "a2":
		want, two = 2, func(n, k int) (measurement, error) { return timers(ctx, n, k) }
	case "b1", "b2", "c":
	case "d1":
		want, two = 2, func(n, k int) (measurement, error) { return flows(mesh, n, k) }
	case "d3":
		want, two = 2, func(n, k int) (measurement, error) { return flows(edgeTree, n, k) }
	default:
		return measurement{}, fmt.Errorf("no such workload")
	}
	if len(sizes) != want {
		return measurement{}, fmt.Errorf("%d sizes; it takes %d", len(sizes), want)
	}
	if two != nil {
		return two(sizes[0], sizes[1])
	}
	return queueing(ctx, workload, sizes[0])
}

// cpuTime is the CPU time of this process in all its threads.
func cpuTime() (time.Duration, error) {
	var u syscall.Rusage
	err := syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), err
}

// timed measures the CPU time of f in seconds.
func timed(f func() error) (float64, error) {
	start, err := cpuTime()
	if err != nil {
		return 0, err
	}
	if err := f(); err != nil {
		return 0, err
	}
	end, err := cpuTime()
	return (end - start).Seconds(), err
}
