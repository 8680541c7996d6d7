package preempt

import (
	"cmp"
	"math"
	"slices"

	"caravan/workloads/cluster"
)

// network makes room for network i of the ask beside those before it, on the
// first interface where that is possible (PreemptForNetwork).
func (s *search) network(i int) bool {
	part := cluster.Ask{Networks: s.Ask.Networks[:i+1]}
	if _, _, _, lacks := part.Grant(s.Machine, s.on); lacks == "" {
		return true
	}
	for k := range max(1, len(s.Machine.Node.Interfaces)) {
		victims, ok := s.onInterface(i, k)
		if !ok {
			continue
		}
		left := slices.DeleteFunc(slices.Clone(s.on), func(a *cluster.Allocation) bool { return slices.Contains(victims, a) })
		if _, _, _, lacks := part.Grant(s.Machine, left); lacks == "" {
			s.take(victims)
			return true
		}
	}
	return false
}

// onInterface chooses victims for network i on interface k: those that hold its
// ports, then by rising priority those whose bandwidth is nearest to the ask.
func (s *search) onInterface(i, k int) ([]*cluster.Allocation, bool) {
	ask := &s.Ask.Networks[i]
	limit := math.MaxInt
	if k < len(s.Machine.Node.Interfaces) && s.Machine.Node.Interfaces[k].Mbits > 0 {
		limit = s.Machine.Node.Interfaces[k].Mbits
	}
	if limit < ask.Mbits {
		return nil, false
	}
	free := limit - s.ownMbits(i, k)
	for _, a := range s.on {
		free -= mbits(a, k)
	}
	var victims []*cluster.Allocation
	for _, p := range ask.Static {
		for _, a := range s.on {
			if !holds(a, k, int32(p.Number)) || slices.Contains(victims, a) {
				continue
			}
			if !Preemptible(a, s.Job, s.Priority) {
				return nil, false
			}
			victims = append(victims, a)
			free += mbits(a, k)
		}
	}
	holders := len(victims)
	short := ask.Mbits - free // after the holders of ports
	for _, group := range s.groups(func(a *cluster.Allocation) bool { return mbits(a, k) > 0 && !slices.Contains(victims, a) }) {
		slices.SortStableFunc(group, func(a, b *cluster.Allocation) int {
			return cmp.Compare(s.networkDistance(ask.Mbits, a, k), s.networkDistance(ask.Mbits, b, k))
		})
		for _, a := range group {
			if free >= ask.Mbits {
				break
			}
			victims = append(victims, a)
			free += mbits(a, k)
		}
	}
	if free < ask.Mbits {
		return nil, false
	}
	return append(victims[:holders:holders], s.trimNetwork(victims[holders:], ask.Mbits, short, k)...), true
}

// ownMbits is what the networks before i of the same ask take on interface k.
func (s *search) ownMbits(i, k int) int {
	before := cluster.Ask{Networks: s.Ask.Networks[:i]}
	g, _, _, _ := before.Grant(s.Machine, s.on)
	if g == nil {
		return 0
	}
	return mbits(&cluster.Allocation{Grant: g}, k)
}

// networkDistance is |ask-use|/ask with the penalty (networkResourceDistance).
func (s *search) networkDistance(ask int, a *cluster.Allocation, k int) float64 {
	d := math.Inf(1)
	if ask > 0 {
		d = math.Abs(float64(ask-mbits(a, k))) / float64(ask)
	}
	return d + s.penalty(a)
}

// trimNetwork drops victims that are not needed to make up what is short, those
// nearest to the ask first.
func (s *search) trimNetwork(chosen []*cluster.Allocation, ask, short, k int) []*cluster.Allocation {
	slices.SortStableFunc(chosen, func(a, b *cluster.Allocation) int {
		return cmp.Compare(s.networkDistance(ask, b, k), s.networkDistance(ask, a, k))
	})
	for i, a := range chosen {
		if short -= mbits(a, k); short <= 0 {
			return chosen[:i+1]
		}
	}
	return chosen
}

// mbits is what an allocation has on interface k.
func mbits(a *cluster.Allocation, k int) int {
	sum := 0
	if a.Grant != nil {
		for _, n := range a.Networks {
			if int(n.Interface) == k {
				sum += int(n.Mbits)
			}
		}
	}
	return sum
}

// holds reports whether an allocation has a port of interface k.
func holds(a *cluster.Allocation, k int, port int32) bool {
	return a.Grant != nil && slices.ContainsFunc(a.Networks, func(n cluster.NetworkGrant) bool { return int(n.Interface) == k && slices.Contains(n.Ports, port) })
}

// device makes room for device ask i beside those before it: in each device
// group the lowest priorities first, and of the groups the one whose victims'
// distinct priorities add up to least (PreemptForDevice).
func (s *search) device(i int) bool {
	part := cluster.Ask{Devices: s.Ask.Devices[:i+1]}
	if _, _, _, lacks := part.Grant(s.Machine, s.on); lacks == "" {
		return true
	}
	before := cluster.Ask{Devices: s.Ask.Devices[:i]}
	own, _, _, _ := before.Grant(s.Machine, s.on)
	var best []*cluster.Allocation
	least := math.MaxInt
	for k := range s.Machine.Devices {
		if !s.Ask.Devices[i].Accepts(&s.Machine.Devices[k]) {
			continue
		}
		if option := s.onDevice(i, k, own); option != nil {
			if sum := distinctPriorities(option); sum < least {
				best, least = option, sum
			}
		}
	}
	s.take(best)
	return best != nil
}

// onDevice chooses victims for device ask i in group k; nil when they do not
// make enough room.
func (s *search) onDevice(i, k int, own *cluster.Grant) []*cluster.Allocation {
	ask := &s.Ask.Devices[i]
	left := slices.Clone(s.on)
	var victims []*cluster.Allocation
	for _, group := range s.groups(func(a *cluster.Allocation) bool { return instances(a, k) > 0 }) {
		for _, a := range group {
			victims = append(victims, a)
			left = slices.DeleteFunc(left, func(x *cluster.Allocation) bool { return x == a })
			if len(cluster.FreeDevices(s.Machine, left, own, k, ask.Milli)) >= ask.Count {
				return trimDevices(victims, k, ask.Count)
			}
		}
	}
	return nil
}

// trimDevices keeps the holders of most instances until they make up the count.
func trimDevices(victims []*cluster.Allocation, k, count int) []*cluster.Allocation {
	slices.SortStableFunc(victims, func(a, b *cluster.Allocation) int { return cmp.Compare(instances(b, k), instances(a, k)) })
	sum := 0
	for i, a := range victims {
		if sum += instances(a, k); sum >= count {
			return victims[:i+1]
		}
	}
	return victims
}

// instances is how many devices of group k an allocation has.
func instances(a *cluster.Allocation, k int) int {
	sum := 0
	if a.Grant != nil {
		for _, d := range a.Devices {
			if int(d.Group) == k {
				sum += len(d.Instances)
			}
		}
	}
	return sum
}

func distinctPriorities(list []*cluster.Allocation) int {
	seen := map[int]bool{}
	sum := 0
	for _, a := range list {
		if p := a.Priority(); !seen[p] {
			seen[p] = true
			sum += p
		}
	}
	return sum
}
