// Package queue hands the points of a sweep to workers on many machines,
// through a Redis server.
//
// The points wait in a Redis stream with one consumer group, whose list of
// pending entries is the list of leases: a worker that lives keeps the idle
// time of its entries short, and an entry that has idled for a lease goes to
// whoever asks next. The list's count of deliveries, of those that a worker
// began, tells a point that kills its workers from one that was unlucky. Every change is one script, so
// no worker that dies between two commands leaves a point in neither place.
//
// A point is delivered at least once. What is done, the store decides: the
// server may forget everything at any time, and is filled again from there.
//
// The scripts use XPENDING with IDLE, so the server is Redis 6.2 or later.
package queue

import (
	"context"
	"crypto/rand"
	_ "embed" // for the scripts
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"

	"caravan/runner/sweep"
)

// Options say how points are handed out. The zero value of a field that is
// not required means its default.
type Options struct {
	Sweep  string        // required: whose points; a server holds those of many sweeps
	Worker string        // who claims; required of those who do, and theirs alone
	Lease  time.Duration // how long a silent worker keeps a point; 15 s
	// Deliveries is how often a point is handed out before it is called dead
	// rather than unlucky; sweep.DefaultDeliveries.
	Deliveries int
	// Batch is the most points that a worker holds without having begun; 64.
	// It holds fewer when they take long.
	Batch int
	// Patience is how long the server may be out of reach before that is an
	// error; 2 min.
	Patience time.Duration
}

func (o Options) withDefaults() Options {
	if o.Lease <= 0 {
		o.Lease = 15 * time.Second
	}
	if o.Deliveries <= 0 {
		o.Deliveries = sweep.DefaultDeliveries
	}
	if o.Batch <= 0 {
		o.Batch = 64
	}
	if o.Patience <= 0 {
		o.Patience = 2 * time.Minute
	}
	return o
}

// group is the consumer group of every sweep's stream.
const group = "workers"

// released is the consumer to whom returned points belong until the next
// claim.
const released = "-"

// pushChunk is how many points one script adds: the server answers nobody
// else meanwhile, about 2 ms.
const pushChunk = 1000

var (
	//go:embed push.lua
	pushSource string
	//go:embed claim.lua
	claimSource string
	//go:embed begin.lua
	beginSource string
	//go:embed keep.lua
	keepSource string
	//go:embed done.lua
	doneSource string
	//go:embed release.lua
	releaseSource string

	pushScript    = redis.NewScript(pushSource)
	claimScript   = redis.NewScript(claimSource)
	beginScript   = redis.NewScript(beginSource)
	keepScript    = redis.NewScript(keepSource)
	doneScript    = redis.NewScript(doneSource)
	releaseScript = redis.NewScript(releaseSource)
)

// A Queue is one process's access to the points of a sweep. It is safe for
// concurrent use.
type Queue struct {
	o      Options
	client *redis.Client
	keys   keys

	mu     sync.Mutex
	held   map[string]*Lease // by id: those that this process keeps alive
	ready  []*Lease          // held, and not begun
	epoch  string            // of the server's data when last seen; empty before
	lost   bool              // the epoch changed under us
	order  Order             // last heard
	halted chan struct{}     // closed while the order is to stop

	fetch   chan struct{} // holds one token: the right to fetch, and to what follows
	batch   int           // how many to fetch next
	looked  time.Time     // when a fetch last looked for leases that ran out
	fetched time.Time     // when the last batch came
	trouble time.Time     // since when the server is out of reach; zero for not

	returned atomic.Bool // this process gave a point back: look for it at once

	stop    context.CancelFunc
	stopped sync.WaitGroup
}

// keys are the names of a sweep's data, which the braces keep on one server
// of a Redis cluster.
type keys struct{ points, members, epoch, dead, control string }

func keysOf(sweep string) keys {
	p := "caravan:{" + sweep + "}:"
	return keys{points: p + "points", members: p + "members", epoch: p + "epoch", dead: p + "dead", control: p + "control"}
}

// Open connects to the server at url, redis://[user:password@]host[:port][/db]
// or rediss:// for TLS. Close the queue when done with it.
func Open(ctx context.Context, url string, o Options) (*Queue, error) {
	if o.Sweep == "" || strings.ContainsAny(o.Sweep, "{}") {
		return nil, fmt.Errorf("queue of sweep %q: a sweep needs a name without braces", o.Sweep)
	}
	client, err := connect(ctx, url)
	if err != nil {
		return nil, err
	}
	q := &Queue{
		o: o.withDefaults(), client: client, keys: keysOf(o.Sweep),
		held: map[string]*Lease{}, halted: make(chan struct{}), batch: 1, fetch: make(chan struct{}, 1),
	}
	q.fetch <- struct{}{}
	background, stop := context.WithCancel(context.Background())
	q.stop = stop
	q.stopped.Go(func() { q.keepAlive(background) })
	return q, nil
}

// Check reports why no queue can be opened at url, if so.
func Check(ctx context.Context, url string) error {
	client, err := connect(ctx, url)
	if err != nil {
		return err
	}
	return client.Close()
}

func connect(ctx context.Context, url string) (*redis.Client, error) {
	options, err := redis.ParseURL(url)
	if err != nil {
		return nil, fmt.Errorf("queue %q: %w; allowed: redis://[user:password@]host[:port][/db]", url, err)
	}
	options.DialerRetries = 1 // patience is ours
	logging.Disable()         // of what its callers get as errors
	client := redis.NewClient(options)
	if err := client.Ping(ctx).Err(); err != nil {
		return nil, errors.Join(fmt.Errorf("queue at %s: %w", options.Addr, err), client.Close())
	}
	return client, nil
}

// Close gives back the points that were not begun, and hangs up.
func (q *Queue) Close(ctx context.Context) error {
	q.stop()
	q.stopped.Wait()
	err := q.releaseReady(ctx)
	return errors.Join(err, q.client.Close())
}

// Push adds points; one that waits or is under way already stays as it is. A
// point that was done may come again: the queue remembers none.
func (q *Queue) Push(ctx context.Context, points ...string) error {
	return q.patiently(ctx, func() error { return q.push(ctx, points) })
}

func (q *Queue) push(ctx context.Context, points []string) error {
	pipe := q.client.Pipeline()
	var answers []*redis.Cmd
	for chunk := range slices.Chunk(points, pushChunk) {
		args := []any{rand.Text()}
		for _, p := range chunk {
			args = append(args, p)
		}
		answers = append(answers, pushScript.Eval(ctx, pipe, []string{q.keys.points, q.keys.members, q.keys.epoch}, args...))
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return fmt.Errorf("pushing points: %w", err)
	}
	for _, a := range answers {
		epoch, err := a.Text()
		if err != nil {
			return fmt.Errorf("pushing points: %w", err)
		}
		q.saw(epoch)
	}
	return nil
}

// patiently repeats f while the server is out of reach, until patience ends.
func (q *Queue) patiently(ctx context.Context, f func() error) error {
	since := time.Now()
	for {
		err := f()
		if err == nil || !away(err) || time.Since(since) > q.o.Patience {
			return err
		}
		if err := pause(ctx, q.look()/4); err != nil {
			return err
		}
	}
}

// away reports whether err is of a server that is out of reach, or starting.
func away(err error) bool {
	var network net.Error
	return errors.As(err, &network) || errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNREFUSED) ||
		strings.HasPrefix(err.Error(), "LOADING")
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// saw notes the epoch that the server's data bears.
func (q *Queue) saw(epoch string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.lost = q.lost || q.epoch != "" && q.epoch != epoch
	if epoch != "" {
		q.epoch = epoch
	}
}

// Lost reports whether the server has forgotten points since this process
// first pushed some or asked, and holds that answer until Restore.
func (q *Queue) Lost(ctx context.Context) (bool, error) {
	var epoch string
	err := q.patiently(ctx, func() (err error) {
		if epoch, err = q.client.Get(ctx, q.keys.epoch).Result(); errors.Is(err, redis.Nil) {
			return nil
		}
		return err
	})
	if err != nil {
		return false, fmt.Errorf("asking for the queue's epoch: %w", err)
	}
	q.saw(epoch)
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.lost, nil
}

// Restore pushes the points that the store calls unfinished to a server that
// has forgotten them. Those that it does hold stay as they are.
func (q *Queue) Restore(ctx context.Context, unfinished []string) error {
	q.mu.Lock()
	q.lost, q.epoch = false, ""
	q.mu.Unlock()
	return q.Push(ctx, unfinished...)
}
