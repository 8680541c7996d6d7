package main

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"caravan/topology"
)

// generateFlags are the flags of caravan generate.
type generateFlags struct {
	spec               topology.GenerateSpec
	bandwidth, latency string
	seed               uint64
	out                string
}

func newGenerateCommand(a *app) *cobra.Command {
	f := &generateFlags{}
	kinds, what := topology.GenerateKinds()
	var list strings.Builder
	for i := range kinds {
		fmt.Fprintf(&list, "  %-18s %s\n", kinds[i], what[i])
	}
	cmd := &cobra.Command{
		Use:   "generate KIND",
		Short: "Make a topology by rule and write it as a scenario",
		Long: `Generate writes a scenario with every node and link spelled out, and one small
pipeline so that it runs. Equal flags and seeds give equal files.

` + list.String(),
		Example: `  caravan generate three-tier --edges 50 --fogs 5 > tiers.yaml
  caravan generate waxman --count 30 --seed 7 | caravan run -`,
		Args:      takes(1, 1, "a KIND: "+strings.Join(kinds, ", ")),
		ValidArgs: kinds,
	}
	s := &f.spec
	cmd.Flags().IntVar(&s.Count, "count", 0, "nodes of waxman and barabasi-albert (20), leaves of a star (8)")
	cmd.Flags().IntVar(&s.Width, "width", 0, "of a grid (4)")
	cmd.Flags().IntVar(&s.Height, "height", 0, "of a grid (4)")
	cmd.Flags().IntVar(&s.Depth, "depth", 0, "of a tree, below its root (3)")
	cmd.Flags().IntVar(&s.Fanout, "fanout", 0, "children of a tree's nodes (2)")
	cmd.Flags().IntVar(&s.Ports, "ports", 0, "of a fat tree's switches, even (4)")
	cmd.Flags().IntVar(&s.Edges, "edges", 0, "of three tiers (10)")
	cmd.Flags().IntVar(&s.Fogs, "fogs", 0, "of three tiers (3)")
	cmd.Flags().IntVar(&s.Clouds, "clouds", 0, "of three tiers (1)")
	cmd.Flags().IntVar(&s.Attach, "attach", 0, "links of each new node of barabasi-albert (2)")
	cmd.Flags().Float64Var(&s.Alpha, "alpha", 0, "Waxman's probability of a link of length 0 (0.4)")
	cmd.Flags().Float64Var(&s.Beta, "beta", 0, "Waxman's length scale, as a share of the diagonal (0.4)")
	cmd.Flags().Float64Var(&s.SideKm, "side-km", 0, "side of Waxman's square in km (1000)")
	cmd.Flags().StringVar(&f.bandwidth, "bandwidth", "", "of every link, such as 1Gbit/s (each kind has its own)")
	cmd.Flags().StringVar(&f.latency, "latency", "", "of every link, such as 5ms (each kind has its own)")
	cmd.Flags().Uint64Var(&f.seed, "seed", 1, "seed of the random numbers")
	cmd.Flags().StringVar(&f.out, "out", "", "file to write instead of standard output")
	cmd.RunE = func(_ *cobra.Command, args []string) error { return a.generate(f, args[0]) }
	return cmd
}

func (a *app) generate(f *generateFlags, kind string) error {
	kinds, _ := topology.GenerateKinds()
	if !slices.Contains(kinds, kind) {
		return badInput(fmt.Errorf("KIND: %w", notOneOf(kind, kinds)))
	}
	f.spec.Kind = kind
	var err error
	if f.bandwidth != "" {
		if f.spec.Bandwidth, err = topology.ParseBandwidth(f.bandwidth); err != nil {
			return badInput(fmt.Errorf("--bandwidth: %w", err))
		}
	}
	if f.latency != "" {
		if f.spec.Latency, err = topology.ParseDuration(f.latency); err != nil {
			return badInput(fmt.Errorf("--latency: %w", err))
		}
	}
	nodes, links, err := topology.Generate(f.spec, rand.New(rand.NewPCG(f.seed, 0)))
	if err != nil {
		return badInput(err)
	}
	comment := fmt.Sprintf("Generated: %s, %d nodes, %d links, seed %d.", kind, len(nodes), len(links), f.seed)
	return a.writeScenario(f.out, kind, comment, imported{nodes: nodes, links: links, work: starter(nodes, links)})
}
