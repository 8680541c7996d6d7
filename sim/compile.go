package sim

import (
	"fmt"
	"math"
	"strconv"
	"time"

	"caravan/sim/des"
	"caravan/sim/maxmin"
	"caravan/topology"
	"caravan/workloads/draw"
	"caravan/workloads/placement"
)

// compile turns a Config into flat tables indexed by dense numbers.
func compile(c Config) (*run, error) {
	r := &run{c: c, network: c.Model.Network, endAt: c.Duration, limit: c.Requests, freeRequest: noRequest, freeToken: noToken}
	if r.network == "" {
		r.network = placement.FIFO
	}
	if r.endAt <= 0 {
		r.endAt = math.MaxInt64
	}
	if r.limit <= 0 {
		r.limit = math.MaxInt
	}
	if len(c.Placement.Pipelines) != len(c.Workload.Pipelines) {
		return nil, fmt.Errorf("sim: the placement covers %d pipelines of %d", len(c.Placement.Pipelines), len(c.Workload.Pipelines))
	}
	rank, err := levelsOf(c.Workload)
	if err != nil {
		return nil, err
	}
	r.compileLinks()
	r.loseWork = make([]bool, len(c.Topology.Nodes()))
	r.stationsOf = make([][]int32, len(c.Topology.Nodes()))
	subjectOf := map[string]int32{}
	for p := range c.Workload.Pipelines {
		if err := r.compilePipeline(p, rank, subjectOf); err != nil {
			return nil, err
		}
	}
	if r.network == placement.Fair {
		r.compileFlows()
	}
	r.findDirect()
	for i, f := range c.Faults {
		r.faults = append(r.faults, faulty{
			Fault: f, up: draw.New(f.MTBF, c.InverseExp), down: draw.New(f.MTTR, c.InverseExp),
			stream: r.stream("fault", strconv.Itoa(i)),
		})
	}
	return r, nil
}

// findDirect marks the stations that nothing can disturb, and the operators
// that need no second look.
func (r *run) findDirect() {
	for i := range r.stations {
		s := &r.stations[i]
		switch s.discipline {
		case topology.FCFS, topology.PerOperator, topology.Delay:
			s.direct = !s.tracked && s.limit == 0 && !r.sifts && r.c.Trace == nil
		}
	}
	for i := range r.ops {
		o := &r.ops[i]
		o.at = &r.stations[o.station]
		if o.guarded || o.limit > 0 || o.batch > 1 {
			o.at.direct = false
		}
	}
	for i := range r.ops {
		o := &r.ops[i]
		s := o.at
		o.plain = !r.sifts && !s.faulty && s.limit == 0 && !o.guarded && o.limit == 0 && o.batch <= 1 && o.need <= 1 && len(o.edges) <= 1 && o.next == nil
		if o.way = -1; len(o.edges) > 0 {
			o.way = o.edges[0]
		}
	}
	for i := range r.stations {
		if s := &r.stations[i]; s.direct && s.discipline != topology.Delay {
			s.freeAt = make([]time.Duration, s.cores)
		}
	}
}

// stream returns the random stream of a purpose.
func (r *run) stream(names ...string) *des.Stream {
	if r.c.Streams != nil {
		return r.c.Streams(names...)
	}
	s := des.NewStream(r.c.Seed, append([]string{"replication", strconv.Itoa(r.c.Replication)}, names...)...)
	return &s
}

func (r *run) compileLinks() {
	t := r.c.Topology
	r.media = make([]medium, t.Media())
	for i := range r.media {
		r.media[i] = medium{first: -1, sending: noToken}
	}
	r.wires = make([]wire, len(t.Links()))
	for i, l := range t.Links() {
		w := wire{medium: int32(l.Medium), bandwidth: l.Bandwidth, latency: l.Latency, jitter: l.Jitter, loss: l.Loss}
		if l.Jitter > 0 || l.Loss > 0 {
			w.noise = r.stream("link", l.Name, "noise")
		}
		r.wires[i] = w
		if m := &r.media[l.Medium]; m.first < 0 {
			m.first = topology.LinkID(i)
		}
	}
	for _, f := range r.c.Faults {
		for _, l := range f.Links {
			r.media[r.wires[l].medium].changes = true
		}
	}
	for _, ch := range r.c.LinkChanges {
		r.media[r.wires[ch.Link].medium].changes = true
	}
}

// compileFlows builds the max-min network over all media.
func (r *run) compileFlows() {
	capacity := make([]float64, len(r.media))
	for i := range r.wires {
		capacity[r.wires[i].medium] = float64(r.wires[i].bandwidth)
		if r.wires[i].bandwidth == 0 {
			capacity[r.wires[i].medium] = math.Inf(1)
		}
	}
	r.flows = maxmin.New(capacity)
}

func (r *run) compilePipeline(p int, rank map[int]uint8, subjectOf map[string]int32) error {
	w := &r.c.Workload.Pipelines[p]
	nodes := r.c.Placement.Pipelines[p]
	if len(nodes) != len(w.Operators) {
		return fmt.Errorf("sim: pipeline %q: the placement covers %d operators of %d", w.Name, len(nodes), len(w.Operators))
	}
	name := w.Group
	if name == "" {
		name = w.Name
	}
	pl := pipe{
		first: int32(len(r.ops)), subject: r.subjectFor(name, subjectOf),
		level: rank[w.Priority], deadline: w.Deadline, dropLate: w.DropLate, placed: true,
		requests: r.stream("pipeline", w.Name, "requests"),
	}
	for _, cl := range w.Classes {
		pl.classes = append(pl.classes, class{cl.Share, rank[cl.Priority], r.subjectFor(name+"/"+cl.Name, subjectOf)})
	}
	for _, n := range nodes {
		pl.placed = pl.placed && n != topology.None
	}
	if pl.placed {
		pl.source = newSource(&w.Arrivals, r.stream("pipeline", w.Name, "arrivals"), r.c.InverseExp)
		for j := range w.Operators {
			r.compileOperator(p, j)
		}
	}
	pl.last = int32(len(r.ops))
	r.pipes = append(r.pipes, pl)
	if !pl.placed {
		return nil
	}
	return r.compileEdges(p)
}

func (r *run) subjectFor(name string, subjectOf map[string]int32) int32 {
	i, ok := subjectOf[name]
	if !ok {
		i = int32(len(r.subjects))
		subjectOf[name] = i
		r.subjects = append(r.subjects, newSubject(name))
	}
	return i
}

func (r *run) compileOperator(p, j int) {
	w := &r.c.Workload.Pipelines[p]
	from := &w.Operators[j]
	n := r.c.Placement.Pipelines[p][j]
	o := op{
		pipe: int32(p), index: int32(j), slow: 1, speed: r.c.Topology.Nodes()[n].Speed,
		work: draw.New(from.Work, r.c.InverseExp), output: draw.New(from.Output, r.c.InverseExp),
		workAt: -1, outputAt: -1, workBy: -1, outputBy: -1,
		limit: int32(from.QueueLimit), coldStart: from.ColdStart, cold: from.ColdStart > 0,
		batch: int32(from.Batch), batchWait: from.BatchWait, join: -1,
		stream: r.stream("pipeline", w.Name, "operator", from.Name),
	}
	for i, name := range w.Arrivals.FactorNames {
		if name == from.WorkFactor {
			o.workBy = int32(i)
		}
		if name == from.OutputFactor {
			o.outputBy = int32(i)
		}
	}
	o.station = r.stationFor(n, r.c.Model.Discipline(&r.c.Topology.Nodes()[n]))
	if r.stations[o.station].discipline == topology.PerOperator {
		k := 0
		for _, other := range r.c.Placement.Pipelines[p] {
			if other == n {
				k++
			}
		}
		o.slow = float64(k)
	}
	o.scaled = o.workBy >= 0 || o.slow != 1 || o.speed != 1 || o.coldStart > 0
	r.ops = append(r.ops, o)
}

// stationFor returns the node's station, or under topology.PerOperator a new
// one for each operator.
func (r *run) stationFor(n topology.NodeID, d topology.Discipline) int32 {
	if d != topology.PerOperator && len(r.stationsOf[n]) > 0 {
		return r.stationsOf[n][0]
	}
	rank, _ := levelsOf(r.c.Workload) // its error was seen by compile
	faulty := false
	for _, f := range r.c.Faults {
		for _, x := range f.Nodes {
			faulty = faulty || x == n
		}
	}
	si := int32(len(r.stations))
	r.stations = append(r.stations, newStation(&r.c.Topology.Nodes()[n], n, d, max(len(rank), 1), faulty))
	r.stationsOf[n] = append(r.stationsOf[n], si)
	return si
}

// compileEdges joins the operators of pipeline p and lays out what each
// request draws.
func (r *run) compileEdges(p int) error {
	w := &r.c.Workload.Pipelines[p]
	pl := &r.pipes[p]
	routed := w.Routed()
	pl.routed = routed
	r.sifts = r.sifts || w.DropLate || !w.IsChain()
	joins := 0
	for j := range w.Operators {
		o := &r.ops[int(pl.first)+j]
		from := &w.Operators[j]
		if routed {
			if err := r.compileBranches(p, j); err != nil {
				return err
			}
		} else {
			for _, to := range w.Successors(j) {
				e, err := r.newEdge(p, j, to)
				if err != nil {
					return err
				}
				o.edges = append(o.edges, e)
				o.guarded = o.guarded || w.Operators[to].QueueLimit > 0
			}
			o.need = int32(len(from.After))
			if o.need > 1 {
				o.join = int32(joins)
				joins++
			}
		}
		if (routed && j == 0) || (!routed && o.need == 0) {
			pl.entries = append(pl.entries, pl.first+int32(j))
		}
		if r.c.DrawAtStart || routed {
			continue
		}
		if o.work.Random() {
			o.workAt = int32(len(pl.demands))
			pl.demands = append(pl.demands, o.work)
		}
		if o.output.Random() && len(o.edges) > 0 {
			o.outputAt = int32(len(pl.demands))
			pl.demands = append(pl.demands, o.output)
		}
	}
	r.stride = max(r.stride, len(pl.demands))
	r.joinStride = max(r.joinStride, joins)
	return nil
}

func (r *run) compileBranches(p, j int) error {
	w := &r.c.Workload.Pipelines[p]
	o := &r.ops[int(r.pipes[p].first)+j]
	o.next = []branch{}
	total := 0.0
	for _, b := range w.Operators[j].Next {
		e, err := r.newEdge(p, j, b.To)
		if err != nil {
			return err
		}
		total += b.Probability
		o.next = append(o.next, branch{total, e})
		o.guarded = o.guarded || w.Operators[b.To].QueueLimit > 0
	}
	return nil
}

func (r *run) newEdge(p, from, to int) (int32, error) {
	w := &r.c.Workload.Pipelines[p]
	nodes := r.c.Placement.Pipelines[p]
	routing := r.c.Model.Routing
	if routing == "" {
		routing = topology.RouteLatency
	}
	route, ok := r.c.Topology.Route(routing, nodes[from], nodes[to])
	if !ok {
		all := r.c.Topology.Nodes()
		return 0, fmt.Errorf("sim: pipeline %q: no %s route from %q on %q to %q on %q", w.Name, routing,
			w.Operators[from].Name, all[nodes[from]].Name, w.Operators[to].Name, all[nodes[to]].Name)
	}
	ed := edge{to: r.pipes[p].first + int32(to), local: len(route.Links) == 0, links: route.Links}
	for _, l := range route.Links {
		if r.wires[l].bandwidth > 0 || r.media[r.wires[l].medium].changes {
			ed.media = append(ed.media, r.wires[l].medium)
		}
	}
	r.edges = append(r.edges, ed)
	return int32(len(r.edges) - 1), nil
}

// factor is the request's value in a column of its arrival trace, 1 without one.
func (r *run) factor(q uint32, column int32) float64 {
	req := &r.requests[q]
	if req.row < 0 {
		return 1
	}
	return r.pipes[req.pipeline].source.arrivals.Factors[column][req.row]
}
