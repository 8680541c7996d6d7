package main

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"caravan/runner/kubernetes"
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
