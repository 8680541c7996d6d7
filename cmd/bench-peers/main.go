// Command bench-peers runs the simulator beside other simulators on the same
// workloads with the same random numbers, and says how their CPU times
// compare and whether their answers agree.
//
// The sides take turns in rounds, so that a busy machine slows all of them
// alike. A side reports the CPU time (getrusage: user and system, all
// threads, so a garbage collector counts) of what it simulates, without the
// start of its process and the reading of its model. A ratio is the median
// over the rounds of the ratio within a round: trust it more than the
// nanoseconds.
//
// It builds the peers into the folder build beside its sources, and with the
// rights of root installs what is missing by apt-get.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
)

type options struct {
	rounds     int
	only, skip []string
	output     string
	dir        string
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil {
		if !errors.Is(err, flag.ErrHelp) {
			fmt.Fprintln(os.Stderr, "bench-peers:", err)
		}
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	if len(args) > 0 {
		switch args[0] {
		case "child": // one run of one workload, for the command itself
			return child(ctx, args[1:], stdout)
		case "profile":
			return profile(ctx, args[1:], stderr)
		}
	}
	o, err := parse(args, stderr)
	if err != nil {
		return err
	}
	b := bench{options: o, progress: stderr}
	if err := b.prepare(ctx); err != nil {
		return err
	}
	outcomes, err := b.run(ctx)
	if err != nil {
		return err
	}
	if o.output == "json" {
		err = writeJSON(stdout, o, outcomes)
	} else {
		err = writeText(stdout, o, outcomes)
	}
	if err != nil {
		return err
	}
	return verdict(outcomes)
}

func parse(args []string, stderr io.Writer) (options, error) {
	var o options
	var only, skip string
	f := flag.NewFlagSet("bench-peers", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.IntVar(&o.rounds, "rounds", 5, "how often each side runs")
	f.StringVar(&only, "only", "", "workloads to run, separated by commas: "+strings.Join(workloadNames(), ", "))
	f.StringVar(&skip, "skip", "", "peers to do without, separated by commas: "+strings.Join(peerNames(), ", "))
	f.StringVar(&o.output, "output", "text", "text or json")
	f.StringVar(&o.dir, "dir", "cmd/bench-peers", "folder of this command's sources, where build is made")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	var faults []error
	if f.NArg() > 0 {
		faults = append(faults, fmt.Errorf("unexpected argument %q", f.Arg(0)))
	}
	if o.rounds < 1 {
		faults = append(faults, fmt.Errorf("--rounds %d: at least 1", o.rounds))
	}
	if o.output != "text" && o.output != "json" {
		faults = append(faults, fmt.Errorf("--output %q: text or json", o.output))
	}
	o.only, faults = choose("only", only, workloadNames(), faults)
	o.skip, faults = choose("skip", skip, peerNames(), faults)
	return o, errors.Join(faults...)
}

// choose splits a list and checks each word of it.
func choose(name, list string, allowed []string, faults []error) ([]string, []error) {
	if list == "" {
		return nil, faults
	}
	words := strings.Split(list, ",")
	for _, w := range words {
		if !slices.Contains(allowed, w) {
			faults = append(faults, fmt.Errorf("--%s %q: one of %s", name, w, strings.Join(allowed, ", ")))
		}
	}
	return words, faults
}
