package cluster

import (
	"slices"

	"caravan/topology"
	"caravan/workloads"
)

// An Ask is what an instance of a group needs of a node, apart from what
// constraints say of the node itself.
type Ask struct {
	Amount            // without the CPU of whole cores
	Cores    int      // whole cores, for all tasks together
	phases   [3]phase // of the life cycle; only looked at with Cores
	Networks []workloads.Network
	Devices  []DeviceAsk
}

// phase is what runs at one time.
type phase struct {
	cpu   topology.MHz
	cores int
}

// A DeviceAsk is a number of devices of one kind, or of parts of devices.
type DeviceAsk struct {
	workloads.DeviceAsk
	Milli int16 // thousandths of each
}

// NewAsk is what group g needs.
func NewAsk(g *workloads.Group) Ask {
	a := Ask{
		Amount: Amount{g.Demand.CPU, g.Demand.Memory, g.Demand.Disk},
		Cores:  g.Cores(), Networks: g.AllNetworks(),
	}
	for _, d := range g.AllDevices() {
		a.Devices = append(a.Devices, DeviceAsk{d, 1000})
	}
	if d := g.Demand; d.GPUs > 0 {
		ask := DeviceAsk{workloads.DeviceAsk{Name: "gpu", Count: d.GPUs}, 1000}
		if d.GPUMilli > 0 {
			ask.Milli = int16(d.GPUMilli)
		}
		if len(d.GPUModel) > 0 {
			ask.Constraints = []workloads.Constraint{{Attribute: "device.model", Operator: "in", Values: d.GPUModel}}
		}
		a.Devices = append(a.Devices, ask)
	}
	if a.Cores > 0 {
		a.phases = phases(g)
	}
	return a
}

// Times is what k instances need together.
func (a *Ask) Times(k int) Ask {
	return Ask{
		Amount: a.Amount.Times(k), Cores: k * a.Cores, phases: a.phases,
		Networks: slices.Repeat(a.Networks, k), Devices: slices.Repeat(a.Devices, k),
	}
}

// Named reports whether the ask is for more than an Amount.
func (a *Ask) Named() bool { return a.Cores > 0 || len(a.Networks) > 0 || len(a.Devices) > 0 }

func phases(g *workloads.Group) (out [3]phase) {
	for i := range g.Tasks {
		t := &g.Tasks[i]
		add := func(p *phase) {
			if p.cores += t.Cores; t.Cores == 0 {
				p.cpu += t.CPU
			}
		}
		switch {
		case t.Lifecycle == workloads.PreStart:
			add(&out[0])
			if t.Sidecar {
				add(&out[1])
			}
		case t.Lifecycle == workloads.PostStop:
			add(&out[2])
		default:
			add(&out[1])
		}
	}
	return out
}

// On is the amount on machine m, where a whole core is worth its share of the
// machine's CPU.
func (a *Ask) On(m *Machine) Amount {
	out := a.Amount
	if a.Cores > 0 {
		out.CPU = 0
		for _, p := range a.phases {
			out.CPU = max(out.CPU, p.cpu+topology.MHz(p.cores)*m.Node.CoreCPU())
		}
	}
	return out
}

// Grant chooses cores, interfaces, ports and devices on machine m beside the
// allocations on it: the lowest free ones, and of device groups the one that
// fits the ask's affinities best, the first on ties. When something is short,
// lacks names it in HashiCorp's words. Score and weight are the sums of the
// weights of the device affinities that hold and of all, without sign.
func (a *Ask) Grant(m *Machine, on []*Allocation) (g *Grant, score, weight float64, lacks string) {
	if !a.Named() {
		return nil, 0, 0, ""
	}
	g = &Grant{}
	if lacks = a.grantNetworks(m, on, g); lacks != "" {
		return nil, 0, 0, lacks
	}
	if score, weight, lacks = a.grantDevices(m, on, g); lacks != "" {
		return nil, 0, 0, lacks
	}
	if lacks = a.grantCores(m, on, g); lacks != "" {
		return nil, 0, 0, lacks
	}
	return g, score, weight, ""
}

func (a *Ask) grantCores(m *Machine, on []*Allocation, g *Grant) string {
	for _, c := range m.cores {
		if len(g.Cores) == a.Cores {
			return ""
		}
		taken := slices.ContainsFunc(on, func(x *Allocation) bool { return x.Grant != nil && slices.Contains(x.Cores, c) })
		if !taken {
			g.Cores = append(g.Cores, c)
		}
	}
	if len(g.Cores) < a.Cores {
		return "cores"
	}
	return ""
}

func (a *Ask) grantNetworks(m *Machine, on []*Allocation, g *Grant) string {
	for i := range a.Networks {
		n, lacks := grantNetwork(m, on, g, &a.Networks[i])
		if lacks != "" {
			return lacks
		}
		g.Networks = append(g.Networks, n)
	}
	return ""
}

// grantNetwork is the first interface with the bandwidth and ports of ask; g
// holds what the same allocation has got already. Each interface has its own
// address and so its own ports, but for those that the node reserves.
func grantNetwork(m *Machine, on []*Allocation, g *Grant, ask *workloads.Network) (out NetworkGrant, lacks string) {
	for i := range max(1, len(m.Node.Interfaces)) {
		if limit := m.mbits(i); limit > 0 && ask.Mbits > limit-usedMbits(on, g, i) {
			lacks = "network: bandwidth exceeded"
			continue
		}
		out = NetworkGrant{Interface: int16(i), Mbits: int32(ask.Mbits)}
		if lacks = out.grantPorts(m, on, g, ask); lacks == "" {
			return out, ""
		}
	}
	return out, lacks
}

// grantPorts gives the static ports and then the lowest free dynamic ones.
func (n *NetworkGrant) grantPorts(m *Machine, on []*Allocation, g *Grant, ask *workloads.Network) string {
	free := func(port int32) bool {
		if slices.Contains(m.Node.ReservedPorts, int(port)) || slices.Contains(n.Ports, port) || g.holds(n.Interface, port) {
			return false
		}
		return !slices.ContainsFunc(on, func(x *Allocation) bool { return x.Grant.holds(n.Interface, port) })
	}
	for _, p := range ask.Static {
		if !free(int32(p.Number)) {
			return "network: reserved port collision"
		}
		n.Ports = append(n.Ports, int32(p.Number))
	}
	next := int32(workloads.MinDynamicPort)
	for range ask.Dynamic {
		for next <= workloads.MaxDynamicPort && !free(next) {
			next++
		}
		if next > workloads.MaxDynamicPort {
			return "network: dynamic port selection failed"
		}
		n.Ports = append(n.Ports, next)
	}
	return ""
}

// mbits is the bandwidth of interface i, 0 where it is unconstrained.
func (m *Machine) mbits(i int) int {
	if i < len(m.Node.Interfaces) {
		return m.Node.Interfaces[i].Mbits
	}
	return 0
}

func usedMbits(on []*Allocation, g *Grant, i int) int {
	sum := 0
	add := func(g *Grant) {
		for _, n := range g.Networks {
			if int(n.Interface) == i {
				sum += int(n.Mbits)
			}
		}
	}
	for _, x := range on {
		if x.Grant != nil {
			add(x.Grant)
		}
	}
	add(g)
	return sum
}

// holds reports whether the grant, which may be nil, has a port of an interface.
func (g *Grant) holds(card int16, port int32) bool {
	return g != nil && slices.ContainsFunc(g.Networks, func(n NetworkGrant) bool { return n.Interface == card && slices.Contains(n.Ports, port) })
}
