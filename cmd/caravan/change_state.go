package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"caravan/results"
	"caravan/scenarios"
	"caravan/solver/binpack"
	"caravan/workloads"
)

// mostStateBytes bounds a file with a placement.
const mostStateBytes = 1 << 30

// A force is the placement in force: where each instance runs.
type force struct {
	jobs     map[string]map[string]map[int]string // node by job, group and instance
	ops      map[string]map[string]string         // node by pipeline and operator
	placed   []results.Placed
	versions map[string]*workloads.Job // as they run, by name; nil when that is not known
	warnings []string
}

// readForce reads the JSON of caravan solve, or a saved run.
func readForce(path string) (*force, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("--against: %w", err)
	}
	if info.Size() > mostStateBytes {
		return nil, fmt.Errorf("--against: %s: found %d bytes, allowed: %d", path, info.Size(), mostStateBytes)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("--against: %w", err)
	}
	var state struct {
		Version   int              `json:"version"`
		Placement []results.Placed `json:"placement"`
		Solutions json.RawMessage  `json:"solutions"`
		Text      string           `json:"scenario_text"`
	}
	if err := json.Unmarshal(data, &state); err != nil {
		return nil, fmt.Errorf("--against: %s: %w", path, err)
	}
	switch {
	case state.Solutions != nil:
		return nil, fmt.Errorf("--against: %s: found the solutions of several solvers, allowed: one placement", path)
	case state.Version != shapeVersion || state.Placement == nil:
		return nil, errors.New("--against: " + path + ": found no placement, allowed: what caravan solve --output json or caravan run wrote")
	}
	f := &force{jobs: map[string]map[string]map[int]string{}, ops: map[string]map[string]string{}, placed: state.Placement}
	for _, p := range state.Placement {
		if f.jobs[p.Workload] == nil {
			f.jobs[p.Workload] = map[string]map[int]string{}
			f.ops[p.Workload] = map[string]string{}
		}
		if f.jobs[p.Workload][p.Item] == nil {
			f.jobs[p.Workload][p.Item] = map[int]string{}
		}
		f.jobs[p.Workload][p.Item][p.Instance] = p.Node
		f.ops[p.Workload][p.Item] = p.Node
	}
	if state.Text != "" {
		old, err := scenarios.Load(path, []byte(state.Text), scenarios.Options{Dir: ".", Solvers: solverNames()})
		if err != nil {
			f.warnings = append(f.warnings, fmt.Sprintf("the scenario inside %s is not read, so that updates are not seen: %v", path, err))
		} else {
			f.keepVersions(old)
		}
	}
	return f, nil
}

// keepVersions remembers the jobs of the scenario that the placement was made
// from.
func (f *force) keepVersions(old *scenarios.Scenario) {
	f.versions = map[string]*workloads.Job{}
	for i := range old.Workload.Jobs {
		f.versions[old.Workload.Jobs[i].Name] = &old.Workload.Jobs[i]
	}
}

// evictingTypes is the job types that may evict others: those of the flag, or
// as the scenario says.
func evictingTypes(text string, s *scenarios.Scenario) ([]workloads.JobType, error) {
	if text == "" {
		if s.ControlPlane != nil {
			return s.ControlPlane.Preempts, nil
		}
		return binpack.DefaultPreemption(), nil
	}
	known := []string{string(workloads.Service), string(workloads.Batch), string(workloads.System), string(workloads.SysBatch)}
	names, err := splitList(text, known)
	if err != nil {
		return nil, fmt.Errorf("--preempt: %w", err)
	}
	var out []workloads.JobType
	for _, n := range names {
		out = append(out, workloads.JobType(n))
	}
	return out, nil
}
