package workloads

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"caravan/topology"
	"caravan/workloads/spec"
)

var kubernetesHead = regexp.MustCompile(`(?m)^\s*"?apiVersion"?\s*:`)

// looksKubernetes reports whether a file begins as a manifest does.
func looksKubernetes(_, head string) bool {
	return kubernetesHead.MatchString(head) && strings.Contains(head, "kind")
}

// A kubernetesFile reads the manifests of a file: first what holds for all
// (priority classes, and nodes with their taints), then the work.
type kubernetesFile struct {
	out      *Imported
	classes  map[string]int // priority classes by name
	fallback int            // priority of what names none
	taints   []taint
	asked    []int               // priority of each job, as Kubernetes counts
	labels   []map[string]string // of the pods of each job
}

// A taint keeps away what does not tolerate it.
type taint struct{ key, value, effect string }

// readKubernetes reads Deployment, StatefulSet, ReplicaSet, DaemonSet, Job,
// CronJob and Pod as jobs, Node as machines, and PriorityClass. A core counts
// 1000 MHz. Zone, region, host name and instance type are a node's datacenter,
// region, name and class; other labels are its attributes. A taint is the
// attribute taint.KEY.
func readKubernetes(name string, data []byte) (*Imported, error) {
	docs, err := kubernetesDocs(name, data)
	if err != nil {
		return nil, err
	}
	k := &kubernetesFile{out: &Imported{}, classes: map[string]int{"system-cluster-critical": 2_000_000_000, "system-node-critical": 2_000_001_000}}
	objects := flattened(docs)
	for _, n := range objects {
		switch n.Text("kind") {
		case "PriorityClass":
			k.priorityClass(n)
		case "Node":
			k.node(n)
		}
	}
	for _, n := range objects {
		k.work(n)
	}
	for _, n := range objects {
		if n.Text("kind") == "PodDisruptionBudget" {
			k.budget(n)
		}
	}
	k.rank()
	for _, n := range docs {
		if err := n.Err(); err != nil {
			return nil, err // the documents share their faults
		}
		for _, u := range n.Unused() {
			k.out.Warnings = append(k.out.Warnings, u+" has no meaning for placement and is left out")
		}
	}
	if len(k.out.Jobs)+len(k.out.Nodes) == 0 {
		return nil, fmt.Errorf("%s:1: found nothing to place, allowed are Deployment, StatefulSet, ReplicaSet, DaemonSet, Job, CronJob, Pod and Node", name)
	}
	return k.out, uniqueJobs(name, k.out.Jobs)
}

// kubernetesDocs reads JSON when the file begins with a brace, otherwise YAML.
func kubernetesDocs(name string, data []byte) ([]*spec.Node, error) {
	if bytes.HasPrefix(bytes.TrimSpace(data), []byte("{")) {
		n, err := spec.JSON(name, data)
		return []*spec.Node{n}, err
	}
	return spec.YAML(name, data)
}

// flattened takes lists of objects apart.
func flattened(docs []*spec.Node) []*spec.Node {
	var out []*spec.Node
	for _, n := range docs {
		if n.Text("kind") == "List" {
			n.Text("apiVersion")
			out = append(out, n.Each("items")...)
			continue
		}
		out = append(out, n)
	}
	return out
}

func (k *kubernetesFile) priorityClass(n *spec.Node) {
	n.Text("apiVersion")
	value := n.Int("value", math.MinInt32, math.MaxInt32, 0)
	k.classes[n.At("metadata.name").Own()] = value
	if n.Bool("globalDefault", false) {
		k.fallback = value
	}
}

// labelAttributes are the labels that a node has fields for.
var labelAttributes = map[string]string{
	"kubernetes.io/hostname": "name", "topology.kubernetes.io/zone": "datacenter", "topology.kubernetes.io/region": "region",
	"node.kubernetes.io/instance-type": "class", "metadata.name": "name",
}

// KubernetesLabel is the label that an attribute of a node is read from.
func KubernetesLabel(attribute string) string {
	plain := strings.TrimPrefix(attribute, "node.")
	switch plain {
	case "name", "unique.name":
		return "kubernetes.io/hostname"
	}
	for label, name := range labelAttributes { // whose other names differ
		if name == plain {
			return label
		}
	}
	return strings.TrimPrefix(strings.TrimPrefix(plain, "meta."), "attr.")
}

// attributeOfLabel is a label as topology.Node knows it.
func attributeOfLabel(key string) string { return cmp.Or(labelAttributes[key], key) }

func (k *kubernetesFile) node(n *spec.Node) {
	n.Text("apiVersion")
	out := topology.Node{Name: n.At("metadata.name").Own(), Speed: 1, Attributes: map[string]string{}}
	for key, value := range n.Get("metadata").Map("labels") {
		switch attributeOfLabel(key) {
		case "name":
		case "datacenter":
			out.Datacenter = value
		case "region":
			out.Region = value
		case "class":
			out.Class = value
		default:
			out.Attributes[key] = value
		}
	}
	room := n.At("status.allocatable")
	if room == nil {
		room = n.At("status.capacity")
	}
	d := demandOf(room)
	out.CPU, out.Memory, out.Disk = d.CPU, d.Memory, d.Disk
	out.Cores = max(int(d.CPU/topology.MHzPerCore), 1)
	out.GPUs = topology.GPUs{Count: d.GPUs, Model: out.Attributes["nvidia.com/gpu.product"]}
	for _, t := range n.Get("spec").Each("taints") {
		x := taint{t.Text("key"), t.Text("value"), t.Text("effect")}
		if !slices.Contains([]string{"NoSchedule", "PreferNoSchedule", "NoExecute"}, x.effect) {
			t.Fault("effect: found %q, allowed is NoSchedule, PreferNoSchedule or NoExecute", x.effect)
		}
		out.Attributes["taint."+x.key] = x.value
		if !slices.Contains(k.taints, x) {
			k.taints = append(k.taints, x)
		}
	}
	if n.Get("spec").Bool("unschedulable", false) {
		k.warn(n, "node %q takes no work and is left out", out.Name)
		return
	}
	k.out.Nodes = append(k.out.Nodes, out)
}

func (k *kubernetesFile) warn(n *spec.Node, format string, args ...any) {
	k.out.Warnings = append(k.out.Warnings, fmt.Sprintf("line %d: ", n.Line)+fmt.Sprintf(format, args...))
}

// work reads one object that runs pods.
func (k *kubernetesFile) work(n *spec.Node) {
	kind := n.Text("kind")
	s := n.Get("spec")
	j := Job{Type: Service, Priority: DefaultPriority}
	count := 1
	pod := s.At("template.spec")
	labels := s.At("template.metadata").Map("labels")
	switch kind {
	case "Deployment", "StatefulSet", "ReplicaSet":
		count = s.Int("replicas", 0, mostCount, 1)
	case "DaemonSet":
		j.Type = System
	case "CronJob":
		k.warn(n, "CronJob runs once, at the start: its schedule %q is left out", s.Text("schedule"))
		s = s.At("jobTemplate.spec")
		pod, labels = s.At("template.spec"), s.At("template.metadata").Map("labels")
		fallthrough
	case "Job":
		j.Type = Batch
		count = s.Int("parallelism", 0, mostCount, 1)
		if completions := s.Int("completions", 1, mostCount, count); completions < count {
			count = completions
		} else if completions > count {
			k.warn(n, "%s counts as one round of %d of its %d completions", kind, count, completions)
		}
	case "Pod":
		pod, labels = s, n.Get("metadata").Map("labels")
	case "PriorityClass", "Node", "PodDisruptionBudget":
		return
	default:
		k.warn(n, "%s %q has no meaning for placement and is left out", kind, n.At("metadata.name").Own())
		n.Skip()
		return
	}
	n.Text("apiVersion")
	j.Name = n.At("metadata.name").Own()
	if j.Name == "" {
		n.Fault("found no metadata.name, allowed is a text")
	}
	if ns := n.At("metadata.namespace").Own(); ns != "" && ns != "default" {
		j.Name = ns + "/" + j.Name
	}
	if pod == nil {
		n.Fault("found no pod to run, allowed is spec.template.spec (of a Pod: spec)")
		return
	}
	if count == 0 {
		k.warn(n, "%s %q has no replicas and is left out", kind, j.Name)
		return
	}
	g := Group{Name: "pod", Count: count, Demand: k.podDemand(pod)}
	if images := imagesOf(pod); len(images) > 0 {
		g.Meta = map[string]string{"images": strings.Join(images, ", ")}
	}
	k.selection(pod, &g)
	k.neighbours(pod, labels, &g)
	k.tolerated(pod, &g)
	j.Groups = []Group{g}
	k.out.Jobs = append(k.out.Jobs, j)
	k.asked = append(k.asked, k.priority(pod))
	k.labels = append(k.labels, labels)
}

// budget reads how many pods may leave at once, which is what migrate says of
// the groups that it selects.
func (k *kubernetesFile) budget(n *spec.Node) {
	n.Text("apiVersion")
	s := n.Get("spec")
	prefix := ""
	if ns := n.At("metadata.namespace").Own(); ns != "" && ns != "default" {
		prefix = ns + "/"
	}
	name := n.At("metadata.name").Own()
	for i := range k.out.Jobs {
		j := &k.out.Jobs[i]
		inside := strings.HasPrefix(j.Name, prefix) && (prefix != "" || !strings.Contains(j.Name, "/"))
		if !inside || !selects(s.Get("selector"), k.labels[i]) {
			continue
		}
		g := &j.Groups[0]
		leaving := g.Count
		if s.There("minAvailable") {
			leaving = g.Count - shareOf(s.Get("minAvailable"), g.Count)
		} else if s.There("maxUnavailable") {
			leaving = shareOf(s.Get("maxUnavailable"), g.Count)
		}
		m := DefaultMigrate()
		m.MaxParallel = max(leaving, 1)
		if leaving < 1 {
			k.warn(n, "budget %q lets no pod of %q leave; here one at a time may", name, j.Name)
		}
		g.Migrate = &m
	}
}

// shareOf is a number of pods, or a percentage of count rounded up.
func shareOf(n *spec.Node, count int) int {
	text := n.Own()
	digits, percent := strings.CutSuffix(text, "%")
	x, err := strconv.Atoi(digits)
	if err != nil || x < 0 || x > mostCount {
		n.Fault("found %q, allowed is a number of pods or a percentage", text)
		return 0
	}
	if percent {
		x = (x*count + 99) / 100
	}
	return min(x, count)
}

// priority is that of a pod, as Kubernetes counts.
func (k *kubernetesFile) priority(pod *spec.Node) int {
	if pod.There("priority") {
		return pod.Int("priority", math.MinInt32, math.MaxInt32, 0)
	}
	class := pod.Text("priorityClassName")
	if class == "" {
		return k.fallback
	}
	p, ok := k.classes[class]
	if !ok {
		known := slices.Sorted(maps.Keys(k.classes))
		pod.Get("priorityClassName").Fault("found %q, allowed here is one of %s", class, strings.Join(known, ", "))
	}
	return p
}

// rank maps the priorities that occur to 1..100 in their order, 0 to 50: those
// above it in equal steps up to 100, those below down to 1.
func (k *kubernetesFile) rank() {
	distinct := slices.Clone(k.asked)
	slices.Sort(distinct)
	distinct = slices.Compact(distinct)
	above := slices.DeleteFunc(slices.Clone(distinct), func(p int) bool { return p <= 0 })
	below := slices.DeleteFunc(slices.Clone(distinct), func(p int) bool { return p >= 0 })
	ranked := map[int]int{0: DefaultPriority}
	for i, p := range above {
		ranked[p] = DefaultPriority + (i+1)*(MaxPriority-DefaultPriority)/len(above)
	}
	for i, p := range below {
		ranked[p] = 1 + i*(DefaultPriority-1)/len(below)
	}
	for _, p := range distinct {
		if p != 0 {
			k.out.Warnings = append(k.out.Warnings, fmt.Sprintf("priority %d becomes %d", p, ranked[p]))
		}
	}
	for i := range k.out.Jobs {
		k.out.Jobs[i].Priority = ranked[k.asked[i]]
	}
}

// podDemand is what a pod holds: its containers and sidecars together, or an
// init container with the sidecars started before it if that is more
// (resource helpers of Kubernetes, PodRequests); and the overhead.
func (k *kubernetesFile) podDemand(pod *spec.Node) topology.Resources {
	var running, sidecars, most topology.Resources
	for _, c := range pod.Each("initContainers") {
		d := containerDemand(c)
		if c.Text("restartPolicy") == "Always" {
			sidecars = plus(sidecars, d)
			d = topology.Resources{}
		}
		most = larger(most, plus(sidecars, d))
	}
	containers := pod.Each("containers")
	if len(containers) == 0 {
		pod.Fault("found no containers, allowed is one or more")
	}
	for _, c := range containers {
		running = plus(running, containerDemand(c))
	}
	sum := plus(larger(most, plus(running, sidecars)), demandOf(pod.Get("overhead")))
	if sum.GPUs > 0 {
		sum.GPUMilli = 1000
	}
	return sum
}

// imagesOf lists the images of a pod: with another one it is replaced.
func imagesOf(pod *spec.Node) []string {
	var out []string
	for _, field := range []string{"initContainers", "containers"} {
		for _, c := range pod.Each(field) {
			c.Text("name")
			if image := c.Text("image"); image != "" {
				out = append(out, image)
			}
		}
	}
	return out
}

// containerDemand is what a container requests; where it requests nothing of a
// resource, its limit counts.
func containerDemand(c *spec.Node) topology.Resources {
	requests, limits := c.At("resources.requests"), c.At("resources.limits")
	d, l := demandOf(requests), demandOf(limits)
	for _, x := range []struct {
		field string
		set   func()
	}{
		{"cpu", func() { d.CPU = l.CPU }}, {"memory", func() { d.Memory = l.Memory }},
		{"ephemeral-storage", func() { d.Disk = l.Disk }},
	} {
		if !requests.There(x.field) {
			x.set()
		}
	}
	d.GPUs = max(d.GPUs, l.GPUs)
	return d
}

// demandOf reads a list of resources; those that end in /gpu are GPUs.
func demandOf(n *spec.Node) topology.Resources {
	var d topology.Resources
	amount := func(field string, most float64) float64 {
		f := n.Get(field)
		if f == nil {
			return 0
		}
		x, err := parseQuantity(f.Own())
		if err != nil || x < 0 || x > most {
			f.Fault("found %q, allowed is a quantity such as 500m or 2Gi", f.Own())
			return 0
		}
		return x
	}
	d.CPU = topology.MHz(amount("cpu", 1e6) * topology.MHzPerCore)
	d.Memory = topology.Bytes(math.Ceil(amount("memory", 1e15)))
	d.Disk = topology.Bytes(math.Ceil(amount("ephemeral-storage", 1e18)))
	for _, f := range n.Fields() {
		if strings.HasSuffix(f.Name(), "/gpu") {
			d.GPUs += int(amount(f.Name(), 1024))
		}
	}
	return d
}

func plus(a, b topology.Resources) topology.Resources {
	return topology.Resources{CPU: a.CPU + b.CPU, Memory: a.Memory + b.Memory, Disk: a.Disk + b.Disk, GPUs: a.GPUs + b.GPUs}
}

func larger(a, b topology.Resources) topology.Resources {
	return topology.Resources{CPU: max(a.CPU, b.CPU), Memory: max(a.Memory, b.Memory), Disk: max(a.Disk, b.Disk), GPUs: max(a.GPUs, b.GPUs)}
}

// quantitySuffixes are the scales of Kubernetes' quantities.
var quantitySuffixes = []struct {
	text  string
	scale float64
}{
	{"Ki", 1 << 10}, {"Mi", 1 << 20}, {"Gi", 1 << 30}, {"Ti", 1 << 40}, {"Pi", 1 << 50}, {"Ei", 1 << 60},
	{"n", 1e-9}, {"u", 1e-6}, {"m", 1e-3}, {"k", 1e3}, {"M", 1e6}, {"G", 1e9}, {"T", 1e12}, {"P", 1e15}, {"E", 1e18}, {"", 1},
}

var quantityNumber = regexp.MustCompile(`^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?$`)

// parseQuantity reads a quantity such as 500m, 1.5Gi or 1e3.
func parseQuantity(text string) (float64, error) {
	for _, s := range quantitySuffixes {
		digits, ok := strings.CutSuffix(text, s.text)
		if !ok || !quantityNumber.MatchString(digits) {
			continue
		}
		x, err := strconv.ParseFloat(digits, 64)
		return x * s.scale, err
	}
	return 0, fmt.Errorf("found %q, allowed is a quantity such as 500m or 2Gi", text)
}
