package workloads

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"sort"
	"time"

	"caravan/topology"
)

// decodeJSON reads a document; errors name the line.
func decodeJSON(name string, data []byte, into any) error {
	err := json.Unmarshal(data, into)
	if err == nil {
		return nil
	}
	offset := int64(0)
	var syntax *json.SyntaxError
	var typed *json.UnmarshalTypeError
	if errors.As(err, &syntax) {
		offset = syntax.Offset
	} else if errors.As(err, &typed) {
		offset = typed.Offset
	}
	line := 1 + bytes.Count(data[:min(int(offset), len(data))], []byte("\n"))
	return fmt.Errorf("%s:%d: %w", name, line, err)
}

// wfFile is WfFormat 1.5 as far as it is used.
type wfFile struct {
	Name     string `json:"name"`
	Workflow struct {
		Specification struct {
			Tasks []wfTask `json:"tasks"`
			Files []struct {
				ID   string  `json:"id"`
				Size float64 `json:"sizeInBytes"`
			} `json:"files"`
		} `json:"specification"`
		Execution struct {
			Makespan float64 `json:"makespanInSeconds"`
			Tasks    []struct {
				ID      string  `json:"id"`
				Runtime float64 `json:"runtimeInSeconds"`
				Cores   float64 `json:"coreCount"`
				Memory  float64 `json:"memoryInBytes"`
			} `json:"tasks"`
			Machines []struct {
				Name string `json:"nodeName"`
				CPU  struct {
					Cores int     `json:"coreCount"`
					Speed float64 `json:"speedInMHz"`
				} `json:"cpu"`
				Memory float64 `json:"memoryInBytes"`
			} `json:"machines"`
		} `json:"execution"`
	} `json:"workflow"`
}

type wfTask struct {
	ID      string   `json:"id"`
	Parents []string `json:"parents"`
	Inputs  []string `json:"inputFiles"`
	Outputs []string `json:"outputFiles"`
}

// readWfCommons reads a workflow instance (Coleman et al., FGCS 128, 2022):
// one pipeline whose operators are the tasks, with the recorded run times as
// work, that runs once. A task's output is the mean, over its children, of
// the bytes of its files that a child reads.
func readWfCommons(name string, data []byte) (*Imported, error) {
	var f wfFile
	if err := decodeJSON(name, data, &f); err != nil {
		return nil, err
	}
	spec, run := &f.Workflow.Specification, &f.Workflow.Execution
	size := map[string]float64{}
	for _, x := range spec.Files {
		size[x.ID] = x.Size
	}
	runtime := map[string]float64{}
	for _, x := range run.Tasks {
		if !(x.Runtime >= 0) || math.IsInf(x.Runtime, 0) {
			return nil, fmt.Errorf("%s: task %q: runtimeInSeconds: found %v, allowed is a number from 0 up", name, x.ID, x.Runtime)
		}
		runtime[x.ID] = x.Runtime
	}
	order, err := topological(name, spec.Tasks)
	if err != nil {
		return nil, err
	}
	position := map[string]int{}
	p := Pipeline{Name: f.Name, Priority: 50, Source: topology.None, Sink: topology.None, Arrivals: Arrivals{Kind: Trace, Times: make([]time.Duration, 1)}}
	if p.Name == "" {
		p.Name = "workflow"
	}
	sent, children := make([]float64, len(order)), make([]float64, len(order))
	for k, i := range order {
		t := &spec.Tasks[i]
		position[t.ID] = k
		o := Operator{Name: t.ID, Work: Const(runtime[t.ID]), Node: topology.None}
		for _, parent := range t.Parents {
			a := position[parent]
			o.After = append(o.After, a)
			sent[a] += shared(spec.Tasks[order[a]].Outputs, t.Inputs, size)
			children[a]++
		}
		slices.Sort(o.After)
		p.Operators = append(p.Operators, o)
	}
	for k := range p.Operators {
		if children[k] > 0 {
			p.Operators[k].Output = Const(sent[k] / children[k])
		}
	}
	out := &Imported{Pipelines: []Pipeline{p}, MeasuredMakespanSeconds: run.Makespan}
	for i, m := range run.Machines {
		n := topology.Node{
			Name: m.Name, Cores: max(1, m.CPU.Cores), Speed: 1,
			CPU: topology.MHz(float64(max(1, m.CPU.Cores)) * max(m.CPU.Speed, 0)), Memory: topology.Bytes(max(m.Memory, 0)),
		}
		if n.Name == "" {
			n.Name = fmt.Sprintf("machine%d", i+1)
		}
		out.Nodes = append(out.Nodes, n)
	}
	return out, nil
}

// shared is the bytes of the files that one task writes and another reads.
func shared(outputs, inputs []string, size map[string]float64) float64 {
	in := map[string]bool{}
	for _, f := range inputs {
		in[f] = true
	}
	sum := 0.0
	for _, f := range outputs {
		if in[f] {
			sum += max(size[f], 0)
		}
	}
	return sum
}

// topological orders tasks behind their parents, equals as in the file.
func topological(name string, tasks []wfTask) ([]int, error) {
	index := map[string]int{}
	for i, t := range tasks {
		if _, dup := index[t.ID]; dup || t.ID == "" {
			return nil, fmt.Errorf("%s: task id %q is missing or taken", name, t.ID)
		}
		index[t.ID] = i
	}
	missing := make([]int, len(tasks))
	children := make([][]int, len(tasks))
	for i, t := range tasks {
		for _, p := range t.Parents {
			a, ok := index[p]
			if !ok {
				return nil, fmt.Errorf("%s: task %q: no parent %q", name, t.ID, p)
			}
			missing[i]++
			children[a] = append(children[a], i)
		}
	}
	var ready, order []int
	for i := range tasks {
		if missing[i] == 0 {
			ready = append(ready, i)
		}
	}
	for len(ready) > 0 {
		i := ready[0]
		ready = ready[1:]
		order = append(order, i)
		for _, c := range children[i] {
			if missing[c]--; missing[c] == 0 {
				at := sort.SearchInts(ready, c)
				ready = slices.Insert(ready, at, c)
			}
		}
	}
	if len(order) < len(tasks) {
		return nil, fmt.Errorf("%s: %d tasks wait for each other in a cycle", name, len(tasks)-len(order))
	}
	if len(order) == 0 {
		return nil, fmt.Errorf("%s: no task", name)
	}
	return order, nil
}

// berkeleyStage is one operator of a profile.
type berkeleyStage struct {
	Seconds float64 `json:"cloud_execution_time"`
	Bytes   float64 `json:"output_msg_size"`
}

// readBerkeleyProfile reads a profile of Berkeley's Nomad: pipelines by name
// (such as demo-...), each a list of operators with the time on the strongest
// machine in seconds and the output in bytes. Arrivals follow the upstream
// source: one second of sleep before every call.
func readBerkeleyProfile(name string, data []byte) (*Imported, error) {
	var f map[string][]berkeleyStage
	if err := decodeJSON(name, data, &f); err != nil {
		return nil, err
	}
	names := make([]string, 0, len(f))
	for n := range f {
		names = append(names, n)
	}
	slices.Sort(names)
	out := &Imported{}
	for _, n := range names {
		if len(f[n]) == 0 {
			return nil, fmt.Errorf("%s: %q: no operator", name, n)
		}
		p := Pipeline{Name: n, Priority: 50, Source: topology.None, Sink: topology.None}
		for j, st := range f[n] {
			o := Operator{Name: fmt.Sprintf("op%d", j+1), Work: Const(st.Seconds), Output: Const(st.Bytes), Node: topology.None}
			if err := errors.Join(o.Work.Check(), o.Output.Check()); err != nil {
				return nil, fmt.Errorf("%s: %q: operator %d: %w", name, n, j+1, err)
			}
			if j > 0 {
				o.After = []int{j - 1}
			}
			p.Operators = append(p.Operators, o)
		}
		p.Arrivals = Arrivals{Kind: Periodic, Period: topology.Seconds(1 + f[n][0].Seconds)}
		out.Pipelines = append(out.Pipelines, p)
	}
	return out, nil
}
