package scenarios

import "reflect"

// decodeInto fills a struct that p holds.
func (d *decoder) decodeInto(target any, p place) {
	d.structure(reflect.ValueOf(target).Elem(), p)
}

// decode fills the topology: its defaults are read first, because they stand
// for what its nodes and links leave out.
func (t *Topology) decode(d *decoder, p place) {
	if p.v.kind == mapping {
		d.defaults.node = p.v.get("defaults").get("node")
		d.defaults.link = p.v.get("defaults").get("link")
	}
	type plain Topology
	d.structure(reflect.ValueOf((*plain)(t)).Elem(), p)
	t.setPlace(p)
}

// decode reads a node, its absent fields from topology.defaults.node.
func (n *Node) decode(d *decoder, p place) {
	type plain Node
	d.structure(reflect.ValueOf((*plain)(n)).Elem(), p.under(d.defaults.node))
	n.setPlace(p)
}

// decode reads a link, its absent fields from topology.defaults.link.
func (l *Link) decode(d *decoder, p place) {
	type plain Link
	d.structure(reflect.ValueOf((*plain)(l)).Elem(), p.under(d.defaults.link))
	l.setPlace(p)
}

// under is p with the entries of defaults that it does not have itself.
func (p place) under(defaults *value) place {
	if p.v.kind != mapping || defaults == nil || defaults.kind != mapping || defaults == p.v {
		return p
	}
	both := &value{kind: mapping, at: p.v.at, entries: append([]entry{}, p.v.entries...)}
	for _, e := range defaults.entries {
		if p.v.get(e.key) == nil {
			both.entries = append(both.entries, e)
		}
	}
	return place{both, p.path}
}

// decode reads nodes as a map of names, or as a list of nodes with names.
func (n *Nodes) decode(d *decoder, p place) {
	n.setPlace(p)
	switch p.v.kind {
	case mapping:
		for _, e := range p.v.entries {
			node, at := Node{}, p.key(e.key)
			if at.v.kind == null {
				at.v = &value{kind: mapping, at: e.at}
			}
			node.decode(d, at)
			if node.Name != "" && node.Name != e.key {
				d.fault(at.key("name"), "the name %q differs from the key %q (allowed: one of them)", clip(node.Name), clip(e.key))
			}
			node.Name = e.key
			n.List = append(n.List, node)
		}
	case sequence:
		for i := range p.v.items {
			node, at := Node{}, p.item(i)
			node.decode(d, at)
			if node.Name == "" && at.v.kind == mapping {
				d.fault(at.key("name"), "%q is missing", "name")
			}
			n.List = append(n.List, node)
		}
	default:
		d.fault(p, "%s is not a map or a list (allowed: nodes by name, or a list of nodes)", p.v.what())
	}
}
