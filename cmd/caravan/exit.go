package main

import (
	"context"
	"errors"
	"fmt"

	"caravan/runner/nomad"
)

// Exit codes. docs/cli.md repeats the table for scripts.
const (
	exitDone        = 0   // the work was done
	exitFailed      = 1   // something outside the input went wrong, such as a full disk
	exitBadInput    = 2   // the command line, a file or the environment is at fault
	exitInfeasible  = 3   // no placement exists, or a tolerance was missed: an answer, not a fault
	exitPartial     = 5   // some of several scenarios failed
	exitInterrupted = 130 // Ctrl-C or SIGTERM; nothing is left half-written
)

// exitError carries the exit code that its cause deserves. Without a cause
// the command has said all there is to say.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// badInput marks err as the fault of what the user wrote.
func badInput(err error) error {
	if err == nil {
		return nil
	}
	return &exitError{code: exitBadInput, err: err}
}

// exitCode is the code that a command which returned err ends with. An error
// before the command's own code began is one of the command line.
func (a *app) exitCode(ctx context.Context, err error) int {
	var (
		coded  *exitError
		access *nomad.AccessError
	)
	switch {
	case err == nil:
		return exitDone
	case ctx.Err() != nil && (errors.Is(err, context.Canceled) || errors.Is(err, ctx.Err())):
		return exitInterrupted
	case errors.As(err, &coded):
		return coded.code
	case !a.started, errors.As(err, &access):
		return exitBadInput
	}
	return exitFailed
}

// worst folds the outcomes of several scenarios into one code. Errors beside
// successes are a partial result; otherwise an interruption, then the first
// error, then an infeasible answer decides.
func worst(codes []int) int {
	var failed, answered int
	first, infeasible := exitDone, exitDone
	for _, c := range codes {
		switch c {
		case exitInterrupted:
			return exitInterrupted
		case exitDone:
			answered++
		case exitInfeasible:
			answered++
			infeasible = exitInfeasible
		default:
			failed++
			if first == exitDone {
				first = c
			}
		}
	}
	switch {
	case failed > 0 && answered > 0:
		return exitPartial
	case failed > 0:
		return first
	}
	return infeasible
}
