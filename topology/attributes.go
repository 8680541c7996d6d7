package topology

import (
	"slices"
	"strconv"
	"strings"
)

// Attribute is the text that constraints compare under a name, and whether the
// node has it at all. The names are class, region, datacenter, pool and name,
// the same with node. before them, attr.KEY, meta.KEY and driver.NAME, and plain keys of
// Attributes; ${...} around any of them is ignored. What HashiCorp's clients
// fingerprint of a machine's size (cpu.numcores, cpu.totalcompute,
// memory.totalbytes) follows from the node where Attributes does not say it.
func (n *Node) Attribute(name string) (string, bool) {
	if inner, ok := strings.CutPrefix(name, "${"); ok {
		name = strings.TrimSuffix(inner, "}")
	}
	switch strings.TrimPrefix(name, "node.") {
	case "name", "unique.name", "unique.id":
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
	if key, ok := strings.CutPrefix(name, "meta."); ok {
		v, ok := n.Meta[key]
		return v, ok
	}
	if d, ok := strings.CutPrefix(name, "driver."); ok {
		return "1", len(n.Drivers) == 0 || slices.Contains(n.Drivers, d)
	}
	key := strings.TrimPrefix(name, "attr.")
	if v, ok := n.Attributes[key]; ok {
		return v, true
	}
	if v, ok := n.Attributes[name]; ok {
		return v, true
	}
	return n.fingerprint(key)
}

func (n *Node) fingerprint(key string) (string, bool) {
	switch {
	case key == "cpu.numcores":
		return strconv.Itoa(n.Cores), true
	case key == "cpu.totalcompute" && n.CPU > 0:
		return strconv.FormatFloat(float64(n.CPU), 'f', -1, 64), true
	case key == "memory.totalbytes" && n.Memory > 0:
		return strconv.FormatInt(int64(n.Memory), 10), true
	case key == "unique.storage.bytestotal" && n.Disk > 0:
		return strconv.FormatInt(int64(n.Disk), 10), true
	}
	return "", false
}

// Unique reports whether an attribute tells single nodes apart, so that equal
// classes of nodes may differ in it.
func Unique(attribute string) bool {
	return attribute == "name" || attribute == "node.name" || strings.Contains(attribute, "unique.")
}

// DeviceGroups lists the node's devices, those of GPUs first.
func (n *Node) DeviceGroups() []DeviceGroup {
	if n.GPUs.Count == 0 {
		return n.Devices
	}
	return append([]DeviceGroup{{Type: "gpu", Model: n.GPUs.Model, Count: n.GPUs.Count}}, n.Devices...)
}

// Matches reports whether the group is of the kind that name asks for: type,
// vendor/type or vendor/type/model.
func (g *DeviceGroup) Matches(name string) bool {
	parts := strings.SplitN(name, "/", 3)
	switch len(parts) {
	case 1:
		return parts[0] == g.Type
	case 2:
		return parts[0] == g.Vendor && parts[1] == g.Type
	}
	return parts[0] == g.Vendor && parts[1] == g.Type && parts[2] == g.Model
}

// Attribute is the text that constraints on devices compare under a name:
// device.vendor, device.type, device.model or device.attr.KEY, ${...} ignored.
func (g *DeviceGroup) Attribute(name string) (string, bool) {
	if inner, ok := strings.CutPrefix(name, "${"); ok {
		name = strings.TrimSuffix(inner, "}")
	}
	name = strings.TrimPrefix(name, "device.")
	switch name {
	case "vendor":
		return g.Vendor, true
	case "type":
		return g.Type, true
	case "model":
		return g.Model, true
	}
	v, ok := g.Attributes[strings.TrimPrefix(name, "attr.")]
	return v, ok
}

// CoreCPU is the capacity of one core, 0 where CPU is unconstrained.
func (n *Node) CoreCPU() MHz {
	if n.Cores < 1 {
		return 0
	}
	return n.CPU / MHz(n.Cores)
}
