package queue_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"caravan/runner/queue"
	"caravan/runner/queue/serverstest"
	"caravan/runner/sweep"
)

// long is more than any claim of these tests waits.
const long = 20 * time.Second

// short is a lease that runs out while a test looks on.
const short = 150 * time.Millisecond

// onEach runs a test on the server made for tests and on a real one.
func onEach(t *testing.T, f func(t *testing.T, url string, forget func())) {
	t.Run("miniredis", func(t *testing.T) {
		m := miniredis.RunT(t)
		f(t, "redis://"+m.Addr(), m.FlushAll)
	})
	t.Run("redis-server", func(t *testing.T) {
		s := serverstest.Redis(t)
		f(t, s.URL, func() { s.Kill(t); s.Start(t) })
	})
}

func open(t testing.TB, url, worker string, lease time.Duration) *queue.Queue {
	t.Helper()
	q, err := queue.Open(t.Context(), url, queue.Options{Sweep: "s", Worker: worker, Lease: lease, Deliveries: 3})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, q.Close(context.Background())) })
	return q
}

func names(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf("p%04d", i)
	}
	return out
}

func claim(t testing.TB, q *queue.Queue) sweep.Lease {
	t.Helper()
	l, ok, err := q.Claim(t.Context(), long)
	require.NoError(t, err)
	require.True(t, ok, "no point came")
	return l
}

func TestEveryPointIsHandedOutOnce(t *testing.T) {
	onEach(t, func(t *testing.T, url string, _ func()) {
		producer, a, b := open(t, url, "", 0), open(t, url, "a", 0), open(t, url, "b", 0)
		require.NoError(t, producer.Push(t.Context(), names(1500)...))
		require.NoError(t, producer.Push(t.Context(), names(10)...), "again")
		held, err := producer.Holds(t.Context(), []string{"p0007", "p9999"})
		require.NoError(t, err)
		assert.Equal(t, map[string]bool{"p0007": true, "p9999": false}, held)
		var got []string
		for i := range 1500 {
			l, ok, err := []*queue.Queue{a, b}[i/7%2].Claim(t.Context(), 0)
			require.NoError(t, err)
			if !ok { // the other holds the rest
				l = claim(t, []*queue.Queue{b, a}[i/7%2])
			}
			assert.Equal(t, 1, l.Delivery())
			got = append(got, l.Hash())
			require.NoError(t, l.Done(t.Context()))
		}
		slices.Sort(got)
		assert.Equal(t, names(1500), got)
		_, ok, err := a.Claim(t.Context(), 0)
		assert.NoError(t, err)
		assert.False(t, ok)
		count, err := a.Count(t.Context())
		require.NoError(t, err)
		assert.Zero(t, count)
	})
}

func TestAPointOfAKilledWorkerGoesToAnother(t *testing.T) {
	onEach(t, func(t *testing.T, url string, _ func()) {
		a, b := open(t, url, "a", short), open(t, url, "b", short)
		require.NoError(t, a.Push(t.Context(), "p"))
		first := claim(t, a)
		a.Abandon()
		second := claim(t, b)
		assert.Equal(t, "p", second.Hash())
		assert.Equal(t, 2, second.Delivery())
		assert.ErrorIs(t, first.Keep(t.Context()), sweep.ErrLost)
		assert.NoError(t, second.Keep(t.Context()))
	})
}

func TestAPointThatAKilledWorkerDidNotBeginIsAsNew(t *testing.T) {
	onEach(t, func(t *testing.T, url string, _ func()) {
		a, b := open(t, url, "a", short), open(t, url, "b", short)
		require.NoError(t, a.Push(t.Context(), names(40)...))
		begun := map[string]bool{}
		for range 5 { // of batches of 2, 4 and 8
			begun[claim(t, a).Hash()] = true
		}
		a.Abandon()
		for range 40 {
			l := claim(t, b)
			want := 1
			if begun[l.Hash()] {
				want = 2
			}
			assert.Equal(t, want, l.Delivery(), l.Hash())
			require.NoError(t, l.Done(t.Context()))
		}
	})
}

func TestALivingWorkerKeepsItsPoint(t *testing.T) {
	onEach(t, func(t *testing.T, url string, _ func()) {
		// A busy machine can stop a heart for longer than a short lease.
		const lease = time.Second
		a, b := open(t, url, "a", lease), open(t, url, "b", lease)
		require.NoError(t, a.Push(t.Context(), "p"))
		l := claim(t, a)
		_, ok, err := b.Claim(t.Context(), 2*lease)
		require.NoError(t, err)
		assert.False(t, ok)
		assert.NoError(t, l.Keep(t.Context()))
	})
}

func TestAFailingPointIsTriedAgainAndThenDies(t *testing.T) {
	onEach(t, func(t *testing.T, url string, _ func()) {
		q := open(t, url, "a", 0)
		require.NoError(t, q.Push(t.Context(), "p"))
		for want := 1; want <= 3; want++ {
			l := claim(t, q)
			assert.Equal(t, want, l.Delivery())
			require.NoError(t, l.Fail(t.Context(), errors.New("no memory")))
		}
		dead, err := q.Letters(t.Context())
		require.NoError(t, err)
		assert.Equal(t, []queue.Letter{{Point: "p", Cause: "no memory"}}, dead)
		_, ok, err := q.Claim(t.Context(), 0)
		require.NoError(t, err)
		assert.False(t, ok)
		require.NoError(t, q.Push(t.Context(), "p"), "once more")
		assert.Equal(t, 1, claim(t, q).Delivery())
	})
}

func TestAPointThatKillsItsWorkersIsWorn(t *testing.T) {
	url := "redis://" + miniredis.RunT(t).Addr()
	producer := open(t, url, "", short)
	require.NoError(t, producer.Push(t.Context(), "p"))
	for i := 1; i <= 4; i++ {
		q := open(t, url, fmt.Sprint("w", i), short)
		assert.Equal(t, i > 3, claim(t, q).(*queue.Lease).Worn())
		q.Abandon()
	}
}

func TestAServerThatForgotIsFilledAgain(t *testing.T) {
	onEach(t, func(t *testing.T, url string, forget func()) {
		producer, worker := open(t, url, "", short), open(t, url, "a", short)
		all := names(1200)
		require.NoError(t, producer.Push(t.Context(), all...))
		old := claim(t, worker)
		lost, err := producer.Lost(t.Context())
		require.NoError(t, err)
		assert.False(t, lost)

		forget()
		lost, err = producer.Lost(t.Context())
		require.NoError(t, err)
		assert.True(t, lost)
		require.NoError(t, producer.Restore(t.Context(), all))
		lost, err = producer.Lost(t.Context())
		require.NoError(t, err)
		assert.False(t, lost)

		require.NoError(t, old.Done(t.Context()), "it has nothing to take")
		seen := map[string]bool{}
		for len(seen) < len(all) {
			l := claim(t, worker)
			seen[l.Hash()] = true
			require.NoError(t, l.Done(t.Context()))
		}
	})
}

func TestAPushToAServerThatForgotIsNotMistakenForAll(t *testing.T) {
	m := miniredis.RunT(t)
	producer, other := open(t, "redis://"+m.Addr(), "", 0), open(t, "redis://"+m.Addr(), "a", 0)
	require.NoError(t, producer.Push(t.Context(), "p", "q"))
	m.FlushAll()
	require.NoError(t, other.Push(t.Context(), "q"))
	lost, err := producer.Lost(t.Context())
	require.NoError(t, err)
	assert.True(t, lost)
}

func TestWorkersHearOrders(t *testing.T) {
	onEach(t, func(t *testing.T, url string, _ func()) {
		boss, worker := open(t, url, "", short), open(t, url, "a", short)
		require.NoError(t, boss.Push(t.Context(), names(100)...))
		l := claim(t, worker)
		require.NoError(t, boss.Give(t.Context(), queue.Stop))
		<-worker.Stopped()
		assert.Equal(t, queue.Stop, worker.Order())
		require.NoError(t, l.(*queue.Lease).GiveBack(t.Context()))
		_, ok, err := worker.Claim(t.Context(), 0)
		require.NoError(t, err)
		assert.False(t, ok, "a point was handed out after the order")
		require.NoError(t, boss.Give(t.Context(), queue.Go))
		require.Eventually(t, func() bool { return worker.Order() == queue.Go }, long, short/10)
		claim(t, worker)
	})
}

func TestAWorkerThatLeavesGivesBackWhatItDidNotBegin(t *testing.T) {
	onEach(t, func(t *testing.T, url string, _ func()) {
		boss := open(t, url, "", 0)
		require.NoError(t, boss.Push(t.Context(), names(40)...))
		a, err := queue.Open(t.Context(), url, queue.Options{Sweep: "s", Worker: "a"})
		require.NoError(t, err)
		for range 5 { // batches of 2, 4 and 8
			require.NoError(t, claim(t, a).Done(t.Context()))
		}
		require.NoError(t, a.Close(t.Context()))
		b := open(t, url, "b", 0)
		for range 35 {
			l := claim(t, b)
			assert.Equal(t, 1, l.Delivery(), "of %s", l.Hash())
			require.NoError(t, l.Done(t.Context()))
		}
		members, err := boss.Members(t.Context())
		require.NoError(t, err)
		require.Len(t, members, 2)
		assert.Equal(t, "b", members[1].Name)
		require.NoError(t, boss.Reset(t.Context()))
		members, err = boss.Members(t.Context())
		require.NoError(t, err)
		assert.Empty(t, members)
	})
}

func TestAServerOutOfReachIsWaitedFor(t *testing.T) {
	s := serverstest.Redis(t)
	q := open(t, s.URL, "a", short)
	require.NoError(t, q.Push(t.Context(), "p"))
	s.Kill(t)
	_, ok, err := q.Claim(t.Context(), short)
	require.NoError(t, err)
	assert.False(t, ok)
	s.Start(t)
	require.NoError(t, q.Restore(t.Context(), []string{"p"}))
	assert.Equal(t, "p", claim(t, q).Hash())
}

func TestAServerAwayForTooLongIsAnError(t *testing.T) {
	m := miniredis.RunT(t)
	q, err := queue.Open(t.Context(), "redis://"+m.Addr(), queue.Options{Sweep: "s", Worker: "a", Lease: short, Patience: short})
	require.NoError(t, err)
	m.Close()
	_, _, err = q.Claim(t.Context(), long)
	assert.ErrorContains(t, err, "out of reach")
	q.Abandon()
}

func TestWhatIsNoAddressIsRefused(t *testing.T) {
	for _, url := range []string{"", "localhost", "http://localhost", "redis://localhost:x", "redis://localhost/x"} {
		_, err := queue.Open(t.Context(), url, queue.Options{Sweep: "s"})
		assert.ErrorContains(t, err, "allowed: redis://", "%q", url)
	}
	_, err := queue.Open(t.Context(), "redis://localhost", queue.Options{Sweep: "a{b"})
	assert.ErrorContains(t, err, "without braces")
}

// Whatever workers do, a point is with the queue, with the dead, or done.
func TestNoPointIsEverInNeitherPlace(t *testing.T) {
	m := miniredis.RunT(t)
	run := 0
	rapid.Check(t, func(rt *rapid.T) {
		run++
		o := queue.Options{Sweep: fmt.Sprint("s", run), Worker: "a", Deliveries: 2, Batch: 4}
		q, err := queue.Open(t.Context(), "redis://"+m.Addr(), o)
		require.NoError(rt, err)
		defer func() { require.NoError(rt, q.Close(context.Background())) }()
		pushed, gone := map[string]bool{}, map[string]bool{}
		var leases []sweep.Lease
		pick := func() sweep.Lease {
			if len(leases) == 0 {
				rt.Skip("nothing leased")
			}
			i := rapid.IntRange(0, len(leases)-1).Draw(rt, "lease")
			l := leases[i]
			leases = slices.Delete(leases, i, i+1)
			return l
		}
		rt.Repeat(map[string]func(*rapid.T){
			"push": func(rt *rapid.T) {
				for _, p := range rapid.SliceOfN(rapid.SampledFrom(names(9)), 1, 9).Draw(rt, "points") {
					require.NoError(rt, q.Push(t.Context(), p))
					pushed[p] = true
					delete(gone, p)
				}
			},
			"claim": func(rt *rapid.T) {
				l, ok, err := q.Claim(t.Context(), 0)
				require.NoError(rt, err)
				if ok {
					leases = append(leases, l)
				}
			},
			"done": func(rt *rapid.T) {
				l := pick()
				require.NoError(rt, l.Done(t.Context()))
				gone[l.Hash()] = true
			},
			"fail": func(rt *rapid.T) {
				l := pick()
				require.NoError(rt, l.Fail(t.Context(), errors.New("x")))
				if l.Delivery() >= o.Deliveries {
					gone[l.Hash()] = true
				}
			},
			"": func(rt *rapid.T) {
				count, err := q.Count(t.Context())
				require.NoError(rt, err)
				assert.Equal(rt, len(pushed)-len(gone), count.Waiting+count.Leased)
			},
		})
	})
}

// BenchmarkHandOut is how many points a second one worker process claims and
// finishes, from a real server.
func BenchmarkHandOut(b *testing.B) {
	s := serverstest.Redis(b)
	producer, worker := open(b, s.URL, "", 0), open(b, s.URL, "a", 0)
	require.NoError(b, producer.Push(b.Context(), names(b.N)...))
	b.ResetTimer()
	for range b.N {
		require.NoError(b, claim(b, worker).Done(b.Context()))
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "points/s")
}

// BenchmarkRecovery is how long after the kill of its worker a point goes to
// another, with the default lease: -benchtime 1x takes a quarter of a minute.
func BenchmarkRecovery(b *testing.B) {
	s := serverstest.Redis(b)
	producer := open(b, s.URL, "", 0)
	for i := range b.N {
		a, other := open(b, s.URL, fmt.Sprint("a", i), 0), open(b, s.URL, fmt.Sprint("b", i), 0)
		require.NoError(b, producer.Push(b.Context(), "p"))
		claim(b, a)
		a.Abandon()
		l, ok, err := other.Claim(b.Context(), time.Minute)
		require.NoError(b, err)
		require.True(b, ok)
		require.NoError(b, l.Done(b.Context()))
	}
	b.ReportMetric(b.Elapsed().Seconds()/float64(b.N), "s/recovery")
}
