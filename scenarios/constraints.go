package scenarios

import (
	"fmt"
	"slices"
	"strings"

	"caravan/workloads"
)

func (c *Constraint) decode(d *decoder, p place) {
	if p.v.kind != mapping {
		s, ok := d.text(p, "a constraint, such as class == edge, or a map of attribute, operator, value")
		if !ok {
			return
		}
		rule, err := parseConstraint(s)
		if err != nil {
			d.fault(p, "%s", err)
		}
		c.Rule = rule
		return
	}
	var long Rule
	d.decodeInto(&long, p)
	if long.Operator == "" {
		return // a fault was found
	}
	rule, err := workloads.NewConstraint(long.Attribute, long.Operator, long.Value.List...)
	switch {
	case err != nil:
		d.fault(p, "%s", err)
	case rule.Attribute == "" && rule.Operator != workloads.DistinctHosts:
		d.fault(p, `"attribute" is missing`)
	}
	c.Rule = rule
}

func (a *Affinity) decode(d *decoder, p place) {
	a.setPlace(p)
	if p.v.kind == scalar {
		a.Weight = workloads.DefaultWeight
		a.Constraint.decode(d, p)
		return
	}
	type plain Affinity
	d.decodeInto((*plain)(a), p)
}

// wordOperators stand between spaces after the attribute.
var wordOperators = []string{
	"version", "semver", "regexp", "set_contains", "set_contains_any", "is_set", "is_not_set",
	workloads.DistinctHosts, workloads.DistinctProperty, "in", "glob",
}

const constraintHelp = "allowed: attribute == value, attribute in [a, b], attribute OPERATOR value, or distinct_hosts"

// parseConstraint reads a constraint in one text, such as `class == edge`,
// `attr.kernel.version version >= 5.4` or `rack distinct_property 2`.
func parseConstraint(s string) (workloads.Constraint, error) {
	fields := strings.Fields(s)
	if len(fields) == 1 && fields[0] == workloads.DistinctHosts {
		return workloads.NewConstraint("", workloads.DistinctHosts)
	}
	if len(fields) >= 2 && slices.Contains(wordOperators, fields[1]) {
		return wordConstraint(s, fields)
	}
	at := strings.IndexAny(s, "=!<>")
	if len(fields) >= 2 && (at < 0 || plainWord(fields[1])) {
		operators := slices.Concat([]string{"==", "!=", "<", "<=", ">", ">="}, wordOperators)
		return workloads.Constraint{}, fmt.Errorf("%q: %q is not an operator%s", clip(s), clip(fields[1]), allowed(fields[1], operators))
	}
	if at < 0 {
		return workloads.Constraint{}, fmt.Errorf("%q is not a constraint (%s)", clip(s), constraintHelp)
	}
	length := 1
	if at+1 < len(s) && s[at+1] == '=' {
		length = 2
	}
	attribute, op, val := strings.TrimSpace(s[:at]), s[at:at+length], unquote(s[at+length:])
	if op == "==" {
		op = "="
	}
	if attribute == "" || val == "" || op == "!" || strings.Contains(attribute, " ") || strings.ContainsAny(val, "=!<>") {
		return workloads.Constraint{}, fmt.Errorf("%q is not a constraint (%s)", clip(s), constraintHelp)
	}
	return workloads.Constraint{Attribute: attribute, Operator: op, Values: []string{val}}, nil
}

// plainWord reports whether s is made of letters and _.
func plainWord(s string) bool {
	return strings.Trim(strings.ToLower(s), "abcdefghijklmnopqrstuvwxyz_") == ""
}

// wordConstraint reads `attribute operator value`, the value as it stands.
func wordConstraint(s string, fields []string) (workloads.Constraint, error) {
	attribute, operator := fields[0], fields[1]
	_, rest, _ := strings.Cut(s, attribute)
	_, rest, _ = strings.Cut(rest, operator)
	rest = strings.TrimSpace(rest)
	var values []string
	switch {
	case operator == "in" || operator == "glob" && strings.HasPrefix(rest, "["):
		if !strings.HasPrefix(rest, "[") || !strings.HasSuffix(rest, "]") {
			return workloads.Constraint{}, fmt.Errorf("%q is not a constraint (%s)", clip(s), constraintHelp)
		}
		for item := range strings.SplitSeq(rest[1:len(rest)-1], ",") {
			if item = unquote(item); item == "" {
				return workloads.Constraint{}, fmt.Errorf("%q has an empty value (%s)", clip(s), constraintHelp)
			}
			values = append(values, item)
		}
	case rest != "":
		values = []string{unquote(rest)}
	}
	c, err := workloads.NewConstraint(attribute, operator, values...)
	if err != nil {
		err = fmt.Errorf("%q: %w", clip(s), err)
	}
	return c, err
}
