package agent_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"caravan/runner/agent"
	"caravan/workloads"
)

// patience bounds what a test waits for.
const patience = 30 * time.Second

// cluster is agents in this process.
type cluster struct {
	t   *testing.T
	dir string
	ctx context.Context
}

func newCluster(t *testing.T) *cluster {
	return &cluster{t: t, dir: t.TempDir(), ctx: t.Context()}
}

// config is an operator that holds a core for a millisecond.
func (c *cluster) config(name string, index int, successors ...string) agent.Config {
	out := agent.Config{
		Version: agent.ConfigVersion, Run: "test", Name: name, Pipeline: "p", Operator: name, Index: index, Node: "n",
		Listen: "127.0.0.1:0", HTTP: "127.0.0.1:0", Announce: filepath.Join(c.dir, name),
		Cores: 1, Speed: 1, Work: agent.Work{Kind: agent.Hold, Time: workloads.Const(0.001)},
		Output: workloads.Const(10), Collect: true,
	}
	for _, s := range successors {
		out.Successors = append(out.Successors, agent.Peer{Name: s, Lookup: c.lookup(s)})
	}
	return out
}

func (c *cluster) lookup(name string) agent.Lookup {
	return agent.Lookup{File: filepath.Join(c.dir, name)}
}

// start runs an agent; stop ends it and waits until it has.
func (c *cluster) start(conf agent.Config) (stop func()) {
	ctx, cancel := context.WithCancel(c.ctx)
	ended := make(chan error, 1)
	go func() { ended <- agent.Run(ctx, conf, slog.New(slog.NewTextHandler(io.Discard, nil))) }()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			assert.NoError(c.t, <-ended)
		})
	}
	c.t.Cleanup(stop)
	return stop
}

// collect subscribes to an agent.
func (c *cluster) collect(name string) <-chan *agent.Message {
	out := make(chan *agent.Message, 1000)
	go agent.Subscribe(c.ctx, "test", name, c.lookup(name).Dial, func(m *agent.Message) { out <- m })
	return out
}

func (c *cluster) take(from <-chan *agent.Message) *agent.Message {
	c.t.Helper()
	select {
	case m := <-from:
		return m
	case <-time.After(patience):
		require.FailNow(c.t, "nothing came out")
		return nil
	}
}

func request(id uint64) *agent.Message {
	return &agent.Message{Request: id, From: agent.Outside, CreatedAt: time.Now().UnixNano()}
}

func TestRequestPassesAChainWhoseAgentsComeUpInAnyOrder(t *testing.T) {
	c := newCluster(t)
	s := agent.NewSender(c.ctx, "test", "a", c.lookup("a").Dial)
	s.Send(request(1), nil)
	out := c.collect("c")
	c.start(c.config("c", 2))
	c.start(c.config("b", 1, "c"))
	c.start(c.config("a", 0, "b"))
	m := c.take(out)
	assert.Equal(t, agent.Answered, m.Outcome)
	require.Len(t, m.Hops, 3)
	require.Len(t, m.Crossings, 2)
	for i, h := range m.Hops {
		assert.Equal(t, i, h.Operator)
		assert.LessOrEqual(t, h.JoinedAt, h.StartedAt)
		assert.GreaterOrEqual(t, h.EndedAt-h.StartedAt, int64(time.Millisecond))
	}
	assert.Equal(t, 10, m.Crossings[0].Bytes)
	require.Eventually(t, func() bool { return s.Unsent() == 0 }, patience, time.Millisecond)
}

func TestJoinWaitsForEveryBranch(t *testing.T) {
	c := newCluster(t)
	join := c.config("d", 3)
	join.Predecessors = 2
	c.start(c.config("a", 0, "b", "c"))
	c.start(c.config("b", 1, "d"))
	c.start(c.config("c", 2, "d"))
	c.start(join)
	s := agent.NewSender(c.ctx, "test", "a", c.lookup("a").Dial)
	out := c.collect("d")
	for i := range uint64(5) {
		s.Send(request(i), nil)
	}
	for range 5 {
		m := c.take(out)
		assert.Len(t, m.Hops, 4)
		assert.Len(t, m.Crossings, 4)
	}
}

func TestNoMessageIsLostWhenAnAgentDies(t *testing.T) {
	c := newCluster(t)
	out := c.collect("c")
	c.start(c.config("a", 0, "b"))
	slow := c.config("b", 1, "c")
	slow.Work.Time = workloads.Const(0.01)
	stop := c.start(slow)
	c.start(c.config("c", 2))
	s := agent.NewSender(c.ctx, "test", "a", c.lookup("a").Dial)
	const n = 30
	for i := range uint64(n) {
		s.Send(request(i), nil)
	}
	seen := map[uint64]bool{}
	for i := range n {
		m := c.take(out)
		assert.False(t, seen[m.Request], "request %d came out twice", m.Request)
		seen[m.Request] = true
		if i == 5 {
			stop()
			c.start(slow)
		}
	}
	assert.Len(t, seen, n)
}

func TestAgentsOfANodeShareItsCores(t *testing.T) {
	c := newCluster(t)
	first, second := c.config("a", 0), c.config("b", 0)
	far := c.lookup("a")
	second.Gate = &far
	first.Work.Time, second.Work.Time = workloads.Const(0.005), workloads.Const(0.005)
	c.start(first)
	c.start(second)
	outs := []<-chan *agent.Message{c.collect("a"), c.collect("b")}
	for i, name := range []string{"a", "b"} {
		s := agent.NewSender(c.ctx, "test", name, c.lookup(name).Dial)
		for r := range uint64(10) {
			s.Send(request(uint64(i)*100+r), nil)
		}
	}
	var hops []agent.Hop
	for range 10 {
		hops = append(hops, c.take(outs[0]).Hops[0], c.take(outs[1]).Hops[0])
	}
	for i, x := range hops {
		for _, y := range hops[:i] {
			assert.True(t, x.EndedAt <= y.StartedAt || y.EndedAt <= x.StartedAt, "two services overlap on one core")
		}
	}
}

func TestPreemptedWorkIsResumed(t *testing.T) {
	c := newCluster(t)
	conf := c.config("a", 0)
	conf.Discipline = "preemptive"
	conf.Work.Kind = agent.Burn
	c.start(conf)
	s := agent.NewSender(c.ctx, "test", "a", c.lookup("a").Dial)
	out := c.collect("a")
	low, high := request(1), request(2)
	low.Work, high.Work = []time.Duration{200 * time.Millisecond}, []time.Duration{time.Millisecond}
	high.Priority = 9
	s.Send(low, func() { s.Send(high, nil) })
	first, second := c.take(out), c.take(out)
	assert.Equal(t, []uint64{2, 1}, []uint64{first.Request, second.Request})
	assert.GreaterOrEqual(t, second.Hops[0].CPU, int64(200*time.Millisecond), "no work is lost")
}

func TestFullQueueRejectsFromOutsideAndHoldsBackWithin(t *testing.T) {
	c := newCluster(t)
	first, second := c.config("a", 0, "b"), c.config("b", 1)
	first.Successors[0].Window = 1
	second.Queue = 1
	second.Work.Time = workloads.Const(0.02)
	first.Queue = 2
	c.start(first)
	c.start(second)
	s := agent.NewSender(c.ctx, "test", "a", c.lookup("a").Dial)
	rejected, answered := c.collect("a"), c.collect("b")
	for i := range uint64(20) {
		s.Send(request(i), nil)
	}
	outcomes := map[agent.Outcome]int{}
	for range 20 {
		var m *agent.Message
		select {
		case m = <-rejected:
		case m = <-answered:
		case <-time.After(patience):
			require.FailNow(t, "nothing came out")
		}
		outcomes[m.Outcome]++
	}
	assert.Positive(t, outcomes[agent.Rejected])
	assert.Positive(t, outcomes[agent.Answered])
}

func TestProgramAnswersEachMessage(t *testing.T) {
	c := newCluster(t)
	conf := c.config("a", 0, "b")
	conf.Work = agent.Work{Kind: agent.Exec, Exec: []string{"sed", "-u", "s/x/y/g"}}
	c.start(conf)
	c.start(c.config("b", 1))
	s := agent.NewSender(c.ctx, "test", "a", c.lookup("a").Dial)
	out := c.collect("b")
	m := request(7)
	m.Payload = []byte("axa")
	s.Send(m, nil)
	c.take(out)
	resp, err := http.Get("http://" + c.http("a") + "/last_output")
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	assert.Equal(t, "aya", string(body))
	assert.Equal(t, "7", resp.Header.Get("X-Caravan-Request"))
}

// http is where an agent answers.
func (c *cluster) http(name string) string {
	var at agent.Announced
	data, err := os.ReadFile(filepath.Join(c.dir, name))
	require.NoError(c.t, err)
	require.NoError(c.t, json.Unmarshal(data, &at))
	return at.HTTP
}

func TestBatchIsServedAsOneUnit(t *testing.T) {
	c := newCluster(t)
	full, waits := c.config("a", 0), c.config("b", 0)
	full.Batch, waits.Batch, waits.BatchWait = 4, 4, 10*time.Millisecond
	c.start(full)
	c.start(waits)
	s := agent.NewSender(c.ctx, "test", "a", c.lookup("a").Dial)
	out := c.collect("a")
	for i := range uint64(4) {
		s.Send(request(i), nil)
	}
	starts := map[int64]int{}
	for range 4 {
		starts[c.take(out).Hops[0].StartedAt]++
	}
	assert.Len(t, starts, 1, "four requests are one service")
	agent.NewSender(c.ctx, "test", "b", c.lookup("b").Dial).Send(request(9), nil)
	assert.Equal(t, uint64(9), c.take(c.collect("b")).Request, "a batch that does not fill goes after its wait")
}

func TestLateRequestsAreDropped(t *testing.T) {
	c := newCluster(t)
	conf := c.config("a", 0)
	conf.DropLate = true
	c.start(conf)
	s := agent.NewSender(c.ctx, "test", "a", c.lookup("a").Dial)
	m := request(1)
	m.ExpiresAt = m.CreatedAt - 1
	s.Send(m, nil)
	assert.Equal(t, agent.Expired, c.take(c.collect("a")).Outcome)
}

func TestSourceMakesItsRequests(t *testing.T) {
	c := newCluster(t)
	conf := c.config("a", 0)
	conf.Source = &agent.Source{Arrivals: workloads.Arrivals{Kind: workloads.Poisson, Rate: 200, Count: 5}}
	c.start(conf)
	out := c.collect("a")
	for range 5 {
		c.take(out)
	}
}

func TestMetricsAndHistogramsAreServed(t *testing.T) {
	c := newCluster(t)
	c.start(c.config("a", 0))
	s := agent.NewSender(c.ctx, "test", "a", c.lookup("a").Dial)
	s.Send(request(1), nil)
	c.take(c.collect("a"))
	for path, want := range map[string]string{
		"/metrics": "caravan_agent_requests_total{", "/histograms": `"service"`, "/status": `"served":1`, "/healthz": "ok", "/clock": "1",
	} {
		resp, err := http.Get("http://" + c.http("a") + path)
		require.NoError(t, err)
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		assert.Contains(t, string(body), want, path)
	}
}
