// Package kubernetes runs agents on a Kubernetes cluster: a Deployment of one
// pod for each agent, held on its node by an affinity, a headless Service by
// which the others find it, and one ConfigMap with the configurations.
//
// The cluster, the credentials and the namespace are those of kubectl:
// KUBECONFIG or ~/.kube/config, and its current context.
package kubernetes

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"caravan/runner"
	"caravan/runner/kubernetes/api"
	"caravan/topology"
)

// Options say how agents are started. Image is required.
type Options struct {
	Image     string
	Program   string   // in the image; empty is the image's own entry point
	Arguments []string // before the path of the configuration; nil is: agent
	Context   string   // of the kubeconfig; empty is the current one
	// Patience bounds how long agents may take to start; 0 is three minutes.
	Patience time.Duration
}

// A Backend is a Kubernetes cluster.
type Backend struct {
	o         Options
	client    *api.Client
	namespace string
	address   string
	http      http.Client
}

var _ runner.Backend = (*Backend)(nil)

// New makes a backend; it does not contact the cluster.
func New(o Options) (*Backend, error) {
	if o.Image == "" {
		return nil, errors.New("agents on Kubernetes need an image that contains the agent")
	}
	client, err := api.Open(o.Context)
	if err != nil {
		return nil, err
	}
	if o.Arguments == nil {
		o.Arguments = []string{"agent"}
	}
	o.Patience = cmp.Or(o.Patience, 3*time.Minute)
	return &Backend{o: o, client: client, namespace: client.Namespace, address: client.Address, http: http.Client{Timeout: 5 * time.Second}}, nil
}

// Address is where the cluster's API is.
func (b *Backend) Address() string { return b.address }

// selected is the selector of what bears the label of the run, or of any when
// it is empty.
func selected(run string) string {
	if run == "" {
		return runLabel
	}
	return runLabel + "=" + run
}

// Nodes lists the machines, by name.
func (b *Backend) Nodes(ctx context.Context) ([]runner.Node, error) {
	nodes, err := b.client.Nodes().List(ctx, "")
	if err != nil {
		return nil, fmt.Errorf("nodes of %s: %w", b.address, err)
	}
	var list []runner.Node
	for i := range nodes.Items {
		n := &nodes.Items[i]
		out := runner.Node{
			Name:   n.Name,
			Cores:  int(n.Status.Capacity.Cpu().Value()),
			CPU:    topology.MHz(n.Status.Allocatable.Cpu().MilliValue()),
			Memory: topology.Bytes(n.Status.Allocatable.Memory().Value()),
		}
		for _, c := range n.Status.Conditions {
			if c.Type == corev1.NodeReady {
				out.Ready = c.Status == corev1.ConditionTrue && !n.Spec.Unschedulable
			}
		}
		for _, a := range n.Status.Addresses {
			if a.Type == corev1.NodeInternalIP {
				out.Address = a.Address
			}
		}
		list = append(list, out)
	}
	slices.SortFunc(list, func(x, y runner.Node) int { return cmp.Compare(x.Name, y.Name) })
	return list, nil
}

// Deploy makes or changes the objects of the plan and waits until every agent
// listens.
func (b *Backend) Deploy(ctx context.Context, p *runner.Plan) error {
	nodes, err := b.Nodes(ctx)
	if err != nil {
		return err
	}
	if err := p.NodesAmong(nodes); err != nil {
		return err
	}
	before, err := b.client.Deployments(b.namespace).List(ctx, selected(p.Run))
	if err != nil {
		return err
	}
	err = b.apply(ctx, p)
	if err == nil {
		err = b.await(ctx, p)
	}
	if err == nil || len(before.Items) > 0 { // what was there before this call is not ours to remove
		return err
	}
	_, left := b.Clean(context.WithoutCancel(ctx), p.Run)
	return errors.Join(err, left)
}

// apply makes what is missing and changes what differs.
func (b *Backend) apply(ctx context.Context, p *runner.Plan) error {
	configs, err := b.configs(p)
	if err != nil {
		return err
	}
	maps := b.client.ConfigMaps(b.namespace)
	if _, err := maps.Create(ctx, configs); apierrors.IsAlreadyExists(err) {
		_, err = maps.Update(ctx, configs)
		if err != nil {
			return fmt.Errorf("config map %s: %w", configs.Name, err)
		}
	} else if err != nil {
		return fmt.Errorf("config map %s: %w", configs.Name, err)
	}
	for _, d := range p.Agents {
		if err := b.applyAgent(ctx, p, d, configs.Data[d.Name]); err != nil {
			return fmt.Errorf("agent %s: %w", d.Name, err)
		}
	}
	return nil
}

func (b *Backend) applyAgent(ctx context.Context, p *runner.Plan, d runner.Deployment, config string) error {
	service := b.service(p.Run, d)
	_, err := b.client.Services(b.namespace).Create(ctx, service)
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return err
	}
	deployments := b.client.Deployments(b.namespace)
	wanted := b.deployment(p.Run, d, config)
	_, err = deployments.Create(ctx, wanted)
	if !apierrors.IsAlreadyExists(err) {
		return err
	}
	present, err := deployments.Get(ctx, wanted.Name)
	if err != nil {
		return err
	}
	if present.Annotations[fingerprint] == wanted.Annotations[fingerprint] && *present.Spec.Replicas == 1 {
		return nil
	}
	_, err = deployments.Update(ctx, wanted)
	return err
}

// await returns when every agent of the plan runs on its node and answers.
func (b *Backend) await(ctx context.Context, p *runner.Plan) error {
	return b.until(ctx, func() (bool, error) {
		list, err := b.Status(ctx, p.Run)
		if err != nil {
			return true, err
		}
		for _, d := range p.Agents {
			i := slices.IndexFunc(list, func(a runner.Agent) bool { return a.Name == d.Name })
			switch {
			case i < 0:
				return false, fmt.Errorf("agent %s is not there yet", d.Name)
			case list[i].State != runner.Running || list[i].Node != d.Node:
				return false, fmt.Errorf("agent %s is %s on %q: %s", d.Name, list[i].State, list[i].Node, list[i].Detail)
			}
		}
		at, err := b.Addresses(ctx, p.Run)
		if err != nil {
			return true, err
		}
		for _, d := range p.Agents {
			if err := b.healthy(ctx, at[d.Name].HTTP); err != nil {
				return false, fmt.Errorf("agent %s: %w", d.Name, err)
			}
		}
		return true, nil
	})
}

// until asks again until done says so, and returns its error; when patience
// ends, its last one.
func (b *Backend) until(ctx context.Context, ask func() (done bool, err error)) error {
	return b.every(ctx, 200*time.Millisecond, ask)
}

// every is until with another pause between questions.
func (b *Backend) every(ctx context.Context, pause time.Duration, ask func() (done bool, err error)) error {
	ctx, stop := context.WithTimeout(ctx, b.o.Patience)
	defer stop()
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for {
		done, err := ask()
		if done {
			return err
		}
		select {
		case <-ctx.Done():
			return errors.Join(err, ctx.Err())
		case <-tick.C:
		}
	}
}

func (b *Backend) healthy(ctx context.Context, address string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/healthz", nil)
	if err != nil {
		return err
	}
	response, err := b.http.Do(request)
	if err != nil {
		return err
	}
	if err := response.Body.Close(); err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", address, response.Status)
	}
	return nil
}

// pods lists the newest pod of each agent of a run.
func (b *Backend) pods(ctx context.Context, run string) (map[string]*corev1.Pod, error) {
	list, err := b.client.Pods(b.namespace).List(ctx, selected(run))
	if err != nil {
		return nil, fmt.Errorf("pods of %s: %w", b.address, err)
	}
	newest := map[string]*corev1.Pod{}
	for i := range list.Items {
		pod := &list.Items[i]
		key := pod.Labels[runLabel] + "/" + pod.Labels[agentLabel]
		old, ok := newest[key]
		// One that is on its way out counts only while there is no other.
		if !ok || old.DeletionTimestamp != nil || pod.DeletionTimestamp == nil && old.CreationTimestamp.Before(&pod.CreationTimestamp) {
			newest[key] = pod
		}
	}
	return newest, nil
}

// Status lists the agents of a run, or of all.
func (b *Backend) Status(ctx context.Context, run string) ([]runner.Agent, error) {
	deployments, err := b.client.Deployments(b.namespace).List(ctx, selected(run))
	if err != nil {
		return nil, fmt.Errorf("deployments of %s: %w", b.address, err)
	}
	pods, err := b.pods(ctx, run)
	if err != nil {
		return nil, err
	}
	var list []runner.Agent
	for i := range deployments.Items {
		d := &deployments.Items[i]
		list = append(list, agentOf(d, pods[d.Labels[runLabel]+"/"+d.Labels[agentLabel]]))
	}
	slices.SortFunc(list, func(x, y runner.Agent) int {
		return cmp.Or(cmp.Compare(x.Run, y.Run), cmp.Compare(x.Name, y.Name))
	})
	return list, nil
}

func agentOf(d *appsv1.Deployment, pod *corev1.Pod) runner.Agent {
	a := runner.Agent{
		Run: d.Labels[runLabel], Name: d.Labels[agentLabel], Node: d.Annotations[nodeNote], State: runner.Pending,
	}
	if d.Spec.Replicas != nil && *d.Spec.Replicas == 0 {
		a.State = runner.Stopped
		return a
	}
	if pod == nil {
		return a
	}
	a.ID, a.Node, a.Detail = pod.Name, pod.Spec.NodeName, pod.Status.Message
	for _, c := range pod.Status.ContainerStatuses {
		a.Restarts += int(c.RestartCount)
		switch {
		case c.State.Waiting != nil:
			a.Detail = c.State.Waiting.Reason + " " + c.State.Waiting.Message
		case c.State.Terminated != nil:
			a.Detail = c.State.Terminated.Reason
		case c.State.Running != nil && pod.DeletionTimestamp == nil:
			a.State, a.Detail = runner.Running, ""
		}
	}
	if pod.Status.Phase == corev1.PodFailed {
		a.State = runner.Failed
	}
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse {
			a.Detail = c.Message
		}
	}
	return a
}

// Addresses lists where the running agents listen: at the addresses of their
// pods, which must be reachable from here.
func (b *Backend) Addresses(ctx context.Context, run string) (map[string]runner.Address, error) {
	pods, err := b.pods(ctx, run)
	if err != nil {
		return nil, err
	}
	at := map[string]runner.Address{}
	for _, pod := range pods {
		if pod.Status.PodIP != "" && pod.Status.Phase == corev1.PodRunning {
			at[pod.Labels[agentLabel]] = runner.Address{
				Data: pod.Status.PodIP + ":" + strconv.Itoa(dataPort), HTTP: pod.Status.PodIP + ":" + strconv.Itoa(httpPort),
			}
		}
	}
	return at, nil
}

// Stop ends the pods of a run and waits for their end. Those of compared
// decisions have nothing else to leave behind.
func (b *Backend) Stop(ctx context.Context, run string) error {
	deployments := b.client.Deployments(b.namespace)
	list, err := deployments.List(ctx, selected(run))
	if err != nil {
		return fmt.Errorf("deployments of %s: %w", b.address, err)
	}
	for i := range list.Items {
		name := list.Items[i].Name
		if err := deployments.Scale(ctx, name, 0); err != nil {
			return fmt.Errorf("stop %s: %w", name, err)
		}
	}
	if err := b.endDecisions(ctx, run); err != nil {
		return err
	}
	return b.until(ctx, func() (bool, error) {
		pods, err := b.client.Pods(b.namespace).List(ctx, selected(run))
		if err != nil {
			return true, err
		}
		if n := len(pods.Items); n > 0 {
			return false, fmt.Errorf("%d pods do not end", n)
		}
		return true, nil
	})
}

// Clean stops the run and deletes its objects.
func (b *Backend) Clean(ctx context.Context, run string) ([]string, error) {
	if err := b.Stop(ctx, run); err != nil {
		return nil, err
	}
	var (
		gone   []string
		faults []error
	)
	note := func(what, name string, err error) {
		if err != nil && !apierrors.IsNotFound(err) {
			faults = append(faults, fmt.Errorf("%s %s: %w", what, name, err))
		} else {
			gone = append(gone, what+" "+name)
		}
	}
	deployments, err := b.client.Deployments(b.namespace).List(ctx, selected(run))
	if err != nil {
		return nil, err
	}
	for _, d := range deployments.Items {
		note("deployment", d.Name, b.client.Deployments(b.namespace).Delete(ctx, d.Name))
	}
	services, err := b.client.Services(b.namespace).List(ctx, selected(run))
	if err != nil {
		return gone, err
	}
	for _, s := range services.Items {
		note("service", s.Name, b.client.Services(b.namespace).Delete(ctx, s.Name))
	}
	maps, err := b.client.ConfigMaps(b.namespace).List(ctx, selected(run))
	if err != nil {
		return gone, err
	}
	for _, m := range maps.Items {
		note("config map", m.Name, b.client.ConfigMaps(b.namespace).Delete(ctx, m.Name))
	}
	classes, err := b.client.PriorityClasses().List(ctx, selected(run))
	if apierrors.IsForbidden(err) { // who may not see them made none
		return gone, errors.Join(faults...)
	}
	if err != nil {
		return gone, err
	}
	for _, c := range classes.Items {
		note("priority class", c.Name, b.client.PriorityClasses().Delete(ctx, c.Name))
	}
	return gone, errors.Join(faults...)
}
