package workloads

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/hashicorp/go-version"
)

// versionTest is the test of the operator version, or of semver. A list with
// commas must hold whole. Under version a prerelease satisfies only what names
// one of the same release; under semver it is ordered as Semantic Versioning
// 2.0 has it, and the operator ~> is not known.
func versionTest(text string, semver bool) (func(string) bool, error) {
	if semver {
		return semverTest(text)
	}
	constraints, err := version.NewConstraint(text)
	if err != nil {
		return nil, fmt.Errorf("no version constraint (allowed: such as >= 1.2, < 2.0 or ~> 1.2.3)")
	}
	return func(s string) bool {
		v, err := version.NewVersion(s)
		return err == nil && constraints.Check(v)
	}, nil
}

// A bound is one comparison with a version.
type versionBound struct {
	operator string
	version  *version.Version
}

var semverPart = regexp.MustCompile(`^\s*(=|!=|>=|<=|>|<)?\s*(\S+)\s*$`)

func semverTest(text string) (func(string) bool, error) {
	var bounds []versionBound
	for part := range strings.SplitSeq(text, ",") {
		found := semverPart.FindStringSubmatch(part)
		if found == nil {
			return nil, fmt.Errorf("no version constraint (allowed: such as >= 1.2.0, < 2.0.0)")
		}
		v, err := version.NewSemver(found[2])
		if err != nil {
			return nil, fmt.Errorf("no version (allowed: such as 1.2.0 or 1.2.0-beta1)")
		}
		bounds = append(bounds, versionBound{found[1], v})
	}
	return func(s string) bool {
		v, err := version.NewSemver(s)
		if err != nil {
			return false
		}
		for _, b := range bounds {
			if !b.holds(v) {
				return false
			}
		}
		return true
	}, nil
}

func (b versionBound) holds(v *version.Version) bool {
	switch c := v.Compare(b.version); b.operator {
	case "", "=":
		return c == 0
	case "!=":
		return c != 0
	default:
		return ordered(c, b.operator)
	}
}
