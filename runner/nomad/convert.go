package nomad

import (
	"cmp"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/hashicorp/nomad/api"

	"caravan/topology"
	"caravan/workloads"
)

// decisionJob is a job of a scenario with tasks that do nothing.
func decisionJob(run, driver string, j *workloads.Job) (*api.Job, error) {
	id := decisionPrefix(run) + j.Name
	job := api.NewServiceJob(id, id, "", cmp.Or(j.Priority, workloads.DefaultPriority))
	job.Region = nil
	job.Type = new(string(j.Type))
	job.AllAtOnce = &j.AllAtOnce
	job.Datacenters = j.Datacenters
	if len(j.Datacenters) == 0 {
		job.Datacenters = []string{"*"}
	}
	if j.Pool != "" {
		job.NodePool = &j.Pool
	}
	job.Meta = map[string]string{runMeta: run}
	if j.Type == workloads.Service {
		job.Update = &api.UpdateStrategy{MaxParallel: new(0)}
	}
	var err error
	if job.Constraints, err = constraints(j.Constraints); err != nil {
		return nil, err
	}
	if job.Affinities, err = affinities(j.Affinities); err != nil {
		return nil, err
	}
	job.Spreads = spreads(j.Spreads)
	for i := range j.Groups {
		g, err := decisionGroup(driver, j, &j.Groups[i])
		if err != nil {
			return nil, fmt.Errorf("group %q: %w", j.Groups[i].Name, err)
		}
		job.AddTaskGroup(g)
	}
	return job, nil
}

func decisionGroup(driver string, j *workloads.Job, g *workloads.Group) (*api.TaskGroup, error) {
	out := api.NewTaskGroup(g.Name, g.Count)
	if j.Type.Everywhere() {
		out.Count = nil
	}
	var err error
	if out.Constraints, err = constraints(g.Constraints); err != nil {
		return nil, err
	}
	if out.Affinities, err = affinities(g.Affinities); err != nil {
		return nil, err
	}
	out.Spreads = spreads(g.Spreads)
	out.EphemeralDisk = &api.EphemeralDisk{SizeMB: new(mebibytes(g.Demand.Disk)), Sticky: &g.StickyDisk}
	out.RestartPolicy = &api.RestartPolicy{Attempts: new(0), Interval: new(time.Hour), Delay: new(time.Second), Mode: new("fail")}
	if !j.Type.Everywhere() {
		out.ReschedulePolicy = &api.ReschedulePolicy{Attempts: new(0), Unlimited: new(false)}
	}
	if most := j.MigrateOf(indexIn(j, g)).MaxParallel; most > 0 && j.Type == workloads.Service {
		out.Migrate = &api.MigrateStrategy{MaxParallel: &most}
	}
	for _, n := range g.Networks {
		out.Networks = append(out.Networks, network(n))
	}
	tasks := g.Tasks
	if len(tasks) == 0 {
		tasks = []workloads.Task{{Name: "main", CPU: g.Demand.CPU, Memory: g.Demand.Memory}}
	}
	for i := range tasks {
		t, err := decisionTask(driver, &tasks[i])
		if err != nil {
			return nil, fmt.Errorf("task %q: %w", tasks[i].Name, err)
		}
		out.AddTask(t)
	}
	return out, nil
}

func indexIn(j *workloads.Job, g *workloads.Group) int {
	for i := range j.Groups {
		if &j.Groups[i] == g {
			return i
		}
	}
	return 0
}

// idle is for how long a task that does nothing runs: longer than any session.
const idle = "24h"

func decisionTask(driver string, t *workloads.Task) (*api.Task, error) {
	out := api.NewTask(cmp.Or(t.Name, "main"), driver)
	switch driver {
	case "mock_driver":
		out.SetConfig("run_for", idle)
	case "raw_exec":
		out.SetConfig("command", "/bin/sleep").SetConfig("args", []string{"86400"})
	default:
		return nil, fmt.Errorf("driver: found %q, allowed for tasks that do nothing: mock_driver, raw_exec", driver)
	}
	out.LogConfig = &api.LogConfig{MaxFiles: new(1), MaxFileSizeMB: new(1)}
	out.Resources = &api.Resources{MemoryMB: new(mebibytes(t.Memory))}
	if t.Cores > 0 {
		out.Resources.Cores = &t.Cores
	} else {
		out.Resources.CPU = new(int(t.CPU))
	}
	if t.MemoryMax > 0 {
		out.Resources.MemoryMaxMB = new(mebibytes(t.MemoryMax))
	}
	if t.Lifecycle != workloads.Main {
		out.Lifecycle = &api.TaskLifecycle{Hook: string(t.Lifecycle), Sidecar: t.Sidecar}
	}
	var err error
	for _, d := range t.Devices {
		r := &api.RequestedDevice{Name: d.Name, Count: new(uint64(d.Count))}
		if r.Constraints, err = constraints(d.Constraints); err != nil {
			return nil, err
		}
		if r.Affinities, err = affinities(d.Affinities); err != nil {
			return nil, err
		}
		out.Resources.Devices = append(out.Resources.Devices, r)
	}
	if out.Constraints, err = constraints(t.Constraints); err != nil {
		return nil, err
	}
	out.Affinities, err = affinities(t.Affinities)
	return out, err
}

func mebibytes(b topology.Bytes) int { return int((b + topology.MiB - 1) / topology.MiB) }

func network(n workloads.Network) *api.NetworkResource {
	out := &api.NetworkResource{}
	if n.Mbits > 0 {
		out.MBits = &n.Mbits
	}
	for _, p := range n.Static {
		out.ReservedPorts = append(out.ReservedPorts, api.Port{Label: p.Label, Value: p.Number})
	}
	for _, p := range n.Dynamic {
		out.DynamicPorts = append(out.DynamicPorts, api.Port{Label: p.Label})
	}
	return out
}

// target is an attribute in the server's words.
func target(name string) string {
	if strings.HasPrefix(name, "${") {
		return name
	}
	if key, ok := strings.CutPrefix(name, "driver."); ok {
		return "${attr.driver." + key + "}"
	}
	switch plain := strings.TrimPrefix(name, "node."); plain {
	case "name", "unique.name":
		return "${node.unique.name}"
	case "class", "datacenter", "region", "pool":
		return "${node." + plain + "}"
	}
	for _, prefix := range []string{"meta.", "attr.", "device."} {
		if strings.HasPrefix(name, prefix) {
			return "${" + name + "}"
		}
	}
	return "${attr." + name + "}"
}

// constraints in the server's words. Those that a job's datacenters, pool and
// drivers imply are left out: the server derives them itself.
func constraints(list []workloads.Constraint) ([]*api.Constraint, error) {
	var out []*api.Constraint
	for i := range list {
		if implied(&list[i]) {
			continue
		}
		c, err := constraint(&list[i])
		if err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	return out, nil
}

func implied(c *workloads.Constraint) bool {
	return c.Attribute == "datacenter" && c.Operator == "glob" || c.Attribute == "pool" && c.Operator == "in" ||
		strings.HasPrefix(c.Attribute, "driver.") && c.Operator == "is_set"
}

func constraint(c *workloads.Constraint) (*api.Constraint, error) {
	out := &api.Constraint{LTarget: target(c.Attribute), Operand: c.Operator, RTarget: strings.Join(c.Values, ",")}
	switch c.Operator {
	case workloads.DistinctHosts:
		out.LTarget = ""
		if out.RTarget == "" {
			out.RTarget = "true"
		}
	case "in":
		var words []string
		for _, v := range c.Values {
			words = append(words, regexp.QuoteMeta(v))
		}
		out.Operand, out.RTarget = api.ConstraintRegex, "^("+strings.Join(words, "|")+")$"
	case "glob":
		return nil, fmt.Errorf("constraint %s: the server knows no patterns of this kind (allowed: regexp)", c)
	case "=", "!=":
		if len(c.Values) > 1 {
			return nil, fmt.Errorf("constraint %s: the server compares with one value (allowed: in)", c)
		}
	}
	return out, nil
}

func affinities(list []workloads.Affinity) ([]*api.Affinity, error) {
	var out []*api.Affinity
	for i := range list {
		c, err := constraint(&list[i].Constraint)
		if err != nil {
			return nil, err
		}
		out = append(out, api.NewAffinity(c.LTarget, c.Operand, c.RTarget, int8(list[i].Weight)))
	}
	return out, nil
}

func spreads(list []workloads.Spread) []*api.Spread {
	var out []*api.Spread
	for _, s := range list {
		var targets []*api.SpreadTarget
		for _, t := range s.Targets {
			targets = append(targets, api.NewSpreadTarget(t.Value, uint8(t.Percent)))
		}
		out = append(out, api.NewSpread(target(s.Attribute), int8(s.Weight), targets))
	}
	return out
}
