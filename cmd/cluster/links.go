//go:build linux

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"caravan/runner/clusters"
	"caravan/runner/linkem"
	"caravan/scenarios"
	"caravan/topology"
)

// machines are the nodes of the scenarios as machines of a cluster, each name
// once; without scenarios the default ones. Speed is emulated by the agents, so
// a machine gets as many of this machine's cores as its node has.
func machines(names []string) ([]clusters.Node, error) {
	if len(names) == 0 {
		return clusters.DefaultNodes(), nil
	}
	var list []clusters.Node
	seen := map[string]bool{}
	for _, name := range names {
		s, err := load(name)
		if err != nil {
			return nil, err
		}
		for _, n := range s.Topology.Nodes() {
			if seen[n.Name] {
				continue
			}
			seen[n.Name] = true
			list = append(list, clusters.Node{
				Name: n.Name, CPU: n.CPU, Memory: n.Memory, Quota: float64(n.Cores) + clientShare, Class: n.Class,
			})
		}
	}
	return list, nil
}

// clientShare is the part of a core that the orchestrator's own client gets
// beside the cores of a node.
const clientShare = 0.5

// load reads a shipped scenario or a file.
func load(name string) (*scenarios.Scenario, error) {
	if slices.Contains(scenarios.Shipped(), name) {
		data, err := scenarios.Open(name)
		if err != nil {
			return nil, err
		}
		return scenarios.Load(name, data, scenarios.Options{})
	}
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	return scenarios.Load(name, data, scenarios.Options{Dir: filepath.Dir(name)})
}

// ways are the routes between all nodes of a scenario.
func ways(s *scenarios.Scenario) []clusters.Way {
	var list []clusters.Way
	nodes := s.Topology.Nodes()
	for from := range nodes {
		for to := range nodes {
			route, ok := s.Topology.Route(s.Model.RoutingOrDefault(), topology.NodeID(from), topology.NodeID(to))
			if from == to {
				continue
			}
			w := clusters.Way{From: nodes[from].Name, To: nodes[to].Name, Down: !ok}
			for _, l := range route.Links {
				w.Links = append(w.Links, linkem.ShapeOf(s.Topology.Links()[l]))
			}
			list = append(list, w)
		}
	}
	return list
}

func newLinks() *cobra.Command {
	var (
		scenario     string
		cut, restore []string
	)
	cmd := &cobra.Command{
		Use:   "links NAME",
		Short: "Show or change the emulated links of a running cluster",
		Example: `  cluster links cvn --scenario tutorial
  cluster links cvn --cut edge1,cloud       both directions; --restore undoes it`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			list, err := clusters.SetWays(cmd.Context(), args[0], nil)
			if err != nil {
				return err
			}
			change, err := changes(scenario, cut, restore, list)
			if err != nil {
				return err
			}
			if list, err = clusters.SetWays(cmd.Context(), args[0], change); err != nil {
				return err
			}
			for _, w := range list {
				fmt.Println(describe(w))
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&scenario, "scenario", "", "set the links of this `scenario`, shipped or a file")
	cmd.Flags().StringSliceVar(&cut, "cut", nil, "stop what two nodes say to each other, as `a,b`")
	cmd.Flags().StringSliceVar(&restore, "restore", nil, "let two nodes speak again, as `a,b`")
	return cmd
}

// changes are the ways that the flags ask for; list is those in force.
func changes(scenario string, cut, restore []string, list []clusters.Way) ([]clusters.Way, error) {
	var change []clusters.Way
	if scenario != "" {
		s, err := load(scenario)
		if err != nil {
			return nil, err
		}
		change = ways(s)
	}
	for down, pair := range map[bool][]string{true: cut, false: restore} {
		if len(pair) == 0 {
			continue
		}
		if len(pair) != 2 {
			return nil, fmt.Errorf("found %d nodes, allowed: two, as a,b", len(pair))
		}
		for _, ends := range [][2]string{{pair[0], pair[1]}, {pair[1], pair[0]}} {
			w := clusters.Way{From: ends[0], To: ends[1]}
			if i := slices.IndexFunc(list, func(l clusters.Way) bool { return l.From == w.From && l.To == w.To }); i >= 0 {
				w = list[i]
			}
			w.Down = down
			change = append(change, w)
		}
	}
	return change, nil
}

// describe is a way on one line.
func describe(w clusters.Way) string {
	text := w.From + " -> " + w.To + ":"
	for _, s := range w.Links {
		text += " " + topology.FormatDuration(s.Delay)
		if s.Bandwidth > 0 {
			text += fmt.Sprintf(" at %.4g Mbit/s", float64(s.Bandwidth)*8/1e6)
		}
	}
	if w.Down {
		text += " down"
	}
	return text
}
