package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"caravan/solver"
	"caravan/solver/bins"
	"caravan/solver/gap"
	"caravan/workloads/instances"
)

// mostInstanceBytes bounds a file of instances.
const mostInstanceBytes = 64 << 20

// dataCases reads every instance below a folder: a file's format follows from
// its name and content. Answers come from the CSV files that name an optimum.
func dataCases(fsys fs.FS) ([]benchCase, error) {
	answers := map[string]float64{}
	var files, graphs, tables, models []string
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		switch path.Ext(name) {
		case ".md", ".sol", ".out":
			return nil
		case ".txt":
			switch base := path.Base(name); {
			case strings.HasPrefix(base, modelPrefix):
				models = append(models, name)
				return nil
			case strings.HasPrefix(base, "assignment_"):
				return nil // beside its model
			}
		case ".stg":
			graphs = append(graphs, name)
			return nil
		case ".csv":
			if strings.HasSuffix(name, "_expected.csv") {
				return nil // beside its chain
			}
			if strings.HasSuffix(name, taskTimes) {
				tables = append(tables, name)
				return nil
			}
			if found, err := readAnswers(fsys, name, answers); found || err != nil {
				return err
			}
		}
		if !strings.HasPrefix(path.Base(name), "LICENSE") && !strings.Contains(name, ".dp_split.") {
			files = append(files, name)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	var out []benchCase
	for _, name := range files {
		cases, err := fileCases(fsys, name, answers)
		if err != nil {
			return nil, err
		}
		out = append(out, cases...)
	}
	tasks, err := taskCases(fsys, graphs, tables)
	if err != nil {
		return nil, err
	}
	moves, err := reassignCases(fsys, models, answers)
	return slices.Concat(out, tasks, moves), err
}

// answerColumns are the headings under which published tables give optima.
var answerColumns = []string{"optimum", "proven_optimum", "optimal_contiguous_max_load_ms(DP)", "best_upper_bound_in_fetched_repos"}

// readAnswers adds the optima of a table, if it is one.
func readAnswers(fsys fs.FS, name string, answers map[string]float64) (bool, error) {
	data, err := fs.ReadFile(fsys, name)
	if err != nil {
		return false, err
	}
	r := csv.NewReader(bytes.NewReader(data))
	r.FieldsPerRecord = -1
	rows, err := r.ReadAll()
	if err != nil || len(rows) == 0 {
		return false, nil // a profile, or no table at all
	}
	at, value := -1, -1
	for i, h := range rows[0] {
		if h == "instance" {
			at = i
		}
		if contains(answerColumns, h) {
			value = i
		}
	}
	if at < 0 || value < 0 {
		return false, nil
	}
	for _, row := range rows[1:] {
		if len(row) > max(at, value) {
			if v, err := strconv.ParseFloat(row[value], 64); err == nil {
				answers[strings.TrimSuffix(path.Base(row[at]), ".txt")] = v
			}
		}
	}
	return true, nil
}

// fileCases reads the instances of one file.
func fileCases(fsys fs.FS, name string, answers map[string]float64) ([]benchCase, error) {
	info, err := fs.Stat(fsys, name)
	if err != nil {
		return nil, err
	}
	if info.Size() > mostInstanceBytes {
		return nil, fmt.Errorf("%s: found %d bytes, allowed: %d", name, info.Size(), mostInstanceBytes)
	}
	data, err := fs.ReadFile(fsys, name)
	if err != nil {
		return nil, err
	}
	base := strings.TrimSuffix(path.Base(name), path.Ext(name))
	known := func(instance string) float64 {
		if v, ok := answers[instance]; ok {
			return v
		}
		return math.NaN()
	}
	switch {
	case bytes.Contains(data[:min(len(data), 4096)], []byte("maxSizePerFPGA")):
		g, err := instances.ReadLayerGraph(bytes.NewReader(data), name)
		if err != nil {
			return nil, err
		}
		return layerCases(base, g, known(base)), nil
	case path.Ext(name) == ".csv":
		layers, err := instances.ReadLayerChain(bytes.NewReader(data), name)
		switch {
		case err != nil && strings.HasSuffix(name, "_chain.csv"):
			return nil, err
		case err != nil:
			return nil, nil // a table of something else
		}
		return chainCases(fsys, strings.TrimSuffix(name, "_chain.csv"), layers), nil
	case strings.HasPrefix(base, "binpack") || strings.HasPrefix(base, "Falkenauer"):
		list, err := instances.ReadBinPacking(bytes.NewReader(data), base)
		if err != nil {
			return nil, err
		}
		var out []benchCase
		for _, b := range list {
			out = append(out, binsCase(b, known(b.Name)))
		}
		return out, nil
	case strings.Contains(name, "gap"):
		g, err := instances.ReadGAP(bytes.NewReader(data), path.Base(name))
		if err != nil {
			return nil, err
		}
		return []benchCase{gapCase(g, known(path.Base(name)))}, nil
	}
	return nil, nil
}

// proved is the word for an answer with or without a proof.
func proved(p bool) string {
	if p {
		return string(solver.Optimal)
	}
	return string(solver.Feasible)
}

func gapCase(g *instances.GAP, known float64) benchCase {
	return benchCase{
		Name: "gap/" + g.Name, Known: known, Proved: true, Solvers: []string{"gap"},
		Run: func(ctx context.Context, _ string, _ time.Duration) (benchAnswer, error) {
			r := gap.Solve(ctx, g, gap.Options{MaxSteps: math.MaxInt64})
			a := benchAnswer{Status: proved(r.Proved), Cost: float64(r.Cost), Bound: float64(r.Bound), Steps: r.Steps}
			if r.Agent == nil {
				a.Status, a.Cost = string(solver.Unknown), math.NaN()
			}
			return a, nil
		},
	}
}

func binsCase(b instances.BinPacking, known float64) benchCase {
	c := benchCase{Name: "binpack/" + b.Name, Unit: "bins", Known: known, Proved: true, Solvers: []string{"bins"}}
	for _, p := range []bins.Policy{bins.FirstFitDecreasing, bins.BestFitDecreasing} {
		c.Solvers = append(c.Solvers, string(p))
	}
	c.Run = func(ctx context.Context, name string, _ time.Duration) (benchAnswer, error) {
		if name != "bins" {
			packed := bins.Pack(bins.Policy(name), b.Capacity, b.Sizes)
			return benchAnswer{Status: string(solver.Feasible), Cost: float64(len(packed)), Bound: math.NaN(), Steps: int64(len(b.Sizes))}, nil
		}
		r := bins.Exact(ctx, b.Capacity, b.Sizes, math.MaxInt64)
		return benchAnswer{Status: proved(r.Proved), Cost: float64(len(r.Bins)), Bound: float64(r.Bound), Steps: r.Steps}, nil
	}
	return c
}

// dirCases reads the instances of a directory; an empty name has none.
func dirCases(dir string) ([]benchCase, error) {
	if dir == "" {
		return nil, nil
	}
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return nil, fmt.Errorf("--data: %s: found no directory", dir)
	}
	cases, err := dataCases(os.DirFS(dir))
	if err != nil {
		return nil, fmt.Errorf("--data: %w", err)
	}
	if len(cases) == 0 {
		return nil, fmt.Errorf("--data: %s: found no instance of a known format", dir)
	}
	return cases, nil
}
