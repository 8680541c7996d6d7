package store

import (
	"bytes"
	"compress/gzip"
	"context"
	"database/sql"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/HdrHistogram/hdrhistogram-go"

	"caravan/results"
)

// A Distribution is the latencies, or another span, of one workload over all
// replications of a point, in nanoseconds.
type Distribution struct {
	Workload string
	Name     string
	Data     *hdrhistogram.Histogram
}

// histogramDigits is how many significant digits a stored distribution keeps,
// and histogramMost its largest value, a week in nanoseconds; larger ones
// count as that.
const (
	histogramDigits = 3
	histogramMost   = 7 * 24 * 3600 * 1_000_000_000
)

// maxRun bounds a stored run after unpacking, 1 GiB.
const maxRun = 1 << 30

// metricKey names a quantity.
type metricKey struct{ name, workload, stat, unit string }

// packed is a run in the form of the tables.
type packed struct {
	metrics    []metricRow
	histograms []blob
	run        []byte
}

type metricRow struct {
	id               int64
	value, low, high sql.NullFloat64
	n                int
}

type blob struct {
	workload, name string
	data           []byte
}

// pack encodes a run, whose histograms go into rows of their own; nil packs to
// nothing.
func (s *Store) pack(ctx context.Context, r *results.Run) (packed, error) {
	var p packed
	if r == nil {
		return p, nil
	}
	ids, err := s.identifiers(ctx, r.Metrics)
	if err != nil {
		return p, err
	}
	for i, m := range r.Metrics {
		row := metricRow{id: ids[i], value: nullable(m.Value), n: m.N}
		if m.CI95 != nil {
			row.low, row.high = nullable(m.CI95[0]), nullable(m.CI95[1])
		}
		p.metrics = append(p.metrics, row)
	}
	if p.histograms, err = packHistograms(r.Replications); err != nil {
		return p, err
	}
	p.run, err = s.packRun(r)
	return p, err
}

// nullable keeps what is not a number out of the database.
func nullable(x float64) sql.NullFloat64 {
	return sql.NullFloat64{Float64: x, Valid: !math.IsNaN(x) && !math.IsInf(x, 0)}
}

// packRun encodes the run without its histograms, which have rows of their
// own, and without the scenario, which the point's row leads to.
func (s *Store) packRun(r *results.Run) ([]byte, error) {
	bare := *r
	bare.ScenarioText = ""
	bare.Replications = slices.Clone(r.Replications)
	for i := range bare.Replications {
		bare.Replications[i].Histograms = nil
	}
	var b bytes.Buffer
	z, ok := s.packers.Get().(*gzip.Writer)
	if !ok {
		var err error
		if z, err = gzip.NewWriterLevel(nil, gzip.BestSpeed); err != nil {
			return nil, err
		}
	}
	defer s.packers.Put(z)
	z.Reset(&b)
	if err := results.Encode(z, &bare); err != nil {
		return nil, err
	}
	err := z.Close()
	return b.Bytes(), err
}

func unpackRun(data []byte) (*results.Run, error) {
	z, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(z, maxRun+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxRun {
		return nil, fmt.Errorf("the stored run has more than %d bytes", maxRun)
	}
	return results.Decode(text)
}

// packHistograms merges the histograms of all replications, by workload and
// name, in the order in which they first appear.
func packHistograms(reps []results.Replication) ([]blob, error) {
	var order []blob
	merged := map[[2]string]*hdrhistogram.Histogram{}
	for i := range reps {
		for _, h := range reps[i].Histograms {
			key := [2]string{h.Subject, h.Name}
			if merged[key] == nil {
				merged[key] = hdrhistogram.New(1, histogramMost, histogramDigits)
				order = append(order, blob{workload: h.Subject, name: h.Name})
			}
			for j, n := range h.Counts {
				middle := h.LowNS[j] + (h.HighNS[j]-h.LowNS[j])/2
				if err := merged[key].RecordValues(min(max(middle, 0), histogramMost), int64(n)); err != nil {
					return nil, err
				}
			}
		}
	}
	for i := range order {
		data, err := merged[[2]string{order[i].workload, order[i].name}].Encode(hdrhistogram.V2CompressedEncodingCookieBase)
		if err != nil {
			return nil, err
		}
		order[i].data = data
	}
	return order, nil
}

// identifiers are the rows of metric_names for the metrics, made when missing.
// They are committed before the point is, since they are true on their own.
func (s *Store) identifiers(ctx context.Context, ms []results.Metric) ([]int64, error) {
	s.names.Lock()
	defer s.names.Unlock()
	ids := make([]int64, len(ms))
	var missing []metricKey
	for i, m := range ms {
		k := metricKey{m.Name, m.Workload, m.Stat, m.Unit}
		if id, ok := s.metrics[k]; ok {
			ids[i] = id
		} else {
			missing = append(missing, k)
		}
	}
	if len(missing) == 0 {
		return ids, nil
	}
	if err := s.write(ctx, func(tx *sql.Tx) error { return s.addNames(ctx, tx, missing) }); err != nil {
		return nil, err
	}
	if err := s.readNames(ctx); err != nil {
		return nil, err
	}
	for i, m := range ms {
		ids[i] = s.metrics[metricKey{m.Name, m.Workload, m.Stat, m.Unit}]
	}
	return ids, nil
}

// addNames inserts in ascending order, so that two writers do not wait for
// each other in a circle.
func (s *Store) addNames(ctx context.Context, tx *sql.Tx, keys []metricKey) error {
	slices.SortFunc(keys, compareKeys)
	for _, k := range keys {
		_, err := tx.ExecContext(ctx, s.q(`INSERT INTO metric_names (name, workload, stat, unit) VALUES ($1, $2, $3, $4)
			ON CONFLICT (name, workload, stat, unit) DO NOTHING`), k.name, k.workload, k.stat, k.unit)
		if err != nil {
			return err
		}
	}
	return nil
}

func compareKeys(a, b metricKey) int {
	for _, c := range []int{
		strings.Compare(a.name, b.name), strings.Compare(a.workload, b.workload), strings.Compare(a.stat, b.stat),
	} {
		if c != 0 {
			return c
		}
	}
	return strings.Compare(a.unit, b.unit)
}

func (s *Store) readNames(ctx context.Context) error {
	type name struct {
		id  int64
		key metricKey
	}
	names, err := collect(ctx, s, func(rows *sql.Rows) (n name, err error) {
		err = rows.Scan(&n.id, &n.key.name, &n.key.workload, &n.key.stat, &n.key.unit)
		return n, err
	}, `SELECT id, name, workload, stat, unit FROM metric_names`)
	for _, n := range names {
		s.metrics[n.key] = n.id
	}
	return err
}

// insert writes what pack made.
func (s *Store) insert(ctx context.Context, tx *sql.Tx, point int64, p packed) error {
	const columns, most = 6, 500 // rows of one statement
	for chunk := range slices.Chunk(p.metrics, most) {
		args := make([]any, 0, columns*len(chunk))
		for _, m := range chunk {
			args = append(args, m.id, point, m.value, m.low, m.high, m.n)
		}
		_, err := tx.ExecContext(ctx, s.q(`INSERT INTO metrics (metric, point, value, low, high, n) VALUES `+rowsOf(len(chunk), columns)), args...)
		if err != nil {
			return err
		}
	}
	for _, h := range p.histograms {
		_, err := tx.ExecContext(ctx, s.q(`INSERT INTO histograms (point, workload, name, data) VALUES ($1, $2, $3, $4)`),
			point, h.workload, h.name, h.data)
		if err != nil {
			return err
		}
	}
	if p.run == nil {
		return nil
	}
	_, err := tx.ExecContext(ctx, s.q(`INSERT INTO runs (point, data) VALUES ($1, $2)`), point, p.run)
	return err
}

// rowsOf is ($1, $2), ($3, $4), ... of n rows.
func rowsOf(n, columns int) string {
	var b strings.Builder
	for i := range n * columns {
		switch {
		case i%columns > 0:
			b.WriteString(", $")
		case i > 0:
			b.WriteString("), ($")
		default:
			b.WriteString("($")
		}
		b.WriteString(strconv.Itoa(i + 1))
	}
	b.WriteByte(')')
	return b.String()
}

// Run is what a completed point recorded, without histograms and the text of
// its scenario.
func (s *Store) Run(ctx context.Context, hash string) (*results.Run, error) {
	var data []byte
	err := s.row(ctx, `SELECT data FROM runs WHERE point = (SELECT id FROM points WHERE hash = $1)`, []any{hash}, &data)
	if err != nil {
		return nil, fmt.Errorf("run of point %s: %w", hash, notFound(err))
	}
	return unpackRun(data)
}

// Distributions are those of a completed point, by workload and name in order.
func (s *Store) Distributions(ctx context.Context, hash string) ([]Distribution, error) {
	return collect(ctx, s, func(rows *sql.Rows) (d Distribution, err error) {
		var data []byte
		if err := rows.Scan(&d.Workload, &d.Name, &data); err != nil {
			return d, err
		}
		if d.Data, err = hdrhistogram.Decode(data); err != nil {
			return d, fmt.Errorf("distribution %s of %s of point %s: %w", d.Name, d.Workload, hash, err)
		}
		return d, nil
	}, `SELECT workload, name, data FROM histograms
		WHERE point = (SELECT id FROM points WHERE hash = $1) ORDER BY workload, name`, hash)
}
