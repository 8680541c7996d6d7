package main

import (
	"fmt"
	"strconv"
	"strings"

	"caravan/topology"
	"caravan/workloads"
)

// list adds a list whose items are already YAML, unless it is empty.
func (f *flow) list(key string, items []string) {
	if len(items) > 0 {
		f.put(key, "["+strings.Join(items, ", ")+"]")
	}
}

// table adds a map of texts in the order of its keys.
func (f *flow) table(key string, t map[string]string) {
	g := &flow{}
	for _, k := range sortedKeys(t) {
		g.put(k, word(t[k]))
	}
	f.group(key, g)
}

// flag adds true where it holds.
func (f *flow) flag(key string, b bool) {
	if b {
		f.put(key, "true")
	}
}

func numbersOf(list []int) []string {
	out := make([]string, len(list))
	for i, n := range list {
		out[i] = strconv.Itoa(n)
	}
	return out
}

func encodeDevices(f *flow, n *topology.Node) {
	var devices, cards []string
	for _, d := range n.Devices {
		g := &flow{}
		g.text("vendor", d.Vendor)
		g.text("type", d.Type)
		g.text("model", d.Model)
		g.whole("count", d.Count)
		g.table("attributes", d.Attributes)
		devices = append(devices, g.String())
	}
	for _, i := range n.Interfaces {
		g := &flow{}
		g.text("name", i.Name)
		g.put("mbits", strconv.Itoa(i.Mbits))
		cards = append(cards, g.String())
	}
	f.list("devices", devices)
	f.list("interfaces", cards)
}

// encodeConstraint writes the short form where it reads back as it is.
func encodeConstraint(c *workloads.Constraint) string {
	plain := len(c.Values) > 0 && !strings.ContainsAny(c.Attribute, " =!<>[],")
	for _, v := range c.Values {
		plain = plain && plainWord.MatchString(v)
	}
	switch {
	case plain && c.Operator == "in":
		return word(c.Attribute + " in [" + strings.Join(c.Values, ", ") + "]")
	case plain && len(c.Values) == 1 && c.Operator == "=":
		return word(c.Attribute + " == " + c.Values[0])
	case plain && len(c.Values) == 1 && c.Operator == "!=":
		return word(c.Attribute + " != " + c.Values[0])
	}
	f := &flow{}
	f.text("attribute", c.Attribute)
	f.put("operator", word(c.Operator))
	if len(c.Values) > 0 {
		f.put("value", words(c.Values))
	}
	return f.String()
}

func encodeConstraints(f *flow, list []workloads.Constraint) {
	var items []string
	for i := range list {
		items = append(items, encodeConstraint(&list[i]))
	}
	f.list("constraints", items)
}

func encodePreferences(f *flow, affinities []workloads.Affinity, spreads []workloads.Spread) {
	var items []string
	for i := range affinities {
		g := &flow{}
		g.put("constraint", encodeConstraint(&affinities[i].Constraint))
		g.whole("weight", affinities[i].Weight)
		items = append(items, g.String())
	}
	f.list("affinities", items)
	items = nil
	for _, s := range spreads {
		g, targets := &flow{}, &flow{}
		g.text("attribute", s.Attribute)
		g.whole("weight", s.Weight)
		for _, t := range s.Targets {
			targets.put(t.Value, strconv.Itoa(t.Percent)+"%")
		}
		g.group("targets", targets)
		items = append(items, g.String())
	}
	f.list("spreads", items)
}

// encodeJob writes a job; constraints that it implies for its groups are
// written in the groups.
func encodeJob(b *strings.Builder, j *workloads.Job) {
	f := &flow{}
	f.text("name", j.Name)
	if j.Type != workloads.Service {
		f.text("type", string(j.Type))
	}
	if j.Priority != workloads.DefaultPriority {
		f.whole("priority", j.Priority)
	}
	f.span("submit", j.SubmitAt)
	f.text("region", j.Region)
	if len(j.Datacenters) > 0 {
		f.put("datacenters", words(j.Datacenters))
	}
	f.text("node_pool", j.Pool)
	f.flag("all_at_once", j.AllAtOnce)
	own := len(j.Constraints)+len(j.Affinities)+len(j.Spreads)+len(j.Meta) > 0
	if len(j.Groups) == 1 && j.Groups[0].Name == j.Name && !own {
		encodeGroup(f, &j.Groups[0], j.Type)
	} else {
		encodeConstraints(f, j.Constraints)
		encodePreferences(f, j.Affinities, j.Spreads)
		f.table("meta", j.Meta)
		var groups []string
		for i := range j.Groups {
			g := &flow{}
			g.text("name", j.Groups[i].Name)
			encodeGroup(g, &j.Groups[i], j.Type)
			groups = append(groups, g.String())
		}
		f.list("groups", groups)
	}
	fmt.Fprintf(b, "    - %s\n", f)
}

func encodeGroup(f *flow, g *workloads.Group, t workloads.JobType) {
	if g.Count != 1 && !t.Everywhere() {
		f.put("count", strconv.Itoa(g.Count))
	}
	demand := g.Demand
	if len(g.Tasks) > 0 {
		demand.CPU, demand.Memory = 0, 0 // as the tasks make it
	}
	encodeDemand(f, demand)
	f.span("duration", g.Duration)
	encodeConstraints(f, g.Constraints)
	encodePreferences(f, g.Affinities, g.Spreads)
	encodeNetworks(f, g.Networks)
	f.flag("sticky", g.StickyDisk)
	f.table("meta", g.Meta)
	encodePolicies(f, g)
	encodeBehaviour(f, g)
	var tasks []string
	for i := range g.Tasks {
		tasks = append(tasks, encodeTask(&g.Tasks[i]))
	}
	f.list("tasks", tasks)
}

func encodeBehaviour(f *flow, g *workloads.Group) {
	if g.Runtime != nil {
		f.put("runtime", encodeDist(*g.Runtime, secondsText))
	}
	f.span("startup", g.Startup)
	f.bytes("image", g.Image)
	f.span("health_delay", g.HealthDelay)
	f.flag("unhealthy", g.Unhealthy)
	if g.Failure != nil {
		if g.Failure.Kind == workloads.Constant { // a bare duration is the mean of an exponential law
			f.put("failure", "{empirical: ["+secondsText(g.Failure.Mean)+"]}")
		} else {
			f.put("failure", encodeDist(*g.Failure, secondsText))
		}
	}
	f.span("checkpoint", g.Checkpoint)
	f.span("deadline", g.Deadline)
}

func encodeTask(t *workloads.Task) string {
	f := &flow{}
	f.text("name", t.Name)
	f.text("driver", t.Driver)
	f.text("lifecycle", string(t.Lifecycle))
	f.flag("sidecar", t.Sidecar)
	f.put("cpu", topology.FormatMHz(t.CPU))
	f.whole("cores", t.Cores)
	f.put("memory", topology.FormatBytes(t.Memory))
	f.bytes("memory_max", t.MemoryMax)
	var devices []string
	for i := range t.Devices {
		d := &flow{}
		d.text("name", t.Devices[i].Name)
		d.whole("count", t.Devices[i].Count)
		encodeConstraints(d, t.Devices[i].Constraints)
		encodePreferences(d, t.Devices[i].Affinities, nil)
		devices = append(devices, d.String())
	}
	f.list("devices", devices)
	encodeNetworks(f, t.Networks)
	encodeConstraints(f, t.Constraints)
	encodePreferences(f, t.Affinities, nil)
	if t.KillTimeout != workloads.DefaultKillTimeout {
		f.span("kill_timeout", t.KillTimeout)
	}
	f.text("config", t.Config)
	f.table("meta", t.Meta)
	return f.String()
}

func encodeNetworks(f *flow, list []workloads.Network) {
	var items []string
	for _, n := range list {
		g, static := &flow{}, &flow{}
		g.whole("mbits", n.Mbits)
		for i, p := range n.Static {
			label := p.Label
			if label == "" {
				label = fmt.Sprintf("port%d", i+1)
			}
			static.put(label, strconv.Itoa(p.Number))
		}
		g.group("static", static)
		var labels []string
		for i, p := range n.Dynamic {
			if p.Label == "" {
				p.Label = fmt.Sprintf("dynamic%d", i+1)
			}
			labels = append(labels, p.Label)
		}
		if len(labels) > 0 {
			g.put("dynamic", words(labels))
		}
		items = append(items, g.String())
	}
	f.list("networks", items)
}

// encodePolicies writes the policies in full, so that no default interferes.
func encodePolicies(f *flow, g *workloads.Group) {
	span := func(f *flow, key string, text fmt.Stringer) { f.put(key, word(text.String())) }
	count := func(f *flow, key string, n int) { f.put(key, strconv.Itoa(n)) }
	yes := func(f *flow, key string, b bool) { f.put(key, strconv.FormatBool(b)) }
	if r := g.Restart; r != nil {
		x := &flow{}
		count(x, "attempts", r.Attempts)
		span(x, "interval", r.Interval)
		span(x, "delay", r.Delay)
		x.text("mode", string(r.Mode))
		f.group("restart", x)
	}
	if r := g.Reschedule; r != nil {
		x := &flow{}
		yes(x, "unlimited", r.Unlimited)
		count(x, "attempts", r.Attempts)
		span(x, "interval", r.Interval)
		span(x, "delay", r.Delay)
		x.text("delay_function", string(r.Function))
		span(x, "max_delay", r.MaxDelay)
		f.group("reschedule", x)
	}
	if u := g.Update; u != nil {
		x := &flow{}
		count(x, "max_parallel", u.MaxParallel)
		count(x, "canary", u.Canary)
		span(x, "min_healthy_time", u.MinHealthyTime)
		span(x, "healthy_deadline", u.HealthyDeadline)
		span(x, "progress_deadline", u.ProgressDeadline)
		yes(x, "auto_promote", u.AutoPromote)
		yes(x, "auto_revert", u.AutoRevert)
		span(x, "stagger", u.Stagger)
		f.group("update", x)
	}
	if m := g.Migrate; m != nil {
		x := &flow{}
		count(x, "max_parallel", m.MaxParallel)
		span(x, "min_healthy_time", m.MinHealthyTime)
		span(x, "healthy_deadline", m.HealthyDeadline)
		f.group("migrate", x)
	}
	if d := g.Disconnect; d != nil {
		x := &flow{}
		span(x, "lost_after", d.LostAfter)
		yes(x, "replace", d.Replace)
		x.text("reconcile", string(d.Reconcile))
		x.span("stop_on_client_after", g.StopAfterLost)
		f.group("disconnect", x)
	}
}
