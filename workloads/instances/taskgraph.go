package instances

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
)

// A TaskGraph is a set of tasks, some of which wait for others, to be run
// without interruption on processors that run one task at a time.
type TaskGraph struct {
	Name string
	// Time is how long a task runs: Time[task][processor]. A row of one number
	// holds for every processor.
	Time [][]float64
	// After is what each task waits for, in the file's order.
	After [][]Arc
	// Bandwidth is how much data passes from one processor to another in a unit
	// of time: Bandwidth[from][to]. Within a processor, and everywhere when it
	// is nil, data takes no time.
	Bandwidth [][]float64
}

// An Arc says that a task needs the data of another one.
type Arc struct {
	Task int
	Data float64
}

// Tasks is the number of tasks.
func (g *TaskGraph) Tasks() int { return len(g.Time) }

// Processors is the number of processors that the times are given for; 0 when
// they hold for any number.
func (g *TaskGraph) Processors() int {
	if g.Tasks() == 0 || len(g.Time[0]) == 1 && g.Bandwidth == nil {
		return 0
	}
	return max(len(g.Time[0]), len(g.Bandwidth))
}

// On is how long a task runs on a processor.
func (g *TaskGraph) On(task, processor int) float64 {
	if row := g.Time[task]; len(row) > 1 {
		return row[processor]
	}
	return g.Time[task][0]
}

// Delay is how long data takes from one processor to another.
func (g *TaskGraph) Delay(data float64, from, to int) float64 {
	if from == to || g.Bandwidth == nil || data == 0 {
		return 0
	}
	return data / g.Bandwidth[from][to]
}

// Before lists for each task those that wait for it, each with the data that
// it gets.
func (g *TaskGraph) Before() [][]Arc {
	out := make([][]Arc, g.Tasks())
	for t, arcs := range g.After {
		for _, a := range arcs {
			out[a.Task] = append(out[a.Task], Arc{t, a.Data})
		}
	}
	return out
}

// Order lists the tasks so that each comes behind those that it waits for, the
// lowest first where there is a choice; shorter than Tasks if they wait in a
// circle.
func (g *TaskGraph) Order() []int {
	before, waits := g.Before(), make([]int, g.Tasks())
	var order, ready []int
	for t := range g.Tasks() {
		waits[t] = len(g.After[t])
		if waits[t] == 0 {
			ready = append(ready, t)
		}
	}
	for len(ready) > 0 {
		t := ready[0]
		ready = ready[1:]
		order = append(order, t)
		for _, a := range before[t] {
			if waits[a.Task]--; waits[a.Task] == 0 {
				ready = append(ready, a.Task)
			}
		}
	}
	return order
}

// Check reports every fault of a graph: an uneven shape, a number that is
// negative or not finite, a task that waits for none that exists or in a
// circle.
func (g *TaskGraph) Check() error {
	if len(g.After) != g.Tasks() {
		return fmt.Errorf("%s: %d rows of times, %d of arcs", g.Name, g.Tasks(), len(g.After))
	}
	good := func(x float64) bool { return x >= 0 && x <= MaxMagnitude }
	var faults []error
	for t, row := range g.Time {
		if len(row) != 1 && len(row) != g.Processors() {
			faults = append(faults, fmt.Errorf("%s: task %d has %d times for %d processors", g.Name, t, len(row), g.Processors()))
		}
		for _, x := range row {
			if !good(x) {
				faults = append(faults, fmt.Errorf("%s: time %v of task %d is not within 0..%d", g.Name, x, t, MaxMagnitude))
			}
		}
		for _, a := range g.After[t] {
			if a.Task < 0 || a.Task >= g.Tasks() || !good(a.Data) {
				faults = append(faults, fmt.Errorf("%s: task %d waits for task %d and its data of %v", g.Name, t, a.Task, a.Data))
			}
		}
	}
	for p, row := range g.Bandwidth {
		if len(row) != len(g.Bandwidth) {
			faults = append(faults, fmt.Errorf("%s: processor %d has %d bandwidths for %d processors", g.Name, p, len(row), len(g.Bandwidth)))
		}
		for q, x := range row {
			if p != q && (!good(x) || x < 1e-9) {
				faults = append(faults, fmt.Errorf("%s: bandwidth %v from processor %d to %d is not within 1e-9..%d", g.Name, x, p, q, MaxMagnitude))
			}
		}
	}
	if len(faults) == 0 && len(g.Order()) < g.Tasks() {
		faults = append(faults, fmt.Errorf("%s: tasks wait for each other in a circle", g.Name))
	}
	return errors.Join(faults...)
}

// ReadSTG reads a graph of the Standard Task Graph Set without communication
// (Tobita and Kasahara, J. Scheduling 5(5), 2002): the number of tasks without
// the two dummies at the ends, then for each task its number, its time, how
// many tasks it waits for, and which.
func ReadSTG(r io.Reader, name string) (*TaskGraph, error) {
	v, err := integers(r, name)
	if err != nil {
		return nil, err
	}
	if len(v) == 0 || v[0] < 0 || v[0] > int64(len(v)) {
		return nil, fmt.Errorf("%s: no number of tasks", name)
	}
	g := &TaskGraph{Name: name}
	v, tasks := v[1:], v[0]+2
	for t := range tasks {
		if len(v) < 3 || v[2] < 0 || v[2] > int64(len(v)-3) {
			return nil, fmt.Errorf("%s: task %d of %d ends early", name, t, tasks)
		}
		if v[0] != t {
			return nil, fmt.Errorf("%s: task %d stands where task %d belongs", name, v[0], t)
		}
		var arcs []Arc
		for _, from := range v[3 : 3+v[2]] {
			arcs = append(arcs, Arc{Task: int(from)})
		}
		g.Time, g.After = append(g.Time, []float64{float64(v[1])}), append(g.After, arcs)
		v = v[3+v[2]:]
	}
	if len(v) > 0 {
		return nil, fmt.Errorf("%s: %d numbers after the last task", name, len(v))
	}
	return g, g.Check()
}

// ReadTaskTables reads a graph from three tables with a head line and a name at
// the start of each line: the time of each task (line) on each processor
// (column), the data from each task to each other (0: none), the bandwidth
// from each processor to each other (as Topcuoglu, Hariri, Wu, IEEE TPDS
// 13(3), 2002, table 1 and figure 2).
func ReadTaskTables(times, data, bandwidth io.Reader, name string) (*TaskGraph, error) {
	g := &TaskGraph{Name: name}
	var edges [][]float64
	var faults []error
	for _, table := range []struct {
		what string
		r    io.Reader
		to   *[][]float64
	}{{"times", times, &g.Time}, {"data", data, &edges}, {"bandwidth", bandwidth, &g.Bandwidth}} {
		var err error
		if *table.to, err = readTable(table.r); err != nil {
			faults = append(faults, fmt.Errorf("%s: %s: %w", name, table.what, err))
		}
	}
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	g.After = make([][]Arc, g.Tasks())
	if len(edges) != g.Tasks() {
		return nil, fmt.Errorf("%s: data from %d tasks, times of %d", name, len(edges), g.Tasks())
	}
	for from, row := range edges {
		if len(row) != g.Tasks() {
			return nil, fmt.Errorf("%s: task %d sends data to %d tasks of %d", name, from, len(row), g.Tasks())
		}
		for to, x := range row {
			if x != 0 {
				g.After[to] = append(g.After[to], Arc{from, x})
			}
		}
	}
	return g, g.Check()
}

// readTable reads comma-separated numbers behind a head line and a first
// column.
func readTable(r io.Reader) ([][]float64, error) {
	c := csv.NewReader(r)
	c.FieldsPerRecord = -1
	var out [][]float64
	for line := 0; ; line++ {
		record, err := c.Read()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		if line == 0 {
			continue
		}
		row := make([]float64, len(record)-1)
		for k := range row {
			x, err := strconv.ParseFloat(strings.TrimSpace(record[k+1]), 64)
			if err != nil || math.IsNaN(x) {
				return nil, fmt.Errorf("line %d: %q is not a number", line+1, record[k+1])
			}
			row[k] = x
		}
		out = append(out, row)
	}
}
