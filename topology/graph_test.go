package topology

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/graph/path"
	"gonum.org/v1/gonum/graph/simple"
	"pgregory.net/rapid"
)

func node(name string) Node { return Node{Name: name, Cores: 1, Speed: 1} }

func TestEveryFaultIsReported(t *testing.T) {
	_, err := New([]Node{{Name: "a", Cores: 1, Speed: 1}, {Name: "a"}}, []Link{{From: 0, To: 9}, {From: 0, To: 0}, {From: 0, To: 1, Loss: 1}})
	require.Error(t, err)
	for _, part := range []string{`node "a": the name is taken`, "cores: found 0", "speed: found 0", `link "0->9"`, "to itself", "loss: found 1"} {
		assert.Contains(t, err.Error(), part)
	}
}

func TestParallelLinksGetNamesAndMediaOfTheirOwn(t *testing.T) {
	top, err := New([]Node{node("a"), node("b")}, []Link{{From: 0, To: 1, Medium: 7}, {From: 1, To: 0, Medium: 7}, {From: 0, To: 1}})
	require.NoError(t, err)
	assert.Equal(t, []string{"a->b", "b->a", "a->b#2"}, []string{top.Links()[0].Name, top.Links()[1].Name, top.Links()[2].Name})
	assert.Equal(t, []int{0, 0, 1}, []int{top.Links()[0].Medium, top.Links()[1].Medium, top.Links()[2].Medium})
	assert.Equal(t, 2, top.Media())
}

func TestRoutesAreShortestPaths(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(2, 9).Draw(t, "n")
		var nodes []Node
		for i := range n {
			nodes = append(nodes, node(fmt.Sprint(i)))
		}
		var links []Link
		oracle := simple.NewWeightedDirectedGraph(0, 1e18)
		for i := range n {
			oracle.AddNode(simple.Node(i))
		}
		for i := range n {
			for j := range n {
				if i != j && rapid.IntRange(0, 2).Draw(t, "edge") == 0 {
					d := time.Duration(rapid.IntRange(0, 5).Draw(t, "latency"))
					links = append(links, Link{From: NodeID(i), To: NodeID(j), Latency: d, Bandwidth: BytesPerSecond(rapid.IntRange(0, 3).Draw(t, "bandwidth"))})
					oracle.SetWeightedEdge(oracle.NewWeightedEdge(simple.Node(i), simple.Node(j), float64(d)))
				}
			}
		}
		top, err := New(nodes, links)
		if err != nil {
			t.Fatal(err)
		}
		for i := range n {
			tree := path.DijkstraFrom(simple.Node(i), oracle)
			for j := range n {
				if i == j {
					continue
				}
				r, ok := top.Route(RouteLatency, NodeID(i), NodeID(j))
				want := tree.WeightTo(int64(j))
				if ok != (want < 1e17) {
					t.Fatalf("%d to %d: route %v, oracle %v", i, j, ok, want)
				}
				if !ok {
					continue
				}
				at, sum := NodeID(i), time.Duration(0)
				narrow := BytesPerSecond(0)
				for _, id := range r.Links {
					l := top.Links()[id]
					if l.From != at {
						t.Fatalf("the path breaks at %d", at)
					}
					at, sum = l.To, sum+l.Latency
					if l.Bandwidth > 0 && (narrow == 0 || l.Bandwidth < narrow) {
						narrow = l.Bandwidth
					}
				}
				if at != NodeID(j) || float64(sum) != want || r.Latency != sum || r.Narrow != narrow {
					t.Fatalf("%d to %d: %+v, oracle %v, narrowest %v", i, j, r, want, narrow)
				}
				hops, _ := top.Route(RouteHops, NodeID(i), NodeID(j))
				if len(hops.Links) > len(r.Links) {
					t.Fatalf("%d to %d: fewest hops are more than by latency", i, j)
				}
			}
		}
	})
}

// The expected values come with the data; distances in km.
func TestTheTopologyZooIsReadAsPublished(t *testing.T) {
	data, err := os.ReadFile("testdata/expected.csv")
	require.NoError(t, err)
	rows, err := csv.NewReader(bytes.NewReader(data)).ReadAll()
	require.NoError(t, err)
	for _, row := range rows[1:] {
		t.Run(row[0], func(t *testing.T) {
			f, err := os.Open("testdata/" + row[0])
			require.NoError(t, err)
			defer f.Close()
			in, err := Import("graphml", row[0], f, ImportOptions{})
			require.NoError(t, err)
			top, err := New(in.Nodes, in.Links)
			require.NoError(t, err)
			assert.Equal(t, row[1], strconv.Itoa(len(in.Nodes)))
			assert.Equal(t, row[2], strconv.Itoa(len(in.Links)/2))
			assert.Equal(t, row[4], strconv.Itoa(top.Components()))
			diameter, hops, pairs, km, far := 0, 0, 0, 0.0, 0.0
			for i := range in.Nodes {
				for j := range i {
					r, ok := top.Route(RouteHops, NodeID(i), NodeID(j))
					require.True(t, ok)
					diameter = max(diameter, len(r.Links))
					hops += len(r.Links)
					pairs++
					r, _ = top.Route(RouteLatency, NodeID(i), NodeID(j))
					d := 0.0
					for _, l := range r.Links {
						d += top.Links()[l].DistanceKm
					}
					km += d
					far = max(far, d)
				}
			}
			assert.Equal(t, row[6], strconv.Itoa(diameter))
			assert.Equal(t, row[7], strconv.FormatFloat(float64(hops)/float64(pairs), 'f', 6, 64))
			if row[5] == "yes" {
				assert.Equal(t, row[8], strconv.FormatFloat(far, 'f', 3, 64))
				assert.Equal(t, row[9], strconv.FormatFloat(km/float64(pairs), 'f', 3, 64))
			} else {
				assert.Contains(t, strings.Join(in.Warnings, "\n"), "no coordinates")
			}
		})
	}
}

const gmlText = `# a comment
graph [ directed 0
  node [ id 0 label "A" Longitude 10.0 Latitude 50.0 ]
  node [ id 1 label "A" ]
  edge [ source 0 target 1 LinkSpeed "2.5" LinkSpeedUnits "G" ]
  edge [ source 0 target 1 ]
]`

const sndText = `?SNDlib native format; type: network; version: 1.0
# a comment
NODES (
  A ( 10.0 50.0 )
  B ( 11.0 51.0 )
)
LINKS (
  L1 ( A B ) 0.00 0.00 0.00 0.00 ( 40.00 1.0 155.00 2.0 )
)
DEMANDS (
  D1 ( A B ) 1 8.00 UNLIMITED
)
`

const berkeleyText = `{"nodes": {"n1": {"C": 0.2, "architecture": "arm"}, "m": {"C": 1}},
 "links": [{"from": "n1", "to": "m", "bandwidth": 100, "latency": 0.05}, {"from": "m", "to": "m", "bandwidth": 1, "latency": 0}]}`

func TestOtherFormats(t *testing.T) {
	read := func(format, name, text string) *Imported {
		in, err := Import(format, name, strings.NewReader(text), ImportOptions{})
		require.NoError(t, err)
		return in
	}
	gml := read("gml", "x.gml", gmlText)
	assert.Equal(t, "A#2", gml.Nodes[1].Name)
	assert.Equal(t, *gml.Nodes[0].Location, *gml.Nodes[1].Location, "filled from its neighbour")
	assert.Equal(t, BytesPerSecond(2.5e9/8), gml.Links[0].Bandwidth)
	assert.Equal(t, BytesPerSecond(10e9/8), gml.Links[2].Bandwidth)

	snd := read("sndlib", "x.txt", sndText)
	assert.Equal(t, BytesPerSecond(155e6/8), snd.Links[0].Bandwidth)
	assert.Equal(t, []Demand{{"D1", "A", "B", 1e6}}, snd.Demands)
	assert.InDelta(t, 132, snd.Links[0].DistanceKm, 1)

	b := read("berkeley", "x.json", berkeleyText)
	assert.Equal(t, []bool{false, true}, []bool{b.Nodes[0].NoColocate, b.Nodes[1].NoColocate}, "m has a self loop, n1 has none")
	assert.Equal(t, 50*time.Millisecond, b.Links[0].Latency)

	m := read("latency-matrix", "x.csv", "ms,a,b\na,0,5\nb,7ms,\n")
	assert.Equal(t, []time.Duration{5 * time.Millisecond, 7 * time.Millisecond}, []time.Duration{m.Links[0].Latency, m.Links[1].Latency})

	o := read("openb-nodes", "x.csv", "sn,cpu_milli,memory_mib,gpu,model\nn0,64000,262144,2,P100\n")
	assert.Equal(t, Node{Name: "n0", Cores: 64, Speed: 1, CPU: 64000, Memory: 262144 * MiB, GPUs: GPUs{2, "P100"}}, o.Nodes[0])
}

func TestImportErrorsNameTheLine(t *testing.T) {
	for _, c := range []struct{ format, text, want string }{
		{"graphml", "<graphml>\n<node id='a'/>\n<node id='a'/>", "x:3: node id"},
		{"gml", "graph [\n node [ id 0 ]\n node [ id 0 ] ]", "x:3: node id"},
		{"sndlib", "NODES (\n A\n)", "x:2: found"},
		{"latency-matrix", ",a,b\na,0,x\nb,1,0", `x:2: column "b"`},
		{"openb-nodes", "sn,cpu_milli,memory_mib,gpu\na,1,2,-3", "x:2: gpu: found \"-3\""},
		{"berkeley", "{\n\"nodes\": 3}", "x:2:"},
		{"tape", "", "allowed is one of graphml"},
	} {
		_, err := Import(c.format, "x", strings.NewReader(c.text), ImportOptions{})
		assert.ErrorContains(t, err, c.want)
	}
}

func TestGeneratedTopologiesAreConnectedAndRepeat(t *testing.T) {
	kinds, _ := GenerateKinds()
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			make := func() ([]Node, []Link) {
				n, l, err := Generate(GenerateSpec{Kind: kind}, rand.New(rand.NewPCG(1, 2)))
				require.NoError(t, err)
				return n, l
			}
			nodes, links := make()
			again, linksAgain := make()
			assert.Equal(t, nodes, again)
			assert.Equal(t, links, linksAgain)
			top, err := New(nodes, links)
			require.NoError(t, err)
			assert.Equal(t, 1, top.Components())
		})
	}
	_, _, err := Generate(GenerateSpec{Kind: "ring"}, nil)
	assert.ErrorContains(t, err, "allowed is one of star")
}

func TestAFatTreeHasItsHosts(t *testing.T) {
	nodes, links, err := Generate(GenerateSpec{Kind: "fat-tree", Ports: 4}, nil)
	require.NoError(t, err)
	hosts := 0
	for _, n := range nodes {
		if n.Class == "host" {
			hosts++
		}
	}
	assert.Equal(t, 16, hosts, "k^3/4")
	assert.Len(t, nodes, 36)
	assert.Len(t, links, 2*(16+16+16))
}

func fuzzImport(f *testing.F, format string, seeds ...string) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		in, err := Import(format, "x", bytes.NewReader(data), ImportOptions{})
		if err == nil {
			if _, err := New(in.Nodes, in.Links); err != nil {
				t.Fatalf("imported what New refuses: %v", err)
			}
		}
	})
}

func FuzzImportGraphML(f *testing.F) {
	data, err := os.ReadFile("testdata/Abilene.graphml")
	require.NoError(f, err)
	fuzzImport(f, "graphml", string(data), `<graphml><node id="a"/></graphml>`)
}
func FuzzImportGML(f *testing.F)      { fuzzImport(f, "gml", gmlText) }
func FuzzImportSNDlib(f *testing.F)   { fuzzImport(f, "sndlib", sndText) }
func FuzzImportBerkeley(f *testing.F) { fuzzImport(f, "berkeley", berkeleyText) }
func FuzzImportMatrix(f *testing.F)   { fuzzImport(f, "latency-matrix", "ms,a,b\na,0,5\nb,7ms,\n") }
func FuzzImportNodes(f *testing.F) {
	fuzzImport(f, "openb-nodes", "sn,cpu_milli,memory_mib,gpu,model\nn0,64000,262144,2,P100\n")
}
func FuzzImportSites(f *testing.F) {
	fuzzImport(f, "eua", "SITE_ID,LATITUDE,LONGITUDE\n1,-37.8,144.9\n2,-37.9,145\n")
}
