package kubernetes

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"caravan/runner"
	"caravan/topology"
	"caravan/workloads"
)

// What marks the pods of a comparison, whose names are digests.
const (
	jobLabel   = "caravan.job"   // digest of the job
	groupLabel = "caravan.group" // digest of job and group
	jobNote    = "caravan.job"
	groupNote  = "caravan.group"
	indexNote  = "caravan.index"
)

// Decisions asks the cluster's scheduler about single pods, which do nothing.
type Decisions struct {
	b      *Backend
	run    string
	nodes  []topology.Node
	taints []corev1.Taint    // each once
	hosts  map[string]string // label of the host name, by node
}

// Decide reads the nodes, all of which must be ready and take pods, so that the
// scheduler and who reads this see the same.
func (b *Backend) Decide(ctx context.Context, run string) (*Decisions, error) {
	list, err := b.client.Nodes().List(ctx, "")
	if err != nil {
		return nil, fmt.Errorf("nodes of %s: %w", b.address, err)
	}
	d := &Decisions{b: b, run: run, hosts: map[string]string{}}
	slices.SortFunc(list.Items, func(x, y corev1.Node) int { return cmp.Compare(x.Name, y.Name) })
	for i := range list.Items {
		n := &list.Items[i]
		ready := slices.ContainsFunc(n.Status.Conditions, func(c corev1.NodeCondition) bool {
			return c.Type == corev1.NodeReady && c.Status == corev1.ConditionTrue
		})
		if !ready || n.Spec.Unschedulable {
			return nil, fmt.Errorf("node %s takes no pods: decisions are compared on clusters whose nodes all do", n.Name)
		}
		if host := n.Labels[corev1.LabelHostname]; host != "" {
			d.hosts[n.Name] = host
		}
		for _, t := range n.Spec.Taints {
			if t.TimeAdded = nil; !slices.Contains(d.taints, t) {
				d.taints = append(d.taints, t)
			}
		}
	}
	d.nodes, err = read(list.Items)
	return d, err
}

// read takes the nodes as a file of manifests says them, and their own labels
// as meta too.
func read(list []corev1.Node) ([]topology.Node, error) {
	type manifest map[string]any
	var items []manifest
	for i := range list {
		n := &list[i]
		items = append(items, manifest{
			"kind": "Node", "metadata": manifest{"name": n.Name, "labels": n.Labels},
			"spec": manifest{"taints": n.Spec.Taints}, "status": manifest{"allocatable": n.Status.Allocatable},
		})
	}
	if len(items) == 0 {
		return nil, nil
	}
	text, err := json.Marshal(manifest{"kind": "List", "items": items})
	if err != nil {
		return nil, err
	}
	in, err := workloads.Import("kubernetes", "nodes", bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	for i := range in.Nodes {
		n := &in.Nodes[i]
		n.Meta = map[string]string{}
		for key, value := range list[i].Labels {
			if domain, _, ok := strings.Cut(key, "/"); !ok || !strings.HasSuffix(domain, "kubernetes.io") {
				n.Meta[key] = value
			}
		}
	}
	return in.Nodes, nil
}

// Machines are the nodes, by name.
func (d *Decisions) Machines() []topology.Node { return slices.Clone(d.nodes) }

// A Taint keeps off what does not tolerate it.
type Taint struct{ Key, Value string }

// Taints are those of the nodes: what they forbid, and what they advise against.
func (d *Decisions) Taints() (hard, soft []Taint) {
	for _, t := range d.taints {
		if t.Effect == corev1.TaintEffectPreferNoSchedule {
			soft = append(soft, Taint{t.Key, t.Value})
		} else {
			hard = append(hard, Taint{t.Key, t.Value})
		}
	}
	return hard, soft
}

// ownPriority is Kubernetes' priority of a job's. All are below 0, which pods of
// others have or exceed, so that none of them is ever evicted.
func ownPriority(p int) int32 { return int32(p) - 1000 }

func (d *Decisions) className(priority int) string {
	return fmt.Sprintf("caravan-%s-%d", digest(d.run), priority)
}

// Prepare makes a priority class for each priority, and waits until the API
// knows all of them.
func (d *Decisions) Prepare(ctx context.Context, priorities []int) error {
	last := 0
	for _, p := range priorities {
		_, err := d.b.client.PriorityClasses().Create(ctx, &schedulingv1.PriorityClass{
			ObjectMeta: meta(d.run, d.className(p), ""), Value: ownPriority(p),
		})
		if err != nil && !apierrors.IsAlreadyExists(err) {
			return fmt.Errorf("priority class of %d: %w", p, err)
		}
		last = p
	}
	probe := &workloads.Job{Name: "probe", Priority: last, Groups: []workloads.Group{{Name: "main", Count: 1}}}
	pod, err := d.pod(probe, 0, 0)
	if err != nil || len(priorities) == 0 {
		return err
	}
	return d.b.until(ctx, func() (bool, error) {
		err := d.pods().Rehearse(ctx, pod)
		return !apierrors.IsForbidden(err), err
	})
}

// Allocations lists the pods that hold room, the first started first.
func (d *Decisions) Allocations(ctx context.Context) ([]runner.Allocation, error) {
	list, err := d.b.client.Pods("").Find(ctx, "", "spec.nodeName!=")
	if err != nil {
		return nil, fmt.Errorf("pods of %s: %w", d.b.address, err)
	}
	var out []runner.Allocation
	for i := range list.Items {
		p := &list.Items[i]
		if p.Spec.NodeName == "" || p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed {
			continue
		}
		a := runner.Allocation{ID: string(p.UID), Node: p.Spec.NodeName, Resources: requests(p)}
		if p.Status.StartTime != nil {
			a.StartedAt = time.Duration(p.Status.StartTime.UnixNano())
		}
		if p.Labels[runLabel] == d.run {
			a.Job, a.Group = p.Annotations[jobNote], p.Annotations[groupNote]
			if a.Index, err = strconv.Atoi(p.Annotations[indexNote]); err != nil {
				return nil, fmt.Errorf("pod %s: annotation %s: found %q, allowed: a number", p.Name, indexNote, p.Annotations[indexNote])
			}
		}
		out = append(out, a)
	}
	slices.SortFunc(out, func(x, y runner.Allocation) int {
		return cmp.Or(cmp.Compare(x.StartedAt, y.StartedAt), cmp.Compare(x.ID, y.ID))
	})
	return out, nil
}

// requests are what a pod holds: its containers together, or one that runs
// before them if that asks for more.
func requests(p *corev1.Pod) topology.Resources {
	amount := func(of func(corev1.ResourceList) int64) int64 {
		var sum, most int64
		for i := range p.Spec.Containers {
			sum += of(p.Spec.Containers[i].Resources.Requests)
		}
		for i := range p.Spec.InitContainers {
			most = max(most, of(p.Spec.InitContainers[i].Resources.Requests))
		}
		return max(sum, most) + of(p.Spec.Overhead)
	}
	return topology.Resources{
		CPU:    topology.MHz(amount(func(l corev1.ResourceList) int64 { return l.Cpu().MilliValue() })),
		Memory: topology.Bytes(amount(func(l corev1.ResourceList) int64 { return l.Memory().Value() })),
		Disk:   topology.Bytes(amount(func(l corev1.ResourceList) int64 { return l.StorageEphemeral().Value() })),
	}
}

// Settle waits until every pod of the run has a node and was started there, and
// none is on its way out.
func (d *Decisions) Settle(ctx context.Context) error {
	return d.b.every(ctx, podTick, func() (bool, error) {
		list, err := d.pods().List(ctx, selected(d.run))
		if err != nil {
			return true, err
		}
		for i := range list.Items {
			p := &list.Items[i]
			if p.Status.StartTime == nil || p.DeletionTimestamp != nil {
				return false, fmt.Errorf("pod %s does not come to rest", p.Name)
			}
		}
		return true, nil
	})
}

// podTick is how often a pod's state is asked for.
const podTick = 20 * time.Millisecond

// Withdraw deletes the pods of a job.
func (d *Decisions) Withdraw(ctx context.Context, job string) error {
	return d.b.deletePods(ctx, runLabel+"="+d.run+","+jobLabel+"="+digest(job))
}

// endDecisions deletes the pods of compared decisions of a run, or of any.
func (b *Backend) endDecisions(ctx context.Context, run string) error {
	return b.deletePods(ctx, selected(run)+","+jobLabel)
}

// deletePods deletes pods, which their specification lets go at once.
func (b *Backend) deletePods(ctx context.Context, selector string) error {
	list, err := b.client.Pods(b.namespace).List(ctx, selector)
	if err != nil {
		return fmt.Errorf("pods of %s: %w", b.address, err)
	}
	for i := range list.Items {
		if err := b.client.Pods(b.namespace).Delete(ctx, list.Items[i].Name); err != nil && !apierrors.IsNotFound(err) {
			return fmt.Errorf("delete pod %s: %w", list.Items[i].Name, err)
		}
	}
	return nil
}
