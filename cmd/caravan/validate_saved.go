package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"

	"caravan/results/compare"
	"caravan/results/plots"
	"caravan/workloads/placement"
)

// loads are the utilisations that the prediction was made for, by pipeline.
func (v *validation) loads() []loadAnswer {
	p := v.predictor
	s, at := p.scenario, p.solution.Placement
	load, err := placement.NewLoad(s.Topology, s.Model, s.Workload, at)
	out := []loadAnswer{}
	for i := range s.Workload.Pipelines {
		l := &s.Workload.Pipelines[i]
		a := loadAnswer{Pipeline: l.Name}
		if err == nil && l.Arrivals.MeanRate() > 0 {
			if u, err := load.Of(s.Topology, s.Model, l, at.Pipelines[i]); err == nil {
				a.Utilisation = finite(u)
			}
		}
		out = append(out, a)
	}
	return out
}

// save writes what was found into a folder.
func (v *validation) save(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	x := v.answer()
	name := strings.Map(fileRune, x.Scenario) + "-" + x.Cluster
	if x.Calibrated != "" {
		name += "-calibrated"
	}
	path := filepath.Join(dir, fmt.Sprintf("%s-%d-%.8s.json", name, x.Stamp.Seed, x.Stamp.ScenarioSHA256))
	if err := saveJSON(path, x); err != nil {
		return fmt.Errorf("saving %s: %w", path, err)
	}
	v.saved = path
	return nil
}

// isValidation tells what save writes from a saved run.
func isValidation(data []byte) bool {
	var x struct {
		Cluster    string  `json:"cluster"`
		Calibrated *string `json:"calibrated"`
	}
	return json.Unmarshal(data, &x) == nil && x.Cluster != "" && x.Calibrated != nil
}

// decodeValidation reads what save wrote, or validate printed as JSON.
func decodeValidation(data []byte) (validateAnswer, error) {
	var x validateAnswer
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&x); err != nil {
		return x, fmt.Errorf("validation: %s", strings.TrimPrefix(err.Error(), "json: "))
	}
	if x.Version != shapeVersion {
		return x, fmt.Errorf("validation: version: found %d, allowed is %d", x.Version, shapeVersion)
	}
	return x, nil
}

// A judgement is one statistic of the latency of a pipeline in a validation.
type judgement struct {
	of   *validateAnswer
	name string // of the scenario, and of the pipeline where it has several
	comparedAnswer
}

// judgements are mean, p50 and p95 of every pipeline of every valid validation.
func (d *drawing) judgements() []judgement {
	var out []judgement
	for i := range d.validations {
		v := &d.validations[i]
		if !v.Valid {
			continue
		}
		for _, m := range v.Metrics {
			if m.Kind != compare.Pipeline || m.Name != "latency" || m.Stat == "p99" || m.Predicted == nil || m.Measured == nil {
				continue
			}
			j := judgement{of: v, name: v.Scenario, comparedAnswer: m}
			if len(v.KS) > 1 {
				j.name += " " + m.Workload
			}
			out = append(out, j)
		}
	}
	return out
}

// tolerance is that of the validations when all have the same, and otherwise 0.
func (d *drawing) tolerance() float64 {
	t := d.validations[0].Tolerance
	for _, v := range d.validations {
		if v.Tolerance != t {
			return 0
		}
	}
	return t
}

// prediction is what validations predicted against what they measured.
func (d *drawing) prediction() (plots.Figure, error) {
	f := plots.Residuals{Axis: plots.Axis{Label: "latency", Unit: "s", Log: true}, Tolerance: d.tolerance()}
	for _, j := range d.judgements() {
		c := checkOf(j.row())
		c.Name, c.Group = j.name+" "+j.Stat, j.Stat
		f.Checks = append(f.Checks, c)
	}
	if len(f.Checks) == 0 {
		return nil, errNothing{"the validations measured no latency"}
	}
	return f, nil
}

// row is the judgement as it was made.
func (j judgement) row() compare.Row {
	return compare.Row{Subject: j.Workload, Stat: j.Stat, Predicted: *j.Predicted, Measured: *j.Measured, CI95: j.CI95}
}

// residualLoad is the errors of validations over the load of each pipeline.
func (d *drawing) residualLoad() (plots.Figure, error) {
	f := plots.ByLoad{Tolerance: d.tolerance()}
	for _, j := range d.judgements() {
		c := plots.LoadCheck{Case: j.name, Stat: j.Stat, Load: math.NaN(), Floor: math.NaN()}
		for _, l := range j.of.Loads {
			if l.Pipeline == j.Workload && l.Utilisation != nil {
				c.Load = *l.Utilisation
			}
		}
		if j.Error == nil || math.IsNaN(c.Load) {
			continue
		}
		if c.Error = plots.Exactly(*j.Error); j.CI95 != nil {
			c.Error.Low, c.Error.High = j.CI95[0], j.CI95[1]
		}
		if j.Floor != nil {
			c.Floor = *j.Floor
		}
		f.Checks = append(f.Checks, c)
	}
	if len(f.Checks) == 0 {
		return nil, errNothing{"no validation has an error and a known load"}
	}
	return f, nil
}
