package controlplane

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func noTies(int) int { return 1 }

func TestBrokerServesByPriorityThenAge(t *testing.T) {
	b := NewBroker(BrokerOptions{}, noTies)
	push := func(job int32, priority int, index uint64) {
		b.Enqueue(&Evaluation{Job: job, Priority: priority, CreateIndex: index}, 0)
	}
	next := func() int32 {
		e, token := b.Dequeue()
		require.NotNil(t, e)
		_, err := b.Ack(e, token, 0)
		require.NoError(t, err)
		return e.Job
	}
	push(1, 50, 1)
	push(3, 70, 3)
	push(2, 50, 2)
	assert.EqualValues(t, 3, next())
	assert.EqualValues(t, 1, next())
	push(4, 50, 4)
	assert.EqualValues(t, 2, next())
}

func TestBrokerPromotesTheNewestAndCancelsTheOthers(t *testing.T) {
	b := NewBroker(BrokerOptions{}, noTies)
	for i := range uint64(4) {
		b.Enqueue(&Evaluation{Job: 7, Priority: 50, CreateIndex: i, ModifyIndex: i}, 0)
	}
	e, token := b.Dequeue()
	require.EqualValues(t, 0, e.CreateIndex)
	second, _ := b.Dequeue()
	require.Nil(t, second, "one evaluation of a job at a time")
	cancelled, err := b.Ack(e, token, 0)
	require.NoError(t, err)
	assert.Len(t, cancelled, 2)
	e, _ = b.Dequeue()
	assert.EqualValues(t, 3, e.CreateIndex)
}

func TestBrokerNackDelaysAndDeliveryLimit(t *testing.T) {
	b := NewBroker(BrokerOptions{DeliveryLimit: 4}, noTies)
	e := &Evaluation{Job: 1}
	b.Enqueue(e, 0)
	for _, want := range []time.Duration{time.Second, 20 * time.Second, 40 * time.Second} {
		_, token := b.Dequeue()
		delay, failed, err := b.Nack(e, token)
		require.NoError(t, err)
		require.False(t, failed)
		assert.Equal(t, want, delay)
		b.Retry(e, 0)
	}
	_, token := b.Dequeue()
	_, failed, err := b.Nack(e, token)
	require.NoError(t, err)
	assert.True(t, failed)
	_, _, err = b.Nack(e, token)
	assert.Error(t, err, "a delivery ends once")
}

func TestBrokerPeekLastComparesTheLastSlots(t *testing.T) {
	order := func(peek bool) (kinds []Kind) {
		b := NewBroker(BrokerOptions{PeekLast: peek}, noTies)
		// Heads: service 90, batch 50; last slots: service 10, batch 50.
		for i, e := range []Evaluation{{Kind: Service, Priority: 90}, {Kind: Service, Priority: 10}, {Kind: Batch, Priority: 50}} {
			e.Job, e.CreateIndex = int32(i), uint64(i)
			b.Enqueue(&e, 0)
		}
		for range 3 {
			e, _ := b.Dequeue()
			kinds = append(kinds, e.Kind)
		}
		return kinds
	}
	assert.Equal(t, []Kind{Service, Batch, Service}, order(false))
	assert.Equal(t, []Kind{Batch, Service, Service}, order(true))
}

// A random history: evaluations are never lost, never handed out twice at
// once for one job, and every one ends acknowledged, cancelled or given up.
func TestBrokerLosesNothingAndServesAJobOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := NewBroker(BrokerOptions{}, func(n int) int { return rapid.IntRange(0, n-1).Draw(t, "tie") })
		now := time.Duration(0)
		var made, ended, waiting int
		type delivery struct {
			e     *Evaluation
			token uint64
		}
		var held []delivery
		var retry []*Evaluation
		busy := map[int32]bool{}
		end := func(d delivery, ack bool) {
			delete(busy, d.e.Job)
			if ack {
				cancelled, err := b.Ack(d.e, d.token, now)
				require.NoError(t, err)
				ended += 1 + len(cancelled)
				return
			}
			_, failed, err := b.Nack(d.e, d.token)
			require.NoError(t, err)
			if failed {
				ended += 1 + len(b.Drop(d.e, now))
				return
			}
			retry = append(retry, d.e)
		}
		step := func(kind int) {
			switch kind {
			case 0:
				made++
				b.Enqueue(&Evaluation{
					Job: rapid.Int32Range(0, 3).Draw(t, "job"), Kind: Kind(rapid.IntRange(0, 3).Draw(t, "kind")),
					Priority: rapid.IntRange(1, 4).Draw(t, "priority"), CreateIndex: uint64(made), ModifyIndex: uint64(made),
					WaitUntil: now + time.Duration(rapid.IntRange(0, 2).Draw(t, "wait"))*time.Second,
				}, now)
			case 1:
				if e, token := b.Dequeue(); e != nil {
					require.False(t, busy[e.Job], "job %d is handed out already", e.Job)
					busy[e.Job] = true
					held = append(held, delivery{e, token})
				}
			case 2:
				if len(held) > 0 {
					i := rapid.IntRange(0, len(held)-1).Draw(t, "which")
					d := held[i]
					held = append(held[:i], held[i+1:]...)
					end(d, rapid.Bool().Draw(t, "ack"))
				}
			case 3:
				now += time.Second
				b.Due(now)
				for _, e := range retry {
					b.Retry(e, now)
				}
				retry = retry[:0]
			}
			ready, out, pending, delayed := b.Len()
			require.Equal(t, len(held), out)
			require.Equal(t, made, ended+ready+out+pending+delayed+len(retry))
		}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			step(rapid.IntRange(0, 3).Draw(t, "step"))
		}
		for ; made > ended && waiting < 10000; waiting++ {
			step(3)
			step(1)
			for len(held) > 0 {
				d := held[0]
				held = held[1:]
				end(d, true)
			}
		}
		require.Equal(t, made, ended)
	})
}
