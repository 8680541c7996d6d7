//go:build linux

// Package clusters starts real clusters on one Linux machine, for tests and for
// validation: the orchestrator's own programs, built from their Go modules, one
// network namespace for each machine of the cluster, a processor quota for
// each, and emulated links between them. It needs root.
//
// Whatever it creates is first written to a ledger in the cluster's folder, so
// that Remove finds it after a crash, and nothing else is ever touched.
package clusters

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"caravan/topology"
)

// A Spec is a cluster to start. Name and Nodes are required.
type Spec struct {
	// Name of the cluster: at most nine lower-case letters and digits. What is
	// created on the machine bears it.
	Name  string
	Nodes []Node
	// Network is the addresses of the machines, a /24; zero takes the first
	// of 10.78.0.0 to 10.78.255.0 that no device of this machine is in.
	Network netip.Prefix
	// Secure makes a HashiCorp Nomad cluster ask for a token and speak TLS.
	Secure bool
	// Chroot is what tasks of HashiCorp Nomad's exec driver find in their root,
	// by its path on this machine; nil is that software's own list, which
	// copies all programs of the machine for each task.
	Chroot map[string]string
	// Unmanned makes Nodes objects of the orchestrator's API with no machine
	// behind them: for decisions about where work goes, on Kubernetes.
	Unmanned bool
	Log      io.Writer // progress; nil is none
}

// A Node is one machine of a cluster.
type Node struct {
	Name   string
	CPU    topology.MHz // capacity that the orchestrator is told; 0 is 4000
	Memory topology.Bytes
	// Quota is how many cores of this machine its processes may use together;
	// 0 is all.
	Quota float64
	Class string
	Meta  map[string]string
	// Taints keep off what does not tolerate them; Kubernetes alone has them.
	Taints []Taint
}

// A Taint is Kubernetes'.
type Taint struct {
	Key    string `json:"key"`
	Value  string `json:"value"`
	Effect string `json:"effect"` // NoSchedule, PreferNoSchedule or NoExecute
}

// DefaultNodes are three machines as in the examples: two at the edge with
// little capacity and one in the cloud.
func DefaultNodes() []Node {
	return []Node{
		{Name: "edge1", CPU: 2000, Memory: topology.GiB, Quota: 0.5, Class: "edge"},
		{Name: "edge2", CPU: 2000, Memory: topology.GiB, Quota: 0.5, Class: "edge"},
		{Name: "cloud", CPU: 8000, Memory: 4 * topology.GiB, Quota: 2, Class: "cloud"},
	}
}

// VariedNodes are n machines that differ in size, class, rack and zone, for
// decisions about where jobs go. Two in seven are for those alone who tolerate
// it, and two in five would rather be left alone.
func VariedNodes(n int) []Node {
	classes := []string{"edge", "fog", "cloud"}
	var list []Node
	for i := range n {
		node := Node{
			Name:   fmt.Sprintf("node%02d", i+1),
			CPU:    topology.MHz(1500 + 1100*(i*5%7)),
			Memory: topology.Bytes(1+i*3%5) * topology.GiB,
			Class:  classes[i%3],
			Meta:   map[string]string{"rack": fmt.Sprintf("r%d", i%4+1), "zone": fmt.Sprintf("z%d", i/3%2+1)},
		}
		if i%7 == 2 || i%7 == 5 {
			node.Taints = append(node.Taints, Taint{"dedicated", []string{"video", "audio"}[i%2], "NoSchedule"})
		}
		if i%5 == 1 || i%5 == 4 {
			node.Taints = append(node.Taints, Taint{[]string{"spot", "battery"}[i/5%2], "yes", "PreferNoSchedule"})
		}
		list = append(list, node)
	}
	return list
}

// Check reports every fault of the spec.
func (s *Spec) Check() error {
	var faults []error
	if s.Name == "" || len(s.Name) > 9 || strings.Trim(s.Name, "abcdefghijklmnopqrstuvwxyz0123456789") != "" {
		faults = append(faults, fmt.Errorf("name: found %q, allowed: one to nine lower-case letters and digits", s.Name))
	}
	if n := len(s.Nodes); n < 1 || n > 200 {
		faults = append(faults, fmt.Errorf("nodes: found %d, allowed: 1 to 200", n))
	}
	seen := map[string]bool{}
	for i, n := range s.Nodes {
		switch {
		case n.Name == "" || strings.ContainsAny(n.Name, "/ \"\n") || n.Name == serverHost:
			faults = append(faults, fmt.Errorf("nodes[%d].name: found %q, allowed: a word other than %q", i, n.Name, serverHost))
		case seen[n.Name]:
			faults = append(faults, fmt.Errorf("nodes[%d].name: found %q again, allowed: each name once", i, n.Name))
		}
		if n.CPU < 0 || n.Memory < 0 || n.Quota < 0 {
			faults = append(faults, fmt.Errorf("nodes[%d]: found a negative capacity, allowed: 0 or more", i))
		}
		seen[n.Name] = true
	}
	return errors.Join(faults...)
}

// serverHost is the machine of the orchestrator's server.
const serverHost = "server"

// A Cluster is what Start made. Close it.
type Cluster struct {
	Spec
	Dir   string // logs, data, ledger; removed at the end
	hosts []host // the server's first, then one for each node
	book  *ledger
	mesh  *mesh
	// Of a cluster that is Secure.
	security *security
	// What else this process serves to the cluster.
	closers []io.Closer
	// Address of the orchestrator's API.
	Address string
	// Env is what the orchestrator's own tools need to find the cluster.
	Env []string
}

// create makes the machines of a cluster: folder, network and quotas. On an
// error it removes what it made.
func create(ctx context.Context, s Spec) (*Cluster, error) {
	if err := s.Check(); err != nil {
		return nil, err
	}
	if os.Geteuid() != 0 {
		return nil, errors.New("a cluster on one machine needs root, for network namespaces")
	}
	if s.Log == nil {
		s.Log = io.Discard
	}
	c := &Cluster{Spec: s, Dir: Folder(s.Name)}
	var err error
	if c.book, err = newLedger(c.Dir); err != nil {
		return nil, err
	}
	if err := c.furnish(ctx); err != nil {
		return nil, c.giveUp(err)
	}
	return c, nil
}

// furnish makes the network and the quotas.
func (c *Cluster) furnish(ctx context.Context) (err error) {
	if !c.Network.IsValid() {
		if c.Network, err = freeNetwork(); err != nil {
			return err
		}
	}
	if err := c.network(ctx); err != nil || c.Unmanned {
		return err
	}
	for i, n := range c.Nodes {
		if n.Quota > 0 {
			if err := c.quota(&c.hosts[i+1], n.Quota); err != nil {
				return fmt.Errorf("node %q: %w", n.Name, err)
			}
		}
	}
	return nil
}

// host finds the machine called name.
func (c *Cluster) host(name string) (*host, error) {
	i := slices.IndexFunc(c.hosts, func(h host) bool { return h.name == name })
	if i < 0 {
		var names []string
		for _, h := range c.hosts {
			names = append(names, h.name)
		}
		return nil, fmt.Errorf("machine: found %q, allowed: %s", name, strings.Join(names, ", "))
	}
	return &c.hosts[i], nil
}

// Close stops everything and removes all that was created, and returns that as
// one line each. Twice is safe.
func (c *Cluster) Close() ([]string, error) {
	for _, s := range c.closers {
		_ = s.Close() // twice, at most
	}
	if c.mesh != nil {
		c.mesh.close()
		c.mesh = nil
	}
	return Remove(c.Name)
}

// giveUp removes a cluster that did not start, and adds to the cause what its
// programs said last.
func (c *Cluster) giveUp(cause error) error {
	for i := range c.hosts {
		if err := c.hosts[i].running(); err != nil {
			text, _ := os.ReadFile(filepath.Join(c.Dir, c.hosts[i].name+".log")) // which may not have begun
			cause = fmt.Errorf("%w\n%s", cause, tail(string(text), 15))
		}
	}
	_, left := c.Close()
	return errors.Join(cause, left)
}

func (c *Cluster) say(format string, args ...any) {
	_, _ = fmt.Fprintf(c.Log, format+"\n", args...) // progress may be lost
}

// Existing lists what exists on this machine of the cluster called name, one
// line each: what its ledger names and still is there, the processes on its
// machines, and what is mounted in its folder.
func Existing(name string) []string {
	dir := Folder(name)
	list, err := entries(dir)
	if err != nil {
		return []string{err.Error()}
	}
	var lines []string
	for _, e := range list {
		switch e.Kind {
		case process:
			if begun(e.PID) == e.Begun && !ended(e.PID) {
				lines = append(lines, fmt.Sprintf("process %d %s", e.PID, e.Name))
			}
		case namespace:
			if exists(filepath.Join(namespaces, e.Name)) {
				lines = append(lines, e.Kind+" "+e.Name)
			}
		case device:
			if exists(filepath.Join("/sys/class/net", e.Name)) {
				lines = append(lines, e.Kind+" "+e.Name)
			}
		case cgroup, sharedGroup:
			if exists(e.Name) && (e.Kind == cgroup || !populated(e.Name)) {
				lines = append(lines, e.Kind+" "+e.Name)
			}
		}
	}
	for _, m := range mountsBelow(dir) {
		lines = append(lines, "mount "+m)
	}
	if exists(dir) {
		lines = append(lines, "folder "+dir)
	}
	return lines
}
