package main

import (
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/term"
)

// plainInterval is how often progress prints a line when stderr is not a
// terminal: often enough to see life, seldom enough for a log.
const plainInterval = 10 * time.Second

// A progress says on stderr how far a task of known size is. It is safe for
// concurrent use; stop ends it and waits for its last line.
type progress struct {
	done  atomic.Int64
	total int64
	stop  func()
	bar   *mpb.Bar
}

// newProgress starts to report on total steps of the unit named: as a bar on a terminal,
// otherwise as a plain line every ten seconds.
func newProgress(w io.Writer, label, unit string, total int) *progress {
	p := &progress{total: int64(total)}
	if isTerminal(w) {
		p.startBar(w, label)
	} else {
		p.startLines(w, label, unit)
	}
	return p
}

// step counts one finished step.
func (p *progress) step() {
	p.done.Add(1)
	if p.bar != nil {
		p.bar.Increment()
	}
}

func (p *progress) startBar(w io.Writer, label string) {
	pool := mpb.New(mpb.WithOutput(w), mpb.WithWidth(40))
	p.bar = pool.AddBar(p.total,
		mpb.BarRemoveOnComplete(),
		mpb.PrependDecorators(decor.Name(label+" ")),
		mpb.AppendDecorators(decor.CountersNoUnit("%d/%d"), decor.Name("  "), decor.AverageETA(decor.ET_STYLE_GO)),
	)
	p.stop = func() {
		p.bar.Abort(true)
		pool.Wait()
	}
}

func (p *progress) startLines(w io.Writer, label, unit string) {
	quit := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		tick := time.NewTicker(plainInterval)
		defer tick.Stop()
		for {
			select {
			case <-quit:
				return
			case <-tick.C:
				fmt.Fprintf(w, "%s: %d of %d %s\n", label, p.done.Load(), p.total, unit)
			}
		}
	})
	p.stop = func() {
		close(quit)
		wg.Wait()
	}
}

// isTerminal reports whether w is a terminal that understands cursor movement.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd())) && os.Getenv("TERM") != "dumb"
}

// colourful reports whether text for w may be coloured: on a terminal, unless
// the NO_COLOR variable is set to anything (no-color.org).
func colourful(w io.Writer) bool {
	return isTerminal(w) && os.Getenv("NO_COLOR") == ""
}
