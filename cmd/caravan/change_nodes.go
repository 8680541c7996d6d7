package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"caravan/scenarios"
	"caravan/topology"
	"caravan/workloads/cluster"
)

// nodeQuestions are the what-if flags.
type nodeQuestions struct{ drain, lose, add, resize []string }

func (q *nodeQuestions) register(cmd *cobra.Command) {
	cmd.Flags().StringSliceVar(&q.drain, "drain", nil, "what if these `nodes` take no more work and lose what they have, in order")
	cmd.Flags().StringSliceVar(&q.lose, "lose", nil, "what if these `nodes` are gone at once")
	cmd.Flags().StringArrayVar(&q.add, "add", nil, "what if there were this `node` too: NAME={cpu: 8GHz, ...} as in a scenario, or a scenario file whose nodes are added; repeatable")
	cmd.Flags().StringArrayVar(&q.resize, "resize", nil, "what if a `node` were of another size: NAME={cpu: 8GHz} changes these fields alone; repeatable")
}

// nodeChange is what a flag does to a node, or what STATE knows and SCENARIO
// has not.
type nodeChange struct {
	Node   string `json:"node"`
	Change string `json:"change"` // drained, lost, added or resized
}

// A nodeSet is the nodes after the questions, by name and position.
type nodeSet struct {
	nodes    []topology.Node
	links    []topology.Link
	at       map[string]topology.NodeID
	standing map[topology.NodeID]string // drained or lost
	changes  []nodeChange
}

// apply asks the questions of the scenario's nodes.
func (q *nodeQuestions) apply(s *scenarios.Scenario, f *force) (*nodeSet, error) {
	n := &nodeSet{
		nodes: slices.Clone(s.Topology.Nodes()), links: s.Topology.Links(),
		at: map[string]topology.NodeID{}, standing: map[topology.NodeID]string{},
	}
	for i := range n.nodes {
		n.at[n.nodes[i].Name] = topology.NodeID(i)
	}
	var errs []error
	for _, text := range q.add {
		errs = append(errs, n.added(text))
	}
	for _, text := range q.resize {
		errs = append(errs, n.resized(text))
	}
	for _, w := range []struct {
		flag, change string
		names        []string
	}{{"--drain", "drained", q.drain}, {"--lose", "lost", q.lose}} {
		for _, name := range w.names {
			id, ok := n.at[name]
			if !ok {
				errs = append(errs, fmt.Errorf("%s: %w", w.flag, notOneOf(name, n.names())))
				continue
			}
			n.standing[id] = w.change
			n.changes = append(n.changes, nodeChange{name, w.change})
		}
	}
	gone := map[string]bool{}
	for _, p := range f.placed {
		if _, ok := n.at[p.Node]; !ok && !gone[p.Node] {
			gone[p.Node] = true
			n.changes = append(n.changes, nodeChange{p.Node, "lost"})
		}
	}
	return n, errors.Join(errs...)
}

func (n *nodeSet) names() []string {
	var out []string
	for i := range n.nodes {
		out = append(out, n.nodes[i].Name)
	}
	return out
}

// added puts in the node of a text, or the nodes of a scenario file.
func (n *nodeSet) added(text string) error {
	list, err := nodesOf("--add", text)
	if err != nil {
		return err
	}
	for _, x := range list {
		if _, ok := n.at[x.Name]; ok {
			return fmt.Errorf("--add: %q is there already, allowed: another name, or --resize", x.Name)
		}
		n.at[x.Name] = topology.NodeID(len(n.nodes))
		n.nodes = append(n.nodes, x)
		n.changes = append(n.changes, nodeChange{x.Name, "added"})
	}
	return nil
}

// resized gives a node other capacities; what the text does not say stays.
func (n *nodeSet) resized(text string) error {
	list, err := nodesOf("--resize", text)
	if err != nil {
		return err
	}
	for _, x := range list {
		id, ok := n.at[x.Name]
		if !ok {
			return fmt.Errorf("--resize: %w", notOneOf(x.Name, n.names()))
		}
		to := &n.nodes[id]
		if x.CPU > 0 {
			to.CPU = x.CPU
		}
		if x.Memory > 0 {
			to.Memory = x.Memory
		}
		if x.Disk > 0 {
			to.Disk = x.Disk
		}
		if x.Cores > 1 {
			to.Cores = x.Cores
		}
		if x.GPUs.Count > 0 {
			to.GPUs = x.GPUs
		}
		n.changes = append(n.changes, nodeChange{x.Name, "resized"})
	}
	return nil
}

// nodesOf reads NAME={...} as a scenario would, or the nodes of a scenario
// file.
func nodesOf(flag, text string) ([]topology.Node, error) {
	name, fields, ok := strings.Cut(text, "=")
	if !ok {
		data, err := os.ReadFile(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w (allowed: NAME={cpu: 8GHz}, or a scenario file)", flag, err)
		}
		s, err := scenarios.Load(text, data, scenarios.Options{Dir: filepath.Dir(text), Solvers: solverNames()})
		if err != nil {
			return nil, fmt.Errorf("%s: %w", flag, err)
		}
		return s.Topology.Nodes(), nil
	}
	const work = "workload: {pipelines: [{name: none, operators: [{name: none, work: 1s}]}]}" // a scenario needs some
	doc := fmt.Sprintf("name: nodes\n%s\ntopology: {nodes: {%s: %s}}\n", work, word(name), fields)
	s, err := scenarios.Load(flag, []byte(doc), scenarios.Options{Solvers: solverNames()})
	if err != nil {
		return nil, err
	}
	return s.Topology.Nodes(), nil
}

// stand is how the servers see a node.
func (n *nodeSet) stand(id topology.NodeID) cluster.Standing {
	switch n.standing[id] {
	case "drained":
		return cluster.Standing{Ineligible: true, Draining: true}
	case "lost":
		return cluster.Standing{Status: cluster.Down}
	}
	return cluster.Standing{}
}

// away says why nothing may stay on the node of that name, "" when it may.
func (n *nodeSet) away(name string) string {
	id, ok := n.at[name]
	if !ok {
		return name + " is not there any more"
	}
	if how := n.standing[id]; how != "" {
		return name + " is " + how
	}
	return ""
}
