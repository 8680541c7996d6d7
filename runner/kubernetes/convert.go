package kubernetes

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"caravan/topology"
	"caravan/workloads"
)

// digest is a short name for anything, as labels and names allow.
func digest(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:8])
}

// pod is one instance of a settled job's group, whose container does nothing
// that the scheduler would see. It says in Kubernetes' words what package
// workloads reads from manifests.
func (d *Decisions) pod(j *workloads.Job, group, index int) (*corev1.Pod, error) {
	g := &j.Groups[group]
	if j.Type.Everywhere() {
		return nil, fmt.Errorf("type: found %s, whose pods a controller ties to their nodes (allowed: service, batch)", j.Type)
	}
	m := meta(d.run, "caravan-"+digest(d.run, j.Name, g.Name, strconv.Itoa(index)), "")
	m.Labels[jobLabel], m.Labels[groupLabel] = digest(j.Name), digest(j.Name, g.Name)
	m.Annotations = map[string]string{jobNote: j.Name, groupNote: g.Name, indexNote: strconv.Itoa(index)}
	out := &corev1.Pod{ObjectMeta: m, Spec: corev1.PodSpec{
		Containers:                    []corev1.Container{{Name: "nothing", Image: d.b.o.Image, Resources: d.demand(g.Demand)}},
		PriorityClassName:             d.className(j.Priority),
		TerminationGracePeriodSeconds: new(int64(0)),
		AutomountServiceAccountToken:  new(false),
	}}
	affinity := &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{}}
	if err := d.require(affinity, m.Labels, j.Constraints, g.Constraints); err != nil {
		return nil, err
	}
	avoided, err := d.prefer(affinity.NodeAffinity, slices.Concat(j.Affinities, g.Affinities))
	if err != nil {
		return nil, err
	}
	out.Spec.Affinity = affinity
	if out.Spec.Tolerations, err = d.tolerations(avoided, slices.Concat(j.Constraints, g.Constraints)); err != nil {
		return nil, err
	}
	for _, s := range slices.Concat(j.Spreads, g.Spreads) {
		if len(s.Targets) > 0 {
			return nil, fmt.Errorf("spread over %s: the scheduler knows no targets (allowed: even spreads)", s.Attribute)
		}
		out.Spec.TopologySpreadConstraints = append(out.Spec.TopologySpreadConstraints, corev1.TopologySpreadConstraint{
			MaxSkew: 1, TopologyKey: workloads.KubernetesLabel(s.Attribute), WhenUnsatisfiable: corev1.ScheduleAnyway,
			LabelSelector: &metav1.LabelSelector{MatchLabels: map[string]string{runLabel: d.run, groupLabel: m.Labels[groupLabel]}},
		})
	}
	return out, nil
}

// demand is a group's in Kubernetes' units: a thousandth of a core is a MHz.
// Disk counts where nodes say how much they have.
func (d *Decisions) demand(r topology.Resources) corev1.ResourceRequirements {
	list := corev1.ResourceList{corev1.ResourceCPU: *resource.NewMilliQuantity(int64(r.CPU), resource.DecimalSI)}
	list[corev1.ResourceMemory] = *resource.NewQuantity(int64(r.Memory), resource.BinarySI)
	limited := slices.ContainsFunc(d.nodes, func(n topology.Node) bool { return n.Disk > 0 })
	if r.Disk > 0 && limited {
		list[corev1.ResourceEphemeralStorage] = *resource.NewQuantity(int64(r.Disk), resource.BinarySI)
	}
	return corev1.ResourceRequirements{Requests: list}
}

// taintPrefix begins the attributes that are taints.
const taintPrefix = "taint."

// require writes rules that must hold: about the node, and about the job's or
// the group's other pods.
func (d *Decisions) require(to *corev1.Affinity, labels map[string]string, ofJob, ofGroup []workloads.Constraint) error {
	var term corev1.NodeSelectorTerm
	for k, list := range [][]workloads.Constraint{ofJob, ofGroup} {
		key := []string{jobLabel, groupLabel}[k]
		for i := range list {
			c := &list[i]
			switch {
			case strings.HasPrefix(c.Attribute, taintPrefix):
			case c.Distinct():
				t, err := apart(c, map[string]string{runLabel: d.run, key: labels[key]})
				if err != nil {
					return err
				}
				if to.PodAntiAffinity == nil {
					to.PodAntiAffinity = &corev1.PodAntiAffinity{}
				}
				rules := &to.PodAntiAffinity.RequiredDuringSchedulingIgnoredDuringExecution
				*rules = append(*rules, t)
			case c.Operator != workloads.DistinctHosts: // which was switched off
				e, err := d.expression(c)
				if err != nil {
					return err
				}
				term.MatchExpressions = append(term.MatchExpressions, e)
			}
		}
	}
	if len(term.MatchExpressions) > 0 {
		to.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution = &corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{term}}
	}
	return nil
}

// apart keeps pods with these labels on different nodes, or values of a label.
func apart(c *workloads.Constraint, labels map[string]string) (t corev1.PodAffinityTerm, err error) {
	t = corev1.PodAffinityTerm{TopologyKey: corev1.LabelHostname, LabelSelector: &metav1.LabelSelector{MatchLabels: labels}}
	if c.Operator == workloads.DistinctProperty {
		t.TopologyKey = workloads.KubernetesLabel(c.Attribute)
		if c.Property() != 1 {
			err = fmt.Errorf("constraint %s: the scheduler knows no such rule (allowed: one for each value)", c)
		}
	}
	return t, err
}

// expression is a rule about one label.
func (d *Decisions) expression(c *workloads.Constraint) (e corev1.NodeSelectorRequirement, err error) {
	operators := map[string]corev1.NodeSelectorOperator{
		"=": corev1.NodeSelectorOpIn, "in": corev1.NodeSelectorOpIn, "!=": corev1.NodeSelectorOpNotIn,
		"is_set": corev1.NodeSelectorOpExists, "is_not_set": corev1.NodeSelectorOpDoesNotExist,
		">": corev1.NodeSelectorOpGt, "<": corev1.NodeSelectorOpLt, "glob": corev1.NodeSelectorOpIn,
	}
	e.Key, e.Operator = workloads.KubernetesLabel(c.Attribute), operators[c.Operator]
	for _, v := range c.Values {
		if strings.HasPrefix(v, "${") || c.Operator == "glob" && strings.ContainsAny(v, `*?[\`) {
			return e, fmt.Errorf("constraint %s: the scheduler knows no patterns (allowed: plain values)", c)
		}
		if host, ok := d.hosts[v]; ok && e.Key == corev1.LabelHostname {
			v = host
		}
		e.Values = append(e.Values, v)
	}
	switch e.Operator {
	case "":
		return e, fmt.Errorf("constraint %s: the scheduler knows no such rule (allowed: =, !=, in, <, >, is_set, is_not_set)", c)
	case corev1.NodeSelectorOpExists, corev1.NodeSelectorOpDoesNotExist:
		e.Values = nil
	}
	return e, nil
}

// prefer writes wishes, and returns those against a taint.
func (d *Decisions) prefer(to *corev1.NodeAffinity, list []workloads.Affinity) (avoided []workloads.Affinity, err error) {
	for i := range list {
		a := &list[i]
		switch tainted := strings.HasPrefix(a.Attribute, taintPrefix); {
		case tainted && a.Weight < 0:
			avoided = append(avoided, *a)
		case tainted || a.Weight < 0:
			return nil, fmt.Errorf("affinity %s with weight %d: the scheduler has wishes for labels, and against taints only", a.Constraint, a.Weight)
		default:
			e, err := d.expression(&a.Constraint)
			if err != nil {
				return nil, err
			}
			to.PreferredDuringSchedulingIgnoredDuringExecution = append(to.PreferredDuringSchedulingIgnoredDuringExecution, corev1.PreferredSchedulingTerm{
				Weight: int32(a.Weight), Preference: corev1.NodeSelectorTerm{MatchExpressions: []corev1.NodeSelectorRequirement{e}},
			})
		}
	}
	return avoided, nil
}

// tolerations are of every taint of the nodes that the job does not mind.
func (d *Decisions) tolerations(avoided []workloads.Affinity, rules []workloads.Constraint) ([]corev1.Toleration, error) {
	var out []corev1.Toleration
	for _, t := range d.taints {
		about := taintPrefix + t.Key
		refused := slices.ContainsFunc(rules, func(c workloads.Constraint) bool { return c.Attribute == about && !c.Holds(t.Value, true) })
		minded := slices.ContainsFunc(avoided, func(a workloads.Affinity) bool { return a.Attribute == about && a.Holds(t.Value, true) })
		if soft := t.Effect == corev1.TaintEffectPreferNoSchedule; soft && refused || !soft && minded {
			return nil, fmt.Errorf("taint %s: its effect is %s, and the job says otherwise", t.Key, t.Effect)
		}
		if !refused && !minded {
			out = append(out, corev1.Toleration{Key: t.Key, Operator: corev1.TolerationOpEqual, Value: t.Value, Effect: t.Effect})
		}
	}
	return out, nil
}
