package store

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"
)

// A Sample is one metric of one completed point.
type Sample struct {
	Hash       string
	Parameters json.RawMessage
	Solver     string
	Seed       uint64
	Workload   string
	Unit       string
	Value      float64 // NaN when nothing was observed
	Low, High  float64 // of the 95 % interval; NaN without one
	N          int
}

// A Table is the points of a sweep, read once, whose metrics are then read one
// by one.
type Table struct {
	store  *Store
	sweep  string
	points []tablePoint  // by position and hash
	at     map[int64]int // identifier to place in points
}

type tablePoint struct {
	Sample
	id, position int64
}

// Table reads the points of a sweep.
func (s *Store) Table(ctx context.Context, sweep string) (*Table, error) {
	t := &Table{store: s, sweep: sweep, at: map[int64]int{}}
	var err error
	t.points, err = collect(ctx, s, func(rows *sql.Rows) (p tablePoint, err error) {
		var parameters, seed string
		if err := rows.Scan(&p.id, &p.position, &parameters, &p.Hash, &p.Solver, &seed); err != nil {
			return p, err
		}
		p.Parameters = json.RawMessage(parameters)
		p.Seed, err = strconv.ParseUint(seed, 10, 64)
		return p, err
	}, `SELECT m.point, m.position, m.parameters, p.hash, p.solver, p.seed
		FROM members m JOIN points p ON p.id = m.point WHERE m.sweep = $1`, sweep)
	slices.SortFunc(t.points, func(a, b tablePoint) int {
		return cmp.Or(cmp.Compare(a.position, b.position), strings.Compare(a.Hash, b.Hash))
	})
	for i, p := range t.points {
		t.at[p.id] = i
	}
	return t, err
}

// measured is a row of the table metrics.
type measured struct {
	place, n         int
	value, low, high sql.NullFloat64
	key              metricKey
}

// Samples reads one metric, such as latency and mean, of every point that is
// completed: by position, hash and workload.
func (t *Table) Samples(ctx context.Context, name, stat string) ([]Sample, error) {
	names, err := collect(ctx, t.store, func(rows *sql.Rows) (k measured, err error) {
		err = rows.Scan(&k.place, &k.key.workload, &k.key.unit)
		return k, err
	}, `SELECT id, workload, unit FROM metric_names WHERE name = $1 AND stat = $2`, name, stat)
	if err != nil {
		return nil, err
	}
	var all []measured
	for _, k := range names {
		some, err := collect(ctx, t.store, func(rows *sql.Rows) (m measured, err error) {
			var id int64
			err = rows.Scan(&id, &m.value, &m.low, &m.high, &m.n)
			place, ok := t.at[id]
			if m.place, m.key = place, k.key; !ok {
				m.place = -1 // entered since the points were read
			}
			return m, err
		}, `SELECT x.point, x.value, x.low, x.high, x.n FROM members m JOIN metrics x ON x.metric = $1 AND x.point = m.point
			WHERE m.sweep = $2`, k.place, t.sweep)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	slices.SortFunc(all, func(a, b measured) int {
		return cmp.Or(cmp.Compare(a.place, b.place), strings.Compare(a.key.workload, b.key.workload), strings.Compare(a.key.unit, b.key.unit))
	})
	out := make([]Sample, 0, len(all))
	for _, m := range all {
		if m.place < 0 {
			continue
		}
		x := t.points[m.place].Sample
		x.Workload, x.Unit, x.N = m.key.workload, m.key.unit, m.n
		x.Value, x.Low, x.High = known(m.value), known(m.low), known(m.high)
		out = append(out, x)
	}
	return out, nil
}

// Samples is Table and then its Samples, for who wants one metric.
func (s *Store) Samples(ctx context.Context, sweep, name, stat string) ([]Sample, error) {
	t, err := s.Table(ctx, sweep)
	if err != nil {
		return nil, err
	}
	return t.Samples(ctx, name, stat)
}

func known(x sql.NullFloat64) float64 {
	if !x.Valid {
		return math.NaN()
	}
	return x.Float64
}
