package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// A peer is a simulator to compare with, and the Debian packages it takes.
type peer struct {
	name     string
	packages []string
	probe    []string // a command that succeeds where the peer can be used
}

// distPackages is where Debian puts the Python packages; PyPy must be told.
const distPackages = "/usr/lib/python3/dist-packages"

func peers() []peer {
	compile := func(header string) []string {
		return []string{"g++", "-fsyntax-only", "-std=c++17", "-w", "-x", "c++", "-include", header, os.DevNull}
	}
	return []peer{
		{"cpp", []string{"g++"}, compile("vector")},
		{"ns3", []string{"g++", "libns3-dev"}, compile("ns3/core-module.h")},
		{"simgrid", []string{"g++", "libsimgrid-dev"}, compile("simgrid/s4u.hpp")},
		{"simpy", []string{"python3", "python3-simpy3"}, []string{python(), "-c", "import simpy"}},
		{"pypy", []string{"pypy3", "python3-simpy3"}, []string{"pypy3", "-c", "import simpy"}},
	}
}

// python is Debian's interpreter if there is one, as Debian's SimPy is for it.
func python() string {
	if _, err := os.Stat("/usr/bin/python3"); err == nil {
		return "/usr/bin/python3"
	}
	return "python3"
}

func peerNames() []string {
	var names []string
	for _, p := range peers() {
		names = append(names, p.name)
	}
	return names
}

// A program is built from one source by the C++ compiler.
type program struct {
	name, peer, source string
	flags              []string // before the source
	libraries          []string
}

func programs() []program {
	tuned := []string{"-O3", "-march=native", "-std=c++17"}
	plain := []string{"-O3", "-DNDEBUG", "-std=c++17", "-w"} // the headers of the libraries warn
	return []program{
		{"hold", "cpp", "cpp/hold.cpp", tuned, nil},
		{"queueing", "cpp", "cpp/queueing.cpp", tuned, nil},
		{"ns3-queueing", "ns3", "ns3/queueing.cc", plain, []string{"-lns3-core"}},
		{"simgrid-queueing", "simgrid", "simgrid/queueing.cpp", plain, []string{"-lsimgrid"}},
		{"simgrid-flows", "simgrid", "simgrid/flows.cpp", plain, []string{"-lsimgrid"}},
	}
}

// prepare makes every peer that the chosen workloads need ready to run. A
// peer that cannot be had fails the run; --skip is how to do without.
func (b *bench) prepare(ctx context.Context) error {
	needed := map[string]bool{}
	for _, w := range b.workloads() {
		for _, s := range w.sides {
			needed[s.peer] = true
		}
	}
	var missing []peer
	for _, p := range peers() {
		if needed[p.name] && b.command(ctx, p.probe...).Run() != nil {
			missing = append(missing, p)
		}
	}
	if err := b.install(ctx, missing); err != nil {
		return err
	}
	for _, p := range programs() {
		if needed[p.peer] {
			if err := b.build(ctx, p); err != nil {
				return err
			}
		}
	}
	return nil
}

// install asks apt for the packages of the missing peers.
func (b *bench) install(ctx context.Context, missing []peer) error {
	if len(missing) == 0 {
		return nil
	}
	var packages []string
	for _, p := range missing {
		packages = append(packages, p.packages...)
	}
	slices.Sort(packages)
	packages = slices.Compact(packages)
	var failed error
	if _, err := exec.LookPath("apt-get"); err == nil && os.Geteuid() == 0 {
		fmt.Fprintln(b.progress, "installing", strings.Join(packages, " "))
		cmd := b.command(ctx, append([]string{"apt-get", "install", "-y", "--no-install-recommends"}, packages...)...)
		cmd.Env = append(cmd.Env, "DEBIAN_FRONTEND=noninteractive")
		if text, err := cmd.CombinedOutput(); err != nil {
			failed = fmt.Errorf("apt-get install %s: %w\n%s", strings.Join(packages, " "), err, tail(text))
		}
	}
	var faults []error
	for _, p := range missing {
		if text, err := b.command(ctx, p.probe...).CombinedOutput(); err != nil {
			faults = append(faults, fmt.Errorf("peer %q is not usable: %s: %w\n%s\ninstall %s, or --skip %s",
				p.name, strings.Join(p.probe, " "), err, tail(text), strings.Join(p.packages, " "), p.name))
		}
	}
	if len(faults) == 0 {
		return nil
	}
	return errors.Join(append([]error{failed}, faults...)...)
}

// build compiles p unless its binary is newer than all sources.
func (b *bench) build(ctx context.Context, p program) error {
	out := b.binary(p.name)
	if fresh, err := b.fresh(out); err != nil || fresh {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(out), 0o755); err != nil {
		return err
	}
	fmt.Fprintln(b.progress, "building", p.name)
	argv := slices.Concat([]string{"g++"}, p.flags, []string{filepath.Join(b.dir, "peers", p.source), "-o", out}, p.libraries)
	if text, err := b.command(ctx, argv...).CombinedOutput(); err != nil {
		return fmt.Errorf("building %s: %w\n%s", p.name, err, tail(text))
	}
	return nil
}

func (b *bench) binary(name string) string { return filepath.Join(b.dir, "build", name) }

// fresh reports whether a binary is newer than every source of the peers.
func (b *bench) fresh(binary string) (bool, error) {
	built, err := os.Stat(binary)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	fresh := true
	err = filepath.WalkDir(filepath.Join(b.dir, "peers"), func(_ string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil && info.ModTime().After(built.ModTime()) {
			fresh = false
		}
		return err
	})
	return fresh, err
}

// command prepares a program that is killed when ctx ends.
func (b *bench) command(ctx context.Context, argv ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Env = append(os.Environ(), "PYTHONPATH="+distPackages)
	return cmd
}

// tail keeps the end of a program's output, where the reason mostly stands.
func tail(text []byte) string {
	const most = 2000
	if len(text) > most {
		text = text[len(text)-most:]
	}
	return strings.TrimSpace(string(text))
}
