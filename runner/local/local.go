// Package local runs agents as processes of this machine. The nodes of a plan
// are emulated: their speeds by scaling the work, their cores by the gate that
// the agents of a node share, and the links between them by runner/linkem.
//
// What belongs to a run lies in a folder that bears its label: the plan, and
// for each agent its configuration, address, process and log. Other processes
// find it there.
package local

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"caravan/runner"
	"caravan/runner/agent"
	"caravan/runner/linkem"
)

// A Backend runs agents on this machine. Agents that it has started end with
// its process.
type Backend struct {
	Dir string // where runs keep their folders; created when needed
	// Command starts an agent when the path of its configuration is added.
	Command []string
	// NodeNames are the nodes to emulate; nil offers the machine's own name.
	NodeNames []string

	mu   sync.Mutex
	runs map[string]*hosting
}

var _ runner.Backend = (*Backend)(nil)

// hosting is what this process keeps up for a run.
type hosting struct {
	ctx    context.Context
	stop   context.CancelFunc
	plan   *runner.Plan
	agents map[string]*child
	links  map[string]*linkem.Link // by name
	relays map[string]*relay       // by pair of agents
	wait   sync.WaitGroup
}

// Nodes lists the emulated nodes.
func (b *Backend) Nodes(context.Context) ([]runner.Node, error) {
	names := b.NodeNames
	if names == nil {
		host, err := os.Hostname()
		if err != nil {
			return nil, err
		}
		names = []string{host}
	}
	var out []runner.Node
	for _, n := range names {
		out = append(out, runner.Node{Name: n, Ready: true, Cores: runtime.NumCPU(), Address: "127.0.0.1"})
	}
	return out, nil
}

// Deploy starts the agents of the plan and the links between them.
func (b *Backend) Deploy(ctx context.Context, p *runner.Plan) (err error) {
	if p.Run == "" || p.Run != runner.Label(p.Run) {
		return fmt.Errorf("run %q: allowed: lower-case letters, digits and dashes", p.Run)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	h := b.hosting(p.Run)
	fresh := h.plan == nil
	defer func() {
		if err != nil && fresh {
			_, cleanErr := b.clean(context.WithoutCancel(ctx), p.Run)
			err = errors.Join(err, cleanErr)
		}
	}()
	if err := os.MkdirAll(b.folder(p.Run), 0o700); err != nil {
		return err
	}
	if err := errors.Join(os.RemoveAll(b.path(p.Run, stoppedMark)), writeJSON(b.path(p.Run, planFile), p), b.writeProcess(p.Run, ownerFile, os.Getpid())); err != nil {
		return err
	}
	if err := b.connect(h, p); err != nil {
		return err
	}
	if err := b.start(h, p); err != nil {
		return err
	}
	h.plan = p
	return b.awaitAll(ctx, h)
}

// hosting returns what this process keeps up for a run. The caller holds b.mu.
func (b *Backend) hosting(run string) *hosting {
	if b.runs == nil {
		b.runs = map[string]*hosting{}
	}
	h := b.runs[run]
	if h == nil {
		h = &hosting{agents: map[string]*child{}, links: map[string]*linkem.Link{}, relays: map[string]*relay{}}
		h.ctx, h.stop = context.WithCancel(context.Background())
		b.runs[run] = h
	}
	return h
}

// start starts the agents that do not run as the plan says, and ends those that
// it does not have.
func (b *Backend) start(h *hosting, p *runner.Plan) error {
	for name, c := range h.agents {
		if _, ok := p.Agent(name); !ok {
			c.end()
			delete(h.agents, name)
			if err := b.forget(p.Run, name); err != nil {
				return err
			}
		}
	}
	for _, d := range p.Agents {
		conf := p.Wire(d, func(from, to runner.Deployment) agent.Lookup { return b.lookup(p, from, to) })
		conf.Listen, conf.HTTP = "127.0.0.1:0", "127.0.0.1:0"
		conf.Announce = b.path(p.Run, d.Name+addressSuffix)
		if old := h.agents[d.Name]; old != nil {
			if old.alive() && reflect.DeepEqual(old.config, conf) {
				continue
			}
			old.end()
		}
		if err := b.forget(p.Run, d.Name); err != nil {
			return err
		}
		path := b.path(p.Run, d.Name+configSuffix)
		if err := writeJSON(path, conf); err != nil {
			return err
		}
		h.agents[d.Name] = b.supervise(h, p.Run, conf, path)
	}
	return nil
}

// forget removes what an earlier process of the agent left.
func (b *Backend) forget(run, name string) error {
	for _, suffix := range []string{addressSuffix, processSuffix} {
		if err := os.Remove(b.path(run, name+suffix)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// lookup says how one agent finds another: by its own address on one node and
// where no link is emulated, otherwise by that of the relay between them.
func (b *Backend) lookup(p *runner.Plan, from, to runner.Deployment) agent.Lookup {
	name := to.Name
	if r, ok := p.RouteBetween(from.Node, to.Node); ok && len(r.Hops) > 0 {
		name = pair(from.Name, to.Name)
	}
	return agent.Lookup{File: b.path(p.Run, name+addressSuffix)}
}

// How long an agent may take to come up, and how often that is looked at.
const (
	startTime = 30 * time.Second
	glance    = 5 * time.Millisecond
)

// awaitAll waits until every agent has announced itself.
func (b *Backend) awaitAll(ctx context.Context, h *hosting) error {
	ctx, stop := context.WithTimeout(ctx, startTime)
	defer stop()
	for _, d := range h.plan.Agents {
		for {
			if _, err := os.Stat(b.path(h.plan.Run, d.Name+addressSuffix)); err == nil {
				break
			}
			if c := h.agents[d.Name]; c.gaveUp() {
				return fmt.Errorf("agent %s does not stay up: %s", d.Name, b.lastWords(h.plan.Run, d.Name))
			}
			select {
			case <-ctx.Done():
				return fmt.Errorf("agent %s did not come up: %w", d.Name, context.Cause(ctx))
			case <-time.After(glance):
			}
		}
	}
	return nil
}

// Status lists the agents of a run as their folders and processes tell.
func (b *Backend) Status(_ context.Context, run string) ([]runner.Agent, error) {
	runs, err := b.list(run)
	if err != nil {
		return nil, err
	}
	var out []runner.Agent
	for _, r := range runs {
		p, err := b.readPlan(r)
		if err != nil {
			return nil, err
		}
		_, err = os.Stat(b.path(r, stoppedMark))
		stopped := err == nil
		for _, d := range p.Agents {
			a := runner.Agent{Run: r, Name: d.Name, Node: d.Node, State: runner.Pending}
			proc, err := b.readProcess(r, d.Name+processSuffix)
			switch {
			case err == nil && proc.alive():
				a.State, a.ID, a.Restarts = runner.Running, fmt.Sprintf("process %d", proc.PID), proc.Restarts
			case stopped:
				a.State = runner.Stopped
			case err == nil:
				a.State, a.Detail = runner.Failed, b.lastWords(r, d.Name)
			}
			out = append(out, a)
		}
	}
	slices.SortFunc(out, func(x, y runner.Agent) int {
		return strings.Compare(x.Run+"\x00"+x.Name, y.Run+"\x00"+y.Name)
	})
	return out, nil
}

// Addresses says where the agents of a run listen.
func (b *Backend) Addresses(_ context.Context, run string) (map[string]runner.Address, error) {
	p, err := b.readPlan(run)
	if err != nil {
		return nil, err
	}
	out := map[string]runner.Address{}
	for _, d := range p.Agents {
		data, err := os.ReadFile(b.path(run, d.Name+addressSuffix))
		if err != nil {
			return nil, fmt.Errorf("agent %s is not up: %w", d.Name, err)
		}
		var at runner.Address
		if err := json.Unmarshal(data, &at); err != nil {
			return nil, fmt.Errorf("agent %s: %w", d.Name, err)
		}
		out[d.Name] = at
	}
	return out, nil
}

// Stop ends the agents of a run, whichever process started them.
func (b *Backend) Stop(ctx context.Context, run string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.stop(ctx, run)
}

func (b *Backend) stop(ctx context.Context, run string) error {
	p, err := b.readPlan(run)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := agent.WriteFile(b.path(run, stoppedMark), nil); err != nil {
		return err
	}
	if h := b.runs[run]; h != nil {
		h.close()
		delete(b.runs, run)
	}
	var faults []error
	if owner, err := b.readProcess(run, ownerFile); err == nil && owner.PID != os.Getpid() {
		faults = append(faults, owner.end(ctx))
	}
	for _, d := range p.Agents {
		if proc, err := b.readProcess(run, d.Name+processSuffix); err == nil {
			faults = append(faults, proc.end(ctx))
		}
	}
	return errors.Join(faults...)
}

// close ends everything that this process keeps up for a run.
func (h *hosting) close() {
	h.stop()
	for _, c := range h.agents {
		c.end()
	}
	for _, r := range h.relays {
		r.close()
	}
	for _, l := range h.links {
		l.Close()
	}
	h.wait.Wait()
}

// Clean ends the agents of a run, or of every run, and removes its folder.
func (b *Backend) Clean(ctx context.Context, run string) ([]string, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.clean(ctx, run)
}

func (b *Backend) clean(ctx context.Context, run string) ([]string, error) {
	runs, err := b.list(run)
	if err != nil {
		return nil, err
	}
	var removed []string
	var faults []error
	for _, r := range runs {
		p, err := b.readPlan(r)
		if err == nil {
			err = b.stop(ctx, r)
		} else if errors.Is(err, fs.ErrNotExist) {
			err = nil // a deployment that failed before its plan was written
		}
		if err != nil {
			faults = append(faults, err)
			continue
		}
		if p != nil {
			for _, d := range p.Agents {
				removed = append(removed, fmt.Sprintf("run %s: agent %s on %s", r, d.Name, d.Node))
			}
		}
		faults = append(faults, os.RemoveAll(b.folder(r)))
		removed = append(removed, fmt.Sprintf("run %s: its folder", r))
	}
	return removed, errors.Join(faults...)
}

// Adopt deploys again, under this process, the plan that a run's folder holds:
// agents end with the process that hosts them, and this makes it another one.
func (b *Backend) Adopt(ctx context.Context, run string) error {
	p, err := b.readPlan(run)
	if err != nil {
		return err
	}
	return b.Deploy(ctx, p)
}

// Save writes the folder of a run that another process is to Adopt.
func (b *Backend) Save(p *runner.Plan) error {
	return errors.Join(os.MkdirAll(b.folder(p.Run), 0o700), writeJSON(b.path(p.Run, planFile), p))
}

// Exists reports whether a run has a folder.
func (b *Backend) Exists(run string) bool {
	_, err := os.Stat(b.path(run, planFile))
	return err == nil
}

// Log is where a process that hosts a run may write.
func (b *Backend) Log(run string) string { return b.path(run, "host"+logSuffix) }

// Release ends the agents that this process keeps up, of every run, and leaves
// their folders.
func (b *Backend) Release() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for run, h := range b.runs {
		h.close()
		delete(b.runs, run)
	}
}

// SetLink gives an emulated link of a run another shape. Only the process that
// deployed the run can.
func (b *Backend) SetLink(run, name string, s linkem.Shape) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	h := b.runs[run]
	if h == nil || h.links[name] == nil {
		return fmt.Errorf("run %q has no emulated link %q here", run, name)
	}
	h.links[name].Set(s)
	return nil
}
