package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A Row is a point of a sweep with what became of it.
type Row struct {
	Member
	State    State
	Attempts int
	Started  time.Time // zero when never
	Finished time.Time // zero when not yet
	Took     time.Duration
	Error    string
	Outcome  string // placed or infeasible
	Worker   string
	Artefact string
	Version  string // of the caravan that ran it
}

// Counts are the points of a sweep by state.
type Counts struct {
	Total, Queued, Running, Failed, Completed int
	// Seconds is the run time of the completed ones together.
	Seconds float64
}

// A Summary is a sweep and how far it is.
type Summary struct {
	Sweep
	ScenarioName string
	Counts
}

// Sweeps lists every sweep, the newest last.
func (s *Store) Sweeps(ctx context.Context) ([]Summary, error) {
	out, err := collect(ctx, s, func(rows *sql.Rows) (w Summary, err error) {
		var created int64
		err = rows.Scan(&w.ID, &w.Name, &w.Kind, &w.Text, &w.Scenario, &w.Version, &created, &w.Control, &w.ScenarioName)
		w.Created = time.UnixMicro(created).UTC()
		return w, err
	}, `SELECT w.id, w.name, w.kind, w.text, w.scenario, w.version, w.created_us, w.control, c.name
		FROM sweeps w JOIN scenarios c ON c.sha256 = w.scenario ORDER BY w.created_us, w.id`)
	if err != nil {
		return nil, err
	}
	for i := range out {
		if out[i].Counts, err = s.Counts(ctx, out[i].ID); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Sweep finds a sweep by its identifier, a beginning of it, its name (the
// newest of that name), or the word latest.
func (s *Store) Sweep(ctx context.Context, name string) (Summary, error) {
	all, err := s.Sweeps(ctx)
	if err != nil {
		return Summary{}, err
	}
	for _, same := range []func(Summary) bool{
		func(w Summary) bool { return w.ID == name },
		func(w Summary) bool { return w.Name == name || name == "latest" },
		func(w Summary) bool { return name != "" && strings.HasPrefix(w.ID, name) },
	} {
		for i := len(all) - 1; i >= 0; i-- {
			if same(all[i]) {
				return all[i], nil
			}
		}
	}
	return Summary{}, fmt.Errorf("sweep %q: %w", name, ErrNotFound)
}

// Counts counts the points of a sweep.
func (s *Store) Counts(ctx context.Context, sweep string) (Counts, error) {
	type group struct {
		state   State
		n       int
		seconds float64
	}
	groups, err := collect(ctx, s, func(rows *sql.Rows) (g group, err error) {
		err = rows.Scan(&g.state, &g.n, &g.seconds)
		return g, err
	}, `SELECT p.state, COUNT(*), COALESCE(SUM(p.run_seconds), 0)
		FROM members m JOIN points p ON p.id = m.point WHERE m.sweep = $1 GROUP BY p.state`, sweep)
	var c Counts
	for _, g := range groups {
		c.Total += g.n
		switch g.state {
		case Queued:
			c.Queued = g.n
		case Running:
			c.Running = g.n
		case Failed:
			c.Failed = g.n
		case Completed:
			c.Completed, c.Seconds = g.n, g.seconds
		}
	}
	return c, err
}

// collect reads all that a query answers with.
func collect[T any](ctx context.Context, s *Store, scan func(*sql.Rows) (T, error), query string, args ...any) ([]T, error) {
	var out []T
	err := s.try(ctx, func() error {
		out = nil
		rows, err := s.db.QueryContext(ctx, s.q(query), args...)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			x, err := scan(rows)
			if err != nil {
				return err
			}
			out = append(out, x)
		}
		return rows.Err()
	})
	return out, err
}

// row reads one row.
func (s *Store) row(ctx context.Context, query string, args []any, to ...any) error {
	return s.try(ctx, func() error { return s.db.QueryRowContext(ctx, s.q(query), args...).Scan(to...) })
}

// rowColumns are what scanRow reads.
const rowColumns = `p.hash, p.scenario, p.settings, p.solver, p.seed, p.warm, m.position, m.parameters, m.parent, m.verdict,
	p.state, p.attempts, p.started_us, p.finished_us, p.run_seconds, p.error, p.outcome, p.worker, p.artefact, p.version`

func scanRow(rows *sql.Rows) (Row, error) {
	var r Row
	var settings, seed, parameters string
	var started, finished sql.NullInt64
	var took sql.NullFloat64
	err := rows.Scan(&r.Hash, &r.Scenario, &settings, &r.Solver, &seed, &r.Warm, &r.Position, &parameters, &r.Parent, &r.Verdict,
		&r.State, &r.Attempts, &started, &finished, &took, &r.Error, &r.Outcome, &r.Worker, &r.Artefact, &r.Version)
	if err != nil {
		return r, err
	}
	r.Parameters = json.RawMessage(parameters)
	r.Started, r.Finished = instant(started), instant(finished)
	r.Took = time.Duration(took.Float64 * float64(time.Second))
	if r.Seed, err = strconv.ParseUint(seed, 10, 64); err != nil {
		return r, err
	}
	return r, json.Unmarshal([]byte(settings), &r.Settings)
}

func instant(us sql.NullInt64) time.Time {
	if !us.Valid {
		return time.Time{}
	}
	return time.UnixMicro(us.Int64).UTC()
}

// Rows are the points of a sweep by position and hash.
func (s *Store) Rows(ctx context.Context, sweep string) ([]Row, error) {
	return s.rows(ctx, `FROM members m JOIN points p ON p.id = m.point WHERE m.sweep = $1 ORDER BY m.position, p.hash`, sweep)
}

// Find is every membership of the points whose hash begins with prefix, at
// most 100, by hash and sweep.
func (s *Store) Find(ctx context.Context, prefix string) ([]Row, error) {
	return s.rows(ctx, `FROM members m JOIN points p ON p.id = m.point
		WHERE p.hash >= $1 AND p.hash < $2 ORDER BY p.hash, m.sweep LIMIT 100`, prefix, prefix+"g")
}

func (s *Store) rows(ctx context.Context, from string, args ...any) ([]Row, error) {
	return collect(ctx, s, scanRow, `SELECT `+rowColumns+` `+from, args...)
}

// Pending are the hashes of the points of a sweep that are neither completed
// nor failed, by position and hash: what a queue is rebuilt from.
func (s *Store) Pending(ctx context.Context, sweep string) ([]string, error) {
	return collect(ctx, s, func(rows *sql.Rows) (hash string, err error) { err = rows.Scan(&hash); return hash, err },
		`SELECT p.hash FROM members m JOIN points p ON p.id = m.point
		WHERE m.sweep = $1 AND p.state IN ('queued', 'running') ORDER BY m.position, p.hash`, sweep)
}

// Failures are the points of a sweep whose last run failed, and why.
func (s *Store) Failures(ctx context.Context, sweep string) (map[string]string, error) {
	type failure struct{ hash, cause string }
	list, err := collect(ctx, s, func(rows *sql.Rows) (f failure, err error) { err = rows.Scan(&f.hash, &f.cause); return f, err },
		`SELECT p.hash, p.error FROM members m JOIN points p ON p.id = m.point WHERE m.sweep = $1 AND p.state = 'error'`, sweep)
	out := make(map[string]string, len(list))
	for _, f := range list {
		out[f.hash] = f.cause
	}
	return out, err
}

// Versions lists, in ascending order, which versions of caravan ran the
// completed points of a sweep.
func (s *Store) Versions(ctx context.Context, sweep string) ([]string, error) {
	return collect(ctx, s, func(rows *sql.Rows) (v string, err error) {
		return v, rows.Scan(&v)
	}, `SELECT DISTINCT p.version FROM members m JOIN points p ON p.id = m.point
		WHERE m.sweep = $1 AND p.state = 'completed' ORDER BY p.version`, sweep)
}

// Done counts which of the points are completed, and their run time together
// in seconds.
func (s *Store) Done(ctx context.Context, hashes []string) (n int, seconds float64, err error) {
	for chunk := range slices.Chunk(hashes, 1000) {
		args := make([]any, len(chunk))
		for i, h := range chunk {
			args[i] = h
		}
		var some int
		var took float64
		err := s.row(ctx, `SELECT COUNT(*), COALESCE(SUM(run_seconds), 0) FROM points
			WHERE state = 'completed' AND hash IN `+rowsOf(1, len(chunk)), args, &some, &took)
		if err != nil {
			return 0, 0, err
		}
		n, seconds = n+some, seconds+took
	}
	return n, seconds, nil
}

// Point reads a point and its state.
func (s *Store) Point(ctx context.Context, hash string) (Point, State, error) {
	p, state, err := s.point(ctx, hash)
	if err != nil {
		return p, state, fmt.Errorf("point %s: %w", hash, err)
	}
	return p, state, nil
}

func (s *Store) point(ctx context.Context, hash string) (Point, State, error) {
	p := Point{Hash: hash}
	var state State
	var settings, seed string
	err := s.row(ctx, `SELECT scenario, settings, solver, seed, warm, state FROM points WHERE hash = $1`, []any{hash},
		&p.Scenario, &settings, &p.Solver, &seed, &p.Warm, &state)
	if err != nil {
		return p, state, notFound(err)
	}
	if p.Seed, err = strconv.ParseUint(seed, 10, 64); err != nil {
		return p, state, err
	}
	return p, state, json.Unmarshal([]byte(settings), &p.Settings)
}

// Scenario reads a scenario by its hash.
func (s *Store) Scenario(ctx context.Context, sha256 string) (Scenario, error) {
	sc := Scenario{SHA256: sha256}
	var files []byte
	err := s.row(ctx, `SELECT name, text, files FROM scenarios WHERE sha256 = $1`, []any{sha256}, &sc.Name, &sc.Text, &files)
	if err != nil {
		return sc, fmt.Errorf("scenario %s: %w", sha256, notFound(err))
	}
	return sc, json.Unmarshal(files, &sc.Files)
}
