// Package api is a client of the few kinds of objects that Caravan makes and
// reads on Kubernetes, over client-go's REST client. client-go's clientset
// would bring every kind in every version, and with them a quarter of the time
// that the first build of the program takes.
//
// The cluster, the credentials and the namespace are those of kubectl:
// KUBECONFIG or ~/.kube/config, and its current context.
package api

import (
	"context"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/util/flowcontrol"
)

// Requests a second to a cluster's API, and how many may come at once.
const (
	rate  = 50
	burst = 100
)

// A Client talks to the API of one cluster. It is safe for concurrent use.
type Client struct {
	Address   string // of the API
	Namespace string // of the context, in which objects are made

	config                        *rest.Config
	core, apps, batch, scheduling rest.Interface
}

// Open makes the client of a context of the kubeconfig, the current one when
// it is empty. It does not contact the cluster.
func Open(name string) (*Client, error) {
	loading := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(
		clientcmd.NewDefaultClientConfigLoadingRules(), &clientcmd.ConfigOverrides{CurrentContext: name})
	config, err := loading.ClientConfig()
	if err != nil {
		return nil, fmt.Errorf("client of Kubernetes: %w", err)
	}
	namespace, _, err := loading.Namespace()
	if err != nil {
		return nil, fmt.Errorf("client of Kubernetes: %w", err)
	}
	c := &Client{Address: config.Host, Namespace: namespace, config: config}
	if err := c.connect(); err != nil {
		return nil, fmt.Errorf("client of Kubernetes: %w", err)
	}
	return c, nil
}

// connect makes one REST client for each group of kinds; they share their
// connections and the rate of requests.
func (c *Client) connect() error {
	known := runtime.NewScheme()
	metav1.AddToGroupVersion(known, schema.GroupVersion{Version: "v1"})
	for _, add := range []func(*runtime.Scheme) error{corev1.AddToScheme, appsv1.AddToScheme, batchv1.AddToScheme, schedulingv1.AddToScheme} {
		if err := add(known); err != nil {
			return err
		}
	}
	transport, err := rest.HTTPClientFor(c.config)
	if err != nil {
		return err
	}
	limit := flowcontrol.NewTokenBucketRateLimiter(rate, burst)
	for _, group := range []struct {
		client  *rest.Interface
		path    string
		version schema.GroupVersion
	}{
		{&c.core, "/api", corev1.SchemeGroupVersion},
		{&c.apps, "/apis", appsv1.SchemeGroupVersion},
		{&c.batch, "/apis", batchv1.SchemeGroupVersion},
		{&c.scheduling, "/apis", schedulingv1.SchemeGroupVersion},
	} {
		of := rest.CopyConfig(c.config)
		of.APIPath, of.GroupVersion, of.RateLimiter = group.path, &group.version, limit
		of.NegotiatedSerializer = serializer.NewCodecFactory(known).WithoutConversion()
		client, err := rest.RESTClientForConfigAndClient(of, transport)
		if err != nil {
			return err
		}
		*group.client = client
	}
	return nil
}

// An Object has a name.
type Object interface {
	runtime.Object
	metav1.Object
}

// A Kind is the objects of one kind in one namespace, or in the cluster when it
// is empty.
type Kind[T Object, L runtime.Object] struct {
	client          rest.Interface
	namespace, path string
	one             func() T
	list            func() L
}

// kind makes the Kind of *T, lists of which are *L.
func kind[T, L any, PT interface {
	*T
	Object
}, PL interface {
	*L
	runtime.Object
}](client rest.Interface, namespace, path string) Kind[PT, PL] {
	return Kind[PT, PL]{client, namespace, path, func() PT { return new(T) }, func() PL { return new(L) }}
}

// Nodes are the machines of the cluster.
func (c *Client) Nodes() Kind[*corev1.Node, *corev1.NodeList] {
	return kind[corev1.Node, corev1.NodeList](c.core, "", "nodes")
}

// Pods are the pods of a namespace.
func (c *Client) Pods(namespace string) Kind[*corev1.Pod, *corev1.PodList] {
	return kind[corev1.Pod, corev1.PodList](c.core, namespace, "pods")
}

// Services are the services of a namespace.
func (c *Client) Services(namespace string) Kind[*corev1.Service, *corev1.ServiceList] {
	return kind[corev1.Service, corev1.ServiceList](c.core, namespace, "services")
}

// ConfigMaps are the configurations of a namespace.
func (c *Client) ConfigMaps(namespace string) Kind[*corev1.ConfigMap, *corev1.ConfigMapList] {
	return kind[corev1.ConfigMap, corev1.ConfigMapList](c.core, namespace, "configmaps")
}

// Secrets are the secrets of a namespace.
func (c *Client) Secrets(namespace string) Kind[*corev1.Secret, *corev1.SecretList] {
	return kind[corev1.Secret, corev1.SecretList](c.core, namespace, "secrets")
}

// Deployments are the deployments of a namespace.
func (c *Client) Deployments(namespace string) Kind[*appsv1.Deployment, *appsv1.DeploymentList] {
	return kind[appsv1.Deployment, appsv1.DeploymentList](c.apps, namespace, "deployments")
}

// Jobs are the jobs of a namespace.
func (c *Client) Jobs(namespace string) Kind[*batchv1.Job, *batchv1.JobList] {
	return kind[batchv1.Job, batchv1.JobList](c.batch, namespace, "jobs")
}

// Events are what happened to objects of a namespace.
func (c *Client) Events(namespace string) Kind[*corev1.Event, *corev1.EventList] {
	return kind[corev1.Event, corev1.EventList](c.core, namespace, "events")
}

// PriorityClasses are the names of pods' priorities.
func (c *Client) PriorityClasses() Kind[*schedulingv1.PriorityClass, *schedulingv1.PriorityClassList] {
	return kind[schedulingv1.PriorityClass, schedulingv1.PriorityClassList](c.scheduling, "", "priorityclasses")
}

// at directs a request to this kind.
func (k Kind[T, L]) at(r *rest.Request) *rest.Request {
	return r.NamespaceIfScoped(k.namespace, k.namespace != "").Resource(k.path)
}

// Get reads the object of a name.
func (k Kind[T, L]) Get(ctx context.Context, name string) (T, error) {
	out := k.one()
	return out, k.at(k.client.Get()).Name(name).Do(ctx).Into(out)
}

// List reads the objects whose labels meet a selector, all when it is empty.
func (k Kind[T, L]) List(ctx context.Context, selector string) (L, error) {
	return k.Find(ctx, selector, "")
}

// Find reads the objects whose labels, and whose fields, meet a selector each.
func (k Kind[T, L]) Find(ctx context.Context, labels, fields string) (L, error) {
	out := k.list()
	r := k.at(k.client.Get())
	if labels != "" {
		r = r.Param("labelSelector", labels)
	}
	if fields != "" {
		r = r.Param("fieldSelector", fields)
	}
	return out, r.Do(ctx).Into(out)
}

// Create makes x and returns what the cluster made of it.
func (k Kind[T, L]) Create(ctx context.Context, x T) (T, error) {
	out := k.one()
	return out, k.at(k.client.Post()).Body(x).Do(ctx).Into(out)
}

// Rehearse returns the error that Create would.
func (k Kind[T, L]) Rehearse(ctx context.Context, x T) error {
	return k.at(k.client.Post()).Param("dryRun", metav1.DryRunAll).Body(x).Do(ctx).Error()
}

// Update puts x in the place of the object of its name.
func (k Kind[T, L]) Update(ctx context.Context, x T) (T, error) {
	out := k.one()
	return out, k.at(k.client.Put()).Name(x.GetName()).Body(x).Do(ctx).Into(out)
}

// Delete removes the object of a name, and in the background what it owns.
func (k Kind[T, L]) Delete(ctx context.Context, name string) error {
	return k.at(k.client.Delete()).Name(name).Do(ctx).Error()
}

// Scale sets how many instances the object of a name has.
func (k Kind[T, L]) Scale(ctx context.Context, name string, replicas int) error {
	body := fmt.Appendf(nil, `{"spec": {"replicas": %d}}`, replicas)
	return k.at(k.client.Patch(types.MergePatchType)).Name(name).SubResource("scale").Body(body).Do(ctx).Error()
}
