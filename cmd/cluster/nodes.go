//go:build linux

package main

import (
	"fmt"
	"os"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"caravan/runner/clusters"
)

// happenings are what can be asked to happen to machines, in the order in which
// one call makes them.
var happenings = []struct{ do, help string }{
	{clusters.Kill, "end the orchestrator's program on these `machines` at once (SIGKILL); their tasks go on"},
	{clusters.Pause, "stop the program (SIGSTOP); tasks go on"},
	{clusters.Crash, "end every process of the machine at once"},
	{clusters.Cut, "take the machine off the network"},
	{clusters.Start, "start the program again, after --kill or --crash"},
	{clusters.Resume, "let the program go on, after --pause"},
	{clusters.Restore, "put the machine back on the network, after --cut"},
}

func newNodes() *cobra.Command {
	asked := make([][]string, len(happenings))
	cmd := &cobra.Command{
		Use:   "nodes NAME",
		Short: "Show the machines of a running cluster, or make something happen to them",
		Example: `  cluster nodes cvn
  cluster nodes cvn --kill edge1            the client process; --start edge1 starts it again
  cluster nodes cvn --cut edge1,edge2       off the network; --restore undoes it`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var changes []clusters.Change
			for i, h := range happenings {
				for _, m := range asked[i] {
					changes = append(changes, clusters.Change{Machine: m, Do: h.do})
				}
			}
			list, err := clusters.Disturb(cmd.Context(), args[0], changes...)
			if err != nil {
				return err
			}
			w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
			fmt.Fprintln(w, "machine\taddress\tclient\tnetwork\tprocesses")
			for _, m := range list {
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\n", m.Name, m.Address, m.Client, m.Network, m.Processes)
			}
			return w.Flush()
		},
	}
	for i, h := range happenings {
		cmd.Flags().StringSliceVar(&asked[i], h.do, nil, h.help)
	}
	return cmd
}
