package scenarios

import (
	"fmt"
	"strings"

	"caravan/topology"
	"caravan/workloads"
)

// builder turns the decoded file into nouns and reports what refers to
// nothing. It goes on after a fault wherever what follows does not depend on
// it, so that one reading reports them all.
type builder struct {
	*decoder
	files    files
	warnings []string

	nodes  []topology.Node
	places []place // of nodes, for messages
	links  []topology.Link
	byName map[string]topology.NodeID
	names  []string // of nodes, in order
	// blind is set when the nodes are not fully known, because a file could
	// not be read; names that refer to nothing are then not reported.
	blind    bool
	seed     uint64
	media    int // the highest number of a shared medium
	topology *topology.Topology
}

// unknown reports a name that refers to nothing.
func (b *builder) unknown(p place, kind, name string, candidates []string) {
	if b.blind {
		return
	}
	b.fault(p, "no %s %q%s", kind, clip(name), b.allowed(name, candidates))
}

// node finds a node by name.
func (b *builder) node(p place, name string) (topology.NodeID, bool) {
	id, ok := b.byName[name]
	if !ok {
		b.unknown(p, "node", name, b.names)
		return topology.None, false
	}
	return id, true
}

// place is where item i of the names was written.
func (n *Names) item(i int) place {
	if n.place.v != nil && n.place.v.kind == sequence {
		return n.place.item(i)
	}
	return n.place
}

// chosen is the nodes that names stand for, in order and without repetition:
// each is a node's name, or a selection by attribute, or * for every node.
func (b *builder) chosen(n *Names) []topology.NodeID {
	var out []topology.NodeID
	seen := map[topology.NodeID]bool{}
	add := func(id topology.NodeID) {
		if !seen[id] {
			seen[id] = true
			out = append(out, id)
		}
	}
	for i, name := range n.List {
		if id, ok := b.byName[name]; ok {
			add(id)
			continue
		}
		rule, err := parseConstraint(name)
		if name == "*" {
			err = nil
		} else if err != nil {
			b.node(n.item(i), name)
			continue
		}
		before := len(out)
		for id := range b.nodes {
			if name == "*" || rule.Allows(&b.nodes[id]) {
				add(topology.NodeID(id))
			}
		}
		if len(out) == before && !b.blind {
			b.fault(n.item(i), "no node fits %q%s", clip(name), b.seenValues(rule))
		}
	}
	return out
}

// seenValues says which values of the rule's attribute the nodes have.
func (b *builder) seenValues(rule workloads.Constraint) string {
	var values []string
	for i := range b.nodes {
		if v, ok := b.nodes[i].Attribute(rule.Attribute); ok && v != "" && !contains(values, v) && len(values) < maxListed {
			values = append(values, v)
		}
	}
	if len(values) == 0 {
		return fmt.Sprintf(" (no node has the attribute %q)", clip(rule.Attribute))
	}
	return b.allowed(strings.Join(rule.Values, ","), values)
}

// constraints checks that their attributes exist somewhere, and warns
// otherwise: it is what a misspelling looks like, yet it may be meant.
func (b *builder) constraints(list []Constraint, p place) []workloads.Constraint {
	out := make([]workloads.Constraint, 0, len(list))
	for i, c := range list {
		known := b.blind || c.Rule.Attribute == ""
		for j := range b.nodes {
			if known {
				break
			}
			_, known = b.nodes[j].Attribute(c.Rule.Attribute)
		}
		if !known {
			verdict := "cannot hold"
			if c.Rule.Operator == "!=" || c.Rule.Operator == "is_not_set" {
				verdict = "always holds"
			}
			b.warn(p.key("constraints").item(i), "no node has the attribute %q, so the constraint %s", c.Rule.Attribute, verdict)
		}
		out = append(out, c.Rule)
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

// warn keeps a doubt that is not a fault.
func (b *builder) warn(p place, format string, args ...any) {
	b.warnings = append(b.warnings, p.path+": "+fmt.Sprintf(format, args...))
}
