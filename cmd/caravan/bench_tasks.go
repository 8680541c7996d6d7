package main

import (
	"context"
	"encoding/csv"
	"fmt"
	"io/fs"
	"math"
	"path"
	"strconv"
	"strings"
	"time"

	"caravan/solver"
	"caravan/solver/reassign"
	"caravan/solver/schedule"
	"caravan/workloads/instances"
)

// taskTimes ends the name of a table of times, beside which stand those of the
// data and of the bandwidths.
const taskTimes = "_task_exe_time.csv"

// modelPrefix begins the name of a model of machine reassignment.
const modelPrefix = "model_"

// taskCases reads task graphs: files of the Standard Task Graph Set, on every
// number of processors that the table of makespans beside them lists, and
// tables of unequal processors.
func taskCases(fsys fs.FS, graphs, tables []string) ([]benchCase, error) {
	known, err := readMakespans(fsys)
	if err != nil {
		return nil, err
	}
	var out []benchCase
	for _, name := range graphs {
		f, err := fsys.Open(name)
		if err != nil {
			return nil, err
		}
		g, err := instances.ReadSTG(f, name)
		f.Close()
		if err != nil {
			return nil, err
		}
		base := strings.TrimSuffix(path.Base(name), ".stg")
		for _, processors := range []int{2, 4, 8, 16} {
			c := taskCase(fmt.Sprintf("stg/%s on %d", base, processors), g, processors)
			if k, ok := known[makespanKey(path.Base(name), processors)]; ok {
				c.Known, c.Proved = k.value, k.proved
			}
			out = append(out, c)
		}
	}
	for _, name := range tables {
		g, err := openTables(fsys, strings.TrimSuffix(name, taskTimes))
		if err != nil {
			return nil, err
		}
		out = append(out, taskCase("tasks/"+path.Base(g.Name), g, g.Processors()))
	}
	return out, nil
}

func taskCase(name string, g *instances.TaskGraph, processors int) benchCase {
	return benchCase{
		Name: name, Known: math.NaN(), Solvers: []string{"heft", "cpop", "schedule"},
		Run: func(ctx context.Context, solverName string, _ time.Duration) (benchAnswer, error) {
			listed := func(s schedule.Schedule, err error) (benchAnswer, error) {
				return benchAnswer{Status: string(solver.Feasible), Cost: s.Makespan, Bound: math.NaN(), Steps: int64(g.Tasks())}, err
			}
			switch solverName {
			case "heft":
				return listed(schedule.HEFT(g, processors))
			case "cpop":
				return listed(schedule.CPOP(g, processors))
			}
			r, err := schedule.Solve(ctx, g, processors, schedule.Options{})
			return benchAnswer{Status: proved(r.Proved), Cost: r.Makespan, Bound: r.Bound, Steps: r.Steps}, err
		},
	}
}

// A makespan is a published one; proved says that its table says how.
type makespan struct {
	value  float64
	proved bool
}

func makespanKey(file string, processors int) string { return file + "/" + strconv.Itoa(processors) }

// readMakespans reads the tables with columns file, processors and
// optimal_makespan.
func readMakespans(fsys fs.FS) (map[string]makespan, error) {
	out := map[string]makespan{}
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || path.Ext(name) != ".csv" {
			return err
		}
		f, err := fsys.Open(name)
		if err != nil {
			return err
		}
		defer f.Close()
		r := csv.NewReader(f)
		r.FieldsPerRecord = -1
		head, err := r.Read()
		if err != nil || len(head) < 3 || head[0] != "file" || head[1] != "processors" || head[2] != "optimal_makespan" {
			return nil // another table
		}
		rows, err := r.ReadAll()
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		for k, row := range rows {
			if len(row) < 3 {
				return fmt.Errorf("%s: line %d: found %d columns, allowed: 3 or more", name, k+2, len(row))
			}
			processors, err := strconv.Atoi(row[1])
			if err != nil {
				return fmt.Errorf("%s: line %d: processors: found %q, allowed: a whole number", name, k+2, row[1])
			}
			value, err := strconv.ParseFloat(row[2], 64)
			if err != nil {
				return fmt.Errorf("%s: line %d: optimal_makespan: found %q, allowed: a number", name, k+2, row[2])
			}
			out[makespanKey(row[0], processors)] = makespan{value, strings.Contains(strings.Join(row[3:], ","), "proved")}
		}
		return nil
	})
	return out, err
}

func openTables(fsys fs.FS, prefix string) (*instances.TaskGraph, error) {
	var files []fs.File
	for _, suffix := range []string{taskTimes, "_task_connectivity.csv", "_resource_BW.csv"} {
		f, err := fsys.Open(prefix + suffix)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		files = append(files, f)
	}
	return instances.ReadTaskTables(files[0], files[1], files[2], prefix)
}

// reassignCases reads the pairs of model_NAME.txt and assignment_NAME.txt.
func reassignCases(fsys fs.FS, models []string, answers map[string]float64) ([]benchCase, error) {
	var out []benchCase
	for _, name := range models {
		base := strings.TrimSuffix(strings.TrimPrefix(path.Base(name), modelPrefix), ".txt")
		model, err := fsys.Open(name)
		if err != nil {
			return nil, err
		}
		defer model.Close()
		start, err := fsys.Open(path.Join(path.Dir(name), "assignment_"+base+".txt"))
		if err != nil {
			return nil, err
		}
		defer start.Close()
		p, err := instances.ReadReassignment(model, start, base)
		if err != nil {
			return nil, err
		}
		c := benchCase{Name: "reassign/" + base, Known: math.NaN(), Solvers: []string{"reassign"}}
		if v, ok := answers[base]; ok {
			c.Known = v
		}
		c.Run = func(ctx context.Context, _ string, _ time.Duration) (benchAnswer, error) {
			r, err := reassign.Solve(ctx, p, reassign.Options{})
			return benchAnswer{Status: proved(r.Proved()), Cost: float64(r.Cost), Bound: float64(r.Bound), Steps: r.Steps}, err
		}
		out = append(out, c)
	}
	return out, nil
}
