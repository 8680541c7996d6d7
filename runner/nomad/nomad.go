// Package nomad runs agents on a HashiCorp Nomad cluster: one service job for a
// run, with a task group for each agent that a constraint holds on its node.
// Agents find each other through Nomad's own services, which a template writes
// into a file beside the agent.
//
// The server, the token, TLS and the namespace come from the environment, as
// for Nomad's own command line: NOMAD_ADDR, NOMAD_TOKEN, NOMAD_CACERT,
// NOMAD_NAMESPACE and so on.
package nomad

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/hashicorp/nomad/api"

	"caravan/runner"
	"caravan/topology"
)

// Options say how agents are started. The zero value runs this program itself,
// as a plain process: for clusters whose nodes have it at the same path.
type Options struct {
	// Program of the agent on the nodes, or in the image; empty is the file of
	// this process. It is called with the arguments of Arguments, and then the
	// path of its configuration.
	Program   string
	Arguments []string // nil is: agent
	Driver    string   // raw_exec (the default), exec or docker
	Image     string   // for docker
	// Patience bounds how long agents may take to start; 0 is two minutes.
	Patience time.Duration
}

// A Backend is a Nomad cluster.
type Backend struct {
	o      Options
	client *api.Client
	http   http.Client
}

var _ runner.Backend = (*Backend)(nil)

// New makes a backend; it does not contact the cluster.
func New(o Options) (*Backend, error) {
	if o.Program == "" {
		self, err := os.Executable()
		if err != nil {
			return nil, err
		}
		o.Program = self
	}
	if o.Arguments == nil {
		o.Arguments = []string{"agent"}
	}
	o.Driver = cmp.Or(o.Driver, "raw_exec")
	o.Patience = cmp.Or(o.Patience, 2*time.Minute)
	switch {
	case !slices.Contains([]string{"raw_exec", "exec", "docker"}, o.Driver):
		return nil, fmt.Errorf("driver: found %q, allowed: raw_exec, exec, docker", o.Driver)
	case o.Driver == "docker" && o.Image == "":
		return nil, errors.New("driver docker needs an image that contains the agent")
	}
	client, err := api.NewClient(api.DefaultConfig())
	if err != nil {
		return nil, fmt.Errorf("nomad: %w", err)
	}
	return &Backend{o: o, client: client, http: http.Client{Timeout: 5 * time.Second}}, nil
}

// Address is where the cluster's API is.
func (b *Backend) Address() string { return b.client.Address() }

// query is the options of a request that ends with ctx.
func query(ctx context.Context) *api.QueryOptions { return (&api.QueryOptions{}).WithContext(ctx) }

func writing(ctx context.Context) *api.WriteOptions { return (&api.WriteOptions{}).WithContext(ctx) }

// Nodes lists the clients, by name.
func (b *Backend) Nodes(ctx context.Context) ([]runner.Node, error) {
	q := query(ctx)
	q.Params = map[string]string{"resources": "true"}
	stubs, _, err := b.client.Nodes().List(q)
	if err != nil {
		return nil, b.failed("nodes", err)
	}
	var list []runner.Node
	for _, s := range stubs {
		n := runner.Node{
			Name: s.Name, Address: s.Address,
			Ready: s.Status == api.NodeStatusReady && s.SchedulingEligibility == api.NodeSchedulingEligible,
		}
		if r := s.NodeResources; r != nil {
			n.Cores = int(r.Cpu.TotalCpuCores)
			n.CPU = topology.MHz(r.Cpu.CpuShares)
			n.Memory = topology.Bytes(r.Memory.MemoryMB) * topology.MiB
		}
		list = append(list, n)
	}
	slices.SortFunc(list, func(x, y runner.Node) int { return cmp.Compare(x.Name, y.Name) })
	return list, nil
}

// Deploy registers the job of the plan and waits until every agent listens.
func (b *Backend) Deploy(ctx context.Context, p *runner.Plan) (err error) {
	nodes, err := b.Nodes(ctx)
	if err != nil {
		return err
	}
	if err := p.NodesAmong(nodes); err != nil {
		return err
	}
	job, err := b.job(p)
	if err != nil {
		return err
	}
	before, err := b.jobs(ctx, p.Run)
	if err != nil {
		return err
	}
	if _, _, err := b.client.Jobs().Register(job, writing(ctx)); err != nil {
		return fmt.Errorf("register job %s: %w", *job.ID, err)
	}
	if err := b.await(ctx, p); err != nil {
		if len(before) > 0 { // what was there before this call is not ours to remove
			return err
		}
		_, left := b.Clean(context.WithoutCancel(ctx), p.Run)
		return errors.Join(err, left)
	}
	return nil
}

// await returns when every agent of the plan runs on its node and answers.
func (b *Backend) await(ctx context.Context, p *runner.Plan) error {
	ctx, stop := context.WithTimeout(ctx, b.o.Patience)
	defer stop()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		err := b.ready(ctx, p)
		var gone *failure
		if err == nil || errors.As(err, &gone) {
			return err
		}
		select {
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("run %s: %w", p.Run, err), b.unplaced(context.WithoutCancel(ctx), p.Run), ctx.Err())
		case <-tick.C:
		}
	}
}

// A failure is an agent that will not come up.
type failure struct{ agent runner.Agent }

func (f *failure) Error() string {
	return fmt.Sprintf("agent %s on %s has failed: %s", f.agent.Name, f.agent.Node, f.agent.Detail)
}

// ready reports the first agent that does not run where it should or does not
// answer.
func (b *Backend) ready(ctx context.Context, p *runner.Plan) error {
	list, err := b.Status(ctx, p.Run)
	if err != nil {
		return err
	}
	for _, d := range p.Agents {
		i := slices.IndexFunc(list, func(a runner.Agent) bool { return a.Name == d.Name })
		switch {
		case i < 0:
			return fmt.Errorf("agent %s is not there yet", d.Name)
		case list[i].State == runner.Failed:
			return &failure{list[i]}
		case list[i].State != runner.Running || list[i].Node != d.Node:
			return fmt.Errorf("agent %s is %s on %q: %s", d.Name, list[i].State, list[i].Node, list[i].Detail)
		}
	}
	at, err := b.Addresses(ctx, p.Run)
	if err != nil {
		return err
	}
	for _, d := range p.Agents {
		if err := b.healthy(ctx, at[d.Name].HTTP); err != nil {
			return fmt.Errorf("agent %s: %w", d.Name, err)
		}
	}
	return nil
}

func (b *Backend) healthy(ctx context.Context, address string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/healthz", nil)
	if err != nil {
		return err
	}
	response, err := b.http.Do(request)
	if err != nil {
		return err
	}
	if err := response.Body.Close(); err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", address, response.Status)
	}
	return nil
}

// Addresses lists where the running agents listen.
func (b *Backend) Addresses(ctx context.Context, run string) (map[string]runner.Address, error) {
	allocs, err := b.newest(ctx, jobPrefix+run)
	if err != nil {
		return nil, err
	}
	at := map[string]runner.Address{}
	for _, stub := range allocs {
		if state(stub) != runner.Running {
			continue
		}
		alloc, _, err := b.client.Allocations().Info(stub.ID, query(ctx))
		if err != nil {
			return nil, fmt.Errorf("allocation %s: %w", stub.ID, err)
		}
		var a runner.Address
		if alloc.AllocatedResources != nil {
			for _, port := range alloc.AllocatedResources.Shared.Ports {
				address := net.JoinHostPort(port.HostIP, strconv.Itoa(port.Value))
				switch port.Label {
				case dataPort:
					a.Data = address
				case httpPort:
					a.HTTP = address
				}
			}
		}
		at[stub.TaskGroup] = a
	}
	return at, nil
}
