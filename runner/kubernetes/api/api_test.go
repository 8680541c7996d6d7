package api_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"caravan/runner/kubernetes/api"
	"caravan/runner/kubernetes/apitest"
)

func open(t *testing.T) *api.Client {
	t.Helper()
	c, err := api.Open("")
	require.NoError(t, err)
	return c
}

// through makes, reads, lists, changes and deletes x.
func through[T api.Object, L runtime.Object](t *testing.T, k api.Kind[T, L], x T) {
	t.Helper()
	ctx := t.Context()
	_, err := k.Get(ctx, "x")
	assert.True(t, apierrors.IsNotFound(err), "%v", err)
	x.SetName("x")
	x.SetLabels(map[string]string{"of": "us"})
	_, err = k.Create(ctx, x)
	require.NoError(t, err)
	_, err = k.Create(ctx, x)
	assert.True(t, apierrors.IsAlreadyExists(err), "%v", err)
	x.SetAnnotations(map[string]string{"second": "yes"})
	_, err = k.Update(ctx, x)
	require.NoError(t, err)
	got, err := k.Get(ctx, "x")
	require.NoError(t, err)
	assert.Equal(t, "yes", got.GetAnnotations()["second"])
	for selector, want := range map[string]int{"": 1, "of": 1, "of=us": 1, "of=them": 0} {
		list, err := k.List(ctx, selector)
		require.NoError(t, err)
		assert.Equal(t, want, lengthOf(list), selector)
	}
	require.NoError(t, k.Delete(ctx, "x"))
	assert.True(t, apierrors.IsNotFound(k.Delete(ctx, "x")))
}

func lengthOf(list any) int {
	switch l := list.(type) {
	case *corev1.NodeList:
		return len(l.Items)
	case *corev1.PodList:
		return len(l.Items)
	case *corev1.ServiceList:
		return len(l.Items)
	case *corev1.ConfigMapList:
		return len(l.Items)
	case *corev1.SecretList:
		return len(l.Items)
	case *appsv1.DeploymentList:
		return len(l.Items)
	case *batchv1.JobList:
		return len(l.Items)
	case *corev1.EventList:
		return len(l.Items)
	case *schedulingv1.PriorityClassList:
		return len(l.Items)
	}
	return -1
}

func TestEveryKindIsMadeReadChangedAndDeleted(t *testing.T) {
	s := apitest.New(t, "lab")
	c := open(t)
	assert.Equal(t, "lab", c.Namespace)
	through(t, c.Nodes(), &corev1.Node{})
	through(t, c.Pods("lab"), &corev1.Pod{})
	through(t, c.Services("lab"), &corev1.Service{})
	through(t, c.ConfigMaps("lab"), &corev1.ConfigMap{})
	through(t, c.Secrets("lab"), &corev1.Secret{})
	through(t, c.Deployments("lab"), &appsv1.Deployment{})
	through(t, c.Jobs("lab"), &batchv1.Job{})
	through(t, c.Events("lab"), &corev1.Event{})
	through(t, c.PriorityClasses(), &schedulingv1.PriorityClass{})
	assert.Empty(t, s.Objects())
}

func TestScaleChangesTheNumberOfInstances(t *testing.T) {
	apitest.New(t, "lab")
	k := open(t).Deployments("lab")
	_, err := k.Create(t.Context(), &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Name: "x"}, Spec: appsv1.DeploymentSpec{Replicas: new(int32(1))}})
	require.NoError(t, err)
	require.NoError(t, k.Scale(t.Context(), "x", 0))
	d, err := k.Get(t.Context(), "x")
	require.NoError(t, err)
	assert.Equal(t, int32(0), *d.Spec.Replicas)
	assert.True(t, apierrors.IsNotFound(k.Scale(t.Context(), "y", 0)))
}

func TestRequestsGoWhereTheClusterExpectsThem(t *testing.T) {
	var got []string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = append(got, r.Method+" "+r.URL.RequestURI())
		w.WriteHeader(http.StatusNotFound)
	}))
	defer s.Close()
	apitest.Kubeconfig(t, s.URL, "lab")
	c := open(t)
	_, nodes := c.Nodes().List(t.Context(), "")
	_, pods := c.Pods("lab").List(t.Context(), "caravan.run=r")
	scale := c.Deployments("lab").Scale(t.Context(), "x", 0)
	job := c.Jobs("lab").Delete(t.Context(), "j")
	_, bound := c.Pods("").Find(t.Context(), "", "spec.nodeName!=")
	class := c.PriorityClasses().Rehearse(t.Context(), &schedulingv1.PriorityClass{})
	for _, err := range []error{nodes, pods, scale, job, bound, class} {
		assert.True(t, apierrors.IsNotFound(err), "%v", err)
	}
	assert.Equal(t, []string{
		"GET /api/v1/nodes",
		"GET /api/v1/namespaces/lab/pods?labelSelector=caravan.run%3Dr",
		"PATCH /apis/apps/v1/namespaces/lab/deployments/x/scale",
		"DELETE /apis/batch/v1/namespaces/lab/jobs/j",
		"GET /api/v1/pods?fieldSelector=spec.nodeName%21%3D",
		"POST /apis/scheduling.k8s.io/v1/priorityclasses?dryRun=All",
	}, got)
}

func TestAKubeconfigThatIsNotThereIsAnError(t *testing.T) {
	t.Setenv("KUBECONFIG", "/nowhere/config")
	_, err := api.Open("absent")
	assert.ErrorContains(t, err, "client of Kubernetes")
}
