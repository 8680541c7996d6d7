package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"caravan/runner"
	"caravan/runner/clusters"
	"caravan/runner/nomad"
)

// A faulty is caravan validate on a cluster on this machine while something
// goes wrong there.
type faulty struct {
	*testing.T
	cluster string
	backend *nomad.Backend
	program string
	cmd     *exec.Cmd
	output  bytes.Buffer
}

// A fault is what goes wrong with node fog of validate-chain-light, how caravan
// ends (-1 by a signal), what it then says, and whether caravan clean is needed.
type fault struct {
	name   string
	happen func(*faulty)
	after  func(*faulty) // once caravan has ended
	code   int
	says   string
	clean  bool
}

// faults are told in the order of docs/clusters.md.
var faults = []fault{
	{name: "an agent is killed", happen: func(f *faulty) {
		require.NoError(f, syscall.Kill(f.agent("fog"), syscall.SIGKILL))
	}},
	{name: "a link is cut and restored", happen: func(f *faulty) {
		f.link(true)
		f.serve("chain-normalise", 20)
		f.link(false)
	}},
	{name: "a node's network is cut and restored", happen: func(f *faulty) {
		f.disturb(clusters.Cut, false)
		f.disturb(clusters.Restore, true)
	}},
	{name: "a node's client process is killed and started", happen: func(f *faulty) {
		f.disturb(clusters.Kill, false)
		f.disturb(clusters.Start, true)
	}},
	{name: "a node's client process is stopped and goes on", happen: func(f *faulty) {
		f.disturb(clusters.Pause, false)
		f.disturb(clusters.Resume, true)
	}},
	{name: "a machine crashes and boots", happen: func(f *faulty) {
		f.disturb(clusters.Crash, false)
		f.disturb(clusters.Start, true)
	}},
	{name: "a node's client process is killed and stays away", happen: func(f *faulty) { f.disturb(clusters.Kill, false) },
		after: func(f *faulty) { f.disturb(clusters.Start, true) }, clean: true,
		code: exitFailed, says: "what it runs may go on until it does: chain-detect on fog"},
	{name: "a machine crashes and stays away", happen: func(f *faulty) { f.disturb(clusters.Crash, false) },
		after: func(f *faulty) { f.disturb(clusters.Start, true) }, clean: true,
		code: exitFailed, says: "never ended, and agent chain-detect on fog is pending (the client of its node does not answer)"},
	{name: "caravan is interrupted", happen: func(f *faulty) { f.signal(syscall.SIGINT) }, code: exitInterrupted},
	{name: "caravan is stopped and goes on", happen: func(f *faulty) {
		f.signal(syscall.SIGSTOP)
		f.serve("chain-identify", 0)
		f.signal(syscall.SIGCONT)
	}},
	{name: "caravan is killed", happen: func(f *faulty) { f.signal(syscall.SIGKILL) }, code: -1, clean: true},
}

// TestFaultsOnACluster makes each fault happen to a run on the cluster on this
// machine that CARAVAN_CLUSTER names (make cluster-nomad-faults), and lists what
// exists before and after.
func TestFaultsOnACluster(t *testing.T) {
	name := os.Getenv("CARAVAN_CLUSTER")
	if os.Getenv("CARAVAN_TEST_FAULTS") == "" || name == "" {
		t.Skip("CARAVAN_TEST_FAULTS is not set: make cluster-nomad-faults starts a cluster and sets it")
	}
	self, err := os.Executable()
	require.NoError(t, err)
	program := filepath.Join(t.TempDir(), "caravan") // as which TestMain is the program
	require.NoError(t, os.Symlink(self, program))
	b, err := nomad.New(nomad.Options{})
	require.NoError(t, err)
	for _, x := range faults {
		t.Run(x.name, func(t *testing.T) {
			f := &faulty{T: t, cluster: name, backend: b, program: program}
			f.try(x)
		})
	}
}

// try makes one fault happen to a run.
func (f *faulty) try(x fault) {
	before := f.exists()
	f.cmd = exec.Command(f.program, "validate", "validate-chain-light", "--cluster", "nomad", "--emulated", f.cluster, "-y",
		"--repeat", "1", "--duration", "35s", "--work", "hold", "--max-lag", "20s")
	f.cmd.Dir = f.TempDir()
	f.cmd.Stdout, f.cmd.Stderr = &f.output, &f.output
	require.NoError(f, f.cmd.Start())
	f.Cleanup(func() { _ = f.cmd.Process.Kill() }) // has ended, unless the test failed
	f.serve("chain-detect", 10)
	during := f.exists()
	x.happen(f)
	_ = f.cmd.Wait() // the code tells
	out := f.output.String()
	assert.Equal(f, x.code, f.cmd.ProcessState.ExitCode(), out)
	assert.Contains(f, out, x.says)
	if x.code == exitDone {
		assert.NotContains(f, out, "never ended")
	}
	left := f.exists()
	if x.after != nil {
		x.after(f)
	}
	if x.clean {
		assert.NotEqual(f, before, left, "there is something to clean")
		code, stdout, stderr := invoke(f.Context(), "clean", "--cluster", "nomad", "-y")
		require.Equal(f, exitDone, code, stderr)
		f.Log("caravan clean\n" + stdout)
	}
	var after []string
	assert.Eventually(f, func() bool { after = f.exists(); return slices.Equal(before, after) }, time.Minute, 100*time.Millisecond)
	f.Logf("%s: caravan ended with %d\nbefore:\n%s\nduring:\n%s\nwhen caravan had ended:\n%s\nafter:\n%s\n%s",
		x.name, f.cmd.ProcessState.ExitCode(), lines(before), lines(during), lines(left), lines(after), lastLines(out, 3))
}

func lines(list []string) string { return "  " + strings.Join(list, "\n  ") }

func lastLines(text string, n int) string {
	all := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(all[max(0, len(all)-n):], "\n")
}

// exists lists what a run may leave on the cluster: jobs, processes of the
// machines, and folders of allocations.
func (f *faulty) exists() []string {
	list, err := f.backend.Status(f.Context(), "")
	require.NoError(f, err)
	var out []string
	for _, x := range list {
		out = append(out, fmt.Sprintf("agent %s on %s", x.Name, x.Node))
	}
	machines, err := clusters.Disturb(f.Context(), f.cluster)
	require.NoError(f, err)
	for _, m := range machines {
		out = append(out, fmt.Sprintf("machine %s: client %s, network %s, %d processes", m.Name, m.Client, m.Network, m.Processes))
	}
	folders, err := filepath.Glob(filepath.Join(clusters.Folder(f.cluster), "*", "data", "alloc", "*"))
	require.NoError(f, err)
	return append(out, fmt.Sprintf("%d folders of allocations", len(folders)))
}

// serve waits until an agent has served so many requests more; for 0, until it
// serves none any more.
func (f *faulty) serve(name string, more uint64) {
	first, last := uint64(0), uint64(0)
	begun, still := false, 0
	require.Eventually(f, func() bool {
		list, err := f.backend.Status(f.Context(), "")
		if err != nil {
			return false
		}
		for _, x := range agentAnswers(list) {
			r, err := runner.ReportOf(f.Context(), f.backend, x.Run, x.Name)
			if x.Name != name || x.State != string(runner.Running) || err != nil {
				continue
			}
			if still++; r.Served != last {
				still = 0
			}
			if !begun {
				first, begun = r.Served, true
			}
			last = r.Served
		}
		return begun && (more > 0 && last >= first+more || more == 0 && still >= 20)
	}, time.Minute, 100*time.Millisecond)
}

// disturb does something to the machine of the bottleneck, and waits until the
// server sees that it answers, or does not.
func (f *faulty) disturb(what string, answers bool) {
	_, err := clusters.Disturb(f.Context(), f.cluster, clusters.Change{Machine: "fog", Do: what})
	require.NoError(f, err)
	require.Eventually(f, func() bool {
		list, err := f.backend.Nodes(f.Context())
		return err == nil && slices.ContainsFunc(list, func(n runner.Node) bool { return n.Name == "fog" && n.Ready == answers })
	}, time.Minute, 100*time.Millisecond)
}

// link cuts or restores the link that all requests cross first.
func (f *faulty) link(down bool) {
	list, err := clusters.SetWays(f.Context(), f.cluster, nil)
	require.NoError(f, err)
	list = slices.DeleteFunc(list, func(w clusters.Way) bool { return w.From != "edge" || w.To != "fog" })
	require.Len(f, list, 1)
	list[0].Down = down
	_, err = clusters.SetWays(f.Context(), f.cluster, list)
	require.NoError(f, err)
}

// agent is the process of the agent on a machine.
func (f *faulty) agent(machine string) int {
	all, err := filepath.Glob("/proc/[0-9]*/cmdline")
	require.NoError(f, err)
	for _, file := range all {
		text, _ := os.ReadFile(file) // a process that has ended is not it
		args := strings.Split(string(text), "\x00")
		if len(args) > 2 && args[1] == "agent" && strings.HasPrefix(args[2], filepath.Join(clusters.Folder(f.cluster), machine)) {
			pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
			require.NoError(f, err)
			return pid
		}
	}
	require.Fail(f, "no agent runs on "+machine)
	return 0
}

func (f *faulty) signal(s syscall.Signal) { require.NoError(f, f.cmd.Process.Signal(s)) }
