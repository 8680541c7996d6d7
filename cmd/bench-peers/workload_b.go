package main

import (
	"context"
	"fmt"

	"caravan/results"
	"caravan/sim"
	"caravan/sim/oracle"
	"caravan/topology"
)

// queueing runs the whole simulator on a queueing workload of n requests. The
// value is the mean response time in seconds. What it measures and reports by
// default is part of the time; the peers count a sum.
func queueing(ctx context.Context, workload string, n int) (measurement, error) {
	var c sim.Config
	var err error
	switch workload {
	case "b1":
		c, err = oracle.MM1(n)
	case "b2":
		c, err = oracle.Tandem(n)
	default:
		c, err = oracle.EdgeToCloud(n, topology.Priority)
	}
	if err != nil {
		return measurement{}, err
	}
	var r results.Replication
	cpu, err := timed(func() error {
		r, err = sim.Run(ctx, c)
		return err
	})
	if err != nil {
		return measurement{}, err
	}
	for _, v := range r.Values {
		if v.Subject == "requests" && v.Name == "latency" && v.Stat == "mean" {
			return measurement{Operations: int64(n), CPU: cpu, Value: v.Value}, nil
		}
	}
	return measurement{}, fmt.Errorf("the run reports no mean latency")
}
