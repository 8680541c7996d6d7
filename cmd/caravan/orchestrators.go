package main

import (
	"context"
	"fmt"
	"slices"
	"sync"

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
	return emulate(b, f.emulated), nil
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
	return emulate(b, f.emulated), nil
}

// An emulated backend is a cluster on this machine between whose nodes the
// links of each plan are emulated.
type emulated struct {
	runner.Backend
	name string // of the cluster, as make cluster-nomad started it

	mu      sync.Mutex
	plans   map[string]*runner.Plan // in force, by run
	changed map[string]linkem.Shape // by link: what SetLink made of it
}

func emulate(b runner.Backend, name string) *emulated {
	return &emulated{Backend: b, name: name, plans: map[string]*runner.Plan{}, changed: map[string]linkem.Shape{}}
}

// Deploy sets the links before the agents use them. What was cut meanwhile
// stays cut when a run is deployed again.
func (e *emulated) Deploy(ctx context.Context, p *runner.Plan) error {
	e.mu.Lock()
	_, again := e.plans[p.Run]
	e.plans[p.Run] = p
	err := e.set(ctx, p, again)
	e.mu.Unlock()
	if err != nil {
		return err
	}
	return e.Backend.Deploy(ctx, p)
}

// SetLink gives a link of a run another shape, for this plan and those that
// replace it.
func (e *emulated) SetLink(run, name string, s linkem.Shape) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.changed[name] = s
	p, ok := e.plans[run]
	if !ok {
		return fmt.Errorf("run %q is not deployed here", run)
	}
	return e.set(context.Background(), p, true)
}

// set makes the routes of a plan; keep leaves what is cut as it is.
func (e *emulated) set(ctx context.Context, p *runner.Plan, keep bool) error {
	var ways []clusters.Way
	for _, r := range p.Routes {
		w := clusters.Way{From: r.From, To: r.To}
		for _, hop := range r.Hops {
			shape, changed := e.changed[hop.Name]
			if !changed {
				shape = linkem.ShapeOf(hop)
			}
			w.Links = append(w.Links, shape)
		}
		ways = append(ways, w)
	}
	if keep {
		list, err := clusters.SetWays(ctx, e.name, nil)
		if err != nil {
			return fmt.Errorf("--emulated %s: %w", e.name, err)
		}
		for i, w := range ways {
			ways[i].Down = slices.ContainsFunc(list, func(l clusters.Way) bool { return l.From == w.From && l.To == w.To && l.Down })
		}
	}
	if _, err := clusters.SetWays(ctx, e.name, ways); err != nil {
		return fmt.Errorf("--emulated %s: %w", e.name, err)
	}
	return nil
}
