package store

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// OnTrouble makes the store repeat what it does while its server is out of
// reach, for as long as again returns nil: it is called after each attempt
// with how many there were, and is where the caller waits. Only PostgreSQL has
// a server. It is called before the store is used.
func (s *Store) OnTrouble(again func(ctx context.Context, attempts int, err error) error) {
	s.again = again
}

// try repeats f while the server is out of reach. A transaction whose commit
// was not heard of is repeated as well: every change here may be made twice.
func (s *Store) try(ctx context.Context, f func() error) error {
	for attempts := 1; ; attempts++ {
		err := f()
		if err == nil || s.again == nil || ctx.Err() != nil || !unreachable(err) {
			return err
		}
		if given := s.again(ctx, attempts, err); given != nil {
			return given
		}
	}
}

// unreachable reports whether err is of a connection, or of a server that is
// starting or stopping: classes 08 and 57P of PostgreSQL's error codes.
func unreachable(err error) bool {
	var server *pgconn.PgError
	if errors.As(err, &server) {
		return strings.HasPrefix(server.Code, "08") || strings.HasPrefix(server.Code, "57P")
	}
	var network interface { // as package net has it
		Timeout() bool
		Temporary() bool
	}
	var connect *pgconn.ConnectError
	return errors.As(err, &connect) || errors.As(err, &network) || errors.Is(err, driver.ErrBadConn) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || pgconn.SafeToRetry(err)
}
