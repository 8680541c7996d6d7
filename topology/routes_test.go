package topology

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/graph/path"
	"gonum.org/v1/gonum/graph/simple"
)

// dense joins every two nodes, at distances in a square (which no detour
// shortens) or at random ones (most of which some detour does).
func dense(n int, square bool, seed uint64) ([]Node, []Link) {
	rng := rand.New(rand.NewPCG(seed, 1))
	var nodes []Node
	var links []Link
	at := make([][2]float64, n)
	for i := range at {
		at[i] = [2]float64{rng.Float64(), rng.Float64()}
	}
	for i := range n {
		nodes = append(nodes, node(fmt.Sprint(i)))
		for j := range n {
			d := rng.IntN(1000)
			if square {
				d = int(1e7 * math.Hypot(at[i][0]-at[j][0], at[i][1]-at[j][1]))
			}
			if i != j {
				links = append(links, Link{From: NodeID(i), To: NodeID(j), Latency: time.Duration(d), Bandwidth: BytesPerSecond(rng.IntN(3))})
			}
		}
	}
	return nodes, links
}

func TestRoutesOfDenseNetworksAreShortest(t *testing.T) {
	for seed := range uint64(6) {
		nodes, links := dense(60, seed%2 == 0, seed)
		top, err := New(nodes, links)
		require.NoError(t, err)
		oracle := simple.NewWeightedDirectedGraph(0, 1e18)
		for _, l := range links {
			oracle.SetWeightedEdge(oracle.NewWeightedEdge(simple.Node(l.From), simple.Node(l.To), float64(l.Latency)))
		}
		for i := range nodes {
			want := path.DijkstraFrom(simple.Node(i), oracle)
			for j := range nodes {
				r, ok := top.Route(RouteLatency, NodeID(i), NodeID(j))
				require.True(t, ok)
				require.Equal(t, want.WeightTo(int64(j)), float64(r.Latency), "seed %d: %d to %d", seed, i, j)
				r, _ = top.Route(RouteHops, NodeID(i), NodeID(j))
				require.Len(t, r.Links, min(1, max(i-j, j-i)))
			}
		}
	}
}

func TestViaLeadsAlongTheRoute(t *testing.T) {
	nodes, links := dense(20, false, 1)
	top, err := New(nodes, links)
	require.NoError(t, err)
	via := top.Via(RouteLatency, 3)
	assert.Equal(t, LinkID(-1), via[3])
	for to := range nodes {
		r, _ := top.Route(RouteLatency, 3, NodeID(to))
		for i := len(r.Links) - 1; i >= 0; i-- {
			require.Equal(t, r.Links[i], via[top.Links()[r.Links[i]].To])
		}
	}
	assert.Nil(t, top.Via(RouteDirect, 3))
}

func TestNamesOfLinksNeverClash(t *testing.T) {
	for _, names := range [][]string{{"a", "b", "c"}, {"a->b", "b->c", "c#2"}} {
		var nodes []Node
		for _, n := range names {
			nodes = append(nodes, node(n))
		}
		ends := [][2]NodeID{{0, 1}, {0, 2}, {0, 1}, {1, 0}, {0, 1}, {2, 1}}
		var links []Link
		for _, e := range ends {
			links = append(links, Link{From: e[0], To: e[1]})
		}
		top, err := New(nodes, links)
		require.NoError(t, err)
		assert.Equal(t, names[0]+"->"+names[1]+"#3", top.Links()[4].Name)
		for i := range links {
			id, ok := top.LinkByName(top.Links()[i].Name)
			assert.True(t, ok)
			assert.Equal(t, LinkID(i), id)
		}
	}
	top, err := New([]Node{node("a"), node("b")}, []Link{{Name: "a->b#2", From: 1, To: 0}, {From: 0, To: 1}, {From: 0, To: 1}})
	require.NoError(t, err)
	assert.Equal(t, "a->b#3", top.Links()[2].Name, "another link has the name")
}

func BenchmarkNewDense1000(b *testing.B) {
	nodes, links := dense(1000, false, 1)
	for b.Loop() {
		if _, err := New(nodes, links); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRoutesDense1000(b *testing.B) {
	for _, square := range []bool{false, true} {
		b.Run(fmt.Sprintf("square=%v", square), func(b *testing.B) {
			nodes, links := dense(1000, square, 1)
			for b.Loop() {
				top, err := New(nodes, links)
				if err != nil {
					b.Fatal(err)
				}
				for i := range nodes {
					top.Via(RouteLatency, NodeID(i))
				}
			}
		})
	}
}
