package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"math/rand/v2"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"

	"caravan/scenarios"
	"caravan/solver/online"
	"caravan/topology"
	"caravan/workloads"
)

// arrivedAt is how much GPU capacity has been asked for, in percent of all,
// when the allocation is measured.
const arrivedAt = 100

// A replay is a cluster and the tasks of one trace, to be placed one by one
// and never taken back, as the experiments on openb are made (Weng et al.,
// Beware of Fragmentation, USENIX ATC 2023, section 6).
type replay struct {
	trace     string
	topology  *topology.Topology
	tasks     []topology.Resources
	published map[string]float64 // mean of ten seeds in percent, by policy
}

// A traceSet is where the traces of an experiment are.
type traceSet struct {
	pods      map[string]string // pod lists by trace
	nodes     string
	published string // what the authors print, empty for nothing
	read      func(name string) ([]byte, error)
}

// replays reads the traces: the shipped ones, or those of a folder that holds
// files of the original names.
func replays(dir string) ([]replay, error) {
	set := traceSet{
		pods: map[string]string{"default": "openb-pods.csv.gz"}, nodes: "openb-nodes.csv.gz",
		published: "openb-published.csv", read: scenarios.Data,
	}
	for _, t := range []string{"cpu050", "gpushare40", "gpuspec20", "multigpu20"} {
		set.pods[t] = "openb-pods-" + t + ".csv.gz"
	}
	if dir != "" {
		var err error
		if set, err = tracesIn(dir); err != nil {
			return nil, fmt.Errorf("--data: %s: %w", dir, err)
		}
	}
	return set.replays()
}

// tracesIn finds the traces of a folder, and a table of published figures.
func tracesIn(dir string) (traceSet, error) {
	root := os.DirFS(dir)
	set := traceSet{pods: map[string]string{}, read: func(name string) ([]byte, error) { return fs.ReadFile(root, name) }}
	err := fs.WalkDir(root, ".", func(p string, _ fs.DirEntry, err error) error {
		base := path.Base(p)
		if trace, ok := strings.CutPrefix(base, "openb_pod_list_"); ok {
			set.pods[strings.TrimSuffix(trace, ".csv")] = p
		}
		switch {
		case base == "openb_node_list_gpu_node.csv":
			set.nodes = p
		case strings.HasPrefix(base, "fgd_published") && path.Ext(base) == ".csv":
			set.published = p
		}
		return err
	})
	if err == nil && (set.nodes == "" || len(set.pods) == 0) {
		err = errors.New("found no openb_node_list_gpu_node.csv with openb_pod_list_TRACE.csv")
	}
	return set, err
}

// replays reads every trace of the set.
func (set traceSet) replays() ([]replay, error) {
	data, err := set.read(set.nodes)
	if err != nil {
		return nil, err
	}
	in, err := topology.Import("openb-nodes", set.nodes, bytes.NewReader(data), topology.ImportOptions{})
	if err != nil {
		return nil, err
	}
	t, err := topology.New(in.Nodes, in.Links)
	if err != nil {
		return nil, err
	}
	known, err := set.figures()
	if err != nil {
		return nil, err
	}
	var out []replay
	for trace, name := range set.pods {
		data, err := set.read(name)
		if err != nil {
			return nil, err
		}
		pods, err := workloads.Import("openb-pods", strings.TrimSuffix(name, ".gz"), bytes.NewReader(data))
		if err != nil {
			return nil, err
		}
		r := replay{trace: trace, topology: t, published: known[trace]}
		for _, j := range pods.Jobs {
			r.tasks = append(r.tasks, j.Groups[0].Demand)
		}
		out = append(out, r)
	}
	slices.SortFunc(out, func(a, b replay) int { return strings.Compare(a.trace, b.trace) })
	return out, nil
}

// authorsNames are the policies as the authors call them.
var authorsNames = map[string]online.Policy{
	"01-Random": online.Random, "02-DotProd": online.DotProduct, "03-GpuClustering": online.GPUClustering,
	"04-GpuPacking": online.GPUPacking, "05-BestFit": online.BestFit, "06-FGD": online.FGD,
}

// figures reads what the authors print at arrivedAt, by trace and policy.
func (set traceSet) figures() (map[string]map[string]float64, error) {
	out := map[string]map[string]float64{}
	if set.published == "" {
		return out, nil
	}
	data, err := set.read(set.published)
	if err != nil {
		return nil, err
	}
	rows, err := csv.NewReader(bytes.NewReader(data)).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", set.published, err)
	}
	columns := map[string]int{}
	for i, name := range rows[0] {
		columns[name] = i
	}
	for _, c := range []string{"metric", "trace", "policy", "arrived_gpu_demand_pct_of_capacity", "mean"} {
		if _, ok := columns[c]; !ok {
			return nil, fmt.Errorf("%s:1: found no column %q", set.published, c)
		}
	}
	for i, row := range rows[1:] {
		policy, ok := authorsNames[row[columns["policy"]]]
		at, trace := row[columns["arrived_gpu_demand_pct_of_capacity"]], row[columns["trace"]]
		if !ok || row[columns["metric"]] != "gpu_alloc_ratio_pct" || at != strconv.Itoa(arrivedAt) {
			continue
		}
		mean, err := strconv.ParseFloat(row[columns["mean"]], 64)
		if err != nil {
			return nil, fmt.Errorf("%s:%d: mean: found %q, allowed is a number", set.published, i+2, row[columns["mean"]])
		}
		if out[trace] == nil {
			out[trace] = map[string]float64{}
		}
		out[trace][string(policy)] = mean
	}
	return out, nil
}

// milliGPUs is what a task takes of all GPUs, in thousandths.
func milliGPUs(d topology.Resources) int {
	milli := d.GPUMilli
	if milli == 0 {
		milli = 1000
	}
	return d.GPUs * milli
}

// inflated is the order of arrival of one seed: the tasks, and evenly drawn
// copies of them until they ask for 130 % of the GPUs, shuffled.
func (r *replay) inflated(rng *rand.Rand) (tasks []topology.Resources, capacity int) {
	const asked = 1.3
	for _, n := range r.topology.Nodes() {
		capacity += n.GPUs.Count * 1000
	}
	tasks = slices.Clone(r.tasks)
	sum := 0
	for _, d := range tasks {
		sum += milliGPUs(d)
	}
	for {
		d := r.tasks[rng.IntN(len(r.tasks))]
		if float64(sum+milliGPUs(d)) > asked*float64(capacity) {
			break
		}
		sum += milliGPUs(d)
		tasks = append(tasks, d)
	}
	rng.Shuffle(len(tasks), func(i, j int) { tasks[i], tasks[j] = tasks[j], tasks[i] })
	return tasks, capacity
}

// run places the tasks of one seed and returns the allocated share of all GPUs
// in percent, as the mean over the arrivals at which the arrived share rounds
// to arrivedAt.
func (r *replay) run(ctx context.Context, policy online.Policy, seed uint64) (float64, error) {
	tasks, capacity := r.inflated(rand.New(rand.NewPCG(seed, 0)))
	typical := make([]online.Typical, len(tasks))
	for i, d := range tasks {
		typical[i] = online.Typical{Demand: d, Weight: 1}
	}
	c, err := online.New(r.topology, online.Options{
		Policy: policy, Rand: rand.New(rand.NewPCG(seed, 1)), Typical: online.Gather(typical),
	})
	if err != nil {
		return 0, err
	}
	arrived, used, sum, n := 0, 0, 0.0, 0
	for k, d := range tasks {
		if k%1024 == 0 && ctx.Err() != nil {
			return 0, ctx.Err()
		}
		arrived += milliGPUs(d)
		if _, _, ok := c.Place(d, nil); ok {
			used += milliGPUs(d)
		}
		percent := math.Round(100 * float64(arrived) / float64(capacity))
		if percent > arrivedAt {
			break
		}
		if percent == arrivedAt {
			sum += 100 * float64(used) / float64(capacity)
			n++
		}
	}
	if n == 0 {
		return 0, fmt.Errorf("trace %s: its tasks never ask for %d %% of the GPUs", r.trace, arrivedAt)
	}
	return sum / float64(n), nil
}
