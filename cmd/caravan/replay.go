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

// replays reads the traces: the shipped ones, or those of a folder that holds
// files of the original names.
func replays(dir string) ([]replay, error) {
	if dir == "" {
		names := map[string]string{"default": "openb-pods.csv.gz"}
		for _, t := range []string{"cpu050", "gpushare40", "gpuspec20", "multigpu20"} {
			names[t] = "openb-pods-" + t + ".csv.gz"
		}
		return readReplays(names, "openb-nodes.csv.gz", scenarios.Data)
	}
	root := os.DirFS(dir)
	names, nodes := map[string]string{}, ""
	err := fs.WalkDir(root, ".", func(p string, _ fs.DirEntry, err error) error {
		base := strings.TrimSuffix(path.Base(p), ".gz")
		if trace, ok := strings.CutPrefix(base, "openb_pod_list_"); ok {
			names[strings.TrimSuffix(trace, ".csv")] = p
		}
		if base == "openb_node_list_gpu_node.csv" {
			nodes = p
		}
		return err
	})
	if err == nil && (nodes == "" || len(names) == 0) {
		err = errors.New("found no openb_node_list_gpu_node.csv with openb_pod_list_TRACE.csv")
	}
	if err != nil {
		return nil, fmt.Errorf("--data: %s: %w", dir, err)
	}
	return readReplays(names, nodes, func(name string) ([]byte, error) { return fs.ReadFile(root, name) })
}

// readReplays reads the pod lists by trace, and the nodes that they share.
func readReplays(names map[string]string, nodes string, read func(string) ([]byte, error)) ([]replay, error) {
	data, err := read(nodes)
	if err != nil {
		return nil, err
	}
	in, err := topology.Import("openb-nodes", nodes, bytes.NewReader(data), topology.ImportOptions{})
	if err != nil {
		return nil, err
	}
	t, err := topology.New(in.Nodes, in.Links)
	if err != nil {
		return nil, err
	}
	known, err := publishedRatios()
	if err != nil {
		return nil, err
	}
	var out []replay
	for trace, name := range names {
		data, err := read(name)
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

// publishedRatios reads what the authors print, by trace and policy.
func publishedRatios() (map[string]map[string]float64, error) {
	const name = "openb-published.csv"
	data, err := scenarios.Data(name)
	if err != nil {
		return nil, err
	}
	rows, err := csv.NewReader(bytes.NewReader(data)).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	out := map[string]map[string]float64{}
	for _, row := range rows[1:] {
		if row[2] != strconv.Itoa(arrivedAt) {
			continue
		}
		mean, err := strconv.ParseFloat(row[4], 64)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if out[row[0]] == nil {
			out[row[0]] = map[string]float64{}
		}
		out[row[0]][row[1]] = mean
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
