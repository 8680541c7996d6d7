package workloads_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"caravan/topology"
	"caravan/workloads"
)

func TestOperators(t *testing.T) {
	n := &topology.Node{
		Name: "n1", Class: "edge", Datacenter: "dc1", Cores: 4, CPU: 4000, Memory: topology.GiB, Drivers: []string{"docker"},
		Attributes: map[string]string{"kernel.name": "linux", "version": "1.3.0-beta1", "sets": "a, b,c", "count": "10", "other": "linux"},
		Meta:       map[string]string{"rack": "r7"},
	}
	for _, c := range []struct {
		attribute, operator, value string
		want                       bool
	}{
		{"class", "=", "edge", true},
		{"${node.class}", "=", "edge", true},
		{"attr.kernel.name", "=", "linux", true},
		{"kernel.name", "=", "${attr.other}", true},
		{"kernel.name", "=", "${attr.missing}", false},
		{"meta.rack", "!=", "r8", true},
		{"meta.missing", "!=", "r8", true},
		{"meta.missing", "=", "r8", false},
		{"count", ">", "9", true}, // as numbers, not as texts
		{"count", ">=", "10.0", true},
		{"count", "<", "9", false},
		{"kernel.name", "<", "m", true},
		{"attr.cpu.numcores", ">=", "4", true},
		{"attr.cpu.totalcompute", "<=", "4000", true},
		{"version", "version", ">= 1.0, < 1.4", false}, // a prerelease of another release
		{"version", "version", ">= 1.3.0-alpha", true},
		{"version", "semver", ">= 1.0.0, < 1.4.0", true},
		{"version", "semver", ">= 1.3.0", false},
		{"kernel.name", "semver", ">= 1.3.0", false},
		{"kernel.name", "regexp", "^lin", true},
		{"kernel.name", "regexp", "^in", false},
		{"sets", "set_contains", "a,c", true},
		{"sets", "set_contains", "a,d", false},
		{"sets", "set_contains_any", "d, c", true},
		{"meta.rack", "is_set", "", true},
		{"meta.rack", "is_not_set", "", false},
		{"datacenter", "glob", "dc*", true},
		{"datacenter", "glob", "eu*", false},
		{"driver.docker", "is_set", "", true},
		{"driver.exec", "is_set", "", false},
	} {
		t.Run(c.attribute+" "+c.operator+" "+c.value, func(t *testing.T) {
			rule, err := workloads.NewConstraint(c.attribute, c.operator, c.value)
			require.NoError(t, err)
			assert.Equal(t, c.want, rule.Allows(n))
			plain := workloads.Constraint{Attribute: c.attribute, Operator: c.operator, Values: []string{c.value}}
			assert.Equal(t, c.want, plain.Allows(n), "without having been prepared")
		})
	}
	for operator, value := range map[string]string{"version": "one", "semver": "~> 1.2", "regexp": "(", "distinct_property": "0", "is": "x"} {
		_, err := workloads.NewConstraint("a", operator, value)
		assert.ErrorContains(t, err, operator)
	}
}

func TestAGroupHoldsTheMostOfItsLifeCycle(t *testing.T) {
	task := func(name string, l workloads.Lifecycle, sidecar bool, cpu topology.MHz, memory topology.Bytes) workloads.Task {
		return workloads.Task{Name: name, Lifecycle: l, Sidecar: sidecar, CPU: cpu, Memory: memory, MemoryMax: 10 * memory}
	}
	job := workloads.Job{
		Name: "j", Type: workloads.Service, Priority: 50, Pool: "gpu", Datacenters: []string{"dc*"},
		Constraints: []workloads.Constraint{{Operator: workloads.DistinctHosts}, {Attribute: "class", Operator: "=", Values: []string{"edge"}}},
		Groups: []workloads.Group{{Name: "g", Count: 1, Demand: topology.Resources{Disk: 7}, Tasks: []workloads.Task{
			task("init", workloads.PreStart, false, 1000, 10), task("proxy", workloads.PreStart, true, 100, 50),
			task("main", workloads.Main, false, 500, 200), task("after", workloads.PostStart, false, 50, 1), task("clean", workloads.PostStop, false, 700, 300),
		}}},
	}
	job.Groups[0].Tasks[2].KillTimeout = time.Minute
	for range 2 { // a second time changes nothing
		job.Settle(nil)
		assert.Equal(t, topology.Resources{CPU: 1100, Memory: 300, Disk: 7}, job.Groups[0].Demand)
		var rules []string
		for _, c := range job.Groups[0].Constraints {
			rules = append(rules, c.String())
		}
		assert.Equal(t, []string{"datacenter glob dc*", "pool in gpu", "class = edge"}, rules)
	}
	assert.Equal(t, time.Minute, job.Groups[0].KillTimeout())
	require.NoError(t, (&workloads.Workload{Jobs: []workloads.Job{job}}).Check(&topology.Topology{}))
}

func TestOnlyWhatTasksAreReplacesInstances(t *testing.T) {
	old := workloads.Job{Name: "j", Groups: []workloads.Group{{Name: "g", Count: 1, Demand: topology.Resources{CPU: 100}}}}
	change := func(f func(*workloads.Group)) bool {
		g := old.Groups[0]
		f(&g)
		next := workloads.Job{Name: "j", Groups: []workloads.Group{g}}
		return next.Replaces(&old, 0)
	}
	assert.False(t, change(func(g *workloads.Group) { g.Count = 5 }))
	assert.False(t, change(func(g *workloads.Group) {
		g.Constraints = []workloads.Constraint{{Attribute: "class", Operator: "=", Values: []string{"x"}}}
	}))
	assert.False(t, change(func(g *workloads.Group) { g.Update = &workloads.Update{MaxParallel: 3} }))
	assert.True(t, change(func(g *workloads.Group) { g.Demand.CPU = 200 }))
	assert.True(t, change(func(g *workloads.Group) { g.Spreads = []workloads.Spread{{Attribute: "datacenter", Weight: 50}} }))
	assert.True(t, change(func(g *workloads.Group) { g.Tasks = []workloads.Task{{Name: "t"}} }))
	assert.True(t, change(func(g *workloads.Group) { g.Name = "another" }))
}

func FuzzConstraint(f *testing.F) {
	f.Add("version", ">= 1.2, < 2", "1.5")
	f.Add("semver", "!= 1.2.0-rc1", "1.2.0")
	f.Add("regexp", "(a|b)*", "abab")
	f.Add("glob", "dc[1-3]", "dc2")
	f.Fuzz(func(t *testing.T, operator, value, have string) {
		c, err := workloads.NewConstraint("x", operator, value)
		plain := workloads.Constraint{Attribute: "x", Operator: operator, Values: []string{value}}
		if err == nil && c.Holds(have, true) != plain.Holds(have, true) {
			t.Fatalf("%s %q on %q depends on when it was parsed", operator, value, have)
		}
	})
}
