// Caravan decides where work runs between edge and cloud, and says how well
// it will run there. This command is the only place that knows every package:
// spine.go is the flow of data, catalog.go is what exists, and each subcommand
// has a file of its own.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run executes one command line and returns its exit code, one of the table
// in exit.go. Data goes to stdout; progress, warnings and errors go to stderr.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	a := &app{stdin: stdin, stdout: stdout, stderr: stderr}
	root := newRootCommand(a)
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	code := a.exitCode(ctx, err)
	if msg := errorText(ctx, err, code); msg != "" {
		fmt.Fprintln(stderr, "caravan: "+msg)
	}
	return code
}

// app is what every subcommand shares: the streams, and whether its own code
// has begun, which tells a faulty command line from a fault in the work.
type app struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	stdinText      []byte // what "-" stands for, once read
	started        bool
}

func newRootCommand(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:   "caravan",
		Short: "Decide where work runs between edge and cloud, and predict how well it runs there",
		Long: `Caravan reads a scenario (machines, links, and the work that arrives), decides
where each piece of work runs, and simulates what its users will see.

Start here:
  caravan scenarios             what is shipped
  caravan run tutorial          solve and simulate the smallest one
  caravan scenarios --show tutorial > mine.yaml    a file of your own to edit`,
		SilenceErrors: true,
		SilenceUsage:  true,
		PersistentPreRun: func(*cobra.Command, []string) {
			a.started = true
		},
	}
	root.SetFlagErrorFunc(explainFlagError)
	root.SetHelpCommand(&cobra.Command{Hidden: true})
	root.AddCommand(
		newRunCommand(a),
		newStoryCommand(a),
		newSweepCommand(a),
		newLsCommand(a),
		newShowCommand(a),
		newDiffCommand(a),
		newExportCommand(a),
		newGcCommand(a),
		newWorkerCommand(a),
		newSolveCommand(a),
		newPlanCommand(a),
		newPlotCommand(a),
		newReportCommand(a),
		newBundleCommand(a),
		newScenariosCommand(a),
		newImportCommand(a),
		newGenerateCommand(a),
		newVerifyCommand(a),
		newBenchCommand(a),
		newLinkemCommand(a),
		newValidateCommand(a),
		newCalibrateCommand(a),
		newSubmitCommand(a),
		newAgentCommand(a),
		newSchemaCommand(a),
		newVersionCommand(a),
	)
	root.AddCommand(liveCommands(a)...)
	root.InitDefaultCompletionCmd()
	return root
}

// errorText is what the user reads about err; an answer that is not a fault
// (exit code 3) was already printed with the data.
func errorText(ctx context.Context, err error, code int) string {
	if err == nil {
		return ""
	}
	var said *exitError
	if code == exitInterrupted && ctx.Err() != nil && !errors.As(err, &said) {
		return "interrupted; nothing was saved for the scenario under way"
	}
	var quiet *exitError
	if errors.As(err, &quiet) && quiet.err == nil {
		return ""
	}
	return err.Error()
}
