// Package store keeps what sweeps ran: one row a point, with its metrics and
// distributions, in an SQLite file or in PostgreSQL. The store decides what is
// done: a point is completed once, in one transaction, whoever ran it and
// however often a queue handed it out.
//
// Times come from the caller, since a store has no clock. All methods are safe
// for concurrent use, also from several processes.
package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver called pgx
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
	_ "modernc.org/sqlite" // the driver called sqlite
)

//go:embed schema
var schemaFS embed.FS

// ErrCompleted is the error of a second completion of a point.
var ErrCompleted = errors.New("the point was completed before")

// ErrNotFound is the error of a point, sweep or run that the store lacks.
var ErrNotFound = errors.New("not in the store")

// A Store is an open database.
type Store struct {
	db       *sql.DB
	postgres bool
	again    func(ctx context.Context, attempts int, err error) error // nil: never
	// writing lets one goroutine write at a time to SQLite, which has one
	// writer anyway and makes others poll.
	writing sync.Mutex

	packers sync.Pool // of *gzip.Writer, which are large

	names   sync.Mutex
	metrics map[metricKey]int64 // identifiers of metric_names seen so far
}

// Open opens the store at url and brings its tables up to date:
// postgres://user@host/database, or sqlite:PATH, or a path. The file and its
// folder are made when they are missing.
func Open(ctx context.Context, url string) (*Store, error) {
	s := &Store{metrics: map[metricKey]int64{}}
	var err error
	if IsPostgres(url) {
		s.postgres = true
		s.db, err = sql.Open("pgx", url)
	} else {
		s.db, err = openSQLite(strings.TrimPrefix(strings.TrimPrefix(url, "sqlite:"), "//"))
	}
	if err != nil {
		return nil, fmt.Errorf("opening the store: %w", err)
	}
	if err := s.migrate(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("opening the store: %w", err), s.db.Close())
	}
	return s, nil
}

// IsPostgres reports whether url names a PostgreSQL database, rather than a file.
func IsPostgres(url string) bool {
	return strings.HasPrefix(url, "postgres://") || strings.HasPrefix(url, "postgresql://")
}

// openSQLite opens a file. The write-ahead log lets others read while a sweep
// writes; what a transaction committed outlives a killed process.
func openSQLite(path string) (*sql.DB, error) {
	if path == "" {
		return nil, errors.New("the store has no name (allowed: a path, sqlite:PATH or postgres://host/database)")
	}
	if i := strings.Index(path, "://"); i >= 0 {
		return nil, fmt.Errorf("found %q, allowed: a path, sqlite:PATH or postgres://host/database", path[:i+3])
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	query := "?_txlock=immediate&_pragma=busy_timeout(30000)&_pragma=journal_mode(WAL)" +
		"&_pragma=synchronous(NORMAL)&_pragma=foreign_keys(1)&_pragma=cache_size(-65536)"
	return sql.Open("sqlite", "file:"+(&url.URL{Path: path}).EscapedPath()+query)
}

// migrate applies the migrations that the database lacks.
func (s *Store) migrate(ctx context.Context) error {
	dialect, dir := goose.DialectSQLite3, "schema/sqlite"
	if s.postgres {
		dialect, dir = goose.DialectPostgres, "schema/postgres"
	}
	files, err := fs.Sub(schemaFS, dir)
	if err != nil {
		return err
	}
	options := []goose.ProviderOption{goose.WithDisableGlobalRegistry(true)}
	if s.postgres { // several workers may meet an empty database at once
		locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 300))
		if err != nil {
			return err
		}
		options = append(options, goose.WithSessionLocker(locker))
	}
	p, err := goose.NewProvider(dialect, s.db, files, options...)
	if err != nil {
		return err
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	if pending, err := p.HasPending(ctx); err == nil && !pending {
		return nil
	}
	if _, err = p.Up(ctx); err != nil { // or another process was faster
		if pending, again := p.HasPending(ctx); again == nil && !pending {
			return nil
		}
	}
	return err
}

// Close closes the store.
func (s *Store) Close() error { return s.db.Close() }

// q writes a statement with $1, $2, ... in the database's own spelling.
func (s *Store) q(statement string) string {
	if s.postgres {
		return statement
	}
	return strings.ReplaceAll(statement, "$", "?")
}

// write runs f in a transaction, which is kept when f returns no error.
func (s *Store) write(ctx context.Context, f func(tx *sql.Tx) error) error {
	if !s.postgres {
		s.writing.Lock()
		defer s.writing.Unlock()
	}
	return s.try(ctx, func() error { return s.transact(ctx, f) })
}

func (s *Store) transact(ctx context.Context, f func(tx *sql.Tx) error) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := f(tx); err != nil {
		if back := tx.Rollback(); back != nil && !errors.Is(back, sql.ErrTxDone) {
			err = errors.Join(err, back)
		}
		return err
	}
	return tx.Commit()
}
