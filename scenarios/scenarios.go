// Package scenarios reads the files that people write: a topology, a
// workload, and how to solve and simulate them. It is the only place that
// knows the file format, and it turns one file into the nouns that everything
// else works on, or into every fault that the file has.
//
// Reading goes one way: bytes to a tree of values with positions (tree.go),
// overrides applied to the tree (override.go), the tree decoded into the
// structs of the format (format.go, decode.go), and those built into nouns
// (build_*.go). Faults are collected on the way and reported together.
package scenarios

import (
	"path"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"time"

	"caravan/topology"
	"caravan/workloads"
	"caravan/workloads/placement"
)

// A Scenario is a file as the rest of Caravan sees it: checked, with every
// default filled in.
type Scenario struct {
	Name        string
	Description string
	Seed        uint64
	Topology    *topology.Topology
	Workload    *workloads.Workload
	Model       placement.Model
	Solve       SolveSpec
	Simulate    SimulateSpec
	Faults      []workloads.Fault
	LinkChanges []workloads.LinkChange
	// ControlPlane is nil where jobs are placed without an orchestrator.
	ControlPlane *ControlPlaneSpec
	Events       []workloads.Event

	// Warnings are doubts that do not keep the scenario from running.
	Warnings []string
	// Text is the document after overrides in a canonical form: JSON with
	// sorted keys, without comments, aliases expanded. Nodes keep the order of
	// the file, which breaks ties between them. It is itself a scenario file,
	// and reading it gives the same scenario.
	Text []byte
	// SHA256 is the hash of Text and of the data files that it names, in
	// hexadecimal. Comments and layout of the file do not change it.
	SHA256 string
	// Files are the data files that the scenario names, as they were found on
	// disk, by the names it uses.
	Files map[string][]byte
}

// SolveSpec says how work is placed.
type SolveSpec struct {
	Solver    string   // a row of the catalogue
	Objective string   // of solver.Objectives
	Then      []string // objectives to minimise afterwards
	Also      []Weighed
	Limits    []Limit
	MaxSteps  int64  // 0 leaves the bound to the solver
	Policy    string // places jobs that arrive during a simulation; empty follows the solver
}

// SimulateSpec says how long and how often a run is simulated.
type SimulateSpec struct {
	Duration        time.Duration // of each replication
	Warmup          time.Duration // cut off the start; 0 with AutoWarmup
	AutoWarmup      bool          // find the warm-up by MSER-5
	Replications    int
	Precision       float64 // relative half-width to reach; 0 is off
	MaxReplications int
	Requests        int // ends a replication; 0 is off
}

// Options say how to read a scenario. The zero value reads it as it is.
type Options struct {
	// Set overrides fields, each as `path=value` with the value in YAML:
	// topology.nodes.camera.speed=0.5. Items of a list go by number or name.
	Set []string
	// Seed replaces the file's, when not nil.
	Seed *uint64
	// Dir is where data files are looked for. Empty is the folder of the
	// shipped scenarios inside the program.
	Dir string
	// Files are data files by the names that the scenario uses; they are taken
	// before the disk is asked.
	Files map[string][]byte
	// Solvers are the names that solve.solver may have; empty allows any.
	Solvers []string
}

// Load reads the scenario in data. name is the file's name, used in messages
// and, without its folder and ending, as the scenario's default name. When
// the scenario is wrong the error is *Errors.
func Load(name string, data []byte, o Options) (*Scenario, error) {
	f := &faults{}
	root := parse(data, 0, f)
	if f.fatal { // what else is wrong cannot be seen past a fault of syntax
		return nil, f.errors(name, data, o.Set)
	}
	if root == nil || root.kind == null {
		f.add(position{line: 1, column: 1}, "", "the file is empty (allowed: at least topology and workload)")
		return nil, f.errors(name, data, o.Set)
	}
	set := o.Set
	if o.Seed != nil {
		set = append(append([]string{}, o.Set...), "seed="+strconv.FormatUint(*o.Seed, 10))
	}
	for i, argument := range set {
		override(root, argument, i+1, f)
	}
	if root.kind == mapping {
		root.entries, root.index = dropExtensions(root.entries), nil
	}
	s := build(name, root, o, f)
	if err := f.errors(name, data, set); err != nil {
		return nil, err
	}
	return s, nil
}

// build decodes the tree and makes the scenario; it is complete only when no
// fault was found.
func build(name string, root *value, o Options, f *faults) *Scenario {
	file := &File{}
	d := &decoder{faults: f}
	d.decode(reflect.ValueOf(file), place{v: root}, "")
	if root.kind != mapping {
		return nil
	}
	b := &builder{decoder: d, files: files{dir: o.Dir, given: o.Files}, seed: file.Seed}
	if root.get("topology") == nil || root.get("topology").kind != mapping {
		b.blind, b.byName = true, map[string]topology.NodeID{}
	} else {
		b.buildTopology(&file.Topology)
	}
	s := &Scenario{
		Name: file.Name, Description: file.Description, Seed: file.Seed,
		Model: file.model(),
	}
	if s.Name == "" {
		s.Name = baseName(name)
	}
	if v := root.get("workload"); v != nil && v.kind == mapping {
		s.Workload = b.buildWorkload(&file.Workload)
		s.Solve = file.solve(s.Workload)
	}
	b.solver(&file.Solve, o.Solvers)
	s.Simulate = b.simulate(&file.Simulate)
	s.Faults = b.outages(file.Faults)
	s.LinkChanges = b.changes(file.LinkChanges)
	s.Events = b.events(file.Events, s.Workload)
	s.ControlPlane = b.controlPlane(file, s.Events)
	s.Topology = b.topology
	if len(f.list) == 0 {
		b.check(s, &file.Workload)
	}
	s.Warnings = b.warnings
	s.Text = canonical(root)
	s.SHA256 = b.files.hash(s.Text)
	s.Files = b.files.read
	return s
}

// dropExtensions removes the keys that begin with x-.
func dropExtensions(entries []entry) []entry {
	kept := entries[:0:0]
	for _, e := range entries {
		if !strings.HasPrefix(e.key, "x-") {
			kept = append(kept, e)
		}
	}
	return kept
}

// baseName is the file's name without folder and ending.
func baseName(name string) string {
	base := path.Base(filepath.ToSlash(name))
	return strings.TrimSuffix(base, path.Ext(base))
}

// solver checks the solver's name against those that exist.
func (b *builder) solver(s *Solve, known []string) {
	if s.Solver != "" && len(known) > 0 && !contains(known, s.Solver) {
		b.fault(s.place.key("solver"), "no solver %q%s", clip(s.Solver), allowed(s.Solver, known))
	}
}
