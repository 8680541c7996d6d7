package kubernetes

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"caravan/topology"
	"caravan/workloads"
)

// node is ready, of two cores and 2 GiB.
func node(name, zone string, taints ...corev1.Taint) *corev1.Node {
	return &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{
			corev1.LabelHostname: name + ".lan", corev1.LabelTopologyZone: zone, "rack": "r-" + name,
		}},
		Spec: corev1.NodeSpec{Taints: taints},
		Status: corev1.NodeStatus{
			Conditions:  []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}},
			Allocatable: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("2"), corev1.ResourceMemory: resource.MustParse("2Gi")},
		},
	}
}

var (
	video = corev1.Taint{Key: "dedicated", Value: "video", Effect: corev1.TaintEffectNoSchedule}
	spot  = corev1.Taint{Key: "spot", Value: "yes", Effect: corev1.TaintEffectPreferNoSchedule}
)

func decisions(t *testing.T) *Decisions {
	t.Helper()
	b, _ := backend(t)
	for _, n := range []*corev1.Node{node("b", "z2", video), node("a", "z1", spot)} {
		_, err := b.client.Nodes().Create(t.Context(), n)
		require.NoError(t, err)
	}
	d, err := b.Decide(t.Context(), "r")
	require.NoError(t, err)
	return d
}

func job(g workloads.Group) *workloads.Job {
	g.Name, g.Count = "main", 1
	return &workloads.Job{Name: "j", Type: workloads.Service, Priority: 70, Groups: []workloads.Group{g}}
}

func TestNodesAreReadAsManifestsAre(t *testing.T) {
	d := decisions(t)
	machines := d.Machines()
	require.Len(t, machines, 2)
	a := machines[0]
	assert.Equal(t, "a", a.Name)
	assert.Equal(t, topology.MHz(2000), a.CPU)
	assert.Equal(t, 2*topology.GiB, a.Memory)
	for attribute, want := range map[string]string{"datacenter": "z1", "rack": "r-a", "meta.rack": "r-a", "taint.spot": "yes"} {
		got, ok := a.Attribute(attribute)
		assert.True(t, ok, attribute)
		assert.Equal(t, want, got, attribute)
	}
	hard, soft := d.Taints()
	assert.Equal(t, []Taint{{"dedicated", "video"}}, hard)
	assert.Equal(t, []Taint{{"spot", "yes"}}, soft)
}

func TestNodesThatTakeNoPodsAreRefused(t *testing.T) {
	n := node("a", "z1")
	n.Spec.Unschedulable = true
	b, _ := backend(t)
	_, err := b.client.Nodes().Create(t.Context(), n)
	require.NoError(t, err)
	_, err = b.Decide(t.Context(), "r")
	assert.ErrorContains(t, err, "node a takes no pods")
}

func TestAJobIsSaidInPods(t *testing.T) {
	d := decisions(t)
	pod, err := d.pod(job(workloads.Group{
		Demand: topology.Resources{CPU: 250, Memory: 64 * topology.MiB, Disk: topology.GiB},
		Constraints: []workloads.Constraint{
			{Attribute: "node.unique.name", Operator: "!=", Values: []string{"a"}},
			{Attribute: "meta.rack", Operator: "in", Values: []string{"r-a", "r-b"}},
			{Operator: workloads.DistinctHosts},
		},
		Affinities: []workloads.Affinity{
			{Constraint: workloads.Constraint{Attribute: "datacenter", Operator: "=", Values: []string{"z2"}}, Weight: 40},
			{Constraint: workloads.Constraint{Attribute: "taint.spot", Operator: "=", Values: []string{"yes"}}, Weight: -50},
		},
		Spreads: []workloads.Spread{{Attribute: "class", Weight: 50}},
	}), 0, 3)
	require.NoError(t, err)
	asks := pod.Spec.Containers[0].Resources.Requests
	assert.Equal(t, "250m", asks.Cpu().String())
	assert.Equal(t, "64Mi", asks.Memory().String())
	assert.NotContains(t, asks, corev1.ResourceEphemeralStorage, "no node says how much it has")
	rules := pod.Spec.Affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution.NodeSelectorTerms
	assert.Equal(t, []corev1.NodeSelectorRequirement{
		{Key: corev1.LabelHostname, Operator: corev1.NodeSelectorOpNotIn, Values: []string{"a.lan"}},
		{Key: "rack", Operator: corev1.NodeSelectorOpIn, Values: []string{"r-a", "r-b"}},
	}, rules[0].MatchExpressions)
	wishes := pod.Spec.Affinity.NodeAffinity.PreferredDuringSchedulingIgnoredDuringExecution
	require.Len(t, wishes, 1)
	assert.Equal(t, corev1.LabelTopologyZone, wishes[0].Preference.MatchExpressions[0].Key)
	apart := pod.Spec.Affinity.PodAntiAffinity.RequiredDuringSchedulingIgnoredDuringExecution
	assert.Equal(t, pod.Labels[groupLabel], apart[0].LabelSelector.MatchLabels[groupLabel])
	assert.Equal(t, []corev1.Toleration{{Key: "dedicated", Operator: corev1.TolerationOpEqual, Value: "video", Effect: corev1.TaintEffectNoSchedule}}, pod.Spec.Tolerations)
	assert.Equal(t, corev1.LabelInstanceTypeStable, pod.Spec.TopologySpreadConstraints[0].TopologyKey)
	assert.Negative(t, ownPriority(workloads.MaxPriority), "pods of others stay")
}

func TestAConstraintAgainstATaintIsNotTolerated(t *testing.T) {
	d := decisions(t)
	pod, err := d.pod(job(workloads.Group{Constraints: []workloads.Constraint{{Attribute: "taint.dedicated", Operator: "!=", Values: []string{"video"}}}}), 0, 0)
	require.NoError(t, err)
	require.Len(t, pod.Spec.Tolerations, 1)
	assert.Equal(t, "spot", pod.Spec.Tolerations[0].Key)
	assert.Nil(t, pod.Spec.Affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution)
}

func TestWhatTheSchedulerDoesNotKnowIsRefused(t *testing.T) {
	d := decisions(t)
	of := func(attribute, operator string, values ...string) workloads.Constraint {
		return workloads.Constraint{Attribute: attribute, Operator: operator, Values: values}
	}
	for want, g := range map[string]workloads.Group{
		"knows no such rule (allowed: =,":    {Constraints: []workloads.Constraint{of("rack", "regexp", "r")}},
		"knows no patterns":                  {Constraints: []workloads.Constraint{of("datacenter", "glob", "z*")}},
		"allowed: one for each value":        {Constraints: []workloads.Constraint{of("rack", workloads.DistinctProperty, "2")}},
		"against taints only":                {Affinities: []workloads.Affinity{{Constraint: of("rack", "=", "r-a"), Weight: -1}}},
		"knows no targets":                   {Spreads: []workloads.Spread{{Attribute: "rack", Targets: []workloads.SpreadTarget{{Value: "r-a", Percent: 70}}}}},
		"its effect is PreferNoSchedule":     {Constraints: []workloads.Constraint{of("taint.spot", "!=", "yes")}},
		"its effect is NoSchedule, and the ": {Affinities: []workloads.Affinity{{Constraint: of("taint.dedicated", "=", "video"), Weight: -1}}},
	} {
		_, err := d.pod(job(g), 0, 0)
		assert.ErrorContains(t, err, want)
	}
	j := job(workloads.Group{})
	j.Type = workloads.System
	_, err := d.pod(j, 0, 0)
	assert.ErrorContains(t, err, "allowed: service, batch")
}

func TestPodsHoldWhatTheirContainersAskFor(t *testing.T) {
	list := func(cpu string) corev1.ResourceRequirements {
		return corev1.ResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(cpu)}}
	}
	p := &corev1.Pod{Spec: corev1.PodSpec{
		InitContainers: []corev1.Container{{Resources: list("900m")}},
		Containers:     []corev1.Container{{Resources: list("200m")}, {Resources: list("300m")}},
		Overhead:       corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("50m")},
	}}
	assert.Equal(t, topology.Resources{CPU: 950}, requests(p))
}

const refusedMessage = "0/9 nodes are available: 1 Insufficient cpu, 1 Insufficient memory, 2 node(s) had untolerated taint {dedicated: video}, " +
	"1 node(s) had untolerated taint {spot: yes}, 4 node(s) didn't match Pod's node affinity/selector. preemption: 0/9 nodes are available: 9 Preemption is not helpful for scheduling."

func TestReasonsAreCounted(t *testing.T) {
	assert.Equal(t, map[string]int{
		"Insufficient cpu": 1, "Insufficient memory": 1, "node(s) had untolerated taint(s)": 3, "node(s) didn't match Pod's node affinity/selector": 4,
	}, parseReasons(refusedMessage))
	assert.Empty(t, parseReasons("no nodes available to schedule pods"))
}

const scoreLine = `I1121 11:55:06.773746   12792 schedule_one.go:815] "Plugin scored node for pod" pod="lab/x" plugin="NodeAffinity" node="a" score=200`

func TestALogIsReadAsItGrows(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	require.NoError(t, os.WriteFile(path, []byte(scoreLine+"\n"), 0o600))
	l, err := OpenScoreLog(path)
	require.NoError(t, err)
	defer func() { assert.NoError(t, l.Close()) }()
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	require.NoError(t, err)
	defer func() { assert.NoError(t, f.Close()) }()
	add := func(text string) {
		_, err := f.WriteString(text)
		require.NoError(t, err)
	}
	add(scoreLine + "\nsomething else\n" + strings.Replace(scoreLine, "lab/x", "lab/y", 1) + "\n" + strings.Replace(scoreLine, "NodeAffinity", "ImageLocality", 1)[:90])
	scores, err := l.Of("lab/x")
	require.NoError(t, err)
	require.Len(t, scores, 1)
	assert.Equal(t, map[string]float64{"NodeAffinity": 200}, scores[0].Parts)
	add(strings.Replace(scoreLine, "NodeAffinity", "ImageLocality", 1)[90:] + "\n")
	scores, err = l.Of("lab/x")
	require.NoError(t, err)
	require.Len(t, scores, 1)
	assert.Equal(t, map[string]float64{"ImageLocality": 200}, scores[0].Parts, "the line that came in two parts")
	_, err = OpenScoreLog(filepath.Join(t.TempDir(), "none"))
	assert.ErrorIs(t, err, os.ErrNotExist)
}

func FuzzParseScore(f *testing.F) {
	f.Add(scoreLine)
	f.Add(`x] "Plugin scored node for pod" pod="a" plugin="b" node="c\"d" score=-1`)
	f.Fuzz(func(t *testing.T, line string) {
		s, ok := parseScore(line)
		later, alsoOK := parseScore("I1121 " + line)
		assert.Equal(t, ok, alsoOK)
		assert.Equal(t, s, later, "what stands before the message has no meaning")
	})
}

func FuzzParseReasons(f *testing.F) {
	f.Add(refusedMessage)
	f.Add("0/1 nodes are available: 999999999 x, 999999999 x.")
	f.Fuzz(func(t *testing.T, message string) {
		for reason, n := range parseReasons(message) {
			assert.NotEmpty(t, reason)
			assert.GreaterOrEqual(t, n, 0)
		}
	})
}
