package kubernetes

import (
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"caravan/runner"
	"caravan/runner/agent"
	"caravan/runner/kubernetes/apitest"
	"caravan/runner/runnertest"
)

// TestOnACluster runs the suite of backends on the cluster that KUBECONFIG
// names, as make cluster-kubernetes-test does.
func TestOnACluster(t *testing.T) {
	image := os.Getenv("CARAVAN_TEST_KUBERNETES_IMAGE")
	if image == "" {
		t.Skip("CARAVAN_TEST_KUBERNETES_IMAGE is not set: make cluster-kubernetes-test starts a cluster and sets it")
	}
	b, err := New(Options{Image: image})
	require.NoError(t, err)
	nodes, err := b.Nodes(t.Context())
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(nodes), 2)
	runnertest.Test(t, b, [2]string{nodes[0].Name, nodes[1].Name})
}

// backend is one on a cluster inside the test.
func backend(t *testing.T) (*Backend, *apitest.Server) {
	t.Helper()
	s := apitest.New(t, "lab")
	b, err := New(Options{Image: "agents:1"})
	require.NoError(t, err)
	return b, s
}

func plan(t *testing.T) *runner.Plan { return runnertest.Chain(t, "r", [2]string{"a", "b"}) }

func TestAnAgentIsAPodOnItsNodeThatOthersFindByItsService(t *testing.T) {
	b, _ := backend(t)
	p := plan(t)
	configs, err := b.configs(p)
	require.NoError(t, err)
	require.Len(t, configs.Data, 3)
	c, err := agent.ParseConfig([]byte(configs.Data["chain-second"]))
	require.NoError(t, err)
	third, _ := p.Agent("chain-third")
	service := b.service(p.Run, third)
	assert.Equal(t, service.Name+".lab.svc:7001", c.Successors[0].Lookup.Address)
	assert.Equal(t, corev1.ClusterIPNone, service.Spec.ClusterIP)

	d := b.deployment(p.Run, third, configs.Data["chain-third"])
	assert.Equal(t, service.Spec.Selector, d.Spec.Selector.MatchLabels)
	pod := d.Spec.Template.Spec
	assert.Equal(t, "agents:1", pod.Containers[0].Image)
	assert.Equal(t, []string{"agent", "/etc/caravan/agent.json"}, pod.Containers[0].Args)
	terms := pod.Affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution.NodeSelectorTerms
	assert.Equal(t, []string{"b"}, terms[0].MatchFields[0].Values)

	again := b.deployment(p.Run, third, configs.Data["chain-third"])
	assert.Equal(t, d.Annotations, again.Annotations)
	third.Node = "a"
	moved := b.deployment(p.Run, third, configs.Data["chain-third"])
	assert.NotEqual(t, d.Annotations[fingerprint], moved.Annotations[fingerprint])
}

func TestStatusListsNothingWithoutTheLabel(t *testing.T) {
	b, s := backend(t)
	of := func(name, run string) {
		d := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: appsv1.DeploymentSpec{Replicas: new(int32(0))}}
		if run != "" {
			d.Labels = map[string]string{runLabel: run, agentLabel: name}
		}
		_, err := b.client.Deployments("lab").Create(t.Context(), d)
		require.NoError(t, err)
	}
	of("web", "")
	of("mine", "r")
	of("other", "r2")
	list, err := b.Status(t.Context(), "")
	require.NoError(t, err)
	require.Len(t, list, 2)
	assert.Equal(t, runner.Stopped, list[0].State)

	gone, err := b.Clean(t.Context(), "r")
	require.NoError(t, err)
	assert.Equal(t, []string{"deployment mine"}, gone)
	assert.Equal(t, []string{"lab/deployments/other", "lab/deployments/web"}, s.Objects())
}

func TestStatesOfPods(t *testing.T) {
	d := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{agentLabel: "x"}}, Spec: appsv1.DeploymentSpec{Replicas: new(int32(1))}}
	assert.Equal(t, runner.Pending, agentOf(d, nil).State)
	pod := &corev1.Pod{Status: corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{{
		RestartCount: 2, State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}},
	}}}}
	a := agentOf(d, pod)
	assert.Equal(t, runner.Running, a.State)
	assert.Equal(t, 2, a.Restarts)
	pod.Status.ContainerStatuses[0].State = corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ErrImagePull", Message: "no such image"}}
	a = agentOf(d, pod)
	assert.Equal(t, runner.Pending, a.State)
	assert.Contains(t, a.Detail, "ErrImagePull")
	pod.Status.Phase = corev1.PodFailed
	assert.Equal(t, runner.Failed, agentOf(d, pod).State)
}

func TestAnImageIsRequired(t *testing.T) {
	_, err := New(Options{})
	assert.ErrorContains(t, err, "need an image")
}
