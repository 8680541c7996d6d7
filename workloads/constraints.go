package workloads

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"caravan/topology"
)

// A Constraint restricts where an item may run. Make one whose operator is
// version, semver or regexp by NewConstraint, which parses the values once;
// otherwise Allows parses them at every call.
type Constraint struct {
	// Attribute is what topology.Node.Attribute knows, such as class, attr.NAME
	// or meta.NAME; of a device what topology.DeviceGroup.Attribute knows.
	Attribute string
	Operator  string // one of Operators
	Values    []string

	test func(string) bool // of version, semver and regexp
}

// The operators whose meaning is not their text.
const (
	DistinctHosts    = "distinct_hosts"    // no two instances on one node
	DistinctProperty = "distinct_property" // at most Values[0], default 1, on nodes of one value
)

// Operators lists every operator, for messages and schemas: HashiCorp's, and
// `in` (any of the values) and `glob` (any of the patterns).
func Operators() []string {
	return []string{
		"=", "!=", "<", "<=", ">", ">=", "version", "semver", "regexp", "set_contains", "set_contains_any",
		"is_set", "is_not_set", DistinctHosts, DistinctProperty, "in", "glob",
	}
}

// NewConstraint parses what the operator needs parsed; an error says what is
// wrong with the operator or the values.
func NewConstraint(attribute, operator string, values ...string) (Constraint, error) {
	c := Constraint{Attribute: attribute, Operator: operator, Values: values}
	err := c.prepare()
	return c, err
}

// prepare checks the constraint and sets its test.
func (c *Constraint) prepare() error {
	if !slices.Contains(Operators(), c.Operator) {
		return fmt.Errorf("operator %q (allowed: %s)", c.Operator, strings.Join(Operators(), ", "))
	}
	first := ""
	if len(c.Values) > 0 {
		first = c.Values[0]
	}
	var err error
	switch c.Operator {
	case "is_set", "is_not_set", DistinctHosts:
		return nil
	case DistinctProperty:
		if n, bad := strconv.Atoi(first); first != "" && (bad != nil || n < 1) {
			return fmt.Errorf("%s: value %q (allowed: a number from 1 up)", c.Operator, first)
		}
		return nil
	case "version":
		c.test, err = versionTest(first, false)
	case "semver":
		c.test, err = versionTest(first, true)
	case "regexp":
		var re *regexp.Regexp
		if re, err = regexp.Compile(first); err == nil {
			c.test = re.MatchString
		}
	}
	if len(c.Values) == 0 {
		return fmt.Errorf("operator %s: no value (allowed: at least one)", c.Operator)
	}
	if err != nil {
		return fmt.Errorf("%s: value %q: %w", c.Operator, first, err)
	}
	return nil
}

// Distinct reports whether the constraint is about the other instances rather
// than about the node alone.
func (c *Constraint) Distinct() bool {
	return c.Operator == DistinctHosts && !(len(c.Values) > 0 && c.Values[0] == "false") || c.Operator == DistinctProperty
}

// Property is how many instances may share a value under distinct_property.
func (c *Constraint) Property() int {
	if len(c.Values) > 0 {
		if n, err := strconv.Atoi(c.Values[0]); err == nil {
			return n
		}
	}
	return 1
}

// Allows reports whether node n satisfies the constraint as far as the node
// alone decides it. A value ${...} stands for that attribute of the node.
func (c *Constraint) Allows(n *topology.Node) bool {
	switch c.Operator {
	case DistinctHosts:
		return true
	case DistinctProperty:
		_, ok := n.Attribute(c.Attribute)
		return ok
	}
	value, ok := n.Attribute(c.Attribute)
	for _, v := range c.Values {
		if strings.HasPrefix(v, "${") {
			return c.interpolated(n).Holds(value, ok)
		}
	}
	return c.Holds(value, ok)
}

// interpolated is the constraint with the node's own values in place of ${...}.
// A missing attribute becomes a text that equals nothing.
func (c *Constraint) interpolated(n *topology.Node) *Constraint {
	out := Constraint{Attribute: c.Attribute, Operator: c.Operator, Values: slices.Clone(c.Values)}
	for i, v := range out.Values {
		if strings.HasPrefix(v, "${") {
			value, ok := n.Attribute(v)
			if !ok {
				value = "\x00"
			}
			out.Values[i] = value
		}
	}
	return &out
}

// Holds reports whether a value satisfies the constraint; set is false for an
// attribute that is not there, which only != and is_not_set accept (HashiCorp:
// feasible.go, checkConstraint).
func (c *Constraint) Holds(value string, set bool) bool {
	switch c.Operator {
	case "=", "in":
		return set && slices.Contains(c.Values, value)
	case "!=":
		return !set || !slices.Contains(c.Values, value)
	case "is_set":
		return set
	case "is_not_set":
		return !set
	}
	if !set || len(c.Values) == 0 {
		return false
	}
	switch c.Operator {
	case "<", "<=", ">", ">=":
		return ordered(compareTexts(value, c.Values[0]), c.Operator)
	case "set_contains":
		return containsAll(value, c.Values)
	case "set_contains_any":
		return containsAny(value, c.Values)
	case "glob":
		return slices.ContainsFunc(c.Values, func(p string) bool {
			ok, err := path.Match(p, value)
			return ok && err == nil
		})
	}
	test := c.test
	if test == nil {
		parsed := *c
		if parsed.prepare() != nil {
			return false
		}
		test = parsed.test
	}
	return test(value)
}

// String is the constraint as the scenario format writes it.
func (c Constraint) String() string {
	switch c.Operator {
	case "is_set", "is_not_set":
		return c.Attribute + " " + c.Operator
	case DistinctHosts:
		return c.Operator
	case DistinctProperty:
		return strings.TrimSpace(strings.Join([]string{c.Attribute, c.Operator, strings.Join(c.Values, ", ")}, " "))
	}
	return c.Attribute + " " + c.Operator + " " + strings.Join(c.Values, ", ")
}

// Compares reports whether two amounts satisfy the constraint's comparison.
func (c *Constraint) Compares(have, want int64) bool {
	switch c.Operator {
	case "=", "in":
		return have == want
	case "!=":
		return have != want
	case "<", "<=", ">", ">=":
		return ordered(sign(have < want, have > want), c.Operator)
	}
	return false
}

// ordered reports whether a comparison of sign satisfies an operator.
func ordered(sign int, operator string) bool {
	switch operator {
	case "<":
		return sign < 0
	case "<=":
		return sign <= 0
	case ">":
		return sign > 0
	}
	return sign >= 0
}

// compareTexts compares as whole numbers when both are, as numbers when both
// are, and otherwise as texts.
func compareTexts(a, b string) int {
	x, err1 := strconv.ParseInt(a, 10, 64)
	y, err2 := strconv.ParseInt(b, 10, 64)
	if err1 == nil && err2 == nil {
		return sign(x < y, x > y)
	}
	f, err1 := strconv.ParseFloat(a, 64)
	g, err2 := strconv.ParseFloat(b, 64)
	if err1 == nil && err2 == nil {
		return sign(f < g, f > g)
	}
	return strings.Compare(a, b)
}

func sign(less, more bool) int {
	switch {
	case less:
		return -1
	case more:
		return 1
	}
	return 0
}

// members are the parts of a set that is written with commas.
func members(set string) []string {
	parts := strings.Split(set, ",")
	for i := range parts {
		parts[i] = strings.TrimSpace(parts[i])
	}
	return parts
}

func containsAll(set string, values []string) bool {
	have := members(set)
	for _, v := range values {
		for _, want := range members(v) {
			if !slices.Contains(have, want) {
				return false
			}
		}
	}
	return true
}

func containsAny(set string, values []string) bool {
	have := members(set)
	return slices.ContainsFunc(values, func(v string) bool {
		return slices.ContainsFunc(members(v), func(want string) bool { return slices.Contains(have, want) })
	})
}

// An Affinity is a preference for nodes on which its constraint holds.
type Affinity struct {
	Constraint
	Weight int // -100..100 without 0; below 0 the node is avoided
}

// Affinities are all that a group prefers: its job's, its own and its tasks'.
func Affinities(j *Job, g *Group) []Affinity {
	list := slices.Concat(j.Affinities, g.Affinities)
	for i := range g.Tasks {
		list = append(list, g.Tasks[i].Affinities...)
	}
	return list
}

// A Spread keeps the instances of a group apart by the values of an attribute:
// evenly, or by the shares of its targets.
type Spread struct {
	Attribute string
	Weight    int // 1..100
	Targets   []SpreadTarget
}

// A SpreadTarget is the percentage of instances on nodes of one value; what
// the targets leave to 100 is for all other values.
type SpreadTarget struct {
	Value   string
	Percent int
}
