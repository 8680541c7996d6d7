package partition

import (
	"context"
	"encoding/csv"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"caravan/workloads/instances"
)

const published = "../../workloads/instances/testdata/dnn/"

func alexnet(t *testing.T) []instances.ChainLayer {
	f, err := os.Open(published + "alexnet_chain.csv")
	require.NoError(t, err)
	defer f.Close()
	chain, err := instances.ReadLayerChain(f, "alexnet")
	require.NoError(t, err)
	return chain
}

// The optima that come with AlexNet's profile: bottlenecks of contiguous
// stages, on equal processors and on others, and cuts between edge and cloud.
// A batch has 256 images.
func TestAlexNetIsCutAsExpected(t *testing.T) {
	layers := alexnet(t)
	f, err := os.Open(published + "alexnet_expected.csv")
	require.NoError(t, err)
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	require.NoError(t, err)
	require.Len(t, rows, 33)
	number := regexp.MustCompile(`[0-9.]+`)
	for _, row := range rows[1:] {
		t.Run(row[0]+" "+row[1], func(t *testing.T) {
			if strings.HasPrefix(row[0], "edge-cloud") {
				slower, _ := strconv.ParseFloat(number.FindAllString(row[0], -1)[1], 64)
				uplink, _ := strconv.ParseFloat(number.FindString(row[1]), 64)
				testCut(t, layers, slower, uplink, row[2])
				return
			}
			want, err := strconv.ParseFloat(row[2], 64)
			require.NoError(t, err)
			var c Chain
			for _, l := range layers {
				w := l.Forward
				if strings.Contains(row[0], "fwd+bwd") {
					w += l.Backward
				}
				c.Work = append(c.Work, w)
			}
			var speeds []float64
			for _, s := range number.FindAllString(row[1], -1) {
				x, _ := strconv.ParseFloat(s, 64)
				speeds = append(speeds, x)
			}
			if strings.HasPrefix(row[1], "P=") {
				speeds = slices.Repeat([]float64{1}, int(speeds[0]))
			}
			solve := Bottleneck
			if strings.Contains(row[0], "best processor order") {
				solve = BottleneckAnyOrder
			}
			s, err := solve(context.Background(), c, speeds)
			require.NoError(t, err)
			assert.InDelta(t, want, s.Bottleneck, 5.1e-5)
			assert.True(t, s.Proved)
		})
	}
}

// testCut compares with "milliseconds @cut_after=layer".
func testCut(t *testing.T, layers []instances.ChainLayer, slower, uplink float64, want string) {
	var s Sides
	for i, l := range layers {
		s.Near = append(s.Near, l.Forward/256*slower)
		s.Far = append(s.Far, l.Forward/256)
		s.Output = append(s.Output, l.Activation/256*8/(uplink*1e6)*1e3)
		if i > 0 {
			s.Edges = append(s.Edges, [2]int{i - 1, i})
		}
	}
	s.Far[0] = math.Inf(1) // the image is taken here
	cut, err := TwoWay(context.Background(), s)
	require.NoError(t, err)
	last := slices.Index(append(cut.Far, true), true) - 1
	assert.Equal(t, want, fmt.Sprintf("%.6f @cut_after=%d", cut.Cost, last))
}

func TestTheLeastCutIsFound(t *testing.T) {
	for seed := range uint64(300) {
		rng := rand.New(rand.NewPCG(seed, 1))
		n := 1 + rng.IntN(9)
		var s Sides
		for v := range n {
			s.Near, s.Far, s.Output = append(s.Near, float64(rng.IntN(20))), append(s.Far, float64(rng.IntN(20))), append(s.Output, float64(rng.IntN(15)))
			if rng.IntN(6) == 0 {
				s.Far[v] = math.Inf(1)
			}
			for u := range v {
				if rng.IntN(3) == 0 {
					s.Edges = append(s.Edges, [2]int{u, v})
				}
			}
		}
		best := math.Inf(1)
		for far := range 1 << n {
			cost := 0.0
			for v := range n {
				if far>>v&1 == 1 {
					cost += s.Far[v]
				} else {
					cost += s.Near[v]
				}
			}
			sends := make([]bool, n)
			for _, e := range s.Edges {
				switch {
				case far>>e[0]&1 == 1 && far>>e[1]&1 == 0:
					cost = math.Inf(1)
				case far>>e[0]&1 == 0 && far>>e[1]&1 == 1:
					sends[e[0]] = true
				}
			}
			for v, yes := range sends {
				if yes {
					cost += s.Output[v]
				}
			}
			best = min(best, cost)
		}
		cut, err := TwoWay(context.Background(), s)
		require.NoError(t, err, "seed %d", seed)
		require.Equal(t, best, cut.Cost, "seed %d", seed)
	}
	_, err := TwoWay(context.Background(), Sides{Near: []float64{math.Inf(1)}, Far: []float64{math.Inf(1)}, Output: []float64{0}})
	assert.ErrorIs(t, err, ErrNoCut)
	_, err = TwoWay(context.Background(), Sides{Near: []float64{-1}, Far: []float64{1}, Output: []float64{0}, Edges: [][2]int{{0, 1}}})
	assert.ErrorContains(t, err, "task 0: found times -1")
	assert.ErrorContains(t, err, "edge 0")
}

// shortest is the least bottleneck by trying every split, and every order of
// the processors if it may change.
func shortest(c Chain, speeds []float64, anyOrder bool) float64 {
	best := math.Inf(1)
	var try func(start int, left []float64, worst float64)
	try = func(start int, left []float64, worst float64) {
		if start == len(c.Work) {
			best = min(best, worst)
		}
		for i, s := range left {
			if i > 0 && !anyOrder {
				try(start, left[i:], worst) // the ones before stay empty
				return
			}
			load := 0.0
			for end := start; end < len(c.Work); end++ {
				load += c.Work[end]
				link := 0.0
				if end+1 < len(c.Work) && c.Cut != nil {
					link = c.Cut[end]
				}
				try(end+1, slices.Delete(slices.Clone(left), i, i+1), max(worst, load/s, link))
			}
		}
	}
	try(0, speeds, 0)
	return best
}

func TestChainsAreCutBest(t *testing.T) {
	for seed := range uint64(300) {
		rng := rand.New(rand.NewPCG(seed, 1))
		var c Chain
		for range 1 + rng.IntN(7) {
			c.Work = append(c.Work, float64(rng.IntN(20)))
			if seed%2 == 0 {
				c.Cut = append(c.Cut, float64(rng.IntN(25)))
			}
		}
		var speeds []float64
		for range 1 + rng.IntN(4) {
			speeds = append(speeds, float64(1+rng.IntN(3)))
		}
		for _, anyOrder := range []bool{false, true} {
			solve := Bottleneck
			if anyOrder {
				solve = BottleneckAnyOrder
			}
			s, err := solve(context.Background(), c, speeds)
			require.NoError(t, err)
			require.InDelta(t, shortest(c, speeds, anyOrder), s.Bottleneck, 1e-9, "seed %d: any order %v", seed, anyOrder)
			require.True(t, s.Proved)
			require.Equal(t, len(c.Work), s.Ends[len(s.Ends)-1])
			worst, start := 0.0, 0
			for p, end := range s.Ends {
				load := 0.0
				for _, w := range c.Work[start:end] {
					load += w
				}
				if end > start && start > 0 && c.Cut != nil {
					worst = max(worst, c.Cut[start-1])
				}
				worst, start = max(worst, load/speeds[s.Order[p]]), end
			}
			require.InDelta(t, s.Bottleneck, worst, 1e-9, "seed %d: what the split costs", seed)
		}
	}
	_, err := Bottleneck(context.Background(), Chain{Work: []float64{1}, Cut: []float64{1, 2}}, nil)
	assert.ErrorContains(t, err, "2 cuts for 1 tasks")
	assert.ErrorContains(t, err, "no processor")
}

func TestManySpeedsFallBackOnABound(t *testing.T) {
	var c Chain
	var speeds []float64
	rng := rand.New(rand.NewPCG(1, 1))
	for i := range 40 {
		c.Work = append(c.Work, 1+rng.Float64())
		speeds = append(speeds, 1+float64(i)/10)
	}
	s, err := BottleneckAnyOrder(context.Background(), c, speeds)
	require.NoError(t, err)
	assert.False(t, s.Proved)
	assert.LessOrEqual(t, s.Bound, s.Bottleneck)
	assert.Positive(t, s.Bound)
}
