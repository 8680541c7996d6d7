package store

import (
	"context"
	"database/sql"
	"errors"
)

// Garbage is what Collect removed or would remove.
type Garbage struct {
	Sweeps, Points, Scenarios int
	Artefacts                 []string // files of the points, which are the caller's to remove
}

// errDry ends a transaction that was only to be counted.
var errDry = errors.New("dry run")

// Collect removes the named sweeps, then the points that belong to no sweep,
// with all they brought back, and the scenarios that belong to nothing. dry
// says what that would be and changes nothing.
func (s *Store) Collect(ctx context.Context, sweeps []string, dry bool) (Garbage, error) {
	var g Garbage
	err := s.write(ctx, func(tx *sql.Tx) error {
		for _, id := range sweeps {
			if err := s.remove(ctx, tx, &g.Sweeps, `DELETE FROM sweeps WHERE id = $1`, id); err != nil {
				return err
			}
		}
		const orphan = ` FROM points WHERE NOT EXISTS (SELECT 1 FROM members WHERE members.point = points.id)`
		if err := s.artefacts(ctx, tx, &g, `SELECT artefact`+orphan+` AND artefact <> '' ORDER BY artefact`); err != nil {
			return err
		}
		if err := s.remove(ctx, tx, &g.Points, `DELETE`+orphan); err != nil {
			return err
		}
		err := s.remove(ctx, tx, &g.Scenarios, `DELETE FROM scenarios WHERE sha256 NOT IN (SELECT scenario FROM points)
			AND sha256 NOT IN (SELECT scenario FROM sweeps)`)
		if err == nil && dry {
			err = errDry
		}
		return err
	})
	if errors.Is(err, errDry) {
		err = nil
	}
	return g, err
}

// remove counts what a statement deletes; the tables that hang on it follow.
func (s *Store) remove(ctx context.Context, tx *sql.Tx, n *int, statement string, args ...any) error {
	r, err := tx.ExecContext(ctx, s.q(statement), args...)
	if err != nil {
		return err
	}
	gone, err := r.RowsAffected()
	*n += int(gone)
	return err
}

func (s *Store) artefacts(ctx context.Context, tx *sql.Tx, g *Garbage, statement string) error {
	rows, err := tx.QueryContext(ctx, statement)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var path string
		if err := rows.Scan(&path); err != nil {
			return err
		}
		g.Artefacts = append(g.Artefacts, path)
	}
	return rows.Err()
}

// Compact gives the space of what was removed back to the disk.
func (s *Store) Compact(ctx context.Context) error {
	if !s.postgres {
		s.writing.Lock()
		defer s.writing.Unlock()
	}
	_, err := s.db.ExecContext(ctx, `VACUUM`)
	return err
}

// MetricNames lists the metrics that points of the store have, as name and
// stat, in ascending order.
func (s *Store) MetricNames(ctx context.Context) ([][2]string, error) {
	rows, err := s.db.QueryContext(ctx, `SELECT DISTINCT name, stat FROM metric_names ORDER BY name, stat`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out [][2]string
	for rows.Next() {
		var m [2]string
		if err := rows.Scan(&m[0], &m[1]); err != nil {
			return nil, err
		}
		out = append(out, m)
	}
	return out, rows.Err()
}
