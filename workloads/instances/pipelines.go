package instances

import (
	"fmt"
	"math"
	"math/rand"
	"time"

	"caravan/topology"
	"caravan/workloads"
)

// A PipelineFamily draws placement problems of several chains on one topology
// of three tiers with dense links: 60 % slow edge nodes, 30 % fog, 10 % cloud.
// Every chain starts and ends at an edge node, half of them at the same one.
type PipelineFamily struct {
	Pipelines, Operators, Nodes int
	// Tightness is the capacity of edge and fog together over the demand of
	// all operators; the cloud adds 0.6 of the demand.
	Tightness float64
}

// Name is the family and seed in short, such as "5x5x10-1.0-1".
func (f PipelineFamily) Name(seed int64) string {
	return fmt.Sprintf("%dx%dx%d-%.1f-%d", f.Pipelines, f.Operators, f.Nodes, f.Tightness, seed)
}

// Instance draws one problem. Every chain has two operators more than the
// family says, without work or demand: they pin its ends. The same seed gives
// the same problem.
func (f PipelineFamily) Instance(seed int64) (*topology.Topology, *workloads.Workload, error) {
	d := drawing{PipelineFamily: f, rng: rand.New(rand.NewSource(seed))}
	d.drawNodes()
	d.drawLinks()
	d.drawDemands()
	d.drawCapacities()
	d.drawEnds()
	t, err := topology.New(d.nodes, d.links)
	return t, &workloads.Workload{Pipelines: d.chains}, err
}

const (
	edgeTier = iota
	fogTier
	cloudTier
)

type drawing struct {
	PipelineFamily
	rng   *rand.Rand
	edges int
	tier  []int
	place [][2]float64 // in the unit square
	nodes []topology.Node
	links []topology.Link

	chains []workloads.Pipeline
	total  [2]float64 // MHz, MiB over all operators
}

func (d *drawing) drawNodes() {
	cloud, fog := (d.Nodes+9)/10, (3*d.Nodes+9)/10
	d.edges = d.Nodes - cloud - fog
	for i := range d.Nodes {
		d.place = append(d.place, [2]float64{d.rng.Float64(), d.rng.Float64()})
		node := topology.Node{Name: fmt.Sprintf("n%02d", i), Cores: 1}
		switch {
		case i < d.edges:
			d.tier = append(d.tier, edgeTier)
			node.Class, node.Speed = "edge", 0.8+0.4*d.rng.Float64()
		case i < d.edges+fog:
			d.tier = append(d.tier, fogTier)
			node.Class, node.Speed = "fog", 1.6+0.8*d.rng.Float64()
		default:
			d.tier = append(d.tier, cloudTier)
			node.Class, node.Speed = "cloud", 3.5+d.rng.Float64()
		}
		d.nodes = append(d.nodes, node)
	}
}

// drawLinks joins every pair: latency by distance, and more to the cloud;
// bandwidth by the tiers it joins.
func (d *drawing) drawLinks() {
	for i := range d.Nodes {
		for j := range i {
			distance := math.Hypot(d.place[i][0]-d.place[j][0], d.place[i][1]-d.place[j][1])
			ms := 1 + 15*distance + d.rng.Float64()
			mbitPerMs := 0.1
			a, b := d.tier[i], d.tier[j]
			switch {
			case a == fogTier && b == fogTier:
				mbitPerMs = 1
			case a == fogTier || b == fogTier:
				mbitPerMs = 0.3
			}
			if (a == cloudTier) != (b == cloudTier) {
				ms += 20 + 15*d.rng.Float64()
				mbitPerMs = 0.2
			}
			if a == cloudTier && b == cloudTier {
				ms, mbitPerMs = 2+2*d.rng.Float64(), 10
			}
			for _, ends := range [][2]int{{i, j}, {j, i}} {
				d.links = append(d.links, topology.Link{
					From: topology.NodeID(ends[0]), To: topology.NodeID(ends[1]),
					Latency: time.Duration(ms * 1e6), Bandwidth: topology.BytesPerSecond(mbitPerMs * 1e9 / 8),
				})
			}
		}
	}
}

// drawDemands gives every operator work of 2 to 20 ms and a demand; what it
// sends is drawn with the ends.
func (d *drawing) drawDemands() {
	for p := range d.Pipelines {
		chain := workloads.Pipeline{Name: fmt.Sprintf("p%02d", p), Priority: 50, Source: topology.None, Sink: topology.None}
		for k := range d.Operators + 2 {
			o := workloads.Operator{Name: fmt.Sprintf("op%d", k), Node: topology.None}
			if k > 0 {
				o.After = []int{k - 1}
			}
			if k > 0 && k <= d.Operators {
				mhz, mib := float64(1+d.rng.Intn(16))*25, float64(1+d.rng.Intn(32))*64
				o.Demand = topology.Resources{CPU: topology.MHz(mhz), Memory: topology.Bytes(mib) * topology.MiB}
				d.total[0] += mhz
				d.total[1] += mib
				o.Work = workloads.Const((2 + 18*d.rng.Float64()) / 1e3)
			}
			chain.Operators = append(chain.Operators, o)
		}
		d.chains = append(d.chains, chain)
	}
}

// drawCapacities shares the tightness out over edge and fog by random weight,
// fog nodes three times as large, and skews cpu against memory.
func (d *drawing) drawCapacities() {
	weight := make([]float64, d.Nodes)
	var near, cloud float64
	for i := range weight {
		weight[i] = []float64{1, 3, 1}[d.tier[i]] * (0.6 + 0.8*d.rng.Float64())
		if d.tier[i] < cloudTier {
			near += weight[i]
		} else {
			cloud += weight[i]
		}
	}
	for i := range weight {
		share := weight[i] / near * d.Tightness
		if d.tier[i] == cloudTier {
			share = weight[i] / cloud * 0.6
		}
		skew := 0.8 + 0.4*d.rng.Float64()
		// A node without room still has a capacity: 0 would mean unlimited.
		mhz := math.Floor(share*d.total[0]*skew/25) * 25
		mib := math.Floor(share*d.total[1]*(2-skew)/64) * 64
		d.nodes[i].CPU = topology.MHz(max(mhz, 1))
		d.nodes[i].Memory = max(topology.Bytes(mib)*topology.MiB, 1)
	}
}

// drawEnds pins the chains and draws what travels along them: 0.5 to 3.5 Mbit
// at first, then 0.4 to 1.1 of it after every operator, 50 kbit at the end.
func (d *drawing) drawEnds() {
	const bytesPerMbit = 1e6 / 8
	for p := range d.chains {
		ops := d.chains[p].Operators
		source, sink := d.rng.Intn(d.edges), d.rng.Intn(d.edges)
		if d.rng.Intn(2) == 0 {
			sink = source
		}
		ops[0].Node, ops[len(ops)-1].Node = topology.NodeID(source), topology.NodeID(sink)
		mbit := 0.5 + 3*d.rng.Float64()
		ops[0].Output = workloads.Const(mbit * bytesPerMbit)
		for k := 1; k <= d.Operators; k++ {
			mbit *= 0.4 + 0.7*d.rng.Float64()
			ops[k].Output = workloads.Const(mbit * bytesPerMbit)
		}
		ops[d.Operators].Output = workloads.Const(0.05 * bytesPerMbit)
	}
}
