package scenarios

// The structs of this file are the format of sweep files; as in format.go,
// their comments and tags are its documentation.

// SweepFile is a sweep: a scenario, what to vary of it, and how often to run
// each combination; or an adaptive search for the border of where it works.
type SweepFile struct {
	here
	// Name of the sweep in the store. The default is the file's name.
	Name string `json:"name,omitempty"`
	// Description says in a sentence what the sweep shows.
	Description string `json:"description,omitempty"`
	// Scenario to vary: a shipped name, or a path relative to the sweep file.
	Scenario string `json:"scenario"`
	// Set overrides fields of the scenario at every point, by path.
	Set Settings `json:"set,omitempty"`
	// Parameters to vary, by name. The last one varies fastest.
	Parameters Parameters `json:"parameters,omitempty"`
	// Design takes some combinations of the parameters instead of all.
	Design *Design `json:"design,omitempty"`
	// Solvers to run at every point. The default is the scenario's own.
	Solvers []string `json:"solvers,omitempty"`
	// Seeds to run at every point: a list, or how many, counted from the
	// scenario's. The default is the scenario's alone.
	Seeds Seeds `json:"seeds,omitempty"`
	// Replications of each run, instead of the scenario's.
	Replications int `json:"replications,omitempty" min:"1" max:"1000000"`
	// Precision to reach in each run, instead of the scenario's.
	Precision Share `json:"precision,omitempty"`
	// Search looks for the border of what is stable, step by step from some
	// start points, instead of running every combination.
	Search *Search `json:"search,omitempty"`
}

// Parameter is one thing to vary. Of values, range and log one is given; a
// search takes step, and min and max if there are bounds.
type Parameter struct {
	here
	// Path of the field to set, or a list of paths that take the same value,
	// such as workload.pipelines.web.arrivals.poisson. The default is the
	// parameter's name.
	Path Names `json:"path,omitempty"`
	// Values to take, in this order.
	Values []Setting `json:"values,omitempty"`
	// Range is values in equal steps.
	Range *Range `json:"range,omitempty"`
	// Log is values in equal ratios.
	Log *Range `json:"log,omitempty"`
	// Step between neighbours of a search; its multiples are the values.
	Step Setting `json:"step,omitempty"`
	// Min is the least value of a search. Without it, values are above 0.
	Min Setting `json:"min,omitempty"`
	// Max is the largest value of a search.
	Max Setting `json:"max,omitempty"`

	name string
}

// Range is values between two ends, both included.
type Range struct {
	here
	// From is the first value.
	From Setting `json:"from"`
	// To is the last value, or a bound of it when a step is given.
	To Setting `json:"to"`
	// Step is the distance of one value to the next.
	Step Setting `json:"step,omitempty"`
	// Count is how many values there are, instead of a step.
	Count int `json:"count,omitempty" min:"2" max:"1000000"`
}

// Design takes some combinations of the parameters: few points that fill the
// space evenly. A parameter given by range or log takes any value between its
// ends, one given by values each of them about equally often.
type Design struct {
	here
	// Kind is a Latin hypercube (McKay, Beckman and Conover, 1979) or Halton's
	// sequence with Owen's scrambling (Owen, 2017).
	Kind string `json:"kind" enum:"latin-hypercube,halton"`
	// Points is how many combinations to take.
	Points int `json:"points" min:"1" max:"1000000"`
	// Seed of the design.
	Seed uint64 `json:"seed,omitempty" default:"1"`
}

// Search runs the start points, and from every stable point its neighbours,
// until no stable point has a neighbour left. The border is what it found: the
// stable points next to unstable ones.
type Search struct {
	here
	// Stable is an expression over the metrics of a run that says which points
	// spread, such as p99(latency) < 200ms && unplaced == 0.
	Stable string `json:"stable"`
	// Start is the points to begin with, each a map of parameters to values.
	Start []Settings `json:"start"`
	// Neighbours differ in one parameter (sides) or in any number of them
	// (diagonals).
	Neighbours string `json:"neighbours,omitempty" default:"sides" enum:"sides,diagonals"`
	// Reach is by how many steps neighbours differ at most.
	Reach int `json:"reach,omitempty" default:"1" min:"1" max:"10"`
	// Spread is where stable points spread: everywhere (all), which visits every
	// stable point that can be reached, or along the border alone, which walks
	// straight from the start points until something is unstable, or along the
	// bounds where nothing is, and then follows the stable points next to unstable ones, diagonals included.
	Spread string `json:"spread,omitempty" default:"all" enum:"all,border"`
	// Filler is a parameter that takes what the others leave of total; points
	// where that is below 0 do not exist.
	Filler string `json:"filler,omitempty"`
	// Total is the sum of all parameters where there is a filler.
	Total float64 `json:"total,omitempty" default:"1" above:"0"`
	// Warm starts the solver of each point from the placement of the point
	// from which the search came.
	Warm bool `json:"warm,omitempty" default:"false"`
	// Limit ends the search after so many points.
	Limit int `json:"limit,omitempty" default:"10000" min:"1" max:"10000000"`
}

// The values of sweep files that take more than one shape.
type (
	// Setting is the value of a field: a number, a quantity such as 20ms, a
	// text, or a whole part of a scenario.
	Setting struct {
		Value
		here
		given bool
	}
	// Settings are values by name or path.
	Settings struct {
		here
		List []NamedSetting
	}
	// Parameters by name, in the order of the file.
	Parameters struct {
		here
		List []Parameter
	}
	// Seeds is a number of seeds, or a list of them.
	Seeds struct {
		here
		Count int
		List  []uint64
	}
)

// A NamedSetting is one entry of Settings.
type NamedSetting struct {
	Name string
	Setting
}

func (s *Setting) decode(d *decoder, p place) {
	s.setPlace(p)
	s.given = true
	s.Value = valueOf(p.v)
}

func (s *Settings) decode(d *decoder, p place) {
	s.setPlace(p)
	if p.v.kind != mapping {
		d.fault(p, "%s is not a map (allowed: a map of names to values)", p.v.what())
		return
	}
	for _, e := range p.v.entries {
		n := NamedSetting{Name: e.key}
		n.decode(d, p.key(e.key))
		s.List = append(s.List, n)
	}
}

func (s *Parameters) decode(d *decoder, p place) {
	s.setPlace(p)
	if p.v.kind != mapping {
		d.fault(p, "%s is not a map (allowed: a map of names to parameters)", p.v.what())
		return
	}
	s.List = make([]Parameter, len(p.v.entries))
	for i, e := range p.v.entries {
		at := p.key(e.key)
		if e.value.kind == sequence { // the short form: name: [values]
			at.v = &value{kind: mapping, at: e.value.at, entries: []entry{{key: "values", at: e.value.at, value: e.value}}}
		}
		d.decodeInto(&s.List[i], at)
		s.List[i].name = e.key
	}
}

func (s *Seeds) decode(d *decoder, p place) {
	s.setPlace(p)
	if p.v.kind == sequence {
		var plain struct {
			List []uint64 `json:"list"`
		}
		d.decodeInto(&plain, place{&value{kind: mapping, at: p.v.at, entries: []entry{{key: "list", at: p.v.at, value: p.v}}}, p.path})
		s.List = plain.List
		return
	}
	var plain struct {
		Count int `json:"count" min:"1" max:"1000000"`
	}
	d.decodeInto(&plain, place{&value{kind: mapping, at: p.v.at, entries: []entry{{key: "count", at: p.v.at, value: p.v}}}, p.path})
	s.Count = plain.Count
}
