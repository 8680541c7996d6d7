package main

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"caravan/runner/kubernetes"
	"caravan/runner/kubernetes/api"
	"caravan/runner/kubernetes/apitest"
	"caravan/runner/nomad"
	"caravan/topology"
	"caravan/workloads"
)

// TestDecisionsOnACluster compares with the server that NOMAD_ADDR names.
func TestDecisionsOnACluster(t *testing.T) {
	if os.Getenv("CARAVAN_TEST_NOMAD") == "" {
		t.Skip("CARAVAN_TEST_NOMAD is not set: make cluster-nomad-test starts a cluster and sets it")
	}
	code, stdout, stderr := invoke(t.Context(), "validate", "smart-city", "--cluster", "nomad", "--decisions", "-y",
		"--random-jobs", "20", "--preemption-cases", "3", "--output", "json")
	require.Equal(t, exitDone, code, stderr)
	var answer agreementAnswer
	require.NoError(t, json.Unmarshal([]byte(stdout), &answer))
	assert.GreaterOrEqual(t, answer.Instances, 20)
	assert.Positive(t, answer.ScoresCompared)
	assert.GreaterOrEqual(t, answer.Agreement, 0.9, "%+v", answer.Disagreements)
}

// TestPodDecisionsOnACluster compares with the scheduler of the cluster that
// KUBECONFIG names, scores included where its log is known.
func TestPodDecisionsOnACluster(t *testing.T) {
	if os.Getenv("CARAVAN_TEST_KUBERNETES") == "" {
		t.Skip("CARAVAN_TEST_KUBERNETES is not set: make cluster-kubernetes-test starts a cluster and sets it")
	}
	log := os.Getenv("CARAVAN_SCHEDULER_LOG")
	code, stdout, stderr := invoke(t.Context(), "validate", "smart-city", "--cluster", "kubernetes", "--decisions", "-y",
		"--random-jobs", "25", "--preemption-cases", "3", "--scheduler-log", log, "--output", "json")
	require.Equal(t, exitDone, code, stderr)
	var answer agreementAnswer
	require.NoError(t, json.Unmarshal([]byte(stdout), &answer))
	assert.GreaterOrEqual(t, answer.Instances, 28)
	assert.Positive(t, answer.Preemptions)
	assert.Equal(t, log != "", answer.ScoresCompared > 0)
	assert.Empty(t, answer.Disagreements)
	assert.Equal(t, answer.Jobs, answer.PlansKept)
	code, stdout, stderr = invoke(t.Context(), "clean", "--cluster", "kubernetes", "--image", "nothing:1", "-y")
	require.Equal(t, exitDone, code, stderr)
	assert.NotContains(t, stdout, "priority class", "the comparison took its own away")
}

// carelessly binds every pod to the node called small, whatever it asks for.
func carelessly(key string, object map[string]any) map[string]map[string]any {
	if !strings.HasPrefix(key, "lab/pods/") {
		return nil
	}
	object["metadata"].(map[string]any)["uid"] = key
	object["spec"].(map[string]any)["nodeName"] = "small"
	object["status"] = map[string]any{"phase": "Running", "startTime": "2026-01-01T00:00:00Z"}
	return map[string]map[string]any{strings.Replace(key, "pods", "events", 1): {
		"metadata": map[string]any{"name": key}, "message": "Successfully assigned " + key + " to small",
	}}
}

func TestASchedulerThatDecidesOtherwiseIsFoundOut(t *testing.T) {
	s := apitest.New(t, "lab")
	c, err := api.Open("")
	require.NoError(t, err)
	for name, cores := range map[string]string{"small": "1", "large": "8"} {
		room := corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(cores), corev1.ResourceMemory: resource.MustParse("2Gi")}
		_, err := c.Nodes().Create(t.Context(), &corev1.Node{
			ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{corev1.LabelHostname: name}},
			Status:     corev1.NodeStatus{Allocatable: room, Conditions: []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}}},
		})
		require.NoError(t, err)
	}
	s.Made = carelessly
	code, stdout, stderr := invoke(t.Context(), "validate", "smart-city", "--cluster", "kubernetes", "--decisions", "-y",
		"--random-jobs", "8", "--preemption-cases", "1", "--tolerance", "1%")
	require.Equal(t, exitInfeasible, code, stderr)
	assert.Contains(t, stdout, "small there, large here; another node has a higher score here")
	assert.Contains(t, stdout, "no room here: ")
	assert.NotContains(t, stdout, "(100.0 %)")
	assert.Equal(t, []string{"nodes/large", "nodes/small"}, slices.DeleteFunc(s.Objects(), func(key string) bool { return strings.Contains(key, "/events/") }))
}

func TestJobsForKubernetesMindOnlyWhatItKnows(t *testing.T) {
	machines := []topology.Node{{Name: "a", CPU: 4000, Memory: topology.GiB, Class: "edge"}, {Name: "b", CPU: 2000, Memory: topology.GiB, Class: "cloud"}}
	rng := rand.New(rand.NewPCG(1, 1))
	adapt := tainting([]kubernetes.Taint{{Key: "dedicated", Value: "video"}}, []kubernetes.Taint{{Key: "spot", Value: "yes"}})
	minds, avoids := 0, 0
	for _, j := range randomJobs(rng, machines, 60) {
		adapt(rng, &j)
		for _, c := range j.Groups[0].Constraints {
			if c.Attribute == "taint.dedicated" {
				minds++
			}
		}
		for _, x := range j.Groups[0].Affinities {
			if x.Attribute == "taint.spot" {
				assert.Negative(t, x.Weight)
				avoids++
			} else {
				assert.Positive(t, x.Weight)
			}
		}
		for _, s := range j.Groups[0].Spreads {
			assert.Empty(t, s.Targets)
		}
	}
	assert.InDelta(t, 40, minds, 15)
	assert.InDelta(t, 30, avoids, 15)
}

func TestRandomJobsAreThoseOfTheirSeed(t *testing.T) {
	machines := []topology.Node{
		{Name: "a", CPU: 4000, Memory: topology.GiB, Class: "edge", Meta: map[string]string{"rack": "r1"}},
		{Name: "b", CPU: 2000, Memory: topology.GiB, Class: "cloud", Meta: map[string]string{"rack": "r2"}},
	}
	draw := func() []workloads.Job { return randomJobs(rand.New(rand.NewPCG(1, 1)), machines, 50) }
	jobs := draw()
	assert.Equal(t, jobs, draw())
	for i := range jobs {
		w := workloads.Workload{Jobs: jobs[i : i+1]}
		assert.NoError(t, w.Check(nil), jobs[i].Name)
	}
	cases := preemptionJobs(rand.New(rand.NewPCG(1, 1)), machines, 10)
	require.Len(t, cases, 10)
	for _, c := range cases {
		last := c[len(c)-1]
		for _, low := range c[:len(c)-1] {
			assert.GreaterOrEqual(t, last.Priority-low.Priority, 10, "upstream evicts from a difference of 10")
		}
	}
}

func TestAttemptsAreInTheOrderOfTheirPlans(t *testing.T) {
	assert.Equal(t, []uint64{7, 9}, attempts([]nomad.Placed{{Index: 0, Attempt: 9}, {Index: 2, Attempt: 7}, {Index: 3, Attempt: 9}}))
}

func TestTheComparisonOfDecisionsIsDocumented(t *testing.T) {
	d := agreementAnswer{Scorers: []scorerAnswer{{}}, Disagreements: []disagreement{{}}}
	text, err := json.Marshal(d)
	require.NoError(t, err)
	var v any
	require.NoError(t, json.Unmarshal(text, &v))
	documented := documentedFields(t, "caravan validate --decisions")
	flatten("", v, func(field, kind string) {
		assert.Contains(t, documented[field], kind, field)
		delete(documented, field)
	})
	assert.Empty(t, documented, "documented and never printed")
}

func TestDecisionsAskForTheRightCluster(t *testing.T) {
	code, _, stderr := invoke(t.Context(), "validate", "smart-city", "--cluster", "local", "--decisions")
	assert.Equal(t, exitBadInput, code)
	assert.Contains(t, stderr, "allowed: nomad, kubernetes")
	code, _, stderr = invoke(t.Context(), "validate", "smart-city", "--cluster", "kubernetes", "--context", "none", "--decisions")
	assert.Equal(t, exitBadInput, code, stderr)
}
