package reassign

import (
	"context"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"caravan/workloads/instances"
)

// problems draws small problems whose start keeps every constraint.
func problems() *rapid.Generator[*instances.Reassignment] {
	return rapid.Custom(func(t *rapid.T) *instances.Reassignment {
		small := rapid.Int64Range(0, 9)
		machines, processes, services := rapid.IntRange(2, 3).Draw(t, "machines"), rapid.IntRange(1, 5).Draw(t, "processes"), rapid.IntRange(1, 3).Draw(t, "services")
		p := &instances.Reassignment{
			Name:      "drawn",
			Resources: []instances.ReassignResource{{Load: 3}, {Transient: true, Load: 1}},
			Balances:  []instances.ReassignBalance{{First: 0, Second: 1, Target: 2, Weight: 4}},
			Services:  make([]instances.ReassignService, services), ProcessMove: 1, ServiceMove: 2, MachineMove: 1,
		}
		for m := range machines {
			x := instances.ReassignMachine{Neighbourhood: m % 2, Location: m, Capacity: []int64{40, 40}, Safety: []int64{small.Draw(t, "safety"), small.Draw(t, "safety")}}
			for range machines {
				x.MoveTo = append(x.MoveTo, small.Draw(t, "to"))
			}
			p.Machines = append(p.Machines, x)
		}
		for range processes {
			p.Processes = append(p.Processes, instances.ReassignProcess{
				Service: rapid.IntRange(0, services-1).Draw(t, "service"),
				Need:    []int64{small.Draw(t, "need"), small.Draw(t, "need")}, Move: small.Draw(t, "move"),
			})
			p.Initial = append(p.Initial, rapid.IntRange(0, machines-1).Draw(t, "machine"))
		}
		if services > 1 && rapid.Bool().Draw(t, "depends") {
			p.Services[0].Depends = []int{1}
		}
		p.Services[0].Spread = rapid.IntRange(0, 2).Draw(t, "spread")
		if Check(p, p.Initial) != nil {
			t.Skip("the start breaks a constraint")
		}
		return p
	})
}

// brute is the least cost over all assignments.
func brute(p *instances.Reassignment) int64 {
	best, machine := int64(math.MaxInt64), make([]int, len(p.Processes))
	var extend func(k int)
	extend = func(k int) {
		if k == len(machine) {
			if Check(p, machine) == nil {
				best = min(best, Cost(p, machine))
			}
			return
		}
		for m := range p.Machines {
			machine[k] = m
			extend(k + 1)
		}
	}
	extend(0)
	return best
}

func TestTheSearchKeepsConstraintsAndCounts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := problems().Draw(t, "problem")
		initial := slices.Clone(p.Initial)
		r, err := Solve(context.Background(), p, Options{MaxSteps: 3000, Seed: 1})
		require.NoError(t, err)
		require.NoError(t, Check(p, r.Machine))
		require.Equal(t, Cost(p, r.Machine), r.Cost, "changes add up")
		require.LessOrEqual(t, r.Cost, Cost(p, p.Initial))
		least := brute(p)
		require.GreaterOrEqual(t, r.Cost, least)
		require.LessOrEqual(t, r.Bound, least)
		again, err := Solve(context.Background(), p, Options{MaxSteps: 3000, Seed: 1})
		require.NoError(t, err)
		require.Equal(t, r, again)
		require.Equal(t, initial, p.Initial)
	})
}

func TestEachConstraintIsNamed(t *testing.T) {
	p := &instances.Reassignment{
		Name:      "worked",
		Resources: []instances.ReassignResource{{Transient: true}},
		Machines: []instances.ReassignMachine{
			{Neighbourhood: 0, Location: 0, Capacity: []int64{10}, Safety: []int64{10}, MoveTo: []int64{0, 1}},
			{Neighbourhood: 1, Location: 1, Capacity: []int64{6}, Safety: []int64{6}, MoveTo: []int64{1, 0}},
		},
		Services: []instances.ReassignService{{Spread: 2}, {Depends: []int{0}}},
		Processes: []instances.ReassignProcess{
			{Service: 0, Need: []int64{5}}, {Service: 0, Need: []int64{3}}, {Service: 1, Need: []int64{4}},
		},
		Initial: []int{0, 1, 0},
	}
	require.NoError(t, p.Check())
	require.NoError(t, Check(p, p.Initial))
	assert.ErrorContains(t, Check(p, []int{0, 0, 0}), "two processes of service 0")
	assert.ErrorContains(t, Check(p, []int{0, 0, 0}), "1 locations, allowed: 2")
	assert.ErrorContains(t, Check(p, []int{0, 0, 1}), "neighbourhood 1 without service 0")
	assert.ErrorContains(t, Check(p, []int{0, 1, 1}), "machine 1 is over capacity")
	assert.ErrorContains(t, Check(p, []int{1, 0, 0}), "machine 0 is over capacity", "who left still holds")

	p.Initial = []int{0, 0, 0}
	_, err := Solve(context.Background(), p, Options{})
	assert.ErrorContains(t, err, "the assignment at the start")
}
