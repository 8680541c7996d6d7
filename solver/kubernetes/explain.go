package kubernetes

import (
	"maps"
	"slices"
	"strings"

	"caravan/solver"
	"caravan/topology"
	"caravan/workloads"
)

// A Candidate is a node with room, and what each plugin gives it, weighted.
type Candidate struct {
	Decision
	Parts []solver.Part
}

// Candidates scores every node that rules and room allow, in their order. It
// draws nothing: Select chooses one of those with the highest score.
func (s *Scheduler) Candidates(spec *workloads.Job, group int) []Candidate {
	ask := s.ask(&spec.Groups[group])
	var found []candidate
	for n := range topology.NodeID(s.fleet.Len()) {
		if !s.allowed(spec, group, n, nil) {
			continue
		}
		if d, ok := s.fits(ask, n, nil); ok {
			found = append(found, candidate{Decision: d})
		}
	}
	s.score(spec, group, found)
	var out []Candidate
	for i := range found {
		c := Candidate{Decision: found[i].Decision}
		for k, p := range plugins {
			c.Parts = append(c.Parts, solver.Part{Scorer: p.name, Score: p.weight * found[i].parts[k]})
		}
		out = append(out, c)
	}
	return out
}

// LeastHarm lists the nodes on which evictions do least harm, in their order.
// Upstream takes any of them: it goes through a map.
func (s *Scheduler) LeastHarm(spec *workloads.Job, group int) []Victims {
	ask := s.ask(&spec.Groups[group])
	var found []Victims
	for n := range topology.NodeID(s.fleet.Len()) {
		if s.allowed(spec, group, n, nil) {
			if v, ok := s.victims(spec.Priority, ask, n); ok {
				found = append(found, v)
			}
		}
	}
	if len(found) == 0 {
		return nil
	}
	least := harmOf(Pick(found))
	return slices.DeleteFunc(found, func(v Victims) bool { return harmOf(&v).compare(least) != 0 })
}

// Why a node is left out, in the scheduler's words.
const (
	Unschedulable  = "node(s) were unschedulable"
	Untolerated    = "node(s) had untolerated taint(s)"
	WrongNode      = "node(s) didn't match Pod's node affinity/selector"
	WithoutCPU     = "Insufficient cpu"
	WithoutMemory  = "Insufficient memory"
	WithoutDisk    = "Insufficient ephemeral-storage"
	TooNearAnother = "node(s) didn't match pod anti-affinity rules"
)

// Reasons counts the nodes that the group finds no place on by the first rule
// that leaves them out; one that lacks several resources counts for each
// (framework/types.go, FitError).
func (s *Scheduler) Reasons(spec *workloads.Job, group int) []solver.NodeCount {
	counts := map[string]int{}
	for n := range topology.NodeID(s.fleet.Len()) {
		for _, r := range s.reasons(spec, group, n) {
			counts[r]++
		}
	}
	var out []solver.NodeCount
	for _, r := range slices.Sorted(maps.Keys(counts)) {
		out = append(out, solver.NodeCount{What: r, Nodes: counts[r]})
	}
	return out
}

// reasons asks the filters in the order of the default plugins.
func (s *Scheduler) reasons(spec *workloads.Job, group int, n topology.NodeID) []string {
	if !s.view.Standing(n).Takes() {
		return []string{Unschedulable}
	}
	node := s.fleet.Machine(n).Node
	refused := func(taint bool) bool {
		for _, list := range [][]workloads.Constraint{spec.Constraints, spec.Groups[group].Constraints} {
			for i := range list {
				if isTaint(list[i].Attribute) == taint && !list[i].Allows(node) {
					return true
				}
			}
		}
		return false
	}
	switch {
	case refused(true):
		return []string{Untolerated}
	case refused(false) || !spec.In(node):
		return []string{WrongNode}
	}
	var out []string
	held := s.ask(&spec.Groups[group]).On(s.fleet.Machine(n))
	free := s.view.Free(n)
	if held.CPU > free.CPU {
		out = append(out, WithoutCPU)
	}
	if held.Memory > free.Memory {
		out = append(out, WithoutMemory)
	}
	if held.Disk > free.Disk {
		out = append(out, WithoutDisk)
	}
	if len(out) == 0 && !s.allowed(spec, group, n, nil) {
		return []string{TooNearAnother}
	}
	return out
}

// isTaint reports whether an attribute is a taint's, as manifests are read.
func isTaint(attribute string) bool { return strings.HasPrefix(attribute, "taint.") }
