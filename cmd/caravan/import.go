package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"caravan/topology"
	"caravan/workloads"
)

// importFlags are the flags of caravan import.
type importFlags struct {
	out        string
	bandwidth  string
	fullDuplex bool
}

func newImportCommand(a *app) *cobra.Command {
	f := &importFlags{}
	formats := append(append([]string{"auto"}, topology.FormatNames()...), workloads.FormatNames()...)
	var list strings.Builder
	for _, x := range topology.Formats() {
		fmt.Fprintf(&list, "  %-18s %s\n", x.Name, x.What)
	}
	for _, x := range workloads.Formats() {
		fmt.Fprintf(&list, "  %-18s %s\n", x.Name, x.What)
	}
	cmd := &cobra.Command{
		Use:   "import FORMAT FILE",
		Short: "Turn a topology or workload file of another tool into a scenario",
		Long: `Import reads FILE (- for standard input) and writes a scenario in which
everything is spelled out, to be read and edited. FORMAT auto looks at the file.
What had to be guessed or left out is said on stderr.

` + list.String(),
		Example: `  caravan import auto Abilene.graphml > abilene.yaml
  caravan import latency-matrix rtt.csv --bandwidth 100Mbit/s --out mesh.yaml`,
		Args:      takes(2, 2, "a FORMAT and a FILE"),
		ValidArgs: formats,
	}
	cmd.Flags().StringVar(&f.out, "out", "", "file to write instead of standard output")
	cmd.Flags().StringVar(&f.bandwidth, "bandwidth", "10Gbit/s", "of links without a published speed")
	cmd.Flags().BoolVar(&f.fullDuplex, "full-duplex", false, "give each direction of a link the whole bandwidth instead of sharing it")
	cmd.RunE = func(_ *cobra.Command, args []string) error { return a.importFile(f, args[0], args[1], formats) }
	return cmd
}

func (a *app) importFile(f *importFlags, format, file string, formats []string) error {
	bandwidth, err := topology.ParseBandwidth(f.bandwidth)
	if err != nil {
		return badInput(fmt.Errorf("--bandwidth: %w", err))
	}
	name, data, err := a.importData(file)
	if err != nil {
		return badInput(err)
	}
	if format == "auto" {
		head := data[:min(len(data), 4096)]
		if format = topology.Detect(name, head); format == "" {
			format = workloads.Detect(name, head)
		}
		if format == "" {
			return badInput(fmt.Errorf("%s: the format is not known by its look; name one: %s", name, strings.Join(formats[1:], ", ")))
		}
	}
	var out imported
	switch {
	case slices.Contains(topology.FormatNames(), format):
		in, err := topology.Import(format, name, bytes.NewReader(data), topology.ImportOptions{Bandwidth: bandwidth, FullDuplex: f.fullDuplex})
		if err != nil {
			return badInput(err)
		}
		out = imported{nodes: in.Nodes, links: in.Links, work: starter(in.Nodes, in.Links), warnings: in.Warnings}
	case slices.Contains(workloads.FormatNames(), format):
		in, err := workloads.Import(format, name, bytes.NewReader(data))
		if err != nil {
			return badInput(err)
		}
		out = imported{nodes: in.Nodes, warnings: in.Warnings, work: &workloads.Workload{Pipelines: in.Pipelines, Jobs: in.Jobs}}
		if in.Arrivals != nil {
			out.work.Pipelines = append(out.work.Pipelines, tracePipeline(in.Arrivals))
		}
	default:
		return badInput(fmt.Errorf("FORMAT: %w", notOneOf(format, formats)))
	}
	for _, w := range out.warnings {
		fmt.Fprintln(a.stderr, "warning: "+w)
	}
	if len(out.nodes) == 0 {
		fmt.Fprintln(a.stderr, "the file names no machines: add a topology before you run the scenario")
	}
	base := strings.TrimSuffix(strings.TrimSuffix(filepath.Base(name), ".gz"), filepath.Ext(strings.TrimSuffix(name, ".gz")))
	return a.writeScenario(f.out, base, fmt.Sprintf("Imported from %s (%s).", filepath.Base(name), format), out)
}

// imported is what becomes a scenario.
type imported struct {
	nodes    []topology.Node
	links    []topology.Link
	work     *workloads.Workload
	warnings []string
}

// importData reads a file or standard input, whole.
func (a *app) importData(file string) (name string, data []byte, err error) {
	if file == "-" {
		data, err = io.ReadAll(io.LimitReader(a.stdin, workloads.MaxImportBytes))
		return "stdin", data, err
	}
	data, err = os.ReadFile(file)
	return file, data, err
}

// writeScenario writes a scenario to a file, whole or not at all, or to stdout.
func (a *app) writeScenario(path, name, comment string, in imported) error {
	var b bytes.Buffer
	if err := encodeScenario(&b, name, comment, in.nodes, in.links, in.work); err != nil {
		return err
	}
	if path == "" {
		_, err := a.stdout.Write(b.Bytes())
		return err
	}
	return writeFile(path, b.Bytes())
}

// starter is work for a bare topology, so that its scenario runs: a chain from
// the last node, whose second operator may run anywhere.
func starter(nodes []topology.Node, links []topology.Link) *workloads.Workload {
	if len(links) == 0 {
		return nil
	}
	return &workloads.Workload{Pipelines: []workloads.Pipeline{{
		Name: "example", Priority: 50, Source: topology.NodeID(len(nodes) - 1), Sink: topology.None,
		Arrivals: workloads.Arrivals{Kind: workloads.Poisson, Rate: 2},
		Operators: []workloads.Operator{
			{Name: "capture", Work: workloads.Const(0.001), Output: workloads.Const(100 << 10), Node: topology.None},
			{Name: "process", Work: workloads.Exp(0.05), After: []int{0}, Node: topology.None},
		},
	}}}
}

// tracePipeline gives a trace something to arrive at: one operator of 10 ms,
// scaled by the trace's first column where it has one.
func tracePipeline(a *workloads.Arrivals) workloads.Pipeline {
	o := workloads.Operator{Name: "serve", Work: workloads.Const((10 * time.Millisecond).Seconds()), Node: topology.None}
	if len(a.FactorNames) > 0 {
		o.WorkFactor = a.FactorNames[0]
	}
	return workloads.Pipeline{Name: "trace", Priority: 50, Source: topology.None, Sink: topology.None, Arrivals: *a, Operators: []workloads.Operator{o}}
}
