package main

import (
	"context"
	"fmt"

	"caravan/runner"
	"caravan/runner/clusters"
	"caravan/runner/kubernetes"
	"caravan/runner/linkem"
	"caravan/runner/nomad"
	"caravan/topology"
)

// orchestratorFlags are those of clusters that others run.
type orchestratorFlags struct {
	program  string
	driver   string
	image    string
	context  string
	emulated string
}

// nomadOptions are the backend's, from the flags.
func (f *clusterFlags) nomadOptions() nomad.Options {
	return nomad.Options{Program: f.program, Driver: f.driver, Image: f.image}
}

// newNomad makes the backend of the Nomad cluster that the environment names.
func newNomad(_ context.Context, a *app, f *clusterFlags, _ []topology.Node) (runner.Backend, error) {
	b, err := f.nomad(a)
	if err != nil || f.emulated == "" {
		return b, err
	}
	return emulated{b, f.emulated}, nil
}

// nomad is the client of the Nomad cluster, once its use was agreed to.
func (f *clusterFlags) nomad(a *app) (*nomad.Backend, error) {
	b, err := nomad.New(f.nomadOptions())
	if err != nil {
		return nil, badInput(err)
	}
	return b, f.consent(a, b.Address())
}

// newKubernetes makes the backend of the cluster that kubectl would use.
func newKubernetes(_ context.Context, a *app, f *clusterFlags, _ []topology.Node) (runner.Backend, error) {
	b, err := kubernetes.New(kubernetes.Options{Image: f.image, Program: f.program, Context: f.context})
	if err != nil {
		return nil, badInput(err)
	}
	if err := f.consent(a, b.Address()); err != nil {
		return nil, err
	}
	if f.emulated == "" {
		return b, nil
	}
	return emulated{b, f.emulated}, nil
}

// An emulated backend is a cluster on this machine between whose nodes the
// links of each plan are emulated.
type emulated struct {
	runner.Backend
	name string // of the cluster, as make cluster-nomad started it
}

// Deploy sets the links before the agents use them.
func (e emulated) Deploy(ctx context.Context, p *runner.Plan) error {
	var ways []clusters.Way
	for _, r := range p.Routes {
		w := clusters.Way{From: r.From, To: r.To}
		for _, hop := range r.Hops {
			w.Links = append(w.Links, linkem.ShapeOf(hop))
		}
		ways = append(ways, w)
	}
	if _, err := clusters.SetWays(ctx, e.name, ways); err != nil {
		return fmt.Errorf("--emulated %s: %w", e.name, err)
	}
	return e.Backend.Deploy(ctx, p)
}
