package workloads

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"caravan/topology"
	"caravan/workloads/spec"
)

// readNomadJob reads a job file of HashiCorp Nomad: JSON when it begins with a
// brace, otherwise HCL.
func readNomadJob(name string, data []byte) (*Imported, error) {
	if bytes.HasPrefix(bytes.TrimSpace(data), []byte("{")) {
		return readNomadJSON(name, data)
	}
	return readNomadHCL(name, data)
}

var nomadHead = regexp.MustCompile(`(?m)^\s*job\s+"[^"]*"\s*\{|"TaskGroups"`)

// looksNomad reports whether a file begins as a job file does.
func looksNomad(name, head string) bool {
	return nomadHead.MatchString(head) || strings.HasSuffix(name, ".nomad") || strings.HasSuffix(name, ".nomad.hcl")
}

// readNomadHCL reads a job file of HashiCorp Nomad as people write it.
func readNomadHCL(name string, data []byte) (*Imported, error) {
	n, err := spec.HCL(name, data)
	if err != nil {
		return nil, err
	}
	return nomadJobs(name, n, n.Each("job"))
}

// readNomadJSON reads a job in the JSON of HashiCorp Nomad's API, alone or as
// the field Job.
func readNomadJSON(name string, data []byte) (*Imported, error) {
	n, err := spec.JSON(name, data)
	if err != nil {
		return nil, err
	}
	job := n
	if n.There("Job") {
		job = n.Get("Job")
	}
	if job.There("ID") || job.There("Name") {
		n.Rename(apiNames, "Meta", "Config", "Env")
	}
	return nomadJobs(name, n, []*spec.Node{job})
}

// apiNames are the API's words for what job files call otherwise; the others
// differ in their capitals alone.
var apiNames = map[string]string{
	"TaskGroups": "group", "Tasks": "task", "Constraints": "constraint", "Affinities": "affinity", "Spreads": "spread",
	"SpreadTarget": "target", "Networks": "network", "Devices": "device", "RestartPolicy": "restart",
	"ReschedulePolicy": "reschedule", "MemoryMB": "memory", "MemoryMaxMB": "memory_max", "SizeMB": "size", "MBits": "mbits",
	"LTarget": "attribute", "RTarget": "value", "Operand": "operator", "CPU": "cpu", "ID": "id", "MaxClientDisconnect": "max_client_disconnect",
}

// A nomadJob reads one job.
type nomadJob struct {
	job *Job
	n   *spec.Node
}

// nomadJobs turns job blocks into jobs, and lists what was left out.
func nomadJobs(file string, root *spec.Node, blocks []*spec.Node) (*Imported, error) {
	out := &Imported{}
	for _, n := range blocks {
		r := nomadJob{job: &Job{}, n: n}
		r.read()
		out.Jobs = append(out.Jobs, *r.job)
	}
	if err := root.Err(); err != nil {
		return nil, err
	}
	if len(out.Jobs) == 0 {
		return nil, fmt.Errorf("%s:1: found no job, allowed is job \"name\" { ... }", file)
	}
	for _, u := range root.Unused() {
		out.Warnings = append(out.Warnings, u+" has no meaning for placement and is left out")
	}
	return out, uniqueJobs(file, out.Jobs)
}

// generated faults blocks that are generated, where they would have a meaning
// for placement.
func generated(n *spec.Node) {
	kinds := []string{"group", "task", "constraint", "affinity", "spread", "network", "device", "resources", "restart",
		"reschedule", "update", "migrate", "disconnect", "ephemeral_disk", "lifecycle", "port", "target"}
	for _, d := range n.Each("dynamic") {
		if kind := d.Text("name"); slices.Contains(kinds, kind) {
			d.Fault("found a generated %s, allowed are blocks that are written out", kind)
		}
	}
}

func (r *nomadJob) read() {
	n, j := r.n, r.job
	generated(n)
	j.Name = n.Text("name")
	if id := n.Text("id"); id != "" {
		j.Name = id
	}
	if j.Name == "" {
		n.Fault("found no name, allowed is a text")
	}
	j.Type = Service
	if t := n.Text("type"); t != "" {
		j.Type = JobType(t)
	}
	if !slices.Contains([]JobType{Service, Batch, System, SysBatch}, j.Type) {
		n.Get("type").Fault("found %q, allowed is service, batch, system or sysbatch", j.Type)
	}
	j.Priority = n.Int("priority", 1, MaxPriority, DefaultPriority)
	j.AllAtOnce = n.Bool("all_at_once", false)
	if region := n.Text("region"); region != "global" {
		j.Region = region
	}
	j.Datacenters = n.Texts("datacenters")
	if pool := n.Text("node_pool"); pool != DefaultPool {
		j.Pool = pool
	}
	j.Meta = n.Map("meta")
	j.Constraints, j.Affinities, j.Spreads = constraintsOf(n), affinitiesOf(n), spreadsOf(n)
	for _, g := range n.Each("group") {
		j.Groups = append(j.Groups, r.group(g))
	}
	for _, t := range n.Each("task") { // a task without a group is one of its own
		g := r.group(nil)
		g.Name = t.Text("name")
		g.Tasks = []Task{r.task(t, &g)}
		j.Groups = append(j.Groups, g)
	}
	if len(j.Groups) == 0 {
		n.Fault("found no group, allowed is one or more")
	}
}

// mostCount bounds the instances of a group.
const mostCount = 200_000

func (r *nomadJob) group(n *spec.Node) Group {
	generated(n)
	g := Group{Name: n.Text("name"), Count: n.Int("count", 0, mostCount, 1), Meta: n.Map("meta")}
	if n != nil && g.Name == "" {
		n.Fault("found no name, allowed is a text")
	}
	if g.Count == 0 {
		n.Get("count").Fault("found 0, allowed here is 1 or more: a group without instances has nothing to place")
	}
	g.Constraints, g.Affinities, g.Spreads = constraintsOf(n), affinitiesOf(n), spreadsOf(n)
	g.Networks = networksOf(n)
	disk := lastOf(n, "ephemeral_disk")
	g.Demand.Disk = megabytes(disk, "size", DefaultDisk)
	g.StickyDisk = disk.Bool("sticky", false)
	r.policies(n, &g)
	for _, t := range n.Each("task") {
		g.Tasks = append(g.Tasks, r.task(t, &g))
	}
	if n != nil && len(g.Tasks) == 0 {
		n.Fault("found no task, allowed is one or more")
	}
	return g
}

// megabytes is a field in MiB, which job files call MB.
func megabytes(n *spec.Node, field string, fallback topology.Bytes) topology.Bytes {
	const most = 1 << 33
	return topology.Bytes(n.Int(field, 0, most, int(fallback/topology.MiB))) * topology.MiB
}

// lastOf is the last block of a name, as each overrides those before it; nil
// when there is none.
func lastOf(n *spec.Node, name string) *spec.Node {
	list := n.Each(name)
	if len(list) == 0 {
		return nil
	}
	return list[len(list)-1]
}

func (r *nomadJob) task(n *spec.Node, g *Group) Task {
	generated(n)
	t := Task{Name: n.Text("name"), Driver: n.Text("driver"), Meta: n.Map("meta")}
	if t.Name == "" {
		n.Fault("found no name, allowed is a text")
	}
	if l := lastOf(n, "lifecycle"); l != nil {
		t.Lifecycle, t.Sidecar = Lifecycle(l.Text("hook")), l.Bool("sidecar", false)
		if !slices.Contains([]Lifecycle{Main, PreStart, PostStart, PostStop}, t.Lifecycle) {
			l.Get("hook").Fault("found %q, allowed is prestart, poststart or poststop", t.Lifecycle)
		}
	}
	t.Constraints, t.Affinities = constraintsOf(n), affinitiesOf(n)
	t.KillTimeout = n.Span("kill_timeout", 0)
	var told []string // what a change of replaces the instances for
	for _, field := range []string{"config", "env"} {
		for _, b := range n.Each(field) {
			told = append(told, b.String())
		}
	}
	t.Config = strings.Join(told, " ")
	res := lastOf(n, "resources")
	generated(res)
	t.Cores = res.Int("cores", 0, 1<<16, 0)
	if cpu := res.Int("cpu", 0, 1<<30, int(DefaultTaskCPU)); t.Cores == 0 {
		t.CPU = topology.MHz(cpu)
	}
	t.Memory = megabytes(res, "memory", DefaultTaskMemory)
	t.MemoryMax = megabytes(res, "memory_max", 0)
	t.Networks = networksOf(res)
	for _, d := range res.Each("device") {
		ask := DeviceAsk{
			Name: d.Text("name"), Count: d.Int("count", 1, 1024, 1), Constraints: constraintsOf(d), Affinities: affinitiesOf(d),
		}
		if model, plain := plainGPU(&ask); plain && g.Demand.GPUs == 0 {
			g.Demand.GPUs, g.Demand.GPUMilli, g.Demand.GPUModel = ask.Count, 1000, model
			continue
		}
		t.Devices = append(t.Devices, ask)
	}
	return t
}

// plainGPU reports whether an ask is for GPUs of any kind or of one model,
// which every solver understands.
func plainGPU(d *DeviceAsk) (model []string, ok bool) {
	parts := strings.Split(d.Name, "/")
	if len(d.Constraints)+len(d.Affinities) > 0 || len(parts) > 3 || parts[min(len(parts)-1, 1)] != "gpu" {
		return nil, false
	}
	if len(parts) == 3 {
		return parts[2:], true
	}
	return nil, true
}

// attributeOf is an attribute as topology.Node knows it: ${node.class} is
// class.
func attributeOf(text string) string {
	text = strings.TrimSuffix(strings.TrimPrefix(text, "${"), "}")
	if text == "node.unique.name" || text == "node.unique.id" {
		return "name"
	}
	return strings.TrimPrefix(text, "node.")
}

// shorthands are the operators that a constraint may use as its field.
var shorthands = []string{"version", "semver", "regexp", "set_contains", "set_contains_any", "distinct_property"}

func constraintsOf(n *spec.Node) []Constraint {
	var out []Constraint
	for _, c := range n.Each("constraint") {
		if x, ok := constraintOf(c); ok {
			out = append(out, x)
		}
	}
	return out
}

// constraintOf reads one constraint, of a constraint or an affinity block.
func constraintOf(n *spec.Node) (Constraint, bool) {
	attribute, operator, value := attributeOf(n.Text("attribute")), n.Text("operator"), n.Text("value")
	for _, s := range shorthands {
		if n.There(s) {
			operator, value = s, n.Text(s)
			if s == DistinctProperty {
				attribute, value = attributeOf(value), n.Text("value")
			}
		}
	}
	if n.There(DistinctHosts) || operator == DistinctHosts {
		operator, value = DistinctHosts, ""
		if !n.Bool(DistinctHosts, true) {
			return Constraint{}, false
		}
	}
	switch operator {
	case "", "is", "==":
		operator = "="
	case "not":
		operator = "!="
	}
	var values []string
	if value != "" {
		values = []string{value}
	}
	c, err := NewConstraint(attribute, operator, values...)
	if err == nil && attribute == "" && operator != DistinctHosts {
		err = fmt.Errorf("found no attribute, allowed is a text such as ${node.class}")
	}
	if err != nil {
		n.Fault("%s", err)
	}
	return c, err == nil
}

func affinitiesOf(n *spec.Node) []Affinity {
	var out []Affinity
	for _, a := range n.Each("affinity") {
		weight := a.Int("weight", -100, 100, DefaultWeight)
		if weight == 0 {
			a.Get("weight").Fault("found 0, allowed is -100 to 100 without 0")
		}
		if c, ok := constraintOf(a); ok {
			out = append(out, Affinity{Constraint: c, Weight: weight})
		}
	}
	return out
}

func spreadsOf(n *spec.Node) []Spread {
	var out []Spread
	for _, s := range n.Each("spread") {
		x := Spread{Attribute: attributeOf(s.Text("attribute")), Weight: s.Int("weight", 1, 100, DefaultWeight)}
		if x.Attribute == "" {
			s.Fault("found no attribute, allowed is a text such as ${node.datacenter}")
		}
		for _, t := range s.Each("target") {
			value := t.Text("value")
			if name := t.Text("name"); name != "" {
				value = name
			}
			x.Targets = append(x.Targets, SpreadTarget{Value: value, Percent: t.Int("percent", 0, 100, 0)})
		}
		out = append(out, x)
	}
	return out
}

// networksOf reads bandwidth and ports; a port with a static number holds it
// on the host.
func networksOf(n *spec.Node) []Network {
	const mostPort = 65535
	var out []Network
	for _, w := range n.Each("network") {
		x := Network{Mbits: w.Int("mbits", 0, 1<<30, 0)}
		for _, p := range w.Each("port") {
			port := Port{Label: p.Text("name"), Number: p.Int("static", 0, mostPort, 0)}
			if port.Number > 0 {
				x.Static = append(x.Static, port)
			} else {
				x.Dynamic = append(x.Dynamic, port)
			}
		}
		for _, p := range w.Each("reserved_ports") {
			x.Static = append(x.Static, Port{Label: p.Text("label"), Number: p.Int("value", 1, mostPort, 1)})
		}
		for _, p := range w.Each("dynamic_ports") {
			x.Dynamic = append(x.Dynamic, Port{Label: p.Text("label")})
		}
		if x.Mbits > 0 || len(x.Static)+len(x.Dynamic) > 0 {
			out = append(out, x)
		}
	}
	return out
}

// blocks are the blocks of one name that hold for a group: the job's, then its
// own, which override field by field.
func (r *nomadJob) blocks(n *spec.Node, name string) []*spec.Node {
	return append(slices.Clone(r.n.Each(name)), n.Each(name)...)
}

// policies reads what happens to instances over time.
func (r *nomadJob) policies(n *spec.Node, g *Group) {
	t := r.job.Type
	for _, b := range r.blocks(n, "restart") {
		x := or(g.Restart, DefaultRestart(t))
		x.Attempts, x.Interval = b.Int("attempts", 0, 1<<30, x.Attempts), b.Span("interval", x.Interval)
		x.Delay, x.Mode = b.Span("delay", x.Delay), RestartMode(wordOf(b, "mode", string(x.Mode), string(RestartFail), string(RestartDelay)))
		g.Restart = &x
	}
	for _, b := range r.blocks(n, "reschedule") {
		x := or(g.Reschedule, DefaultReschedule(t))
		if b.There("attempts") {
			x.Unlimited = false
		}
		x.Attempts, x.Interval = b.Int("attempts", 0, 1<<30, x.Attempts), b.Span("interval", x.Interval)
		x.Unlimited, x.Delay, x.MaxDelay = b.Bool("unlimited", x.Unlimited), b.Span("delay", x.Delay), b.Span("max_delay", x.MaxDelay)
		x.Function = DelayFunction(wordOf(b, "delay_function", string(x.Function), string(ConstantDelay), string(ExponentialDelay), string(FibonacciDelay)))
		g.Reschedule = &x
	}
	for _, b := range r.blocks(n, "update") {
		x := or(g.Update, DefaultUpdate(t))
		x.MaxParallel, x.Canary = b.Int("max_parallel", 0, 1<<30, x.MaxParallel), b.Int("canary", 0, 1<<30, x.Canary)
		x.MinHealthyTime, x.HealthyDeadline = b.Span("min_healthy_time", x.MinHealthyTime), b.Span("healthy_deadline", x.HealthyDeadline)
		x.ProgressDeadline, x.Stagger = b.Span("progress_deadline", x.ProgressDeadline), b.Span("stagger", x.Stagger)
		x.AutoPromote, x.AutoRevert = b.Bool("auto_promote", x.AutoPromote), b.Bool("auto_revert", x.AutoRevert)
		g.Update = &x
	}
	for _, b := range r.blocks(n, "migrate") {
		x := or(g.Migrate, DefaultMigrate())
		x.MaxParallel = b.Int("max_parallel", 0, 1<<30, x.MaxParallel)
		x.MinHealthyTime, x.HealthyDeadline = b.Span("min_healthy_time", x.MinHealthyTime), b.Span("healthy_deadline", x.HealthyDeadline)
		g.Migrate = &x
	}
	r.disconnect(n, g)
}

// disconnect reads the block of that name and the two fields that it replaced.
func (r *nomadJob) disconnect(n *spec.Node, g *Group) {
	if n.There("max_client_disconnect") {
		x := DefaultDisconnect()
		x.LostAfter = n.Span("max_client_disconnect", 0)
		g.Disconnect = &x
	}
	g.StopAfterLost = n.Span("stop_after_client_disconnect", 0)
	for _, b := range n.Each("disconnect") {
		x := or(g.Disconnect, DefaultDisconnect())
		x.LostAfter, x.Replace = b.Span("lost_after", x.LostAfter), b.Bool("replace", x.Replace)
		x.Reconcile = Reconcile(wordOf(b, "reconcile", string(x.Reconcile),
			string(BestScore), string(KeepOriginal), string(KeepReplacement), string(LongestRunning)))
		g.StopAfterLost = b.Span("stop_on_client_after", g.StopAfterLost)
		g.Disconnect = &x
	}
}

// wordOf is a field that is one of a few words.
func wordOf(n *spec.Node, field, fallback string, allowed ...string) string {
	if !n.There(field) {
		return fallback
	}
	word := n.Text(field)
	if !slices.Contains(allowed, word) {
		n.Get(field).Fault("found %s, allowed is one of %s", strconv.Quote(word), strings.Join(allowed, ", "))
	}
	return word
}
