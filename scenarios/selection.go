package scenarios

import "caravan/topology"

// attribute is the text that placement.Allows compares for a constraint or a
// selection. It also reports whether the node has the attribute at all, which
// tells a misspelt name from a value that does not occur.
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
