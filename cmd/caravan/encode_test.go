package main

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"caravan/scenarios"
	"caravan/topology"
	"caravan/workloads"
)

// everything is a job and its nodes with no field left at its default.
func everything() ([]topology.Node, *workloads.Workload) {
	rule := func(attribute, operator string, values ...string) workloads.Constraint {
		return workloads.Constraint{Attribute: attribute, Operator: operator, Values: values}
	}
	fail := workloads.Exp(3600)
	runtime := workloads.Dist{Kind: workloads.Lognormal, Mean: 60, CV: 2}
	task := workloads.Task{
		Name: "t", Driver: "docker", Lifecycle: workloads.PreStart, Sidecar: true, CPU: 250, Memory: topology.GiB, MemoryMax: 2 * topology.GiB,
		Devices: []workloads.DeviceAsk{{Name: "nvidia/gpu", Count: 2, Constraints: []workloads.Constraint{rule("device.attr.memory", ">=", "8 GiB")},
			Affinities: []workloads.Affinity{{Constraint: rule("device.model", "=", "a100"), Weight: 30}}}},
		Networks:    []workloads.Network{{Mbits: 20, Static: []workloads.Port{{Label: "http", Number: 80}}, Dynamic: []workloads.Port{{Label: "rpc"}}}},
		Constraints: []workloads.Constraint{rule("attr.version", "version", ">= 1.2, < 2")},
		Affinities:  []workloads.Affinity{{Constraint: rule("class", "!=", "edge"), Weight: -20}},
		KillTimeout: time.Minute, Config: "image: web", Meta: map[string]string{"a": "b c"},
	}
	group := workloads.Group{
		Name: "g", Count: 3, Demand: topology.Resources{Disk: topology.GiB}, Tasks: []workloads.Task{task, {Name: "cores", Cores: 2, Memory: 1, KillTimeout: workloads.DefaultKillTimeout}},
		Constraints: []workloads.Constraint{rule("", workloads.DistinctHosts), rule("meta.rack", workloads.DistinctProperty, "2"), rule("name", "regexp", "^n[0-9]")},
		Spreads:     []workloads.Spread{{Attribute: "datacenter", Weight: 70, Targets: []workloads.SpreadTarget{{Value: "dc1", Percent: 80}, {Value: "dc2", Percent: 7}}}},
		Networks:    []workloads.Network{{Mbits: 5}}, StickyDisk: true, Meta: map[string]string{"v": "2"},
		Restart:       &workloads.Restart{Attempts: 1, Interval: time.Hour, Delay: time.Second, Mode: workloads.RestartDelay},
		Reschedule:    &workloads.Reschedule{Attempts: 3, Interval: time.Hour, Delay: time.Second, Function: workloads.FibonacciDelay, MaxDelay: time.Minute},
		Update:        &workloads.Update{MaxParallel: 2, Canary: 1, MinHealthyTime: time.Second, HealthyDeadline: time.Minute, AutoPromote: true, AutoRevert: true, Stagger: time.Second},
		Migrate:       &workloads.Migrate{MaxParallel: 2, MinHealthyTime: time.Second, HealthyDeadline: time.Minute},
		Disconnect:    &workloads.Disconnect{LostAfter: time.Hour, Reconcile: workloads.KeepOriginal},
		StopAfterLost: time.Minute, Runtime: &runtime,
		Behaviour: workloads.Behaviour{Startup: time.Second, Image: topology.GiB, HealthDelay: time.Second, Unhealthy: true, Failure: &fail, Checkpoint: time.Minute, Deadline: time.Hour},
	}
	node := topology.Node{
		Name: "n1", Datacenter: "dc1", Pool: "p", Cores: 8, Speed: 1, CPU: 16000, Memory: 64 * topology.GiB, Disk: topology.GiB * 100,
		Attributes: map[string]string{"version": "1.5"}, Meta: map[string]string{"rack": "r1"}, Drivers: []string{"docker"},
		Devices:    []topology.DeviceGroup{{Vendor: "nvidia", Type: "gpu", Model: "a100", Count: 4, Attributes: map[string]string{"memory": "40 GiB"}}},
		Interfaces: []topology.Interface{{Name: "eth0", Mbits: 0}}, MaxInstances: 9, ReservedCores: []int{0}, ReservedPorts: []int{22},
	}
	job := workloads.Job{
		Name: "j", Type: workloads.Batch, Priority: 70, SubmitAt: time.Minute, Region: "eu", Datacenters: []string{"dc*"}, Pool: "p", AllAtOnce: true,
		Constraints: []workloads.Constraint{rule("attr.version", "is_set")}, Affinities: []workloads.Affinity{{Constraint: rule("class", "in", "a", "b"), Weight: 10}},
		Spreads: []workloads.Spread{{Attribute: "meta.rack", Weight: 50}}, Meta: map[string]string{"k": "v"}, Groups: []workloads.Group{group, {Name: "h", Count: 1}},
	}
	return []topology.Node{node}, &workloads.Workload{Jobs: []workloads.Job{job}}
}

func TestAJobReadsBackAsItWasWritten(t *testing.T) {
	nodes, work := everything()
	var file bytes.Buffer
	require.NoError(t, encodeScenario(&file, "all", "everything", nodes, nil, work))
	s, err := scenarios.Load("all.yaml", file.Bytes(), scenarios.Options{})
	require.NoError(t, err, file.String())
	for i := range work.Jobs {
		work.Jobs[i].Settle(nodes)
	}
	for _, pair := range [][2]any{{work.Jobs, s.Workload.Jobs}, {nodes, s.Topology.Nodes()}} {
		want, err := json.MarshalIndent(pair[0], "", " ")
		require.NoError(t, err)
		got, err := json.MarshalIndent(pair[1], "", " ")
		require.NoError(t, err)
		assert.Equal(t, string(want), string(got))
	}
}
