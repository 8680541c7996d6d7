package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"caravan/runner"
)

// liveFlags are the flags of the commands that look at runs.
type liveFlags struct {
	clusterFlags
	run    string
	wait   time.Duration
	output *enum
}

// liveCommand makes one of them.
func (a *app) liveCommand(use, short, example string, most int, formats []string, do func(context.Context, *liveFlags, runner.Backend, []string) error) *cobra.Command {
	f := &liveFlags{}
	cmd := &cobra.Command{Use: use, Short: short, Example: example, Args: takes(0, most, "what the usage line says, and no more")}
	f.clusterFlags.register(cmd)
	f.output = outputFlag(cmd, formats...)
	cmd.Flags().StringVar(&f.run, "run", "", "label of the run; not needed while there is one")
	if strings.HasPrefix(use, "last-output") {
		cmd.Flags().DurationVar(&f.wait, "wait", 0, "how long to wait for a first output")
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		b, err := f.backend(cmd.Context(), a, nil)
		if err != nil {
			return err
		}
		return do(cmd.Context(), f, b, args)
	}
	return cmd
}

// liveCommands are Berkeley's client: nodes, status, last-output, stop, and
// the removal of what is left.
func liveCommands(a *app) []*cobra.Command {
	tables := []string{"text", "json"}
	lastOutput := a.liveCommand("last-output OPERATOR", "Print what an operator of a live run made last",
		"  caravan last-output square --cluster local --wait 5s", 1, []string{"text"}, a.lastOutput)
	lastOutput.Args = takes(1, 1, "one OPERATOR")
	return []*cobra.Command{
		a.liveCommand("nodes", "List the machines of a cluster", "  caravan nodes --cluster local", 0, tables, a.listNodes),
		a.liveCommand("status [RUN]", "List the agents of live runs", "  caravan status --cluster local", 1, tables, a.status),
		lastOutput,
		a.liveCommand("stop [RUN]", "Stop a live run", "  caravan stop --cluster local", 1, tables, a.stopRun),
		a.liveCommand("clean [RUN]", "Remove a live run, or everything that bears a label of ours", "  caravan clean --cluster local", 1, tables, a.clean),
	}
}

// nodeAnswer is a machine in the JSON of caravan nodes.
type nodeAnswer struct {
	Name    string  `json:"name"`
	Ready   bool    `json:"ready"`
	Cores   int     `json:"cores"`
	CPU     float64 `json:"cpu_mhz"`
	Memory  float64 `json:"memory_bytes"`
	Address string  `json:"address"`
}

func (a *app) listNodes(ctx context.Context, f *liveFlags, b runner.Backend, _ []string) error {
	list, err := b.Nodes(ctx)
	if err != nil {
		return err
	}
	out := []nodeAnswer{}
	g := grid{header: []string{"node", "ready", "cores", "address"}, numbers: []int{2}}
	for _, n := range list {
		out = append(out, nodeAnswer{n.Name, n.Ready, n.Cores, float64(n.CPU), float64(n.Memory), n.Address})
		g.add(n.Name, strconv.FormatBool(n.Ready), strconv.Itoa(n.Cores), n.Address)
	}
	if f.output.value == "json" {
		return a.writeJSON(struct {
			Version int          `json:"version"`
			Nodes   []nodeAnswer `json:"nodes"`
		}{shapeVersion, out})
	}
	g.render(a.stdout)
	return nil
}

// agentAnswer is an agent in the JSON of submit, status, stop and clean.
type agentAnswer struct {
	Run      string `json:"run"`
	Name     string `json:"name"`
	Node     string `json:"node"`
	State    string `json:"state"`
	Restarts int    `json:"restarts"`
	ID       string `json:"id"`
	Detail   string `json:"detail"`
	Served   uint64 `json:"served"`
	Queue    int    `json:"queue"`
	Dropped  uint64 `json:"dropped"` // rejected, expired and failed
}

func agentAnswers(list []runner.Agent) []agentAnswer {
	out := []agentAnswer{}
	for _, x := range list {
		out = append(out, agentAnswer{Run: x.Run, Name: x.Name, Node: x.Node, State: string(x.State), Restarts: x.Restarts, ID: x.ID, Detail: x.Detail})
	}
	return out
}

// statusAnswer is the JSON of caravan status.
type statusAnswer struct {
	Version int           `json:"version"`
	Agents  []agentAnswer `json:"agents"`
}

func (a *app) status(ctx context.Context, f *liveFlags, b runner.Backend, args []string) error {
	list, err := b.Status(ctx, chosenRun(f, args))
	if err != nil {
		return err
	}
	out := agentAnswers(list)
	for i := range out {
		if out[i].State != string(runner.Running) {
			continue
		}
		if r, err := runner.ReportOf(ctx, b, out[i].Run, out[i].Name); err == nil { // an agent that goes meanwhile has none
			out[i].Served, out[i].Queue, out[i].Dropped = r.Served, r.Queue, r.Rejected+r.Expired+r.Failed
			out[i].Detail = cmp.Or(out[i].Detail, r.Trouble)
		}
	}
	if f.output.value == "json" {
		return a.writeJSON(statusAnswer{shapeVersion, out})
	}
	a.printAgents(out)
	return nil
}

func (a *app) printAgents(list []agentAnswer) {
	g := grid{header: []string{"run", "agent", "node", "state", "restarts", "served", "queue", "dropped", "", ""}, numbers: []int{4, 5, 6, 7}}
	for _, x := range list {
		g.add(x.Run, x.Name, x.Node, x.State, strconv.Itoa(x.Restarts), strconv.FormatUint(x.Served, 10), strconv.Itoa(x.Queue), strconv.FormatUint(x.Dropped, 10), x.ID, x.Detail)
	}
	g.render(a.stdout)
}

// chosenRun is the run that the command line names, if it names one.
func chosenRun(f *liveFlags, args []string) string {
	if len(args) > 0 {
		return args[0]
	}
	return f.run
}

func (a *app) lastOutput(ctx context.Context, f *liveFlags, b runner.Backend, args []string) error {
	list, err := b.Status(ctx, f.run)
	if err != nil {
		return err
	}
	operator := runner.Label(strings.ReplaceAll(args[0], ".", "-"))
	found := slices.DeleteFunc(slices.Clone(list), func(x runner.Agent) bool {
		return x.State != runner.Running || x.Name != operator && !strings.HasSuffix(x.Name, "-"+operator)
	})
	var names []string
	for _, x := range list {
		names = append(names, x.Name)
	}
	switch {
	case len(found) == 0:
		return badInput(fmt.Errorf("no agent that runs: %w", notOneOf(args[0], names)))
	case len(found) > 1:
		return badInput(fmt.Errorf("operator %q: %d agents that run bear that name (allowed: PIPELINE.OPERATOR, or --run)", args[0], len(found)))
	}
	body, status, err := askUntil(ctx, b, found[0], f.wait)
	if err != nil {
		return err
	}
	if status != http.StatusOK {
		return errors.New(strings.TrimSpace(string(body)))
	}
	_, err = fmt.Fprintf(a.stdout, "%s\n", body)
	return err
}

// askUntil asks an agent for its last output until it has one or the time is
// over.
func askUntil(ctx context.Context, b runner.Backend, x runner.Agent, wait time.Duration) (body []byte, status int, err error) {
	for began := time.Now(); ; {
		body, status, err = runner.Ask(ctx, b, x.Run, x.Name, "/last_output")
		if err == nil && status == http.StatusOK || time.Since(began) >= wait {
			return body, status, err
		}
		select {
		case <-ctx.Done():
			return nil, 0, ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// onlyRun is the run that is meant: the one named, else the only one there is.
func onlyRun(ctx context.Context, b runner.Backend, named string) (string, error) {
	list, err := b.Status(ctx, named)
	if err != nil {
		return "", err
	}
	var runs []string
	for _, x := range list {
		if !contains(runs, x.Run) {
			runs = append(runs, x.Run)
		}
	}
	switch {
	case len(runs) == 1:
		return runs[0], nil
	case len(runs) == 0 && named != "":
		return "", badInput(fmt.Errorf("no run %q; caravan status lists what there is", named))
	case len(runs) == 0:
		return "", badInput(errors.New("there is no run"))
	}
	return "", badInput(fmt.Errorf("which run? %w", notOneOf(named, runs)))
}

func (a *app) stopRun(ctx context.Context, f *liveFlags, b runner.Backend, args []string) error {
	run, err := onlyRun(ctx, b, chosenRun(f, args))
	if err != nil {
		return err
	}
	if err := b.Stop(ctx, run); err != nil {
		return err
	}
	return a.status(ctx, f, b, []string{run})
}

// cleanAnswer is the JSON of caravan clean.
type cleanAnswer struct {
	Version int      `json:"version"`
	Removed []string `json:"removed"`
}

func (a *app) clean(ctx context.Context, f *liveFlags, b runner.Backend, args []string) error {
	removed, err := b.Clean(ctx, chosenRun(f, args))
	if f.output.value == "json" {
		return errors.Join(err, a.writeJSON(cleanAnswer{shapeVersion, orEmpty(removed)}))
	}
	for _, r := range removed {
		fmt.Fprintln(a.stdout, "removed "+r)
	}
	return err
}
