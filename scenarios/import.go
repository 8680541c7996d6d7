package scenarios

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"time"

	"caravan/sim/des"
	"caravan/topology"
)

// Generate makes nodes and links by rule. Each kind uses the fields that it
// names, and 0 or absence leaves them at their defaults.
type Generate struct {
	here
	// Kind is star, tree, three-tier, grid, waxman, barabasi-albert or
	// fat-tree.
	Kind string `json:"kind" enum:"star,tree,three-tier,grid,waxman,barabasi-albert,fat-tree"`
	// Count of the leaves of a star (8), or of the nodes of a waxman (20, at
	// most 2000) or barabasi-albert graph (20).
	Count int `json:"count,omitempty" min:"0" max:"100000"`
	// Width of a grid (4).
	Width int `json:"width,omitempty" min:"0"`
	// Height of a grid (4).
	Height int `json:"height,omitempty" min:"0"`
	// Depth of a tree below its root (3).
	Depth int `json:"depth,omitempty" min:"0"`
	// Fanout of a tree (2).
	Fanout int `json:"fanout,omitempty" min:"0"`
	// Ports of a fat tree's switches, an even number (4).
	Ports int `json:"ports,omitempty" min:"0"`
	// Edges of three tiers (10), dealt to the fogs in turn.
	Edges int `json:"edges,omitempty" min:"0"`
	// Fogs of three tiers (3).
	Fogs int `json:"fogs,omitempty" min:"0"`
	// Clouds of three tiers (1).
	Clouds int `json:"clouds,omitempty" min:"0"`
	// Attach is how many earlier nodes each new one of a barabasi-albert graph
	// joins (2).
	Attach int `json:"attach,omitempty" min:"0"`
	// Alpha of Waxman's law (0.4).
	Alpha float64 `json:"alpha,omitempty" min:"0"`
	// Beta of Waxman's law (0.4).
	Beta float64 `json:"beta,omitempty" min:"0"`
	// Side in kilometres of the square of a waxman graph (1000).
	Side float64 `json:"side,omitempty" min:"0"`
	// Bandwidth of the links (1 Gbit/s, and 100 Mbit/s at the edge of three
	// tiers).
	Bandwidth Bandwidth `json:"bandwidth,omitempty"`
	// Latency of the links where distance does not set it (1 ms, and 5 ms and
	// 20 ms in three tiers).
	Latency Duration `json:"latency,omitempty"`
}

// imported reads the nodes and links of a file and of a generator.
func (b *builder) imported(t *Topology) {
	if t.File != "" {
		b.topologyFile(t)
	} else if t.Format != "" {
		b.fault(t.place.key("format"), "there is no file of this format (allowed: with file)")
	}
	if t.Generate != nil {
		b.generate(t)
	}
}

func (b *builder) topologyFile(t *Topology) {
	at := t.place.key("file")
	data, err := b.files.content(t.File)
	if err != nil {
		b.blind = true
		b.fault(at, "%s", err)
		return
	}
	format := t.Format
	if format == "" {
		format = topology.Detect(plainName(t.File), data[:min(len(data), 4096)])
	}
	if !contains(topology.FormatNames(), format) {
		b.blind = true
		b.fault(t.place.key("format"), "no format %q%s", format, b.allowed(format, topology.FormatNames()))
		return
	}
	link := t.Defaults.Link
	o := topology.ImportOptions{}
	if link != nil {
		o.Bandwidth = topology.BytesPerSecond(link.Bandwidth)
		o.FullDuplex = link.place.has("duplex") && link.Duplex == "full"
	}
	in, err := topology.Import(format, t.File, bytes.NewReader(data), o)
	if err != nil {
		b.blind = true
		for _, e := range each(err) {
			b.fault(at, "%s", e)
		}
		return
	}
	for _, w := range in.Warnings {
		b.warn(at, "%s", w)
	}
	if len(in.Demands) > 0 {
		b.warn(at, "%d traffic demands of the file are not used", len(in.Demands))
	}
	b.adopt(t, in.Nodes, in.Links)
}

// plainName is a file's name without the ending of its compression.
func plainName(name string) string { return strings.TrimSuffix(name, ".gz") }

func (b *builder) generate(t *Topology) {
	g := t.Generate
	spec := topology.GenerateSpec{
		Kind: g.Kind, Count: g.Count, Width: g.Width, Height: g.Height, Depth: g.Depth, Fanout: g.Fanout,
		Ports: g.Ports, Edges: g.Edges, Fogs: g.Fogs, Clouds: g.Clouds, Attach: g.Attach,
		Alpha: g.Alpha, Beta: g.Beta, SideKm: g.Side,
		Bandwidth: topology.BytesPerSecond(g.Bandwidth), Latency: time.Duration(g.Latency),
	}
	if n := t.Defaults.Node; n != nil {
		apply(&spec.Node, n, n.place.has)
	}
	const most = 2000 // the generator's time grows with the cube
	if g.Kind == "waxman" && g.Count > most {
		b.blind = true
		b.fault(t.place.key("generate").key("count"), "%d nodes (allowed: at most %d for a waxman graph)", g.Count, most)
		return
	}
	stream := des.NewStream(b.seed, "topology")
	nodes, links, err := topology.Generate(spec, rand.New(&stream))
	if err != nil {
		b.blind = true
		if g.Kind != "" { // an unknown kind is already reported
			b.fault(t.place.key("generate"), "%s", err)
		}
		return
	}
	b.adopt(t, nodes, links)
}

// adopt adds nodes and links that came from elsewhere. Defaults fill what
// they lack; speed and cores of 1 count as lacking, because graphs do not
// know them.
func (b *builder) adopt(t *Topology, nodes []topology.Node, links []topology.Link) {
	first := topology.NodeID(len(b.nodes))
	for _, n := range nodes {
		if d := t.Defaults.Node; d != nil {
			blank := topology.Node{}
			apply(&blank, d, d.place.has)
			if n.Speed == 1 && blank.Speed != 0 {
				n.Speed = blank.Speed
			}
			if n.Cores == 1 && blank.Cores != 0 {
				n.Cores = blank.Cores
			}
			fill(&n, blank)
		}
		if id, ok := b.byName[n.Name]; ok {
			b.fault(t.place, "the node %q comes from file and from generate", clip(b.nodes[id].Name))
			return
		}
		b.add(n, place{path: t.place.path})
	}
	media := b.media
	for _, l := range links {
		l.From, l.To = l.From+first, l.To+first
		if l.Medium > 0 {
			l.Medium += media
			b.media = max(b.media, l.Medium)
		}
		if d := t.Defaults.Link; d != nil {
			l.Jitter, l.Loss, l.PricePerByte = time.Duration(d.Jitter), float64(d.Loss), d.Price/1e9
			if l.Latency == 0 {
				l.Latency = time.Duration(d.Latency)
			}
		}
		b.links = append(b.links, l)
	}
}
