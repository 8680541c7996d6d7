package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"

	"github.com/spf13/cobra"

	"caravan/results"
	"caravan/runner"
	"caravan/runner/local"
)

// submitFlags are the flags of caravan submit.
type submitFlags struct {
	scenarioFlags
	clusterFlags
	solver   string
	work     *enum
	watch    bool
	window   time.Duration
	forget   time.Duration
	duration time.Duration
	output   *enum
}

func newSubmitCommand(a *app) *cobra.Command {
	f := &submitFlags{}
	cmd := &cobra.Command{
		Use:   "submit SCENARIO",
		Short: "Place a scenario's pipelines and run them on a cluster until they are stopped",
		Long: `Submit decides where the operators of the scenario's pipelines run and starts
them: programs (exec, url) as they are, others by burning processor time. The
first operators send requests by the pipeline's own arrivals. It prints the
label of the run, under which caravan status, last-output, stop and clean find
it.

With --watch it stays: it compares the latency of each window with what the
simulation says such windows may take, and when two in a row leave that
interval or have no request, or a node is lost or back, it fits the model to
what was measured, solves again, shows what would move and what that costs, and
migrates if that gains a twentieth or more. What is not met any more keeps what
was measured of it for the time of --forget. Ctrl-C then stops and removes the
run.`,
		Example: `  caravan submit squares --cluster local
  caravan last-output square --cluster local
  caravan stop --cluster local
  caravan submit moving-link --cluster local --watch`,
		Args: takes(1, 1, "one SCENARIO"),
	}
	f.scenarioFlags.register(cmd)
	f.clusterFlags.register(cmd)
	cmd.Flags().StringVar(&f.solver, "solver", "", "one row of the catalogue, instead of the scenario's")
	completeWith(cmd, "solver", solverNames())
	cmd.Flags().BoolVar(&f.watch, "watch", false, "stay, and place anew when the prediction no longer holds")
	cmd.Flags().DurationVar(&f.window, "window", 5*time.Second, "with --watch, how long the latency is averaged before it is judged")
	cmd.Flags().DurationVar(&f.forget, "forget", 10*time.Minute, "with --watch, how long a measurement that nothing renews is believed")
	cmd.Flags().DurationVar(&f.duration, "duration", 0, "with --watch, stop after so long; 0 stays until Ctrl-C")
	f.work = workFlag(cmd)
	f.output = outputFlag(cmd, "text", "json")
	cmd.RunE = func(cmd *cobra.Command, args []string) error { return a.submit(cmd.Context(), f, args[0]) }
	return cmd
}

// submitAnswer is the JSON of caravan submit.
type submitAnswer struct {
	Version   int              `json:"version"`
	Run       string           `json:"run"`
	Scenario  string           `json:"scenario"`
	Cluster   string           `json:"cluster"`
	Placement []results.Placed `json:"placement"`
	Agents    []agentAnswer    `json:"agents"`
}

func (a *app) submit(ctx context.Context, f *submitFlags, arg string) error {
	p, err := prepare(ctx, a, &f.scenarioFlags, arg, asked{solver: f.solver})
	if err != nil {
		return err
	}
	if err := p.checkLive(); err != nil {
		return err
	}
	for _, w := range p.warnings {
		fmt.Fprintln(a.stderr, "warning: "+w)
	}
	b, err := f.backend(ctx, a, p.scenario.Topology.Nodes())
	if err != nil {
		return err
	}
	dir, err := os.Getwd()
	if err != nil {
		return err
	}
	options := runner.PlanOptions{Hold: f.work.value == "hold", Source: true, Collect: f.watch, Dir: dir}
	live, err := p.livePlan(options, newLabel(p.scenario.Name))
	if err != nil {
		return err
	}
	if f.watch {
		return a.watch(ctx, f, &watcher{backend: b, plan: p, arg: arg, options: options, live: live})
	}
	if err := f.start(ctx, b, live); err != nil {
		_, cleanErr := b.Clean(context.WithoutCancel(ctx), live.Run)
		return errors.Join(err, cleanErr)
	}
	list, err := b.Status(ctx, live.Run)
	if err != nil {
		return err
	}
	return a.printSubmitted(f, p, live.Run, list)
}

// start deploys a plan that is to go on without this process.
func (f *submitFlags) start(ctx context.Context, b runner.Backend, p *runner.Plan) error {
	l, ok := b.(*local.Backend)
	if !ok {
		return b.Deploy(ctx, p)
	}
	return f.hostElsewhere(ctx, l, p)
}

// hostTime is how long a process of its own may take to bring a run up.
const hostTime = 30 * time.Second

// hostElsewhere starts a process that hosts the run, and waits until every
// agent is up.
func (f *submitFlags) hostElsewhere(ctx context.Context, b *local.Backend, p *runner.Plan) error {
	if err := b.Save(p); err != nil {
		return err
	}
	log, err := os.OpenFile(b.Log(p.Run), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.Command(exe, "agent", "--host", p.Run, "--dir", f.dir)
	cmd.Stdout, cmd.Stderr = log, log
	local.Detach(cmd)
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	ctx, stop := context.WithTimeout(ctx, hostTime)
	defer stop()
	for {
		if _, err := b.Addresses(ctx, p.Run); err == nil {
			return nil
		}
		select {
		case err := <-ended:
			return fmt.Errorf("the process that hosts the run ended (%v); %s says why", err, b.Log(p.Run))
		case <-ctx.Done():
			return fmt.Errorf("the run did not come up: %w", ctx.Err())
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// host keeps a run of this machine up until it is told to stop, or until its
// folder is gone.
func (a *app) host(ctx context.Context, dir, run string) error {
	command, err := agentCommand()
	if err != nil {
		return err
	}
	b := &local.Backend{Dir: dir, Command: command}
	if err := b.Adopt(ctx, run); err != nil {
		return err
	}
	for ctx.Err() == nil && b.Exists(run) {
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
	b.Release()
	return nil
}

func (a *app) printSubmitted(f *submitFlags, p *plan, run string, list []runner.Agent) error {
	if f.output.value == "json" {
		return a.writeJSON(submitAnswer{
			Version: shapeVersion, Run: run, Scenario: p.scenario.Name, Cluster: f.cluster.value,
			Placement: p.answer().Placement, Agents: agentAnswers(list),
		})
	}
	a.printPlan(p)
	fmt.Fprintf(a.stdout, "\nRun %s is up on %s: %s.\n", run, f.cluster.value, count(len(list), "agent"))
	fmt.Fprintf(a.stdout, "Next:\n  caravan status %[1]s\n  caravan last-output OPERATOR %[1]s\n  caravan stop %[2]s %[1]s\n  caravan clean %[2]s %[1]s\n", f.again(), run)
	return nil
}
