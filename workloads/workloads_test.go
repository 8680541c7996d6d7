package workloads

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"caravan/topology"
)

func read(t *testing.T, file string) *Imported {
	t.Helper()
	data, err := os.ReadFile("testdata/" + file)
	require.NoError(t, err)
	format := Detect(file, data[:min(len(data), 4096)])
	in, err := Import(format, file, bytes.NewReader(data))
	require.NoError(t, err)
	return in
}

func TestImporters(t *testing.T) {
	pods := read(t, "openb_pods.csv")
	require.Len(t, pods.Jobs, 49)
	assert.Equal(t, topology.Resources{CPU: 6000, Memory: 12288 * topology.MiB, GPUs: 1, GPUMilli: 460}, pods.Jobs[1].Groups[0].Demand)
	assert.Equal(t, 427061*time.Second, pods.Jobs[1].SubmitAt)
	assert.Equal(t, (12902960-427061)*time.Second, pods.Jobs[1].Groups[0].Duration)
	assert.Equal(t, 70, pods.Jobs[0].Priority)

	llm := read(t, "azure_llm.csv")
	assert.Equal(t, []string{"context", "generated"}, llm.Arrivals.FactorNames)
	assert.Equal(t, []time.Duration{0, 52 * time.Millisecond}, llm.Arrivals.Times[:2])
	assert.Equal(t, 4808.0, llm.Arrivals.Factors[0][0])
	assert.Equal(t, 8.0, llm.Arrivals.Factors[1][1])

	log := read(t, "log.swf")
	require.Len(t, log.Jobs, 2)
	assert.Equal(t, []string{"1 jobs that did not run are left out"}, log.Warnings)
	assert.Equal(t, topology.Resources{CPU: 2000, Memory: 2048 * topology.KiB}, log.Jobs[1].Groups[0].Demand)

	w := read(t, "workflow.json")
	p := w.Pipelines[0]
	assert.Equal(t, []string{"first", "left", "right", "join"}, []string{p.Operators[0].Name, p.Operators[1].Name, p.Operators[2].Name, p.Operators[3].Name})
	assert.Equal(t, []int{1, 2}, p.Operators[3].After)
	assert.Equal(t, 125.0, p.Operators[0].Output.Mean, "left reads 100 bytes, right 150")
	assert.Equal(t, 12.5, w.MeasuredMakespanSeconds)
	assert.Equal(t, 8, w.Nodes[0].Cores)

	profile := read(t, "profile.json")
	assert.Equal(t, Arrivals{Kind: Periodic, Period: 2 * time.Second}, profile.Pipelines[0].Arrivals, "1 s of sleep and 1 s of work")
}

func TestImportErrorsNameTheLine(t *testing.T) {
	for _, c := range []struct{ format, text, want string }{
		{"openb-pods", "name,cpu_milli,memory_mib,num_gpu,gpu_milli\na,1,2,3,x", `x:2: gpu_milli: found "x"`},
		{"azure-llm", "TIMESTAMP,ContextTokens,GeneratedTokens\nnow,1,2", "x:2: TIMESTAMP"},
		{"swf", "1 2 3", "x:1: found 3 columns"},
		{"wfcommons", "{\n\"workflow\": 1}", "x:2:"},
		{"wfcommons", `{"workflow":{"specification":{"tasks":[{"id":"a","parents":["b"]},{"id":"b","parents":["a"]}]}}}`, "cycle"},
		{"arrivals", "time\n3\n2", "x:3: time goes back"},
		{"berkeley-profile", `{"a": [{"cloud_execution_time": -1}]}`, "mean: found -1"},
	} {
		_, err := Import(c.format, "x", strings.NewReader(c.text))
		assert.ErrorContains(t, err, c.want)
	}
}

func small() (*topology.Topology, *Pipeline) {
	top, err := topology.New([]topology.Node{{Name: "a", Cores: 1, Speed: 1}, {Name: "b", Cores: 1, Speed: 1}}, []topology.Link{{From: 0, To: 1}})
	if err != nil {
		panic(err)
	}
	return top, &Pipeline{
		Name: "p", Source: topology.None, Sink: topology.None, Arrivals: Arrivals{Kind: Poisson, Rate: 1},
		Operators: []Operator{{Name: "x", Node: topology.None}, {Name: "y", Node: topology.None, After: []int{0}}},
	}
}

func TestCheckReportsEveryFault(t *testing.T) {
	top, p := small()
	require.NoError(t, (&Workload{Pipelines: []Pipeline{*p}}).Check(top))
	p.Arrivals.Rate = -1
	p.Source = 9
	p.Operators[0].Work = Dist{Kind: Lognormal, Mean: 1, CV: -2}
	p.Operators[1].After = []int{1}
	p.Operators[1].Demand.GPUMilli = 2000
	p.Classes = []Class{{Name: "c", Share: 0.5}}
	err := (&Workload{Pipelines: []Pipeline{*p, *p}, Jobs: []Job{{Name: "j", Priority: 0}}}).Check(top)
	for _, want := range []string{"rate: found -1", "source: found 9", "cv: found -2", "no cycle", "milli: found 2000", "sum of shares: found 0.5",
		`"p" twice`, "priority: found 0", "groups: found none", "type: found"} {
		assert.ErrorContains(t, err, want)
	}
}

func TestVisitRatiosSolveTheTrafficEquations(t *testing.T) {
	_, p := small()
	v, err := p.VisitRatios()
	require.NoError(t, err)
	assert.Equal(t, []float64{1, 1}, v)
	p.Operators[0].Next = []Branch{{To: 1, Probability: 0.6}}
	p.Operators[1].Next = []Branch{{To: 0, Probability: 1}}
	v, err = p.VisitRatios()
	require.NoError(t, err)
	assert.InDeltaSlice(t, []float64{2.5, 1.5}, v, 1e-12)
	p.Operators[0].Next[0].Probability = 1
	_, err = p.VisitRatios()
	assert.ErrorContains(t, err, "never let a request leave")
}

func TestPins(t *testing.T) {
	_, p := small()
	p.Source, p.Sink = 0, 1
	pins, err := p.Pins()
	require.NoError(t, err)
	assert.Equal(t, []topology.NodeID{0, 1}, pins)
	p.Operators[0].Node = 1
	_, err = p.Pins()
	assert.ErrorContains(t, err, "two different nodes")
}

func TestMomentsOfLaws(t *testing.T) {
	assert.Equal(t, 4.0, Dist{Kind: Hyperexponential, Mean: 1, CV: 2}.SquaredCV())
	assert.InDelta(t, 1.0/3, UniformBetween(0, 2).SquaredCV(), 1e-12)
	assert.InDelta(t, 0.25, FromSamples([]float64{1, 3}).SquaredCV(), 1e-12)
	assert.Equal(t, 0.25, Dist{Kind: Erlang, Mean: 3, Shape: 4}.SquaredCV())
}

func fuzzImport(f *testing.F, format string, files ...string) {
	for _, name := range files {
		data, err := os.ReadFile("testdata/" + name)
		require.NoError(f, err)
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		in, err := Import(format, "x", bytes.NewReader(data))
		if err != nil {
			return
		}
		for i := range in.Pipelines {
			for j := range in.Pipelines[i].Operators {
				for _, a := range in.Pipelines[i].Operators[j].After {
					if a >= j {
						t.Fatal("an operator before its predecessor")
					}
				}
			}
		}
		if in.Arrivals != nil {
			for _, column := range in.Arrivals.Factors {
				if len(column) != len(in.Arrivals.Times) {
					t.Fatal("a column of another length")
				}
			}
		}
	})
}

func FuzzImportPods(f *testing.F)     { fuzzImport(f, "openb-pods", "openb_pods.csv") }
func FuzzImportAzure(f *testing.F)    { fuzzImport(f, "azure-llm", "azure_llm.csv") }
func FuzzImportSWF(f *testing.F)      { fuzzImport(f, "swf", "log.swf") }
func FuzzImportWorkflow(f *testing.F) { fuzzImport(f, "wfcommons", "workflow.json") }
func FuzzImportProfile(f *testing.F)  { fuzzImport(f, "berkeley-profile", "profile.json") }
func FuzzImportArrivals(f *testing.F) {
	f.Add([]byte("time,size\n0,1\n1.5,2\n"))
	fuzzImport(f, "arrivals")
}
