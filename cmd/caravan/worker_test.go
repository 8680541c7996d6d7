package main

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"caravan/results"
	"caravan/results/store"
	"caravan/runner/queue"
	"caravan/runner/queue/serverstest"
)

// chaosSweep has 2,000 points of a few milliseconds.
const chaosSweep = `name: chaos
scenario: tutorial
set: {simulate.duration: 300s}
parameters:
  period: {path: workload.pipelines.tutorial.arrivals.periodic, range: {from: 3s, to: 7s, count: 40}}
  work: {path: workload.pipelines.tutorial.operators.second.work, range: {from: 100ms, to: 1s, count: 50}}
`

// small is a sweep of 8 points, each of which simulates so long.
func small(duration string) string {
	return strings.NewReplacer("count: 40", "count: 4", "count: 50", "count: 2", "300s", duration).Replace(chaosSweep)
}

// steps is a search of some tens of points.
const steps = `name: steps
scenario: tutorial
set: {simulate.duration: 20s}
parameters:
  period: {path: workload.pipelines.tutorial.arrivals.periodic, step: 500ms, min: 500ms, max: 5s}
  work: {path: workload.pipelines.tutorial.operators.second.work, step: 200ms, min: 100ms, max: 2s}
search:
  start: [{period: 5s, work: 500ms}]
  stable: "mean(latency) < 2.5s"
`

// buildCaravan builds the command as it is shipped.
func buildCaravan(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "caravan")
	build := exec.Command("go", "build", "-trimpath", "-o", path, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := build.CombinedOutput()
	require.NoError(t, err, "%s", out)
	return path
}

// A process is a child that the test ends.
type process struct {
	*exec.Cmd
	out   bytes.Buffer
	ended chan struct{}
	err   error
}

// launchProcess starts a command; it is killed with the test.
func launchProcess(t *testing.T, path string, args ...string) *process {
	t.Helper()
	p := &process{Cmd: exec.Command(path, args...), ended: make(chan struct{})}
	p.Stdout, p.Stderr = &p.out, &p.out
	require.NoError(t, p.Start())
	go func() {
		p.err = p.Wait()
		close(p.ended)
	}()
	t.Cleanup(p.kill)
	return p
}

// kill is kill -9.
func (p *process) kill() {
	_ = p.Process.Kill() // it may have ended
	<-p.ended
}

// sweepFile writes a sweep.
func sweepFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "sweep.yaml")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	return path
}

// outcomes are what a store says of the points of a sweep, without what
// depends on who ran them and when: by hash, and one entry for each.
func outcomes(t *testing.T, url, sweep string) map[string]string {
	t.Helper()
	st, err := store.Open(t.Context(), url)
	require.NoError(t, err)
	defer func() { assert.NoError(t, st.Close()) }()
	w, err := st.Sweep(t.Context(), sweep)
	require.NoError(t, err)
	rows, err := st.Rows(t.Context(), w.ID)
	require.NoError(t, err)
	out := map[string]string{}
	for _, r := range rows {
		require.NotContains(t, out, r.Hash)
		require.Equal(t, store.Completed, r.State, "%s: %s", r.Hash, r.Error)
		run, err := st.Run(t.Context(), r.Hash)
		require.NoError(t, err)
		run.Stamp.Version = ""
		var text bytes.Buffer
		require.NoError(t, results.Encode(&text, run))
		out[r.Hash] = fmt.Sprint(r.Position, string(r.Parameters), r.Parent, r.Verdict, r.Outcome, text.String())
	}
	return out
}

// alone runs a sweep in this process, into a store of its own.
func alone(t *testing.T, file string, args ...string) (url string) {
	t.Helper()
	url = filepath.Join(t.TempDir(), "alone.db")
	code, _, stderr := invoke(t.Context(), append([]string{"sweep", file, "--store", url}, args...)...)
	require.Equal(t, exitDone, code, stderr)
	return url
}

func TestWorkersAsProcesses(t *testing.T) {
	caravan := buildCaravan(t)
	t.Run("a sweep survives killed workers and servers", func(t *testing.T) { testSurvival(t, caravan) })
	t.Run("a second interruption ends a worker at once", func(t *testing.T) { testSecondInterruption(t, caravan) })
}

// Four workers run 2,000 points. Every second, and every 250 points where the
// machine is quick, one of them is killed and another takes its place; Redis forgets everything once; PostgreSQL is
// restarted once. The store ends up with what one process computes alone.
func testSurvival(t *testing.T, caravan string) {
	file := sweepFile(t, chaosSweep)
	redis, postgres := serverstest.Redis(t), serverstest.Postgres(t)
	servers := []string{"--queue", redis.URL, "--store", postgres.URL, "--lease", "3s"}
	newWorker := func() *process {
		return launchProcess(t, caravan, append([]string{"worker", "--workers", "1"}, servers...)...)
	}
	workers := []*process{newWorker(), newWorker(), newWorker(), newWorker()}
	producer := launchProcess(t, caravan, append([]string{"sweep", file}, servers...)...)
	killed, last := 0, time.Now()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for running := true; running; {
		select {
		case <-producer.ended:
			running = false
			continue
		case <-tick.C:
		}
		done := busy(t, postgres.URL)
		if done == 0 || time.Since(last) < time.Second && done < 250*(killed+1) {
			continue
		}
		last = time.Now()
		i := killed % len(workers)
		workers[i].kill()
		workers[i] = newWorker()
		switch killed++; killed {
		case 3:
			redis.Kill(t)
			redis.Start(t)
		case 6:
			postgres.Restart(t)
		}
	}
	require.NoError(t, producer.err, producer.out.String())
	require.GreaterOrEqual(t, killed, 6, "the sweep was over before its troubles were")
	t.Logf("%d workers were killed", killed)
	// Alone as a process too: the race detector would make it slow.
	single := filepath.Join(t.TempDir(), "single.db")
	out, err := exec.Command(caravan, "sweep", file, "--store", single).CombinedOutput()
	require.NoError(t, err, "%s", out)
	want, got := exported(t, caravan, single), exported(t, caravan, postgres.URL)
	assert.True(t, want == got, "what the two stores hold differs")
	assert.Equal(t, 2000, answered(t, postgres.URL, "SELECT COUNT(*) FROM points WHERE state = 'completed'"))
	assert.Equal(t, 2000, answered(t, postgres.URL, "SELECT COUNT(*) FROM runs"))
	assert.Equal(t, 2000, answered(t, postgres.URL, "SELECT COUNT(DISTINCT point) FROM runs"))
	assert.Equal(t, answered(t, postgres.URL, "SELECT COUNT(*) FROM metrics"),
		answered(t, postgres.URL, "SELECT COUNT(*) FROM (SELECT DISTINCT metric, point FROM metrics) AS pairs"))
}

// exported is every metric of every point of the sweep chaos.
func exported(t *testing.T, caravan, url string) string {
	t.Helper()
	out, err := exec.Command(caravan, "export", "chaos", "--store", url).Output()
	require.NoError(t, err)
	return string(out)
}

// answered is the number that a query answers with.
func answered(t *testing.T, url, query string) int {
	t.Helper()
	db, err := sql.Open("pgx", url)
	require.NoError(t, err)
	defer func() { assert.NoError(t, db.Close()) }()
	var n int
	require.NoError(t, db.QueryRowContext(t.Context(), query).Scan(&n))
	return n
}

// busy counts the points that were begun; 0 also while there are no tables.
func busy(t *testing.T, url string) int {
	t.Helper()
	if answered(t, url, "SELECT COUNT(*) FROM pg_tables WHERE tablename = 'points'") == 0 {
		return 0
	}
	return answered(t, url, "SELECT COUNT(*) FROM points WHERE state <> 'queued'")
}

// inBackground runs a command line of this process, and waits for it.
func inBackground(t *testing.T, ctx context.Context, wg *sync.WaitGroup, args ...string) {
	wg.Go(func() {
		code, _, stderr := invoke(ctx, args...)
		assert.Equal(t, exitDone, code, "%v: %s", args, stderr)
	})
}

func TestASearchVisitsTheSamePointsOverManyMachines(t *testing.T) {
	redis, file := serverstest.Redis(t), sweepFile(t, steps)
	want := outcomes(t, alone(t, file, "--workers", "1"), "steps")
	assert.Greater(t, len(want), 30)
	assert.Equal(t, want, outcomes(t, alone(t, file, "--workers", "8"), "steps"))
	for _, workers := range []int{1, 8} {
		postgres := serverstest.Postgres(t)
		servers := []string{"--queue", redis.URL, "--store", postgres.URL}
		code, _, stderr := invoke(t.Context(), "sweep", file, "--dry-run", "--store", postgres.URL)
		require.Equal(t, exitDone, code, stderr)
		ctx, leave := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		for range workers {
			inBackground(t, ctx, &wg, append([]string{"worker", "--workers", "1"}, servers...)...)
		}
		code, _, stderr = invoke(t.Context(), append([]string{"sweep", file}, servers...)...)
		require.Equal(t, exitDone, code, stderr)
		leave()
		wg.Wait()
		assert.Equal(t, want, outcomes(t, postgres.URL, "steps"), "%d workers", workers)
	}
}

func TestWorkersRunASweepWithoutTheProcessThatBeganIt(t *testing.T) {
	redis := serverstest.Redis(t)
	file := sweepFile(t, small("20s"))
	url := filepath.Join(t.TempDir(), "shared.db")
	enterOnly(t, file, url)
	var wg sync.WaitGroup
	for range 2 {
		inBackground(t, t.Context(), &wg, "worker", "--workers", "2", "--check", "1s", "--idle-exit", "2", "--queue", redis.URL, "--store", url)
	}
	wg.Wait()
	assert.Equal(t, outcomes(t, alone(t, file), "chaos"), outcomes(t, url, "chaos"))
}

func TestAStoppedSweepGivesBackItsPointsAndGoesOnLater(t *testing.T) {
	redis := serverstest.Redis(t)
	// Points that take hours: only the order ends them.
	file := sweepFile(t, small("1000000h"))
	url := filepath.Join(t.TempDir(), "shared.db")
	servers := []string{"--queue", redis.URL, "--store", url}
	var wg sync.WaitGroup
	wg.Go(func() {
		code, _, stderr := invoke(t.Context(), append([]string{"sweep", file}, servers...)...)
		assert.Equal(t, exitInterrupted, code, stderr)
	})
	st, err := store.Open(t.Context(), url)
	require.NoError(t, err)
	defer func() { assert.NoError(t, st.Close()) }()
	require.Eventually(t, func() bool {
		_, err := st.Sweep(t.Context(), "chaos")
		return err == nil
	}, time.Minute, 50*time.Millisecond)
	w, err := st.Sweep(t.Context(), "chaos")
	require.NoError(t, err)
	inBackground(t, t.Context(), &wg, append([]string{"worker", "--workers", "2", "--sweep", w.ID}, servers...)...)
	require.Eventually(t, func() bool {
		c, err := st.Counts(t.Context(), w.ID)
		return err == nil && c.Running == 2
	}, time.Minute, 50*time.Millisecond)
	code, stdout, stderr := invoke(t.Context(), append([]string{"sweep", "stop", "chaos"}, servers...)...)
	require.Equal(t, exitDone, code, stderr)
	assert.Equal(t, "Sweep "+w.ID+": the points under way are given back; 1 worker told. 0 of 8 points completed.\n", stdout)
	wg.Wait()
	q, err := queue.Open(t.Context(), redis.URL, queue.Options{Sweep: w.ID, Worker: "x"})
	require.NoError(t, err)
	defer func() { assert.NoError(t, q.Close(context.Background())) }()
	code, _, stderr = invoke(t.Context(), append([]string{"sweep", "reset", "chaos"}, servers...)...)
	require.Equal(t, exitDone, code, stderr)
	require.NoError(t, refill(t.Context(), st, q, w.ID))
	count, err := q.Count(t.Context())
	require.NoError(t, err)
	assert.Equal(t, queue.Count{Waiting: 8}, count)
}

func TestASweepOfThisProcessObeysAStop(t *testing.T) {
	file := sweepFile(t, small("1000000h"))
	url := filepath.Join(t.TempDir(), "here.db")
	var wg sync.WaitGroup
	wg.Go(func() {
		code, _, stderr := invoke(t.Context(), "sweep", file, "--store", url)
		assert.Equal(t, exitInterrupted, code, stderr)
	})
	require.Eventually(t, func() bool {
		code, _, _ := invoke(t.Context(), "sweep", "stop", "chaos", "--store", url)
		return code == exitDone
	}, time.Minute, 200*time.Millisecond)
	wg.Wait()
}

func TestAWorkerTellsPrometheus(t *testing.T) {
	redis := serverstest.Redis(t)
	file := sweepFile(t, small("20s"))
	url := alone(t, file) // nothing is left to do
	var stderr lockedText
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		code := run(ctx, []string{"worker", "--queue", redis.URL, "--store", url, "--metrics", "127.0.0.1:0"}, strings.NewReader(""), io.Discard, &stderr)
		assert.Equal(t, exitDone, code, stderr.String())
	})
	address := regexp.MustCompile(`http://\S+`)
	require.Eventually(t, func() bool { return address.MatchString(stderr.String()) }, time.Minute, 20*time.Millisecond)
	response, err := http.Get(address.FindString(stderr.String()))
	require.NoError(t, err)
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	assert.Contains(t, string(body), `caravan_worker_points_total{outcome="completed"} 0`)
	assert.Contains(t, string(body), `caravan_worker_point_seconds_count 0`)
	cancel()
	wg.Wait()
	assert.Contains(t, stderr.String(), "finishing the points under way")
}

// lockedText is a stream that another goroutine reads.
type lockedText struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func testSecondInterruption(t *testing.T, caravan string) {
	redis := serverstest.Redis(t)
	file := sweepFile(t, small("1000000h"))
	url := filepath.Join(t.TempDir(), "shared.db")
	servers := []string{"--queue", redis.URL, "--store", url}
	launchProcess(t, caravan, append([]string{"sweep", file}, servers...)...)
	w := launchProcess(t, caravan, append([]string{"worker", "--workers", "1"}, servers...)...)
	st, err := store.Open(t.Context(), url)
	require.NoError(t, err)
	defer func() { assert.NoError(t, st.Close()) }()
	require.Eventually(t, func() bool {
		s, err := st.Sweep(t.Context(), "chaos")
		return err == nil && s.Running == 1
	}, time.Minute, 50*time.Millisecond)
	require.NoError(t, w.Process.Signal(os.Interrupt))
	require.Eventually(t, func() bool {
		_ = w.Process.Signal(syscall.SIGTERM) // the first ones may come before the worker listens again
		select {
		case <-w.ended:
			return true
		default:
			return false
		}
	}, time.Minute, 100*time.Millisecond)
	assert.Equal(t, exitInterrupted, w.ProcessState.ExitCode())
	s, err := st.Sweep(t.Context(), "chaos")
	require.NoError(t, err)
	q, err := queue.Open(t.Context(), redis.URL, queue.Options{Sweep: s.ID, Worker: "x"})
	require.NoError(t, err)
	defer func() { assert.NoError(t, q.Close(context.Background())) }()
	l, ok, err := q.Claim(t.Context(), time.Minute)
	require.NoError(t, err)
	require.True(t, ok)
	assert.Equal(t, 1, l.Delivery())
}
