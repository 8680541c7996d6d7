package scenarios

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"caravan/topology"
	"caravan/workloads"
	"caravan/workloads/placement"
)

const small = `
topology:
  nodes:
    camera: {speed: 0.2, class: edge}
    cloud: {cores: 16, class: cloud}
  links:
    - {between: [camera, cloud], bandwidth: 10Mbit/s, latency: 40ms}
workload:
  pipelines:
    - name: face
      source: camera
      sink: cloud
      operators:
        - {name: detect, work: 50ms, output: 5KiB}
        - {name: identify, work: 100ms}
`

func load(t *testing.T, text string, set ...string) *Scenario {
	t.Helper()
	s, err := Load("dir/face.yaml", []byte(text), Options{Set: set})
	require.NoError(t, err)
	return s
}

func shipped(t *testing.T, name string, set ...string) *Scenario {
	t.Helper()
	data, err := Open(name)
	require.NoError(t, err)
	s, err := Load(name, data, Options{Set: set})
	require.NoError(t, err)
	return s
}

func TestDefaultsAreFilledIn(t *testing.T) {
	s := load(t, small)
	assert.Equal(t, "face", s.Name, "from the file's name")
	assert.Equal(t, uint64(1), s.Seed)
	assert.Equal(t, placement.Model{Contention: placement.Uncontended, Network: placement.FIFO, Routing: topology.RouteLatency, Compute: topology.FCFS}, s.Model)
	assert.Equal(t, SolveSpec{Solver: "chaincut", Objective: "latency"}, s.Solve)
	assert.Equal(t, SimulateSpec{Duration: 10 * time.Minute, AutoWarmup: true, Replications: 10, MaxReplications: 1000}, s.Simulate)
	nodes := s.Topology.Nodes()
	assert.Equal(t, topology.Node{Name: "camera", Speed: 0.2, Cores: 1, Class: "edge"}, nodes[0])
	assert.Equal(t, topology.Node{Name: "cloud", Speed: 1, Cores: 16, Class: "cloud"}, nodes[1])
	require.Len(t, s.Topology.Links(), 2)
	assert.Equal(t, topology.BytesPerSecond(1.25e6), s.Topology.Links()[1].Bandwidth)
	p := s.Workload.Pipelines[0]
	assert.Equal(t, 50, p.Priority)
	assert.Equal(t, workloads.Trace, p.Arrivals.Kind)
	assert.Equal(t, []time.Duration{0}, p.Arrivals.Times, "a single request at the start")
	assert.Equal(t, workloads.Const(5*1024), p.Operators[0].Output)
	assert.Equal(t, []int{0}, p.Operators[1].After, "a list is a chain")
}

func TestDefaultsThatDependOnOtherFields(t *testing.T) {
	assert.Equal(t, topology.PerOperator, load(t, small+"solve: {contention: berkeley}\n").Model.Compute)
	assert.Equal(t, topology.PS, load(t, small+"solve: {contention: berkeley}\nmodels: {compute: ps}\n").Model.Compute)
	jobs := load(t, "topology: {nodes: {a: {}}}\nworkload: {jobs: [{name: web, count: 3, cpu: 500MHz}]}\n")
	assert.Equal(t, SolveSpec{Solver: "binpack", Objective: "nodes"}, jobs.Solve)
	assert.Equal(t, workloads.Job{Name: "web", Type: workloads.Service, Priority: 50, Groups: []workloads.Group{
		{Name: "web", Count: 3, Demand: topology.Resources{CPU: 500}},
	}}, jobs.Workload.Jobs[0])
}

// TestTheTutorialIsBerkeleys compares with the worked case of
// core/placement/minlatsolver.py: 0.1/0.2 + 1/50+0.05 + 0.5/0.7 + 1/100+0.05 + 1.
func TestTheTutorialIsBerkeleys(t *testing.T) {
	for contention, want := range map[string]float64{"berkeley": 2.344286, "none": 2.06} {
		s := shipped(t, "tutorial", "solve.contention="+contention)
		id := func(name string) topology.NodeID {
			n, ok := s.Topology.NodeByName(name)
			require.True(t, ok)
			return n
		}
		nodes := []topology.NodeID{id("n1"), id("n2"), id("m")}
		if contention == "none" {
			nodes[1] = nodes[2]
		}
		d, err := placement.Estimate(s.Topology, s.Model, &s.Workload.Pipelines[0], nodes)
		require.NoError(t, err)
		assert.InDelta(t, want, d.Seconds(), 5e-7)
		assert.Greater(t, s.Workload.Pipelines[0].Arrivals.Period, d, "no request meets another")
	}
}

func TestShippedScenariosLoad(t *testing.T) {
	assert.Equal(t, []string{"canary", "day", "drain", "edge-upload", "emotion", "llm", "mm1", "moving-link", "node-lost", "openb", "plan-conflict", "preemption", "region-outage", "rush-hour", "shop", "smart-city", "squares", "tutorial",
		"validate-chain-heavy", "validate-chain-light", "validate-chain-medium", "validate-contended", "validate-dag", "validate-priorities", "validate-slow-link"}, Shipped())
	size := func(s *Scenario) string {
		return fmt.Sprint(len(s.Topology.Nodes()), " ", len(s.Topology.Links()), " ", len(s.Workload.Pipelines), " ", len(s.Workload.Jobs))
	}
	assert.Equal(t, "1011 2020 1000 0", size(shipped(t, "edge-upload")))
	assert.Equal(t, "4 6 1 0", size(shipped(t, "emotion")))
	assert.Equal(t, "3 4 1 0", size(shipped(t, "llm")))
	assert.Equal(t, "1 0 1 0", size(shipped(t, "mm1")))
	assert.Equal(t, "1213 0 0 8152", size(shipped(t, "openb")))
	assert.Equal(t, "36 78 20 0", size(shipped(t, "smart-city")))
	city := shipped(t, "smart-city")
	priorities := map[int]int{}
	for _, p := range city.Workload.Pipelines {
		priorities[p.Priority]++
	}
	assert.Equal(t, map[int]int{90: 6, 50: 8, 10: 6}, priorities)
	assert.Equal(t, 1, city.Topology.Components())
	llm := shipped(t, "llm").Workload.Pipelines[0]
	assert.Len(t, llm.Arrivals.Times, 8819)
	gpus := 0
	for _, n := range shipped(t, "openb").Topology.Nodes() {
		gpus += n.GPUs.Count
	}
	assert.Equal(t, 6212, gpus)
	device := shipped(t, "edge-upload").Workload.Pipelines[999]
	assert.Equal(t, "offload@device-1000", device.Name)
	assert.Equal(t, "offload", device.Group)
	assert.Equal(t, device.Source, device.Sink)
}

func TestShippedScenariosRunFromACopyElsewhere(t *testing.T) {
	for _, name := range Shipped() {
		data, err := Open(name)
		require.NoError(t, err)
		_, err = Load("copy.yaml", data, Options{Dir: t.TempDir()})
		assert.NoError(t, err, name)
	}
	_, err := Open("tutoral")
	assert.ErrorContains(t, err, `nearest: "tutorial"`)
}

func TestOverridesReachEveryField(t *testing.T) {
	s := load(t, small,
		"topology.nodes.camera.speed=0.5",
		"topology.links[0].latency=1ms",
		"topology.links.camera->cloud.jitter=1ms",
		"workload.pipelines.face.operators.1.work={exponential: 20ms}",
		"workload.pipelines.face.arrivals.poisson=2/s",
		`topology.nodes."far.away"={class: edge}`,
		"models.network=fair",
		"simulate={duration: 1h, warmup: 0s}",
		"simulate.replications=3",
		"x-note=ignored",
	)
	assert.Equal(t, 0.5, s.Topology.Nodes()[0].Speed)
	assert.Equal(t, time.Millisecond, s.Topology.Links()[0].Latency)
	assert.Equal(t, time.Millisecond, s.Topology.Links()[1].Jitter)
	assert.Equal(t, workloads.Exp(0.02), s.Workload.Pipelines[0].Operators[1].Work)
	assert.Equal(t, 2.0, s.Workload.Pipelines[0].Arrivals.Rate)
	assert.Equal(t, "far.away", s.Topology.Nodes()[2].Name)
	assert.Equal(t, placement.Fair, s.Model.Network)
	assert.Equal(t, SimulateSpec{Duration: time.Hour, Replications: 3, MaxReplications: 1000}, s.Simulate)
}

func TestFaultyOverridesNameTheArgument(t *testing.T) {
	for argument, want := range map[string]string{
		"simulate.duration":                    "there is no value",
		"simulate.durration=5m":                `nearest: "duration"`,
		"topology.nodes.camera.speed=fast":     `topology.nodes.camera.speed: "fast" is not allowed`,
		"topology.nodes.camera.speed.unit=1":   `topology.nodes.camera.speed is the number 0.2, so it has no "unit"`,
		"topology.links.9.latency=1ms":         "there is no item 9",
		"workload.pipelines.fase.priority=1":   `nearest: "face"`,
		"workload.pipelines.face.source=camra": `no node "camra" (allowed: camera, cloud; nearest: "camera")`,
		"topology..nodes=1":                    "is not a path",
		"topology.links[0=1":                   "is not a path",
		`topology."nodes=1`:                    "is not a path",
		"=5":                                   "is not a path",
		"name=[":                               "the file is not YAML",
		"simulate.warmup=1h":                   "leaves nothing of the run",
	} {
		_, err := Load("face.yaml", []byte(small), Options{Set: []string{"seed=2", argument}})
		require.Error(t, err, argument)
		assert.ErrorContains(t, err, "--set "+argument+": ", argument)
		assert.ErrorContains(t, err, want, argument)
	}
}

func TestTheSeedOptionReplacesTheFiles(t *testing.T) {
	seed := uint64(1<<64 - 1)
	s, err := Load("face.yaml", []byte(small+"seed: 7\n"), Options{Seed: &seed})
	require.NoError(t, err)
	assert.Equal(t, seed, s.Seed)
	assert.Equal(t, uint64(7), load(t, small+"seed: 7\n").Seed)
	assert.NotEqual(t, s.SHA256, load(t, small+"seed: 7\n").SHA256)
}

func TestTheHashKnowsDataAndNotLayout(t *testing.T) {
	same := load(t, small).SHA256
	assert.Equal(t, same, load(t, "# a comment\n"+small+"# another\n").SHA256)
	assert.Equal(t, same, load(t, strings.ReplaceAll(small, "\n", "\r\n")).SHA256)
	assert.Equal(t, same, load(t, "\ufeff"+small).SHA256)
	assert.Equal(t, same, load(t, strings.Replace(small, "speed: 0.2, class: edge", `"class": 'edge', speed: 0.20`, 1)).SHA256)
	assert.Equal(t, same, load(t, "x-edge: &e {class: edge}"+strings.Replace(small, "class: edge", "<<: *e", 1)).SHA256)
	assert.NotEqual(t, same, load(t, small, "topology.nodes.camera.speed=0.3").SHA256)

	dir := t.TempDir()
	text := strings.Replace(small, "      operators:", "      arrivals: {trace: {file: times.csv}}\n      operators:", 1)
	hash := func(content string) string {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "times.csv"), []byte(content), 0o600))
		s, err := Load("face.yaml", []byte(text), Options{Dir: dir})
		require.NoError(t, err)
		return s.SHA256
	}
	assert.NotEqual(t, hash("time\n1\n2\n"), hash("time\n1\n3\n"))
}

func TestTheCanonicalTextIsTheSameScenario(t *testing.T) {
	for _, name := range Shipped() {
		first := shipped(t, name)
		again, err := Load(name, first.Text, Options{})
		require.NoError(t, err)
		assert.Equal(t, string(first.Text), string(again.Text))
		assert.Equal(t, first.SHA256, again.SHA256)
		assert.True(t, sameText(t, first.Workload, again.Workload), name) // too long to print
		assert.True(t, reflect.DeepEqual(first.Topology.Links(), again.Topology.Links()), name)
	}
}

// sameText compares by JSON, since prepared constraints hold functions.
func sameText(t *testing.T, a, b any) bool {
	t.Helper()
	x, err := json.Marshal(a)
	require.NoError(t, err)
	y, err := json.Marshal(b)
	require.NoError(t, err)
	return bytes.Equal(x, y)
}

func TestJSONTakesTheSameWay(t *testing.T) {
	json := "{\n\t\"topology\": {\"nodes\": [{\"name\": \"a\"}]},\n\t\"workload\": {\"pipelines\": [{\"name\": \"p\", \"operators\": [{\"name\": \"x\", \"work\": \"1s\"}]}]}\n}\n"
	s := load(t, json)
	assert.Equal(t, "a", s.Topology.Nodes()[0].Name)
	_, err := Load("x.json", []byte(strings.Replace(json, `"1s"`, `1`, 1)), Options{})
	assert.ErrorContains(t, err, "x.json:3:79: workload.pipelines[0].operators[0].work")
}

func TestSelectionsAndReplicas(t *testing.T) {
	s := load(t, `
topology:
  defaults: {node: {cores: 2}, link: {latency: 3ms, duplex: half}}
  nodes:
    gw: {count: 3, class: edge, region: eu}
    hub: {class: core, attributes: {arch: arm}}
  links:
    - {between: [class == edge, hub], name: up}
    - {from: gw-1, to: [gw-2, gw-3], latency: 1ms}
workload:
  pipelines:
    - {name: p, sources: region == eu, report: each, arrivals: {periodic: 1s, stagger: 100ms}, operators: [{name: a, work: 1ms}, {name: b, work: 1ms, constraints: [arch = arm]}]}
    - {name: q, count: 2, operators: [{name: a, work: 1ms, constraints: ["cpu.arch == arm"]}]}
faults:
  - {nodes: class == edge, mtbf: 5h, mttr: {constant: 1m}, each: true}
  - {region: eu, links: [up-2, up-2.back], at: 1m, for: 5s, lose_work: true}
link_changes:
  - {between: [hub, gw-1], steps: [{at: 5s, bandwidth: 1Mbit/s}, {at: 9s, latency: 7ms}]}
`)
	names := []string{}
	for _, l := range s.Topology.Links() {
		names = append(names, l.Name)
	}
	assert.Equal(t, []string{"up-1", "up-1.back", "up-2", "up-2.back", "up-3", "up-3.back", "gw-1->gw-2", "gw-1->gw-3"}, names)
	assert.Equal(t, 5, s.Topology.Media(), "half duplex shares, one way does not")
	assert.Equal(t, 3*time.Millisecond, s.Topology.Links()[0].Latency)
	assert.Equal(t, 2, s.Topology.Nodes()[3].Cores)
	names = nil
	for _, p := range s.Workload.Pipelines {
		names = append(names, p.Name+"|"+p.Group+"|"+p.Arrivals.StartAt.String())
	}
	assert.Equal(t, []string{"p@gw-1||0s", "p@gw-2||100ms", "p@gw-3||200ms", "q-1|q|0s", "q-2|q|0s"}, names)
	require.Len(t, s.Faults, 4)
	assert.Equal(t, []topology.NodeID{2}, s.Faults[2].Nodes)
	assert.Equal(t, workloads.Exp(5*3600), s.Faults[0].MTBF)
	assert.Len(t, s.Faults[3].Nodes, 3)
	assert.Len(t, s.Faults[3].Links, 2)
	require.Len(t, s.LinkChanges, 4)
	assert.Equal(t, workloads.LinkChange{Link: 0, At: 9 * time.Second, Bandwidth: 125000, Latency: 7 * time.Millisecond}, s.LinkChanges[1])
	assert.Equal(t, []string{`workload.pipelines[1].operators[0].constraints[0]: no node has the attribute "cpu.arch", so the constraint cannot hold`}, s.Warnings)
}

func TestOperatorsComeInTheirOrder(t *testing.T) {
	s := load(t, `
topology: {nodes: {a: {}}}
workload:
  pipelines:
    - name: diamond
      operators:
        - {name: join, work: 1ms, after: [left, right]}
        - {name: left, work: 1ms, after: [fork]}
        - {name: fork, work: 1ms, after: []}
        - {name: right, work: 1ms}
    - name: loop
      operators:
        - {name: try, work: 1ms, next: {try: 10%, done: 0.9}}
        - {name: done, work: 1ms}
`)
	d := s.Workload.Pipelines[0].Operators
	assert.Equal(t, []string{"fork", "left", "right", "join"}, []string{d[0].Name, d[1].Name, d[2].Name, d[3].Name})
	assert.Equal(t, [][]int{nil, {0}, {0}, {1, 2}}, [][]int{d[0].After, d[1].After, d[2].After, d[3].After})
	assert.Equal(t, []workloads.Branch{{To: 0, Probability: 0.1}, {To: 1, Probability: 0.9}}, s.Workload.Pipelines[1].Operators[0].Next)
}

func TestFilesAndGeneratorsTakeDefaultsAndAmendments(t *testing.T) {
	s := load(t, `
topology:
  file: shipped:abilene.graphml
  defaults: {node: {cores: 8, class: fog}, link: {bandwidth: 1Gbit/s, duplex: full}}
  nodes: {Denver: {speed: 3}}
workload: {jobs: [{name: x}]}
`)
	id, ok := s.Topology.NodeByName("Denver")
	require.True(t, ok)
	n := s.Topology.Nodes()[id]
	assert.Equal(t, 3.0, n.Speed)
	assert.Equal(t, 8, n.Cores)
	assert.Equal(t, "fog", n.Class)
	assert.Len(t, s.Topology.Links(), 28)
	assert.Equal(t, 28, s.Topology.Media())
	assert.Equal(t, topology.BytesPerSecond(125e6), s.Topology.Links()[0].Bandwidth)

	text := "topology: {generate: {kind: waxman, count: 30}}\nworkload: {jobs: [{name: x}]}\n"
	assert.Equal(t, load(t, text).Topology.Links(), load(t, text).Topology.Links(), "equal seeds give equal graphs")
	assert.NotEqual(t, load(t, text).Topology.Links(), load(t, text, "seed=2").Topology.Links())
}

func TestAllFaultsOfAFileComeTogether(t *testing.T) {
	text := strings.NewReplacer("0.2", "-1", "16", "many", "10Mbit/s", "10", "camera, cloud]", "camra, cloud]", "5KiB", "5Kib", "sink: cloud", "sink: clowd").Replace(small) +
		"models: {network: fifi}\nsolve: {contention: non}\nsimulate: {warmup: 1h}\nfaults: [{nodes: gone, at: 1s}]\n"
	_, err := Load("face.yaml", []byte(text), Options{})
	var all *Errors
	require.ErrorAs(t, err, &all)
	assert.Len(t, all.List, 10)
}

// nested is a gigabyte of lists in lists that is made while it is read.
type nested struct{ given int }

func (n *nested) Read(p []byte) (int, error) {
	if n.given >= 1<<30 {
		return 0, io.EOF
	}
	for i := range p {
		p[i] = '['
	}
	n.given += len(p)
	return len(p), nil
}

func TestAGigabyteOfNestedListsIsRefusedUnread(t *testing.T) {
	source := &nested{}
	_, err := Read("big.yaml", source)
	var all *Errors
	require.ErrorAs(t, err, &all)
	assert.ErrorContains(t, err, "big.yaml:1:1: the file has more than the 8388608 bytes allowed")
	assert.Less(t, source.given, 4*MaxSize, "the rest is never asked for")
	_, err = Load("big.yaml", bytes.Repeat([]byte("["), MaxSize+1), Options{})
	assert.ErrorContains(t, err, "bytes allowed")
	data, err := Read("small.yaml", strings.NewReader(small))
	require.NoError(t, err)
	assert.Equal(t, small, string(data))
}

func TestHostileFilesAreRefusedWithinBounds(t *testing.T) {
	const size = MaxSize
	keys := func() string {
		var b strings.Builder
		for i := 0; b.Len() < size/4; i++ {
			fmt.Fprintf(&b, "k%d: 1\n", i)
		}
		return b.String()
	}
	for name, text := range map[string]string{
		"lists in lists":     strings.Repeat("[", size),
		"maps in maps":       strings.Repeat("{a: ", size/4),
		"dashes":             strings.Repeat("- ", size/2),
		"anchors":            strings.Repeat("&a ", size/3),
		"tags":               strings.Repeat("!!str ", size/6),
		"questions":          strings.Repeat("? ", size/2),
		"documents":          strings.Repeat("---\n", size/4),
		"many aliases":       "a: &a [1]\nb: [" + strings.Repeat("*a,", size/12) + "]",
		"many keys":          keys(),
		"many dangling ends": "topology:\n  nodes: {a: {}}\n  links:\n" + strings.Repeat("  - {from: q, to: z}\n", size/84),
		"replicas":           "topology: {nodes: {a: {count: 200000}, b: {count: 200000}}}\nworkload: {jobs: [{name: x}]}",
		"operators":          "topology: {nodes: {a: {}}}\nworkload: {pipelines: [{name: p, operators: [" + strings.Repeat("{name: a, work: 1s},", 6000) + "]}]}",
		"a large graph":      "topology: {generate: {kind: waxman, count: 100000}}\nworkload: {jobs: [{name: x}]}",
		"pairs":              "topology: {nodes: {a: {count: 2000}}, links: [{between: [\"*\", \"*\"]}]}\nworkload: {jobs: [{name: x}]}",
	} {
		_, err := Load("big.yaml", []byte(text), Options{})
		var all *Errors
		assert.ErrorAs(t, err, &all, name)
		assert.Less(t, len(err.Error()), 1<<20, "the message stays readable: %s", name)
	}
}

func TestNearestSpellings(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"bandwith", "bandwidth"}, {"lateny", "latency"}, {"Speed", "speed"}, {"seped", "speed"}, {"zzzzzz", ""}, {"", ""},
	} {
		got, _ := nearest(c.text, []string{"speed", "latency", "bandwidth"})
		assert.Equal(t, c.want, got, c.text)
	}
	assert.Equal(t, 1, distance("ab", "ba"))
	assert.Equal(t, 3, distance("kitten", "sitting"))
}

func FuzzLoad(f *testing.F) {
	for _, name := range Shipped() {
		data, err := Open(name)
		require.NoError(f, err)
		f.Add(data, "")
	}
	files, err := filepath.Glob("testdata/bad/*.yaml")
	require.NoError(f, err)
	for _, file := range files {
		data, err := os.ReadFile(file)
		require.NoError(f, err)
		f.Add(data, "topology.nodes.camera.speed=1")
	}
	f.Fuzz(func(t *testing.T, data []byte, set string) {
		o := Options{Dir: "testdata/nowhere"}
		if set != "" {
			o.Set = []string{set}
		}
		s, err := Load("fuzz.yaml", data, o)
		if err != nil {
			var all *Errors
			require.ErrorAs(t, err, &all)
			require.NotEmpty(t, all.List)
			return
		}
		again, err := Load(s.Name, s.Text, Options{Dir: o.Dir})
		require.NoError(t, err)
		require.Equal(t, string(s.Text), string(again.Text))
	})
}
