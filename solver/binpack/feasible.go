package binpack

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"caravan/topology"
	"caravan/workloads"
	"caravan/workloads/cluster"
)

// compiled is what the chain works out once for a version of a job.
type compiled struct {
	where  string // datacenters and pool, as a key
	spread bool   // score by spread
	rules  []rule // of all groups, in the order in which they are checked
	groups []compiledGroup
}

// A rule is one reason for which a node can be filtered.
type rule struct {
	text       string
	constraint workloads.Constraint // of devices: none
	devices    *cluster.DeviceAsk
	unique     bool // not the same for all nodes of a class
}

// compiledGroup is a task group with the rules and scorers that apply to it.
type compiledGroup struct {
	ask        cluster.Ask
	rules      []int32 // positions in compiled.rules
	distinct   []distinct
	affinities []affinity
	affinity   float64 // sum of the weights without sign
	spreads    []spread
	// spreadWeight is the sum of the weights of the spreads.
	spreadWeight int
	classes      []int32 // by ClassID: unknown, allowed, or escaped, else the rule that filters it
}

// The verdicts on a class that are not a rule.
const (
	unknown int32 = -1 - iota
	allowed
	escaped // allowed, but unique attributes are still to be asked
)

// distinct is a distinct_hosts or distinct_property of the job or the group.
type distinct struct {
	rule    int32
	wide    bool // of the job: instances of every group count
	hosts   bool
	value   string // of distinct_property
	allowed int
}

type affinity struct {
	constraint workloads.Constraint
	weight     float64
}

type spread struct {
	attribute string
	weight    int
	desired   map[string]float64 // instances by value; "*" is every other value; nil spreads evenly
}

// maxCompiled bounds the versions of jobs that are remembered.
const maxCompiled = 1 << 14

// compile prepares a version of a job, once.
func (c *Chain) compile(j *workloads.Job) *compiled {
	if found, ok := c.specs[j]; ok {
		return found
	}
	if len(c.specs) >= maxCompiled {
		clear(c.specs)
	}
	out := &compiled{where: j.PoolOrDefault() + "\x00" + strings.Join(j.Datacenters, "\x00"), spread: c.config.Spread}
	if own, ok := c.config.SpreadPools[j.PoolOrDefault()]; ok {
		out.spread = own
	}
	for g := range j.Groups {
		out.groups = append(out.groups, out.group(j, &j.Groups[g], c.fleet.Classes()))
	}
	c.specs[j] = out
	return out
}

func (k *compiled) group(j *workloads.Job, g *workloads.Group, classes int) compiledGroup {
	out := compiledGroup{ask: cluster.NewAsk(g), classes: make([]int32, classes)}
	for i := range out.classes {
		out.classes[i] = unknown
	}
	for i := range j.Constraints {
		if r := &j.Constraints[i]; r.Distinct() {
			out.distinct = append(out.distinct, k.distinct(r, true))
		}
	}
	own := slices.Clone(g.Constraints)
	slices.SortStableFunc(own, func(a, b workloads.Constraint) int { return cmp.Compare(level(j, &a), level(j, &b)) })
	for i := range own {
		r := &own[i]
		if r.Distinct() {
			out.distinct = append(out.distinct, k.distinct(r, false))
			continue
		}
		out.rules = append(out.rules, k.rule(rule{text: r.String(), constraint: *r, unique: escapes(r)}))
	}
	for i := range out.ask.Devices {
		out.rules = append(out.rules, k.rule(rule{text: "missing devices", devices: &out.ask.Devices[i]}))
	}
	out.affinities, out.affinity = affinitiesOf(j, g)
	for _, list := range [][]workloads.Spread{j.Spreads, g.Spreads} {
		for i := range list {
			out.spreads = append(out.spreads, newSpread(&list[i], g.Count))
			out.spreadWeight += list[i].Weight
		}
	}
	return out
}

// level orders the constraints of a group: the job's are checked first.
func level(j *workloads.Job, c *workloads.Constraint) int {
	for i := range j.Constraints {
		if j.Constraints[i].String() == c.String() {
			return 0
		}
	}
	return 1
}

func (k *compiled) rule(r rule) int32 {
	k.rules = append(k.rules, r)
	return int32(len(k.rules) - 1)
}

func (k *compiled) distinct(r *workloads.Constraint, wide bool) distinct {
	return distinct{
		rule: k.rule(rule{text: r.String()}), wide: wide, hosts: r.Operator == workloads.DistinctHosts,
		value: r.Attribute, allowed: r.Property(),
	}
}

// escapes reports whether nodes of one class can differ in a constraint.
func escapes(r *workloads.Constraint) bool {
	if topology.Unique(r.Attribute) {
		return true
	}
	for _, v := range r.Values {
		if strings.HasPrefix(v, "${") && topology.Unique(v) {
			return true
		}
	}
	return false
}

func affinitiesOf(j *workloads.Job, g *workloads.Group) (out []affinity, sum float64) {
	for _, a := range workloads.Affinities(j, g) {
		w := float64(a.Weight)
		out = append(out, affinity{a.Constraint, w})
		sum += max(w, -w)
	}
	return out, sum
}

// newSpread turns percentages into instances; what the targets leave is for
// all other values together.
func newSpread(s *workloads.Spread, count int) spread {
	out := spread{attribute: s.Attribute, weight: s.Weight}
	if len(s.Targets) == 0 {
		return out
	}
	out.desired = map[string]float64{}
	sum := 0.0
	for _, t := range s.Targets {
		d := float64(t.Percent) / 100 * float64(count)
		out.desired[t.Value] = d
		sum += d
	}
	if sum > 0 && sum < float64(count) {
		out.desired[anyOther] = float64(count) - sum
	}
	return out
}

// anyOther is the target of values without one.
const anyOther = "*"

// feasible reports whether the constraints of the group leave node n in, and
// counts what filters it. Classes are asked once for a version of the job.
func (c *Chain) feasible(n topology.NodeID, m *cluster.Machine) bool {
	g := &c.c.groups[c.group]
	verdict := g.classes[m.Class]
	if verdict == unknown {
		verdict = c.c.judge(g, m)
		g.classes[m.Class] = verdict
	}
	if verdict >= 0 {
		c.tallied.filter(verdict)
		return false
	}
	if verdict == escaped {
		for _, r := range g.rules {
			if k := &c.c.rules[r]; k.unique && !k.constraint.Allows(m.Node) {
				c.tallied.filter(r)
				return false
			}
		}
	}
	for i := range g.distinct {
		if !c.apart(&g.distinct[i], n, m) {
			c.tallied.filter(g.distinct[i].rule)
			return false
		}
	}
	return true
}

// Admits reports whether the rules of a group let it on node n, whatever else
// is there.
func (c *Chain) Admits(spec *workloads.Job, group int, n topology.NodeID) bool {
	m, k := c.fleet.Machine(n), c.compile(spec)
	g := &k.groups[group]
	if !spec.In(m.Node) {
		return false
	}
	verdict := k.judge(g, m)
	if verdict == escaped {
		for _, r := range g.rules {
			if x := &k.rules[r]; x.unique && !x.constraint.Allows(m.Node) {
				return false
			}
		}
	}
	return verdict < 0
}

// judge asks the rules about the class of a machine.
func (k *compiled) judge(g *compiledGroup, m *cluster.Machine) int32 {
	verdict := allowed
	for _, r := range g.rules {
		x := &k.rules[r]
		switch {
		case x.unique:
			verdict = escaped
		case x.devices != nil && !enough(x.devices, m), x.devices == nil && !x.constraint.Allows(m.Node):
			return r
		}
	}
	return verdict
}

// enough reports whether the machine has the devices at all, free or not.
func enough(d *cluster.DeviceAsk, m *cluster.Machine) bool {
	for k := range m.Devices {
		if d.Accepts(&m.Devices[k]) && m.Devices[k].Count >= d.Count {
			return true
		}
	}
	return false
}

// apart reports whether an instance on n keeps its distance from the others.
func (c *Chain) apart(d *distinct, n topology.NodeID, m *cluster.Machine) bool {
	t := &c.groups[c.group]
	if d.wide {
		t = &c.jobs
	}
	if d.hosts {
		return t.onNode[n] == 0
	}
	value, ok := m.Node.Attribute(d.value)
	return ok && c.used(t, d.value)[value] < d.allowed
}

// Blocking tells blocked work what could help it: the computed classes that
// the rules of all the given groups are known to leave out, and whether the
// rules ask for unique attributes, so that any node could help.
func (c *Chain) Blocking(groups ...int) (ineligible []cluster.ClassID, anyNode bool) {
	for class := range cluster.ClassID(c.fleet.Classes()) {
		out := len(groups) > 0
		for _, g := range groups {
			out = out && c.c.groups[g].classes[class] >= 0
		}
		if out {
			ineligible = append(ineligible, class)
		}
	}
	for _, g := range groups {
		for _, r := range c.c.groups[g].rules {
			anyNode = anyNode || c.c.rules[r].unique
		}
	}
	return ineligible, anyNode
}

// counts are why nodes were passed over, for one instance.
type counts struct {
	evaluated, filtered, exhausted int
	byRule                         []int32
	lacks                          []lack
}

type lack struct {
	what  string
	nodes int
}

func (t *counts) reset(rules int) {
	t.evaluated, t.filtered, t.exhausted = 0, 0, 0
	t.byRule = append(t.byRule[:0], make([]int32, rules)...)
	t.lacks = t.lacks[:0]
}

func (t *counts) filter(r int32) {
	t.filtered++
	t.byRule[r]++
}

func (t *counts) exhaust(what string) {
	t.exhausted++
	for i := range t.lacks {
		if t.lacks[i].what == what {
			t.lacks[i].nodes++
			return
		}
	}
	t.lacks = append(t.lacks, lack{what, 1})
}

// String is the rule as explanations show it.
func (r *rule) String() string {
	if r.devices != nil {
		return fmt.Sprintf("missing devices: %d %s", r.devices.Count, r.devices.Name)
	}
	return r.text
}
