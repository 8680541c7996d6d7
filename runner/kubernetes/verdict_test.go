package kubernetes

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"caravan/runner"
	"caravan/topology"
	"caravan/workloads"
)

// A scheduler plays the cluster's: it decides about each new pod, once, and
// tells it by an event.
type scheduler struct {
	b      *Backend
	decide func(s *scheduler, p *corev1.Pod)
	t      *testing.T
	events int
}

// play runs the scheduler until the test ends.
func (s *scheduler) play() {
	ctx, stop := context.WithCancel(context.Background())
	var ended sync.WaitGroup
	s.t.Cleanup(func() { stop(); ended.Wait() })
	ended.Go(func() {
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			list, err := s.b.client.Pods("lab").List(ctx, "")
			for i := range list.Items {
				if p := &list.Items[i]; err == nil && p.UID == "" {
					p.UID = types.UID("uid-" + p.Name)
					s.decide(s, p)
				}
			}
		}
	})
}

// say posts an event about a pod.
func (s *scheduler) say(p *corev1.Pod, reason, note string) {
	s.events++
	_, err := s.b.client.Events("lab").Create(context.Background(), &corev1.Event{
		ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprint("e", s.events)}, InvolvedObject: corev1.ObjectReference{UID: p.UID}, Reason: reason, Message: note,
	})
	assert.NoError(s.t, err)
}

// put writes what became of a pod.
func (s *scheduler) put(p *corev1.Pod) {
	_, err := s.b.client.Pods("lab").Update(context.Background(), p)
	assert.NoError(s.t, err)
}

func (s *scheduler) bind(p *corev1.Pod, node string) {
	p.Spec.NodeName = node
	p.Status.StartTime = &metav1.Time{Time: time.Unix(int64(1000+s.events), 0)}
	s.put(p)
	s.say(p, "Scheduled", "Successfully assigned lab/"+p.Name+" to "+node)
}

func (s *scheduler) refuse(p *corev1.Pod, note string) {
	p.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: corev1.PodReasonUnschedulable, Message: note}}
	s.put(p)
	s.say(p, "FailedScheduling", note)
}

// sized is a job of one instance.
func sized(name string, priority int, cpu topology.MHz) *workloads.Job {
	return &workloads.Job{Name: name, Type: workloads.Service, Priority: priority, Groups: []workloads.Group{
		{Name: "main", Count: 1, Demand: topology.Resources{CPU: cpu, Memory: topology.MiB}},
	}}
}

func TestVerdictsTellWhereRefusalsAndVictims(t *testing.T) {
	d := decisions(t)
	path := filepath.Join(t.TempDir(), "log")
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	log, err := OpenScoreLog(path)
	require.NoError(t, err)
	defer func() { assert.NoError(t, log.Close()) }()
	s := &scheduler{b: d.b, t: t}
	var low *corev1.Pod
	s.decide = func(s *scheduler, p *corev1.Pod) {
		switch p.Annotations[jobNote] {
		case "low":
			low = p.DeepCopy()
			line := `x] "Plugin scored node for pod" pod="lab/` + p.Name + `" plugin="NodeAffinity" node="a" score=200` + "\n"
			assert.NoError(t, os.WriteFile(path, []byte(line), 0o600))
			s.bind(p, "a")
		case "huge":
			s.refuse(p, "0/2 nodes are available: 2 Insufficient cpu. preemption: none.")
		default: // takes the place of low
			assert.NoError(t, s.b.client.Pods("lab").Delete(context.Background(), low.Name))
			s.say(low, "Preempted", "Preempted by pod "+string(p.UID)+" on node a")
			s.bind(p, "a")
		}
	}
	s.play()

	require.NoError(t, d.Prepare(t.Context(), []int{10, 70}))
	first, err := d.Submit(t.Context(), sized("low", 10, 1500), 0, 0, log)
	require.NoError(t, err)
	assert.Equal(t, Verdict{
		ID: "uid-" + low.Name, Node: "a", Told: true,
		Scores: []runner.NodeScore{{Node: "a", Final: 200, Parts: map[string]float64{"NodeAffinity": 200}}},
	}, first)
	require.NoError(t, d.Settle(t.Context()))
	held, err := d.Allocations(t.Context())
	require.NoError(t, err)
	assert.Equal(t, []runner.Allocation{{
		ID: first.ID, Job: "low", Group: "main", Node: "a", StartedAt: 1000 * time.Second,
		Resources: topology.Resources{CPU: 1500, Memory: topology.MiB},
	}}, held)

	v, err := d.Submit(t.Context(), sized("huge", 70, 9000), 0, 0, nil)
	require.NoError(t, err)
	assert.Equal(t, map[string]int{"Insufficient cpu": 2}, v.Reasons)
	assert.True(t, v.Told)
	assert.Empty(t, v.Node)

	v, err = d.Submit(t.Context(), sized("high", 70, 1500), 0, 0, nil)
	require.NoError(t, err)
	assert.Equal(t, []string{first.ID}, v.Evicted)
	assert.True(t, v.Told)

	require.NoError(t, d.Withdraw(t.Context(), "high"))
	held, err = d.Allocations(t.Context())
	require.NoError(t, err)
	assert.Empty(t, held, "and the pod that was refused went at once")
	gone, err := d.b.Clean(t.Context(), "r")
	require.NoError(t, err)
	assert.Len(t, gone, 2, "priority classes: %v", gone)
}
