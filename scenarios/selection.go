package scenarios

import (
	"caravan/topology"
	"caravan/workloads"
)

// attribute is the text that constraints and selections compare: a field of
// the node by the key that it has in the file, or one of its attributes. It
// reports whether the node has it at all.
func attribute(n *topology.Node, name string) (string, bool) {
	switch name {
	case "name":
		return n.Name, true
	case "class":
		return n.Class, true
	case "region":
		return n.Region, true
	case "datacenter":
		return n.Datacenter, true
	case "pool":
		return n.Pool, true
	}
	v, ok := n.Attributes[name]
	return v, ok
}

// matches reports whether the node fits the rule. A node without the
// attribute differs from every value.
func matches(rule workloads.Constraint, n *topology.Node) bool {
	v, ok := attribute(n, rule.Attribute)
	in := ok && contains(rule.Values, v)
	if rule.Operator == "!=" {
		return !in
	}
	return in
}
