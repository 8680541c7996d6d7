package main

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"caravan/topology"
)

// A sweepProgress says on stderr how far a sweep is: one bar with rate,
// failures and time left on a terminal, otherwise a plain line every ten
// seconds. It is safe for concurrent use.
type sweepProgress struct {
	label                string
	began                time.Time
	before               atomic.Int64 // done by earlier runs, which say nothing about the rate
	total, done, failing atomic.Int64
	bar                  *mpb.Bar
	stop                 func()
}

// newSweepProgress starts to report on total points, of which some are done.
func newSweepProgress(w io.Writer, label string, total, done int) *sweepProgress {
	p := &sweepProgress{label: label, began: time.Now(), stop: func() {}}
	p.total.Store(int64(total))
	p.done.Store(int64(done))
	p.before.Store(int64(done))
	if isTerminal(w) {
		p.startBar(w)
	} else {
		p.startLines(w)
	}
	return p
}

// grow adds points that a search came upon, some of them done.
func (p *sweepProgress) grow(more, done int) {
	p.total.Add(int64(more))
	p.done.Add(int64(done))
	p.before.Add(int64(done))
	if p.bar != nil {
		p.bar.SetTotal(p.total.Load(), false)
		p.bar.SetCurrent(p.done.Load())
	}
}

// step counts one settled point.
func (p *sweepProgress) step(failed bool) {
	p.done.Add(1)
	if failed {
		p.failing.Add(1)
	}
	if p.bar != nil {
		p.bar.Increment()
	}
}

// text is counts, rate, failures and time left after so long.
func (p *sweepProgress) text(elapsed time.Duration) string {
	done, total, failing := p.done.Load(), p.total.Load(), p.failing.Load()
	parts := []string{fmt.Sprintf("%d of %d points", done, total)}
	if failing > 0 {
		parts = append(parts, fmt.Sprintf("%d failed", failing))
	}
	if fresh := done - p.before.Load(); fresh > 0 && elapsed > 0 {
		rate := float64(fresh) / elapsed.Seconds()
		left := topology.Seconds(float64(total-done) / rate).Round(time.Second)
		parts = append(parts, fmt.Sprintf("%.3g/s", rate), topology.FormatDuration(left)+" left")
	}
	return strings.Join(parts, ", ")
}

func (p *sweepProgress) startBar(w io.Writer) {
	pool := mpb.New(mpb.WithOutput(w), mpb.WithWidth(30))
	p.bar = pool.AddBar(p.total.Load(),
		mpb.BarRemoveOnComplete(),
		mpb.PrependDecorators(decor.Name(p.label+" ")),
		mpb.AppendDecorators(decor.Any(func(decor.Statistics) string { return p.text(time.Since(p.began)) })),
	)
	p.bar.SetCurrent(p.done.Load())
	p.stop = func() {
		p.bar.Abort(true)
		pool.Wait()
	}
}

func (p *sweepProgress) startLines(w io.Writer) {
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
				fmt.Fprintf(w, "%s: %s\n", p.label, p.text(time.Since(p.began)))
			}
		}
	})
	p.stop = func() {
		close(quit)
		wg.Wait()
	}
}
