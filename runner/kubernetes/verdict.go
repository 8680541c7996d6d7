package kubernetes

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/fields"

	"caravan/runner"
	"caravan/runner/kubernetes/api"
	"caravan/workloads"
)

// A Verdict is what the scheduler decided about one pod.
type Verdict struct {
	ID   string
	Node string // empty where none was found
	// Reasons counts nodes by why they were left out, where none was found.
	Reasons map[string]int
	Message string   // the same in the scheduler's words
	Evicted []string // IDs of the pods that had to leave
	// Told says that the events about these pods tell the same.
	Told   bool
	Scores []runner.NodeScore // of the log, where one is read
}

// Submit creates the pod of one instance, and returns what was decided. A pod
// without a node is withdrawn, for it would be placed at some later instant.
func (d *Decisions) Submit(ctx context.Context, j *workloads.Job, group, index int, log *ScoreLog) (v Verdict, err error) {
	wanted, err := d.pod(j, group, index)
	if err != nil {
		return v, fmt.Errorf("job %q, group %q: %w", j.Name, j.Groups[group].Name, err)
	}
	before, err := d.pods().List(ctx, selected(d.run))
	if err != nil {
		return v, err
	}
	pod, err := d.pods().Create(ctx, wanted)
	if err != nil {
		return v, fmt.Errorf("pod of job %q: %w", j.Name, err)
	}
	if pod, err = d.decided(ctx, pod); err != nil {
		return v, err
	}
	v.ID, v.Node = string(pod.UID), pod.Spec.NodeName
	if v.Node == "" {
		return v, d.refused(ctx, pod, &v)
	}
	evicted, err := d.gone(ctx, before.Items)
	if err != nil {
		return v, err
	}
	for _, p := range evicted {
		v.Evicted = append(v.Evicted, string(p.UID))
	}
	if v.Told, err = d.told(ctx, pod, evicted); err != nil || log == nil {
		return v, err
	}
	v.Scores, err = log.Of(d.b.namespace + "/" + pod.Name)
	return v, err
}

// decided waits until the pod has a node or is known to find none. One for
// which others must leave has a nomination in between.
func (d *Decisions) decided(ctx context.Context, pod *corev1.Pod) (*corev1.Pod, error) {
	err := d.b.every(ctx, podTick, func() (bool, error) {
		var err error
		if pod, err = d.pods().Get(ctx, pod.Name); err != nil {
			return true, err
		}
		if pod.Spec.NodeName != "" || refusal(pod) != "" && pod.Status.NominatedNodeName == "" {
			return true, nil
		}
		return false, fmt.Errorf("pod %s is not decided", pod.Name)
	})
	return pod, err
}

// refusal is why a pod was given no node; empty when it was not refused.
func refusal(pod *corev1.Pod) string {
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse && c.Reason == corev1.PodReasonUnschedulable {
			return c.Message
		}
	}
	return ""
}

// refused completes the verdict of a pod without a node, and deletes it.
func (d *Decisions) refused(ctx context.Context, pod *corev1.Pod, v *Verdict) error {
	v.Message = refusal(pod)
	told, err := d.event(ctx, pod, "FailedScheduling", func(note string) bool { return note == v.Message })
	if err != nil {
		return err
	}
	v.Told, v.Reasons = told, parseReasons(v.Message)
	err = d.pods().Delete(ctx, pod.Name)
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

// gone lists the pods that were there before and are no more.
func (d *Decisions) gone(ctx context.Context, before []corev1.Pod) ([]corev1.Pod, error) {
	list, err := d.pods().List(ctx, selected(d.run))
	if err != nil {
		return nil, err
	}
	left := map[string]bool{}
	for i := range list.Items {
		left[string(list.Items[i].UID)] = list.Items[i].DeletionTimestamp == nil
	}
	var out []corev1.Pod
	for i := range before {
		if !left[string(before[i].UID)] {
			out = append(out, before[i])
		}
	}
	return out, nil
}

// told reports whether events tell where the pod went and who left for it.
func (d *Decisions) told(ctx context.Context, pod *corev1.Pod, evicted []corev1.Pod) (bool, error) {
	ok, err := d.event(ctx, pod, "Scheduled", func(note string) bool { return strings.HasSuffix(note, " to "+pod.Spec.NodeName) })
	for i := range evicted {
		if !ok || err != nil {
			break
		}
		ok, err = d.event(ctx, &evicted[i], "Preempted", func(note string) bool {
			return strings.Contains(note, string(pod.UID)) && strings.HasSuffix(note, " on node "+pod.Spec.NodeName)
		})
	}
	return ok, err
}

// eventPatience is how long an event may take that is sent in the background
// and dropped where there are too many.
const eventPatience = 3 * time.Second

// event waits for an event of the scheduler about a pod.
func (d *Decisions) event(ctx context.Context, pod *corev1.Pod, reason string, tells func(note string) bool) (found bool, err error) {
	about := fields.Set{"involvedObject.uid": string(pod.UID), "reason": reason}.String()
	short, stop := context.WithTimeout(ctx, eventPatience)
	defer stop()
	failed := d.b.every(short, podTick, func() (bool, error) {
		list, err := d.b.client.Events(d.b.namespace).Find(ctx, "", about)
		if err != nil {
			return true, err
		}
		for i := range list.Items {
			found = found || tells(list.Items[i].Message)
		}
		return found, nil
	})
	if short.Err() != nil {
		return found, ctx.Err()
	}
	return found, failed
}

func (d *Decisions) pods() api.Kind[*corev1.Pod, *corev1.PodList] {
	return d.b.client.Pods(d.b.namespace)
}

// untolerated begins the reason of nodes whose taints are not tolerated;
// releases go on differently.
const untolerated = "node(s) had untolerated taint"

var oneReason = regexp.MustCompile(`^(\d{1,9}) (.+)$`)

// parseReasons reads how many nodes were left out for what: of 0/3 nodes are
// available: 1 Insufficient cpu, 2 node(s) had untolerated taint(s).
func parseReasons(message string) map[string]int {
	_, list, _ := strings.Cut(message, " nodes are available: ")
	list, _, _ = strings.Cut(list, ". ")
	out := map[string]int{}
	for part := range strings.SplitSeq(strings.TrimSuffix(list, "."), ", ") {
		m := oneReason.FindStringSubmatch(part)
		if m == nil {
			continue
		}
		n, err := strconv.Atoi(m[1])
		if err != nil {
			continue
		}
		reason := m[2]
		if strings.HasPrefix(reason, untolerated) {
			reason = untolerated + "(s)"
		}
		out[reason] += n
	}
	return out
}
