package controlplane

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestBlockedWakesEligibleUnseenAndEscaped(t *testing.T) {
	b := newBlocked()
	b.shape(0).mark(0, ineligible)
	b.shape(0).mark(1, eligible)
	b.shape(1).escaped = true
	b.shape(1).mark(0, ineligible)
	stays, goes := &Evaluation{Job: 1, Node: -1}, &Evaluation{Job: 2, Node: -1}
	b.block(stays, 0)
	b.block(goes, 1)
	assert.Equal(t, []*Evaluation{goes}, unblock(b, 0, 5))
	assert.Equal(t, []*Evaluation{stays}, unblock(b, 2, 6), "an unseen class may do")
	assert.Zero(t, b.len())
}

func TestBlockedKeepsTheNewestOfAJob(t *testing.T) {
	b := newBlocked()
	first, second := &Evaluation{Job: 1, Node: -1}, &Evaluation{Job: 1, Node: -1}
	b.block(first, 0)
	missed, cancelled := b.block(second, 0)
	require.False(t, missed)
	assert.Same(t, first, cancelled)
	assert.Equal(t, []*Evaluation{second}, unblock(b, 0, 1))
}

func TestBlockedCatchesWhatHappenedMeanwhile(t *testing.T) {
	b := newBlocked()
	b.shape(0).mark(0, ineligible)
	unblock(b, 0, 10)
	missed, _ := b.block(&Evaluation{Job: 1, Node: -1, snapshot: 9}, 0)
	assert.False(t, missed, "room on a class that is no use")
	missed, _ = b.block(&Evaluation{Job: 2, Node: -1, snapshot: 9}, 1)
	assert.True(t, missed)
	missed, _ = b.block(&Evaluation{Job: 2, Node: -1, snapshot: 10}, 1)
	assert.False(t, missed)
}

func TestBlockedSystemJobsWaitForANode(t *testing.T) {
	b := newBlocked()
	here, there := &Evaluation{Job: 1, Node: 3}, &Evaluation{Job: 1, Node: 4}
	b.block(here, 0)
	b.block(there, 0)
	assert.Empty(t, unblock(b, 0, 1))
	assert.Equal(t, []*Evaluation{here}, b.unblockNode(3, nil))
	assert.Equal(t, 1, b.len())
}

func unblock(b *blockedEvals, class int32, index uint64) []*Evaluation {
	b.note(class, index)
	return b.unblock(class, nil)
}
