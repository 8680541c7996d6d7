package scenarios

import (
	"fmt"
	"reflect"
	"strings"
	"time"

	"caravan/topology"
)

// The most nodes, pipelines and links that counts and selections may multiply
// into: far more than a simulation bears, and built in about a second.
const (
	maxBuilt = 200_000
	maxLinks = 1_000_000
)

// buildTopology makes the nodes and links: read, generated, written, attached
// and joined, in this order.
func (b *builder) buildTopology(t *Topology) {
	b.byName = map[string]topology.NodeID{}
	b.imported(t)
	for i := range t.Nodes.List {
		b.written(&t.Nodes.List[i])
	}
	if t.Nodes.place.v != nil && t.Nodes.place.v.kind == scalar {
		b.blind = true
	}
	for i := range t.Attach {
		b.attach(&t.Attach[i])
	}
	if len(b.nodes) == 0 && !b.blind {
		b.fault(t.place, "there are no nodes (allowed: nodes, file or generate)")
		b.blind = true
	}
	for i := range t.Links {
		b.join(&t.Links[i])
	}
	for _, l := range b.faults.list {
		if strings.HasPrefix(l.path, "topology") {
			return // what is built from faulty parts would only add noise
		}
	}
	made, err := topology.New(b.nodes, b.links)
	for _, e := range each(err) {
		b.fault(t.place, "%s", e)
	}
	b.topology = made
}

// each takes a joined error apart.
func each(err error) []error {
	if err == nil {
		return nil
	}
	if list, ok := err.(interface{ Unwrap() []error }); ok {
		var out []error
		for _, e := range list.Unwrap() {
			out = append(out, each(e)...)
		}
		return out
	}
	return []error{err}
}

// add appends a node unless its name is taken.
func (b *builder) add(n topology.Node, p place) (topology.NodeID, bool) {
	if first, ok := b.byName[n.Name]; ok {
		where := ""
		if v := b.places[first].v; v != nil && v.at.line > 0 {
			where = fmt.Sprintf(" (first at line %d)", v.at.line)
		}
		b.fault(p, "the node %q is given a second time%s", clip(n.Name), where)
		return first, false
	}
	if len(b.nodes) >= maxBuilt {
		if !b.blind {
			b.fault(p, "more than %d nodes", maxBuilt)
		}
		b.blind = true
		return topology.None, false
	}
	id := topology.NodeID(len(b.nodes))
	b.byName[n.Name] = id
	b.nodes, b.places, b.names = append(b.nodes, n), append(b.places, p), append(b.names, n.Name)
	return id, true
}

// written adds the node of the file, or its replicas, or amends an imported
// node of the same name.
func (b *builder) written(n *Node) {
	if id, ok := b.byName[n.Name]; ok && n.Count == 0 && b.places[id].v == nil {
		apply(&b.nodes[id], n, n.place.has)
		b.places[id] = n.place
		return
	}
	all := func(string) bool { return true }
	for i := range max(n.Count, 1) {
		node := topology.Node{Name: n.Name}
		if n.Count > 0 {
			node.Name = fmt.Sprintf("%s-%d", n.Name, i+1)
		}
		apply(&node, n, all)
		if _, ok := b.add(node, n.place); !ok {
			return
		}
	}
}

// apply copies the fields that has names from the file's node.
func apply(to *topology.Node, n *Node, has func(string) bool) {
	for _, f := range []struct {
		key string
		set func()
	}{
		{"speed", func() { to.Speed = n.Speed }},
		{"cores", func() { to.Cores = n.Cores }},
		{"cpu", func() { to.CPU = topology.MHz(n.CPU) }},
		{"memory", func() { to.Memory = topology.Bytes(n.Memory) }},
		{"disk", func() { to.Disk = topology.Bytes(n.Disk) }},
		{"gpus", func() { to.GPUs = topology.GPUs(n.GPUs) }},
		{"class", func() { to.Class = n.Class }},
		{"region", func() { to.Region = n.Region }},
		{"datacenter", func() { to.Datacenter = n.Datacenter }},
		{"pool", func() { to.Pool = n.Pool }},
		{"discipline", func() { to.Discipline = topology.Discipline(n.Discipline) }},
		{"colocate", func() { to.NoColocate = !n.Colocate }},
		{"queue", func() { to.QueueLimit = n.Queue }},
		{"attributes", func() { to.Attributes = n.Attributes }},
		{"meta", func() { to.Meta = n.Meta }},
		{"drivers", func() { to.Drivers = n.Drivers.List }},
		{"devices", func() { to.Devices = deviceGroups(n.Devices) }},
		{"interfaces", func() { to.Interfaces = interfaces(n.Interfaces) }},
		{"max_instances", func() { to.MaxInstances = n.MaxInstances }},
		{"price", func() { to.PricePerHour = n.Price }},
		{"power", func() { to.IdleWatts, to.BusyWatts = n.Power.Idle, n.Power.Busy }},
		{"carbon", func() { to.CarbonPerKWh = n.Carbon }},
		{"reserved", func() {
			to.Reserved = topology.Resources{CPU: topology.MHz(n.Reserved.CPU), Memory: topology.Bytes(n.Reserved.Memory), Disk: topology.Bytes(n.Reserved.Disk)}
			to.ReservedCores, to.ReservedPorts = n.Reserved.Cores, n.Reserved.Ports
		}},
		{"location", func() {
			if n.Location != nil {
				to.Location = &topology.Coordinates{Latitude: n.Location.Latitude, Longitude: n.Location.Longitude}
			}
		}},
	} {
		if has(f.key) {
			f.set()
		}
	}
}

func deviceGroups(list []NodeDevice) []topology.DeviceGroup {
	var out []topology.DeviceGroup
	for _, d := range list {
		out = append(out, topology.DeviceGroup{Vendor: d.Vendor, Type: d.Type, Model: d.Model, Count: d.Count, Attributes: d.Attributes})
	}
	return out
}

func interfaces(list []Interface) []topology.Interface {
	var out []topology.Interface
	for _, i := range list {
		out = append(out, topology.Interface(i))
	}
	return out
}

// fill gives to the fields of from where to has none.
func fill[T any](to *T, from T) {
	a, b := reflect.ValueOf(to).Elem(), reflect.ValueOf(from)
	for i := range a.NumField() {
		if a.Field(i).IsZero() {
			a.Field(i).Set(b.Field(i))
		}
	}
}

// attach adds new nodes with their links to existing ones.
func (b *builder) attach(a *Attach) {
	number := 0
	for _, parent := range b.chosen(&a.To) {
		for range a.Count {
			number++
			node := topology.Node{Name: fmt.Sprintf("%s-%d", a.Name, number)}
			n := a.Node
			if n == nil {
				n = b.defaultNode()
			}
			apply(&node, n, func(string) bool { return true })
			if node.Region == "" {
				node.Region = b.nodes[parent].Region
			}
			if node.Datacenter == "" {
				node.Datacenter = b.nodes[parent].Datacenter
			}
			id, ok := b.add(node, a.place)
			if !ok {
				return
			}
			l := a.Link
			if l == nil {
				l = b.defaultLink()
			}
			b.pair(l, "", id, parent, true)
		}
	}
}

// defaultNode is a node that is not written anywhere.
func (b *builder) defaultNode() *Node {
	n := &Node{}
	n.decode(b.decoder, place{v: &value{kind: mapping}})
	return n
}

// defaultLink is a link that is not written anywhere.
func (b *builder) defaultLink() *Link {
	l := &Link{}
	l.decode(b.decoder, place{v: &value{kind: mapping}})
	return l
}

// join adds the links between every pair of its endpoints.
func (b *builder) join(l *Link) {
	var from, to []topology.NodeID
	both := len(l.Between) > 0
	oneWay := len(l.From.List) > 0 || len(l.To.List) > 0
	switch {
	case l.place.v == nil || l.place.v.kind != mapping:
		return
	case both == oneWay:
		b.fault(l.place, "the ends of the link are not given once (allowed: between: [a, b], or from: a and to: b)")
		return
	case both && len(l.Between) != 2:
		b.fault(l.place.key("between"), "%d ends are given (allowed: 2, [a, b]; each can be a list or a selection)", len(l.Between))
		return
	case both:
		from, to = b.chosen(&l.Between[0]), b.chosen(&l.Between[1])
	case len(l.From.List) == 0 || len(l.To.List) == 0:
		b.fault(l.place, "one end of the link is missing (allowed: from and to together)")
		return
	default:
		from, to = b.chosen(&l.From), b.chosen(&l.To)
	}
	pairs := len(from) * len(to)
	if pairs > maxLinks || len(b.links)+2*pairs > maxLinks {
		b.fault(l.place, "more than %d links", maxLinks)
		return
	}
	number := 0
	joined := map[[2]topology.NodeID]bool{}
	for _, x := range from {
		for _, y := range to {
			if pairs > 1 && (x == y || (both && joined[[2]topology.NodeID{y, x}])) {
				continue
			}
			joined[[2]topology.NodeID{x, y}] = true
			if x == y {
				b.fault(l.place, "the link joins %q with itself (allowed: two nodes)", clip(b.nodes[x].Name))
				continue
			}
			name := l.Name
			if number++; name != "" && pairs > 1 {
				name = fmt.Sprintf("%s-%d", l.Name, number)
			}
			b.pair(l, name, x, y, both)
		}
	}
}

// pair adds the link from x to y, and with both the one back. The return of a
// named link is called NAME.back.
func (b *builder) pair(l *Link, name string, x, y topology.NodeID, both bool) {
	medium := 0
	if l.Duplex == "half" && both {
		b.media++
		medium = b.media
	}
	link := topology.Link{
		Name: name, From: x, To: y,
		Bandwidth:    topology.BytesPerSecond(l.Bandwidth),
		Latency:      time.Duration(l.Latency),
		Jitter:       time.Duration(l.Jitter),
		Loss:         float64(l.Loss),
		Medium:       medium,
		PricePerByte: l.Price / 1e9,
		DistanceKm:   l.Distance,
	}
	if a, c := b.nodes[x].Location, b.nodes[y].Location; link.DistanceKm == 0 && a != nil && c != nil {
		link.DistanceKm = topology.Kilometres(*a, *c)
	}
	if link.Loss >= 1 {
		b.fault(l.place.key("loss"), "a link that loses everything carries nothing (allowed: below 100%%)")
	}
	if link.Jitter > link.Latency {
		b.fault(l.place.key("jitter"), "the jitter %s is larger than the latency %s (allowed: at most the latency)",
			topology.FormatDuration(link.Jitter), topology.FormatDuration(link.Latency))
	}
	b.links = append(b.links, link)
	if both {
		link.From, link.To = y, x
		if name != "" {
			link.Name = name + ".back"
		}
		b.links = append(b.links, link)
	}
}
