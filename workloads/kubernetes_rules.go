package workloads

import (
	"slices"

	"caravan/workloads/spec"
)

// selection reads on which nodes a pod may or prefers to run.
func (k *kubernetesFile) selection(pod *spec.Node, g *Group) {
	for _, f := range pod.Get("nodeSelector").Fields() {
		g.Constraints = append(g.Constraints, Constraint{Attribute: attributeOfLabel(f.Name()), Operator: "=", Values: []string{f.Own()}})
	}
	if name := pod.Text("nodeName"); name != "" {
		g.Constraints = append(g.Constraints, Constraint{Attribute: "name", Operator: "=", Values: []string{name}})
	}
	rules := pod.At("affinity.nodeAffinity")
	required := rules.Get("requiredDuringSchedulingIgnoredDuringExecution")
	var terms [][]Constraint
	for _, t := range required.Each("nodeSelectorTerms") {
		terms = append(terms, expressions(t))
	}
	if merged, ok := alternatives(terms); ok {
		g.Constraints = append(g.Constraints, merged...)
	} else {
		required.Fault("found %d terms of which any will do, allowed are one term, or terms that each list values of the same label", len(terms))
	}
	for _, p := range rules.Each("preferredDuringSchedulingIgnoredDuringExecution") {
		weight, list := p.Int("weight", 1, 100, 1), expressions(p.Get("preference"))
		if len(list) != 1 {
			k.warn(p, "a preference of %d expressions together is left out; one expression is kept", len(list))
			continue
		}
		g.Affinities = append(g.Affinities, Affinity{Constraint: list[0], Weight: weight})
	}
}

// expressions are the constraints of a term, which hold together.
func expressions(term *spec.Node) []Constraint {
	operators := map[string]string{"In": "in", "NotIn": "!=", "Exists": "is_set", "DoesNotExist": "is_not_set", "Gt": ">", "Lt": "<"}
	var out []Constraint
	for _, e := range append(slices.Clone(term.Each("matchExpressions")), term.Each("matchFields")...) {
		word := e.Text("operator")
		operator, ok := operators[word]
		if !ok {
			e.Fault("operator: found %q, allowed is In, NotIn, Exists, DoesNotExist, Gt or Lt", word)
			continue
		}
		c, err := NewConstraint(attributeOfLabel(e.Text("key")), operator, e.Texts("values")...)
		if err != nil {
			e.Fault("%s", err)
			continue
		}
		out = append(out, c)
	}
	return out
}

// alternatives is one list of constraints for terms of which any will do: a
// lone term, or terms that each list values of the same attribute.
func alternatives(terms [][]Constraint) ([]Constraint, bool) {
	if len(terms) <= 1 {
		return slices.Concat(terms...), true
	}
	var merged Constraint
	for i, t := range terms {
		if len(t) != 1 || t[0].Operator != "in" || i > 0 && t[0].Attribute != merged.Attribute {
			return nil, false
		}
		merged.Attribute, merged.Operator = t[0].Attribute, "in"
		merged.Values = append(merged.Values, t[0].Values...)
	}
	return []Constraint{merged}, true
}

// neighbours reads how the pods of one kind stay apart. Rules about pods of
// other kinds are left out.
func (k *kubernetesFile) neighbours(pod *spec.Node, labels map[string]string, g *Group) {
	apart := pod.At("affinity.podAntiAffinity")
	for _, rule := range apart.Each("requiredDuringSchedulingIgnoredDuringExecution") {
		if !selects(rule.Get("labelSelector"), labels) {
			k.warn(rule, "a rule about other pods is left out")
			continue
		}
		switch attribute := attributeOfLabel(rule.Text("topologyKey")); attribute {
		case "name":
			g.Constraints = append(g.Constraints, Constraint{Operator: DistinctHosts})
		default:
			g.Constraints = append(g.Constraints, Constraint{Attribute: attribute, Operator: DistinctProperty})
		}
	}
	for _, p := range apart.Each("preferredDuringSchedulingIgnoredDuringExecution") {
		rule := p.Get("podAffinityTerm")
		weight := p.Int("weight", 1, 100, 1)
		if !selects(rule.Get("labelSelector"), labels) {
			k.warn(p, "a rule about other pods is left out")
			continue
		}
		g.Spreads = append(g.Spreads, Spread{Attribute: attributeOfLabel(rule.Text("topologyKey")), Weight: weight})
	}
	for _, rule := range pod.Each("topologySpreadConstraints") {
		attribute, skew := attributeOfLabel(rule.Text("topologyKey")), rule.Int("maxSkew", 1, mostCount, 1)
		if !selects(rule.Get("labelSelector"), labels) {
			k.warn(rule, "a rule about other pods is left out")
			continue
		}
		weight := DefaultWeight
		if when := rule.Text("whenUnsatisfiable"); when != "ScheduleAnyway" {
			weight = 100
			k.warn(rule, "maxSkew %d over %s becomes an even spread that is weighed, not enforced", skew, attribute)
		}
		g.Spreads = append(g.Spreads, Spread{Attribute: attribute, Weight: weight})
	}
}

// selects reports whether a label selector selects pods with these labels.
func selects(n *spec.Node, labels map[string]string) bool {
	if n == nil {
		return false
	}
	for _, f := range n.Get("matchLabels").Fields() {
		if v, ok := labels[f.Name()]; !ok || v != f.Own() {
			return false
		}
	}
	for _, e := range n.Each("matchExpressions") {
		value, set := labels[e.Text("key")]
		listed := set && slices.Contains(e.Texts("values"), value)
		switch e.Text("operator") {
		case "In":
			if !listed {
				return false
			}
		case "NotIn":
			if listed {
				return false
			}
		case "Exists":
			if !set {
				return false
			}
		case "DoesNotExist":
			if set {
				return false
			}
		default:
			e.Fault("operator: found %q, allowed is In, NotIn, Exists or DoesNotExist", e.Text("operator"))
		}
	}
	return true
}

// tolerated adds what the taints of the file's nodes mean for a pod: it stays
// off those that it does not tolerate, and avoids those that would rather not.
func (k *kubernetesFile) tolerated(pod *spec.Node, g *Group) {
	type toleration struct{ key, operator, value, effect string }
	var list []toleration
	for _, t := range pod.Each("tolerations") {
		t.Text("tolerationSeconds")
		x := toleration{t.Text("key"), wordOf(t, "operator", "Equal", "Equal", "Exists"), t.Text("value"), t.Text("effect")}
		list = append(list, x)
	}
	var keys []string
	refused := map[string][]string{} // values by key
	for _, t := range k.taints {
		ok := slices.ContainsFunc(list, func(x toleration) bool {
			return (x.effect == "" || x.effect == t.effect) && (x.key == t.key || x.key == "" && x.operator == "Exists") &&
				(x.operator == "Exists" || x.value == t.value)
		})
		switch {
		case ok:
		case t.effect == "PreferNoSchedule":
			avoid := Constraint{Attribute: "taint." + t.key, Operator: "=", Values: []string{t.value}}
			g.Affinities = append(g.Affinities, Affinity{Constraint: avoid, Weight: -DefaultWeight})
		default:
			if refused[t.key] == nil {
				keys = append(keys, t.key)
			}
			if !slices.Contains(refused[t.key], t.value) {
				refused[t.key] = append(refused[t.key], t.value)
			}
		}
	}
	for _, key := range keys {
		g.Constraints = append(g.Constraints, Constraint{Attribute: "taint." + key, Operator: "!=", Values: refused[key]})
	}
}
