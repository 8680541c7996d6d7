//go:build linux

// Cluster starts and stops real clusters on this machine, for tests and for
// caravan validate. It needs root, and touches nothing that it did not create.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"caravan/runner/clusters"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := newRoot().ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "cluster: "+err.Error())
		stop()
		os.Exit(1)
	}
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:           "cluster",
		Short:         "Real clusters on this machine",
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.AddCommand(newBuild(), newRun(), newWith(), newStart(), newStop(), newList(), newLinks(), newNodes(), newMeasure(), newPause())
	return root
}

// flags are those of run and start.
type flags struct {
	name, modules string
	scenarios     []string
	varied        int
	images        []string
	secure        bool
}

func (f *flags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.name, "name", "", "of the cluster; default: cvn for nomad, cvk for kubernetes")
	cmd.Flags().StringVar(&f.modules, "modules", "runner/clusters", "`folder` of the modules that the programs are built from")
	cmd.Flags().StringSliceVar(&f.scenarios, "scenario", nil, "take the machines from these `scenarios`, shipped or files; default: edge1, edge2 and cloud")
	cmd.Flags().StringSliceVar(&f.images, "image", nil, "container images that every kubernetes node gets, each of one static program, as `REF=PROGRAM`")
	cmd.Flags().BoolVar(&f.secure, "secure", false, "TLS and access control lists, for nomad; the certificate and a token with the rights that caravan needs are in NOMAD_CACERT and NOMAD_TOKEN")
	cmd.Flags().IntVar(&f.varied, "varied", 0, "`number` of machines of different sizes, classes, racks and zones instead; of kubernetes only their objects, for decisions")
	cmd.MarkFlagsMutuallyExclusive("scenario", "varied")
}

// nameFor is the cluster's name: asked for, or the kind's own.
func (f *flags) nameFor(kind string) (string, error) {
	names := map[string]string{"nomad": "cvn", "kubernetes": "cvk"}
	if names[kind] == "" {
		return "", fmt.Errorf("kind of cluster: found %q, allowed: nomad, kubernetes", kind)
	}
	if f.name != "" {
		return f.name, nil
	}
	return names[kind], nil
}

func newBuild() *cobra.Command {
	f := &flags{}
	cmd := &cobra.Command{
		Use: "build nomad|kubernetes", Short: "Build the programs of a cluster into the user's cache", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if _, err := f.nameFor(args[0]); err != nil {
				return err
			}
			programs, err := build(cmd.Context(), args[0], f.modules)
			for _, p := range programs {
				fmt.Println(p)
			}
			return err
		},
	}
	f.add(cmd)
	return cmd
}

// build returns the paths of a kind's programs by their names.
func build(ctx context.Context, kind, modules string) (map[string]string, error) {
	tools := []clusters.Tool{clusters.NomadTool(filepath.Join(modules, "nomad"))}
	if kind == "kubernetes" {
		tools = clusters.KubernetesTools(filepath.Join(modules, "kubernetes"))
	}
	programs := map[string]string{}
	for _, t := range tools {
		p, err := t.Build(ctx, os.Stderr)
		if err != nil {
			return nil, err
		}
		programs[t.Name] = p
	}
	return programs, nil
}

// state is what a running cluster's folder says about it.
type state struct {
	Kind    string   `json:"kind"`
	Name    string   `json:"name"`
	PID     int      `json:"pid"` // of the process that holds it
	Address string   `json:"address"`
	Nodes   []string `json:"nodes"`
	Env     []string `json:"env"`
}

const stateFile = "cluster.json"

func newRun() *cobra.Command {
	f := &flags{}
	cmd := &cobra.Command{
		Use: "run nomad|kubernetes", Short: "Run a cluster until Ctrl-C", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return f.run(cmd.Context(), args[0]) },
	}
	f.add(cmd)
	return cmd
}

func newWith() *cobra.Command {
	f := &flags{}
	cmd := &cobra.Command{
		Use:     "with nomad|kubernetes -- COMMAND...",
		Short:   "Run a command beside a cluster of its own",
		Example: "  cluster with nomad -- sh -c 'curl $NOMAD_ADDR/v1/nodes'",
		Args:    cobra.MinimumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.hold(cmd.Context(), args[0], func(ctx context.Context, c *clusters.Cluster) error {
				child := exec.CommandContext(ctx, args[1], args[2:]...)
				child.Stdin, child.Stdout, child.Stderr = os.Stdin, os.Stdout, os.Stderr
				child.Env = append(append(os.Environ(), c.Env...), "CARAVAN_CLUSTER="+c.Name)
				child.Cancel = func() error { return child.Process.Signal(syscall.SIGTERM) }
				return child.Run()
			})
		},
	}
	f.add(cmd)
	return cmd
}

func (f *flags) run(ctx context.Context, kind string) error {
	return f.hold(ctx, kind, func(ctx context.Context, _ *clusters.Cluster) error {
		<-ctx.Done()
		return nil
	})
}

// hold starts a cluster, calls use, and removes the cluster when that ends.
func (f *flags) hold(ctx context.Context, kind string, use func(context.Context, *clusters.Cluster) error) error {
	name, err := f.nameFor(kind)
	if err != nil {
		return err
	}
	if f.secure && kind != "nomad" {
		return fmt.Errorf("--secure: found kind %q, allowed: nomad", kind)
	}
	nodes, err := machines(f.scenarios)
	if err != nil {
		return err
	}
	if f.varied > 0 {
		nodes = clusters.VariedNodes(f.varied)
	}
	programs, err := build(ctx, kind, f.modules)
	if err != nil {
		return err
	}
	chroot, err := programBeside()
	if err != nil {
		return err
	}
	began := time.Now()
	c, err := f.startKind(ctx, kind, clusters.Spec{Name: name, Nodes: nodes, Unmanned: f.varied > 0 && kind == "kubernetes", Secure: f.secure, Chroot: chroot, Log: os.Stderr}, programs)
	if err != nil {
		return err
	}
	if err = save(c, kind); err == nil {
		fmt.Fprintf(os.Stderr, "ready after %v: %s\n", time.Since(began).Round(100*time.Millisecond), c.Address)
		err = use(ctx, c)
	}
	removed, closing := c.Close()
	fmt.Fprintf(os.Stderr, "removed %d things of cluster %q\n", len(removed), name)
	return errors.Join(err, closing)
}

// programBeside is the caravan of this program's folder, as the exec driver's
// tasks find it; they have nothing else but the names of users. There may be none.
func programBeside() (map[string]string, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	program := filepath.Join(filepath.Dir(self), "caravan")
	if _, err := os.Stat(program); err != nil {
		return nil, nil
	}
	return map[string]string{program: "/caravan", "/etc/passwd": "/etc/passwd", "/etc/group": "/etc/group"}, nil
}

// save writes the state of a cluster that is ready.
func save(c *clusters.Cluster, kind string) error {
	s := state{Kind: kind, Name: c.Name, PID: os.Getpid(), Address: c.Address, Env: c.Env}
	for _, n := range c.Nodes {
		s.Nodes = append(s.Nodes, n.Name)
	}
	text, err := json.Marshal(s)
	if err != nil {
		return err
	}
	part := filepath.Join(c.Dir, stateFile+".part")
	if err := os.WriteFile(part, append(text, '\n'), 0o600); err != nil {
		return err
	}
	return os.Rename(part, filepath.Join(c.Dir, stateFile))
}

func (f *flags) startKind(ctx context.Context, kind string, s clusters.Spec, programs map[string]string) (*clusters.Cluster, error) {
	if kind == "nomad" {
		return clusters.StartNomad(ctx, s, programs["nomad"])
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	var images []clusters.Image
	for _, text := range f.images {
		ref, program, ok := strings.Cut(text, "=")
		if !ok {
			return nil, fmt.Errorf("--image: found %q, allowed: REF=PROGRAM", text)
		}
		images = append(images, clusters.Image{Ref: ref, Program: program})
	}
	return clusters.StartKubernetes(ctx, s, programs, self, images)
}

// newPause is what the containers that hold the namespaces of pods run.
func newPause() *cobra.Command {
	return &cobra.Command{
		Use: "pause", Hidden: true, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			<-cmd.Context().Done()
			return nil
		},
	}
}

func newStart() *cobra.Command {
	f := &flags{}
	cmd := &cobra.Command{
		Use: "start nomad|kubernetes", Short: "Start a cluster in the background and wait until it is ready", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			name, err := f.nameFor(args[0])
			if err != nil {
				return err
			}
			return f.start(cmd.Context(), args[0], name)
		},
	}
	f.add(cmd)
	return cmd
}

// start runs this program again, detached, and waits for its state.
func (f *flags) start(ctx context.Context, kind, name string) error {
	if _, err := build(ctx, kind, f.modules); err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	log, err := os.CreateTemp("", "caravan-"+name+"-*.log")
	if err != nil {
		return err
	}
	defer os.Remove(log.Name())
	defer log.Close()
	args := []string{"run", kind, "--name", name, "--modules", f.modules}
	if f.secure {
		args = append(args, "--secure")
	}
	if f.varied > 0 {
		args = append(args, "--varied", strconv.Itoa(f.varied))
	}
	for _, i := range f.images {
		args = append(args, "--image", i)
	}
	for _, s := range f.scenarios {
		args = append(args, "--scenario", s)
	}
	cmd := exec.Command(self, args...)
	cmd.Stderr = log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		if s, err := readState(name); err == nil && s.PID == cmd.Process.Pid {
			return json.NewEncoder(os.Stdout).Encode(s)
		}
		select {
		case <-ended:
			text, err := os.ReadFile(log.Name())
			return errors.Join(errors.New(strings.TrimSpace(string(text))), err)
		case <-ctx.Done():
			return errors.Join(ctx.Err(), cmd.Process.Signal(syscall.SIGTERM), <-ended)
		case <-tick.C:
		}
	}
}

func readState(name string) (*state, error) {
	text, err := os.ReadFile(filepath.Join(clusters.Folder(name), stateFile))
	if err != nil {
		return nil, err
	}
	s := &state{}
	return s, json.Unmarshal(text, s)
}

func newStop() *cobra.Command {
	return &cobra.Command{
		Use: "stop NAME", Short: "Stop a cluster and remove all that it created", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return stop(cmd.Context(), args[0]) },
	}
}

// stop asks the process that holds the cluster to end it, and then removes
// what is left, which is everything when that process was killed.
func stop(ctx context.Context, name string) error {
	if s, err := readState(name); err == nil && holds(s) {
		if err := syscall.Kill(s.PID, syscall.SIGTERM); err != nil {
			return err
		}
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for holds(s) {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-tick.C:
			}
		}
	}
	removed, err := clusters.Remove(name)
	for _, line := range removed {
		fmt.Println("removed", line)
	}
	return errors.Join(err, left(name))
}

// holds reports whether the process of the state still runs this program.
func holds(s *state) bool {
	line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", s.PID))
	args := strings.Split(string(line), "\x00")
	return err == nil && len(args) > 2 && args[1] == "run" && args[2] == s.Kind
}

// left is an error when something of the cluster still exists.
func left(name string) error {
	if list := clusters.Existing(name); len(list) > 0 {
		return fmt.Errorf("still there: %s", strings.Join(list, ", "))
	}
	fmt.Printf("nothing of cluster %q is left\n", name)
	return nil
}

func newList() *cobra.Command {
	return &cobra.Command{
		Use: "list NAME", Short: "List what exists of a cluster on this machine", Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			for _, line := range clusters.Existing(args[0]) {
				fmt.Println(line)
			}
			return nil
		},
	}
}
