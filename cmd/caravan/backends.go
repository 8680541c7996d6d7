package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"caravan/runner"
	"caravan/runner/local"
	"caravan/topology"
)

// clusterFlags say which cluster a live command uses and how.
type clusterFlags struct {
	orchestratorFlags
	cluster *enum
	dir     string
	yes     bool
	maxLag  time.Duration
}

func (f *clusterFlags) register(cmd *cobra.Command) {
	f.cluster = &enum{allowed: backendNames()}
	cmd.Flags().Var(f.cluster, "cluster", "where agents run; a cluster is contacted only when it is named")
	completeWith(cmd, "cluster", f.cluster.allowed)
	cmd.Flags().StringVar(&f.dir, "dir", defaultLiveDir(), "`folder` of the runs on this machine, for --cluster local")
	cmd.Flags().StringVar(&f.program, "program", "", "`path` of caravan on the nodes or in the image; default: this program's own path")
	cmd.Flags().StringVar(&f.driver, "driver", "", "task driver for --cluster nomad: raw_exec (the default), exec or docker")
	cmd.Flags().StringVar(&f.image, "image", "", "container `image` that holds caravan, for --driver docker and --cluster kubernetes")
	cmd.Flags().StringVar(&f.context, "context", "", "`name` of the kubeconfig's context, for --cluster kubernetes; default: the current one")
	cmd.Flags().StringVar(&f.emulated, "emulated", "", "`name` of the cluster on this machine (make cluster-nomad) whose links are set to the scenario's")
	cmd.Flags().BoolVarP(&f.yes, "yes", "y", false, "do not ask before using a cluster that is not on this machine")
}

// registerLag adds --max-lag to a command that drives load.
func (f *clusterFlags) registerLag(cmd *cobra.Command) {
	cmd.Flags().DurationVar(&f.maxLag, "max-lag", 0, "99th percentile of the load generator's lag beyond which a measurement is invalid, 0 for the larger of 2 ms and a twentieth of the median latency")
}

// defaultLiveDir is a folder of this user that every live command finds.
func defaultLiveDir() string {
	return filepath.Join(os.TempDir(), "caravan-"+strconv.Itoa(os.Getuid()))
}

// again is the flags with which other commands find the same cluster.
func (f *clusterFlags) again() string {
	out := "--cluster " + f.cluster.value
	if f.dir != defaultLiveDir() {
		out += " --dir " + f.dir
	}
	if f.context != "" {
		out += " --context " + f.context
	}
	return out
}

// backend makes the backend that was named. nodes are those of the scenario,
// which a backend may emulate.
func (f *clusterFlags) backend(ctx context.Context, a *app, nodes []topology.Node) (runner.Backend, error) {
	for _, r := range backendRows() {
		if r.name == f.cluster.value {
			return r.make(ctx, a, f, nodes)
		}
	}
	return nil, badInput(fmt.Errorf("--cluster: found nothing, allowed: %s", strings.Join(backendNames(), ", ")))
}

// newLocal makes the backend of this machine's own processes.
func newLocal(_ context.Context, _ *app, f *clusterFlags, nodes []topology.Node) (runner.Backend, error) {
	command, err := agentCommand()
	if err != nil {
		return nil, err
	}
	b := &local.Backend{Dir: f.dir, Command: command}
	for _, n := range nodes {
		b.NodeNames = append(b.NodeNames, n.Name)
	}
	return b, nil
}

// agentCommand starts this program as an agent.
func agentCommand() ([]string, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return []string{exe, "agent"}, nil
}

// consent asks before a cluster elsewhere is used, unless -y was given. Without
// a terminal to ask on, the answer is no.
func (f *clusterFlags) consent(a *app, address string) error {
	fmt.Fprintf(a.stderr, "cluster: %s at %s\n", f.cluster.value, address)
	if f.yes || loopback(address) {
		return nil
	}
	fmt.Fprint(a.stderr, "Use it? [y/N] ")
	line, err := bufio.NewReader(a.stdin).ReadString('\n')
	if answer := strings.ToLower(strings.TrimSpace(line)); err == nil && (answer == "y" || answer == "yes") {
		return nil
	}
	return badInput(errors.New("a cluster that is not on this machine is used after a yes, or with -y"))
}

// loopback reports whether an address, with or without a scheme, is on this
// machine.
func loopback(address string) bool {
	if u, err := url.Parse(address); err == nil && u.Host != "" {
		address = u.Host
	}
	host := address
	if h, _, err := net.SplitHostPort(address); err == nil {
		host = h
	}
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
