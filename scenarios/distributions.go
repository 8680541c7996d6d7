package scenarios

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"caravan/topology"
	"caravan/workloads"
)

func durationSeconds(s string) (float64, error) {
	v, err := topology.ParseDuration(s)
	return v.Seconds(), err
}

func bytesFloat(s string) (float64, error) {
	v, err := topology.ParseBytes(s)
	return float64(v), err
}

func (q *DurationDist) decode(d *decoder, p place) {
	q.Dist = d.dist(p, "20ms", workloads.Constant, durationSeconds)
}

func (q *BytesDist) decode(d *decoder, p place) {
	q.Dist = d.dist(p, "64KiB", workloads.Constant, bytesFloat)
}

func (q *FaultDist) decode(d *decoder, p place) {
	q.Dist = d.dist(p, "2h", workloads.Exponential, durationSeconds)
	if q.Dist.Mean == 0 {
		d.fault(p, "a mean time of 0 is not allowed (allowed: above 0)")
	}
}

// laws are the distributions and the fields that each takes.
func laws() map[string][]string {
	return map[string][]string{
		"constant": nil, "exponential": nil, "uniform": nil, "empirical": nil,
		"lognormal": {"mean", "cv"}, "hyperexponential": {"mean", "cv"},
		"erlang": {"mean", "k"}, "pareto": {"mean", "shape"},
	}
}

// lawNames lists the distributions in the order of the documentation.
func lawNames() []string {
	return []string{"constant", "exponential", "lognormal", "hyperexponential", "uniform", "erlang", "pareto", "empirical"}
}

// dist reads a quantity or a distribution of it; bare is what a plain
// quantity means.
func (d *decoder) dist(p place, example string, bare workloads.DistKind, parse func(string) (float64, error)) workloads.Dist {
	wanted := example + ", or a distribution such as {exponential: " + example + "}"
	if p.v.kind == scalar {
		v, _ := quantity(d, p, wanted, parse)
		return workloads.Dist{Kind: bare, Mean: v}
	}
	if p.v.kind != mapping || len(p.v.entries) != 1 {
		d.fault(p, "%s is not a quantity or a distribution (allowed: %s, or one of %s)", p.v.what(), wanted, strings.Join(lawNames(), ", "))
		return workloads.Dist{}
	}
	law := p.v.entries[0].key
	fields, ok := laws()[law]
	if !ok {
		d.faults.add(p.v.entries[0].at, p.path, fmt.Sprintf("no distribution %q%s", clip(law), d.allowed(law, lawNames())))
		return workloads.Dist{}
	}
	at := p.key(law)
	if fields != nil {
		return d.byFields(at, law, fields, parse)
	}
	switch law {
	case "uniform", "empirical":
		return d.samples(at, law, parse)
	case "exponential":
		v, ok := quantity(d, at, "the mean, such as "+example, parse)
		if ok && v == 0 {
			d.fault(at, "a mean of 0 is not allowed (allowed: above 0)")
		}
		return workloads.Exp(v)
	}
	v, _ := quantity(d, at, example, parse)
	return workloads.Const(v)
}

// samples reads a list: the two ends of a uniform law, or the values of an
// empirical one.
func (d *decoder) samples(p place, law string, parse func(string) (float64, error)) workloads.Dist {
	if p.v.kind != sequence || len(p.v.items) == 0 || (law == "uniform" && len(p.v.items) != 2) {
		want := "a list of at least one value"
		if law == "uniform" {
			want = "[low, high]"
		}
		d.fault(p, "%s is not what %s takes (allowed: %s)", p.v.what(), law, want)
		return workloads.Dist{}
	}
	values := make([]float64, 0, len(p.v.items))
	ok := true
	for i := range p.v.items {
		v, good := quantity(d, p.item(i), "a value with a unit", parse)
		values, ok = append(values, v), ok && good
	}
	if !ok {
		return workloads.Dist{}
	}
	if law == "empirical" {
		return workloads.FromSamples(values)
	}
	if values[0] > values[1] {
		d.fault(p, "the low end is above the high end (allowed: [low, high])")
	}
	return workloads.UniformBetween(values[0], values[1])
}

// byFields reads a law with named parameters, all of them required.
func (d *decoder) byFields(p place, law string, fields []string, parse func(string) (float64, error)) workloads.Dist {
	if p.v.kind != mapping {
		d.fault(p, "%s is not what %s takes (allowed: a map of %s)", p.v.what(), law, strings.Join(fields, " and "))
		return workloads.Dist{}
	}
	for _, e := range p.v.entries {
		if !contains(fields, e.key) {
			d.faults.add(e.at, p.key(e.key).path, fmt.Sprintf("unknown key %q%s", clip(e.key), d.allowed(e.key, fields)))
		}
	}
	dist := workloads.Dist{}
	for _, k := range fields {
		at := p.key(k)
		switch {
		case !p.has(k):
			d.fault(at, "%q is missing", k)
		case k == "mean":
			v, ok := quantity(d, at, "a value with a unit", parse)
			if dist.Mean = v; ok && v == 0 {
				d.fault(at, "a mean of 0 is not allowed (allowed: above 0)")
			}
		case k == "cv":
			least := 0.0
			if law == "hyperexponential" {
				least = 1
			}
			dist.CV = d.real(at, least, false)
		default:
			dist.Shape = d.real(at, 1, law == "pareto")
			if law == "erlang" && dist.Shape != math.Trunc(dist.Shape) {
				d.fault(at, "%v is not a whole number of phases (allowed: 1, 2, 3, ...)", dist.Shape)
			}
		}
	}
	switch law {
	case "lognormal":
		dist.Kind = workloads.Lognormal
	case "hyperexponential":
		dist.Kind = workloads.Hyperexponential
	case "erlang":
		dist.Kind = workloads.Erlang
	case "pareto":
		dist.Kind = workloads.Pareto
	}
	return dist
}

// real reads a bare number of at least (or strictly above) the bound, at most
// a thousand.
func (d *decoder) real(p place, least float64, open bool) float64 {
	x, err := strconv.ParseFloat(p.v.text, 64)
	relation := "of at least"
	if open {
		relation = "above"
	}
	if p.v.kind != scalar || err != nil || !(x >= least) || (open && x == least) || x > 1000 {
		d.fault(p, "%s is not allowed (allowed: a number %s %v and at most 1000)", p.v.what(), relation, least)
		return max(least, 1)
	}
	return x
}
