package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"caravan/results"
)

// A State is how far a point has come.
type State string

// The states of a point.
const (
	Queued    State = "queued"
	Running   State = "running"
	Failed    State = "error"
	Completed State = "completed"
)

// A Scenario is the text that points vary, under its own hash.
type Scenario struct {
	SHA256 string
	Name   string
	Text   []byte
	// Files are the data files that the text names, by the names it uses.
	Files map[string][]byte
}

// A Sweep is a set of points that one file asked for.
type Sweep struct {
	ID       string
	Name     string
	Kind     string // grid, design or search
	Text     []byte // of the sweep file, canonical
	Scenario string // hash of the base scenario
	Version  string // of caravan
	Created  time.Time
	Control  string // what its workers are told: "", "drain" or "stop"
}

// A Point is one execution: a scenario with some fields set, a solver and a
// seed. It is the same point in every sweep that contains it.
type Point struct {
	Hash     string
	Scenario string   // hash of the base scenario
	Settings []string // path=value, canonical, in ascending order
	Solver   string
	Seed     uint64
	// Warm is the hash of the point whose placement the solver starts from;
	// empty starts cold.
	Warm string
}

// Seal fills in the hash of the point: SHA-256 of all its other fields in
// canonical JSON. It sorts the settings.
func (p *Point) Seal() {
	slices.Sort(p.Settings)
	text, err := json.Marshal(struct {
		Scenario string   `json:"scenario"`
		Settings []string `json:"settings"`
		Solver   string   `json:"solver"`
		Seed     uint64   `json:"seed"`
		Warm     string   `json:"warm,omitempty"`
	}{p.Scenario, orEmpty(p.Settings), p.Solver, p.Seed, p.Warm})
	if err != nil {
		panic(err) // texts and numbers always encode
	}
	sum := sha256.Sum256(text)
	p.Hash = hex.EncodeToString(sum[:])
}

// orEmpty keeps lists out of JSON's null.
func orEmpty[T any](xs []T) []T {
	if xs == nil {
		return []T{}
	}
	return xs
}

// A Member is a point as part of a sweep.
type Member struct {
	Point
	// Position orders the points of the sweep.
	Position int64
	// Parameters are the values by the names that the sweep file gives them,
	// numbers or texts, as a JSON object with sorted keys.
	Parameters json.RawMessage
	// Parent is the hash of the point from which a search came here.
	Parent string
	// Verdict is what a search made of the point: stable or unstable.
	Verdict string
}

// PutScenario stores a scenario unless it is there.
func (s *Store) PutScenario(ctx context.Context, sc Scenario) error {
	files, err := json.Marshal(sc.Files)
	if err != nil {
		return err
	}
	return s.write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, s.q(`INSERT INTO scenarios (sha256, name, text, files) VALUES ($1, $2, $3, $4)
			ON CONFLICT (sha256) DO NOTHING`), sc.SHA256, sc.Name, sc.Text, files)
		return err
	})
}

// PutSweep stores a sweep unless it is there. Its scenario comes first.
func (s *Store) PutSweep(ctx context.Context, w Sweep) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, s.q(`INSERT INTO sweeps (id, name, kind, text, scenario, version, created_us)
			VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (id) DO NOTHING`),
			w.ID, w.Name, w.Kind, w.Text, w.Scenario, w.Version, w.Created.UnixMicro())
		return err
	})
}

// Control tells the workers of a sweep to drain, to stop, or, when the word is
// empty, to go on.
func (s *Store) Control(ctx context.Context, sweep, word string) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		return one(tx.ExecContext(ctx, s.q(`UPDATE sweeps SET control = $1 WHERE id = $2`), word, sweep))
	})
}

// Order is the word last given to Control.
func (s *Store) Order(ctx context.Context, sweep string) (word string, err error) {
	err = s.row(ctx, `SELECT control FROM sweeps WHERE id = $1`, []any{sweep}, &word)
	return word, notFound(err)
}

// one turns a change of no row into ErrNotFound.
func one(r sql.Result, err error) error {
	if err != nil {
		return err
	}
	if n, err := r.RowsAffected(); err != nil || n > 0 {
		return err
	}
	return ErrNotFound
}

// Add puts members into a sweep and their points into the store, queued,
// unless they are there. It changes nothing of those that are, but for the
// verdict of a member that had none.
func (s *Store) Add(ctx context.Context, sweep string, members []Member) error {
	for chunk := range slices.Chunk(members, 1000) {
		if err := s.write(ctx, func(tx *sql.Tx) error { return s.add(ctx, tx, sweep, chunk) }); err != nil {
			return fmt.Errorf("adding points to sweep %s: %w", sweep, err)
		}
	}
	return nil
}

func (s *Store) add(ctx context.Context, tx *sql.Tx, sweep string, members []Member) error {
	point, err := tx.PrepareContext(ctx, s.q(`INSERT INTO points (hash, scenario, settings, solver, seed, warm)
		VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (hash) DO NOTHING`))
	if err != nil {
		return err
	}
	defer point.Close()
	member, err := tx.PrepareContext(ctx, s.q(`INSERT INTO members (sweep, point, position, parameters, parent, verdict)
		SELECT CAST($1 AS TEXT), id, CAST($2 AS BIGINT), CAST($3 AS TEXT), CAST($4 AS TEXT), CAST($5 AS TEXT) FROM points WHERE hash = $6
		ON CONFLICT (sweep, point) DO NOTHING`))
	if err != nil {
		return err
	}
	defer member.Close()
	for _, m := range members {
		settings, err := json.Marshal(orEmpty(m.Settings))
		if err != nil {
			return err
		}
		if _, err = point.ExecContext(ctx, m.Hash, m.Scenario, string(settings), m.Solver, strconv.FormatUint(m.Seed, 10), m.Warm); err != nil {
			return err
		}
		if _, err = member.ExecContext(ctx, sweep, m.Position, string(m.Parameters), m.Parent, m.Verdict, m.Hash); err != nil {
			return err
		}
	}
	return nil
}

// Judge records what a search made of points: verdict[hash] is stable or unstable.
func (s *Store) Judge(ctx context.Context, sweep string, verdicts map[string]string) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		for hash, verdict := range verdicts {
			_, err := tx.ExecContext(ctx, s.q(`UPDATE members SET verdict = $1
				WHERE sweep = $2 AND point = (SELECT id FROM points WHERE hash = $3)`), verdict, sweep, hash)
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// Start marks a point as running and returns it. The error is ErrCompleted
// when there is nothing left to run.
func (s *Store) Start(ctx context.Context, hash, worker string, at time.Time) (Point, error) {
	p, state, err := s.point(ctx, hash)
	if err == nil && state == Completed {
		err = ErrCompleted
	}
	if err != nil {
		return Point{}, fmt.Errorf("point %s: %w", hash, err)
	}
	err = s.write(ctx, func(tx *sql.Tx) error {
		err := one(tx.ExecContext(ctx, s.q(`UPDATE points SET state = 'running', worker = $1, started_us = $2,
			attempts = attempts + 1 WHERE hash = $3 AND state <> 'completed'`), worker, at.UnixMicro(), hash))
		if errors.Is(err, ErrNotFound) {
			return ErrCompleted
		}
		return err
	})
	return p, err
}

// Fail records that a run of the point failed. A completed point stays so.
func (s *Store) Fail(ctx context.Context, hash, worker, cause string, at time.Time, took time.Duration) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, s.q(`UPDATE points SET state = 'error', error = $1, worker = $2, finished_us = $3,
			run_seconds = $4 WHERE hash = $5 AND state <> 'completed'`), cause, worker, at.UnixMicro(), took.Seconds(), hash)
		return err
	})
}

// A Completion is what a worker brings back from a point.
type Completion struct {
	Hash     string
	Worker   string
	Version  string // of caravan
	Finished time.Time
	Took     time.Duration
	Outcome  string // placed or infeasible
	Artefact string // path of a saved run; empty without
	Run      *results.Run
}

// Complete stores the outcome, the metrics and the distributions of a point,
// all or nothing. The error is ErrCompleted when that was done before, and
// then nothing changes.
func (s *Store) Complete(ctx context.Context, c Completion) error {
	d, err := s.pack(ctx, c.Run)
	if err != nil {
		return fmt.Errorf("completing point %s: %w", c.Hash, err)
	}
	err = s.write(ctx, func(tx *sql.Tx) error {
		err := one(tx.ExecContext(ctx, s.q(`UPDATE points SET state = 'completed', error = '', outcome = $1, worker = $2,
			finished_us = $3, run_seconds = $4, artefact = $5, version = $6 WHERE hash = $7 AND state <> 'completed'`),
			c.Outcome, c.Worker, c.Finished.UnixMicro(), c.Took.Seconds(), c.Artefact, c.Version, c.Hash))
		if err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
		var id int64
		if found := tx.QueryRowContext(ctx, s.q(`SELECT id FROM points WHERE hash = $1`), c.Hash).Scan(&id); found != nil {
			return notFound(found)
		}
		if err != nil {
			return ErrCompleted
		}
		return s.insert(ctx, tx, id, d)
	})
	if err != nil {
		return fmt.Errorf("completing point %s: %w", c.Hash, err)
	}
	return nil
}

// Requeue puts the points of a sweep that are in one of the states back to
// queued, and says how many. What was completed stays, unless it is asked for.
func (s *Store) Requeue(ctx context.Context, sweep string, states ...State) (int, error) {
	var n int64
	err := s.write(ctx, func(tx *sql.Tx) error {
		for _, state := range states {
			if state == Completed {
				if err := s.forget(ctx, tx, sweep); err != nil {
					return err
				}
			}
			r, err := tx.ExecContext(ctx, s.q(`UPDATE points SET state = 'queued', error = '', worker = '', attempts = 0
				WHERE state = $1 AND id IN (SELECT point FROM members WHERE sweep = $2)`), string(state), sweep)
			if err != nil {
				return err
			}
			changed, err := r.RowsAffected()
			if err != nil {
				return err
			}
			n += changed
		}
		return nil
	})
	return int(n), err
}

// forget removes what the completed points of a sweep brought back.
func (s *Store) forget(ctx context.Context, tx *sql.Tx, sweep string) error {
	for _, table := range []string{"metrics", "histograms", "runs"} {
		_, err := tx.ExecContext(ctx, s.q(`DELETE FROM `+table+` WHERE point IN (SELECT point FROM members WHERE sweep = $1)`), sweep)
		if err != nil {
			return err
		}
	}
	return nil
}

// notFound gives the database's word for a missing row our name.
func notFound(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return ErrNotFound
	}
	return err
}
