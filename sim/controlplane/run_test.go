package controlplane

import (
	"testing"
	"time"

	"caravan/workloads"
)

func TestStories(t *testing.T) {
	lines, rep := story(t, Config{Topology: machines(t, 3), Jobs: []workloads.Job{
		app("web", workloads.Service, 50, 3, 1500),
		app("batch", workloads.Batch, 20, 4, 2000, func(j *workloads.Job, g *workloads.Group) { g.Duration = 10 * time.Minute }),
		app("top", workloads.Service, 90, 1, 3000, func(j *workloads.Job, g *workloads.Group) { j.SubmitAt = time.Minute }),
	}, Options: Options{Preempt: [4]bool{true, true, true, true}},
		Events: []workloads.Event{{At: 20 * time.Minute, Action: workloads.Drain, Nodes: nodesOf(0), Limit: 10 * time.Minute},
			{At: 40 * time.Minute, Action: workloads.Fail, Nodes: nodesOf(1)}, {At: 50 * time.Minute, Action: workloads.Repair, Nodes: nodesOf(1)}},
	})
	for _, l := range lines {
		t.Log(l)
	}
	for _, v := range rep.Values {
		t.Log(v.Name, v.Subject, v.Stat, v.Value, v.Unit)
	}
}
