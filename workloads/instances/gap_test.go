package instances_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"caravan/workloads/instances"
)

const twoByThree = " 2 3\n 1 2 3\n 4 5 6\n 7 8 9\n 1 1 1\n 15 2\n"

func TestReadGAP(t *testing.T) {
	g, err := instances.ReadGAP(strings.NewReader(twoByThree), "small")
	require.NoError(t, err)
	assert.Equal(t, &instances.GAP{
		Name: "small", Cost: [][]int64{{1, 2, 3}, {4, 5, 6}}, Weight: [][]int64{{7, 8, 9}, {1, 1, 1}}, Capacity: []int64{15, 2},
	}, g)
	for _, c := range []struct {
		agent []int
		cost  int64
		ok    bool
	}{
		{[]int{0, 0, 1}, 9, true},
		{[]int{0, 1, 0}, 9, false}, // 16 on the first agent
		{[]int{1, 1, 1}, 15, false},
		{[]int{0, 0, 2}, 0, false},
		{[]int{0, 0}, 0, false},
	} {
		cost, ok := g.Evaluate(c.agent)
		assert.Equal(t, c.ok, ok, c.agent)
		assert.Equal(t, c.cost, cost, c.agent)
	}
	cost, _ := g.Negate().Evaluate([]int{0, 0, 1})
	assert.Equal(t, int64(-9), cost)
}

func TestReadGAPsBehindTheirNumber(t *testing.T) {
	all, err := instances.ReadGAPs(strings.NewReader("2\n"+twoByThree+twoByThree), "two")
	require.NoError(t, err)
	require.Len(t, all, 2)
	assert.Equal(t, "two-1", all[1].Name)
	assert.Equal(t, all[0].Cost, all[1].Cost)
	_, err = instances.ReadGAP(strings.NewReader("2\n"+twoByThree+twoByThree), "two")
	assert.EqualError(t, err, "two: 2 problems where one is expected")
}

func TestReadGAPSaysWhatIsWrong(t *testing.T) {
	for _, c := range []struct{ name, text, fault string }{
		{"empty", "", "neither agents"},
		{"word", "2 3\n1 x", `g:2: "x" is not an integer`},
		{"short", "1\n2 3 1 2 3", "3 numbers follow where 2 agents and 3 jobs need 2 x 2 x 3 + 2"},
		{"long", "1" + twoByThree + " 8", "1 numbers after the last problem"},
		{"negative", "1 1 5 -3 4", "weight -3 of job 0 on agent 0"},
		{"large", "1 1 5 3 4000000000", "capacity 4000000000 of agent 0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := instances.ReadGAP(strings.NewReader(c.text), "g")
			assert.ErrorContains(t, err, c.fault)
		})
	}
}

func TestGAPFamiliesRepeatAndDiffer(t *testing.T) {
	for _, kind := range []byte("abcde") {
		f := instances.GAPFamily{Type: kind, Agents: 5, Jobs: 30}
		g := f.Instance(1)
		require.NoError(t, g.Check())
		assert.Equal(t, g, f.Instance(1))
		assert.NotEqual(t, g.Cost, f.Instance(2).Cost)
	}
	assert.Equal(t, "d05030-7", instances.GAPFamily{Type: 'd', Agents: 5, Jobs: 30}.Name(7))
}

func FuzzReadGAP(f *testing.F) {
	f.Add(twoByThree)
	f.Add("2\n" + twoByThree + twoByThree)
	f.Add("1000000000 1000000000 1")
	f.Fuzz(func(t *testing.T, text string) {
		all, err := instances.ReadGAPs(strings.NewReader(text), "f")
		if err != nil {
			return
		}
		for _, g := range all {
			require.NoError(t, g.Check())
			g.Evaluate(make([]int, g.Jobs()))
		}
	})
}
