package topology

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// A GenerateSpec says which topology to make. Kind is required; the zero value
// of everything else has a default, told at its field.
type GenerateSpec struct {
	Kind string

	// Count is the number of nodes: leaves of a star (8), nodes of a Waxman or
	// Barabasi-Albert graph (20).
	Count int
	// Width and Height of a grid (4 by 4).
	Width, Height int
	// Depth and Fanout of a tree (3 levels below the root, 2 children each).
	Depth, Fanout int
	// Ports of a fat tree's switches, even (4): Ports^3/4 hosts.
	Ports int
	// Edges, Fogs and Clouds of three tiers (10, 3, 1); edges are dealt to
	// fogs in turn, and every fog reaches every cloud.
	Edges, Fogs, Clouds int
	// Attach is how many earlier nodes each new one of a Barabasi-Albert graph
	// joins (2).
	Attach int
	// Alpha and Beta of Waxman's law (0.4, 0.4), on a square of SideKm (1000).
	Alpha, Beta, SideKm float64

	Bandwidth BytesPerSecond // of every link; 0 is 1 Gbit/s (100 Mbit/s at the edge of three tiers)
	Latency   time.Duration  // of links that distance does not set; 0 is 1 ms (5 and 20 ms in three tiers)
	Node      Node           // the machine of every node: cores 4, speed 1; three tiers have 0.25, 0.5 and 1
}

// A generator makes a topology by a rule.
type generator struct {
	kind string
	what string
	make func(s *GenerateSpec, rng *rand.Rand, b *builder)
}

func generators() []generator {
	return []generator{
		{"star", "a hub and its leaves", makeStar},
		{"tree", "a root, its children, and theirs", makeTree},
		{"three-tier", "edge nodes behind fog nodes behind clouds", makeThreeTier},
		{"grid", "a rectangle, each node joined to its neighbours", makeGrid},
		{"waxman", "points in a square, near ones joined more often (Waxman, 1988)", makeWaxman},
		{"barabasi-albert", "preferential attachment (Barabasi and Albert, 1999)", makeBarabasiAlbert},
		{"fat-tree", "hosts under a folded Clos of switches (Al-Fares et al., 2008)", makeFatTree},
	}
}

// GenerateKinds lists the kinds and what each is.
func GenerateKinds() (kinds, what []string) {
	for _, g := range generators() {
		kinds, what = append(kinds, g.kind), append(what, g.what)
	}
	return kinds, what
}

// maxGenerated bounds the number of nodes.
const maxGenerated = 200_000

// Generate makes the nodes and links of a connected topology, in both
// directions of every link. It draws only from rng: equal specs and streams
// give equal topologies.
func Generate(spec GenerateSpec, rng *rand.Rand) ([]Node, []Link, error) {
	i := slices.IndexFunc(generators(), func(g generator) bool { return g.kind == spec.Kind })
	if i < 0 {
		kinds, _ := GenerateKinds()
		return nil, nil, fmt.Errorf("kind: found %q, allowed is one of %s", spec.Kind, strings.Join(kinds, ", "))
	}
	if err := spec.check(); err != nil {
		return nil, nil, err
	}
	spec.fill()
	b := &builder{}
	generators()[i].make(&spec, rng, b)
	return b.nodes, b.links, nil
}

// check refuses what no generator can use.
func (s *GenerateSpec) check() error {
	for _, f := range []struct {
		name  string
		value int
	}{{"count", s.Count}, {"width", s.Width}, {"height", s.Height}, {"depth", s.Depth}, {"fanout", s.Fanout}, {"ports", s.Ports},
		{"edges", s.Edges}, {"fogs", s.Fogs}, {"clouds", s.Clouds}, {"attach", s.Attach}} {
		if f.value < 0 || f.value > maxGenerated {
			return fmt.Errorf("%s: found %d, allowed is 1 to %d, or 0 for the default", f.name, f.value, maxGenerated)
		}
	}
	if s.Ports%2 != 0 || s.Ports > 64 {
		return fmt.Errorf("ports: found %d, allowed is an even number up to 64", s.Ports)
	}
	if s.Width*s.Height > maxGenerated {
		return fmt.Errorf("width, height: found %d by %d, allowed are %d nodes", s.Width, s.Height, maxGenerated)
	}
	if s.Depth > 0 && math.Pow(float64(max(s.Fanout, 2)), float64(s.Depth)) > maxGenerated {
		return fmt.Errorf("depth, fanout: found %d and %d, allowed are %d nodes", s.Depth, s.Fanout, maxGenerated)
	}
	for _, f := range []struct {
		name  string
		value float64
	}{{"alpha", s.Alpha}, {"beta", s.Beta}, {"side", s.SideKm}, {"bandwidth", float64(s.Bandwidth)}, {"latency", s.Latency.Seconds()}} {
		if !(f.value >= 0) || math.IsInf(f.value, 0) {
			return fmt.Errorf("%s: found %v, allowed is a number from 0 up", f.name, f.value)
		}
	}
	return nil
}

// fill sets the defaults that do not depend on the kind.
func (s *GenerateSpec) fill() {
	or := func(p *int, v int) {
		if *p == 0 {
			*p = v
		}
	}
	orFloat := func(p *float64, v float64) {
		if *p == 0 {
			*p = v
		}
	}
	if s.Count == 0 {
		s.Count = 20
		if s.Kind == "star" {
			s.Count = 8
		}
	}
	or(&s.Width, 4)
	or(&s.Height, 4)
	or(&s.Depth, 3)
	or(&s.Fanout, 2)
	or(&s.Ports, 4)
	or(&s.Edges, 10)
	or(&s.Fogs, 3)
	or(&s.Clouds, 1)
	or(&s.Attach, 2)
	orFloat(&s.Alpha, 0.4)
	orFloat(&s.Beta, 0.4)
	orFloat(&s.SideKm, 1000)
	or(&s.Node.Cores, 4)
}

// A builder gathers nodes and links.
type builder struct {
	nodes []Node
	links []Link
}

func (b *builder) node(s *GenerateSpec, name, class string, speed float64) NodeID {
	n := s.Node
	n.Name, n.Class = name, class
	if n.Speed == 0 {
		n.Speed = speed
	}
	b.nodes = append(b.nodes, n)
	return NodeID(len(b.nodes) - 1)
}

// join links two nodes in both directions, each with the whole bandwidth.
func (b *builder) join(s *GenerateSpec, x, y NodeID, bandwidth BytesPerSecond, latency time.Duration) {
	if s.Bandwidth > 0 {
		bandwidth = s.Bandwidth
	}
	if s.Latency > 0 {
		latency = s.Latency
	}
	b.links = append(b.links,
		Link{From: x, To: y, Bandwidth: bandwidth, Latency: latency},
		Link{From: y, To: x, Bandwidth: bandwidth, Latency: latency})
}

// The bandwidths and latencies that generated links have by default.
const (
	gigabit  BytesPerSecond = 1e9 / 8
	nearby                  = time.Millisecond
	edgeLink BytesPerSecond = 100e6 / 8
)

func makeStar(s *GenerateSpec, _ *rand.Rand, b *builder) {
	hub := b.node(s, "hub", "hub", 1)
	for i := range s.Count {
		b.join(s, hub, b.node(s, fmt.Sprintf("leaf%d", i+1), "leaf", 1), gigabit, nearby)
	}
}

func makeTree(s *GenerateSpec, _ *rand.Rand, b *builder) {
	level := []NodeID{b.node(s, "root", "level0", 1)}
	for depth := 1; depth <= s.Depth; depth++ {
		var next []NodeID
		for _, parent := range level {
			for range s.Fanout {
				n := b.node(s, fmt.Sprintf("n%d-%d", depth, len(next)+1), fmt.Sprintf("level%d", depth), 1)
				b.join(s, parent, n, gigabit, nearby)
				next = append(next, n)
			}
		}
		level = next
	}
}

func makeThreeTier(s *GenerateSpec, _ *rand.Rand, b *builder) {
	var clouds, fogs []NodeID
	for i := range s.Clouds {
		clouds = append(clouds, b.node(s, fmt.Sprintf("cloud%d", i+1), "cloud", 1))
	}
	for i := range s.Fogs {
		f := b.node(s, fmt.Sprintf("fog%d", i+1), "fog", 0.5)
		for _, c := range clouds {
			b.join(s, f, c, gigabit, 20*time.Millisecond)
		}
		fogs = append(fogs, f)
	}
	for i := range s.Edges {
		e := b.node(s, fmt.Sprintf("edge%d", i+1), "edge", 0.25)
		b.join(s, e, fogs[i%len(fogs)], edgeLink, 5*time.Millisecond)
	}
}

func makeGrid(s *GenerateSpec, _ *rand.Rand, b *builder) {
	for y := range s.Height {
		for x := range s.Width {
			n := b.node(s, fmt.Sprintf("n%d-%d", x+1, y+1), "", 1)
			if x > 0 {
				b.join(s, n-1, n, gigabit, nearby)
			}
			if y > 0 {
				b.join(s, n-NodeID(s.Width), n, gigabit, nearby)
			}
		}
	}
}

// makeWaxman joins two points at distance d with probability
// alpha exp(-d / (beta L)), L the diagonal, and then each further component to
// the first by the shortest missing link. The delay follows from the distance.
func makeWaxman(s *GenerateSpec, rng *rand.Rand, b *builder) {
	at := make([][2]float64, s.Count)
	for i := range at {
		at[i] = [2]float64{rng.Float64() * s.SideKm, rng.Float64() * s.SideKm}
		b.node(s, fmt.Sprintf("n%d", i+1), "", 1)
	}
	distance := func(i, j int) float64 { return math.Hypot(at[i][0]-at[j][0], at[i][1]-at[j][1]) }
	part := make([]int, s.Count)
	for i := range part {
		part[i] = i
	}
	join := func(i, j int) {
		km := distance(i, j)
		b.join(s, NodeID(i), NodeID(j), gigabit, time.Duration(math.Round(km*float64(PropagationPerKm))))
		for k := range b.links[len(b.links)-2:] {
			b.links[len(b.links)-2+k].DistanceKm = km
		}
		old, now := part[j], part[i]
		for k := range part {
			if part[k] == old {
				part[k] = now
			}
		}
	}
	diagonal := s.SideKm * math.Sqrt2
	for i := range s.Count {
		for j := i + 1; j < s.Count; j++ {
			if rng.Float64() < s.Alpha*math.Exp(-distance(i, j)/(s.Beta*diagonal)) {
				join(i, j)
			}
		}
	}
	for j := range s.Count {
		for part[j] != part[0] {
			best, from, to := math.Inf(1), 0, 0
			for x := range s.Count {
				for y := range s.Count {
					if part[x] == part[0] && part[y] != part[0] && distance(x, y) < best {
						best, from, to = distance(x, y), x, y
					}
				}
			}
			join(from, to)
		}
	}
}

// makeBarabasiAlbert grows the graph node by node; each joins Attach different
// earlier ones, chosen in proportion to their degree.
func makeBarabasiAlbert(s *GenerateSpec, rng *rand.Rand, b *builder) {
	var ends []NodeID // each node as often as its degree
	for i := range s.Count {
		n := b.node(s, fmt.Sprintf("n%d", i+1), "", 1)
		var chosen []NodeID
		for len(chosen) < min(s.Attach, i) {
			x := NodeID(rng.IntN(i))
			if len(ends) > 0 {
				x = ends[rng.IntN(len(ends))]
			}
			if !slices.Contains(chosen, x) {
				chosen = append(chosen, x)
			}
		}
		for _, x := range chosen {
			b.join(s, x, n, gigabit, nearby)
			ends = append(ends, x, n)
		}
	}
}

// makeFatTree is the k-ary fat tree: k pods of k/2 edge and k/2 aggregation
// switches, (k/2)^2 core switches, k/2 hosts to an edge switch. Switches are
// nodes of class "switch" that can be kept free of work by a constraint.
func makeFatTree(s *GenerateSpec, _ *rand.Rand, b *builder) {
	half := s.Ports / 2
	core := make([]NodeID, half*half)
	for i := range core {
		core[i] = b.node(s, fmt.Sprintf("core%d", i+1), "switch", 1)
	}
	for pod := range s.Ports {
		aggregation := make([]NodeID, half)
		for i := range aggregation {
			aggregation[i] = b.node(s, fmt.Sprintf("agg%d-%d", pod+1, i+1), "switch", 1)
			for k := range half {
				b.join(s, core[i*half+k], aggregation[i], gigabit, nearby)
			}
		}
		for i := range half {
			edge := b.node(s, fmt.Sprintf("tor%d-%d", pod+1, i+1), "switch", 1)
			for _, a := range aggregation {
				b.join(s, a, edge, gigabit, nearby)
			}
			for k := range half {
				b.join(s, edge, b.node(s, fmt.Sprintf("host%d-%d-%d", pod+1, i+1, k+1), "host", 1), gigabit, nearby)
			}
		}
	}
}
