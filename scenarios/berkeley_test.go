package scenarios

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"caravan/topology"
	"caravan/workloads/placement"
)

// TestBerkeleysSecondTestbedCanBeWritten states the four-machine topology of
// minlatsolver's tests, where only machine 0 may hold two consecutive
// operators, and the pipeline whose best placement [0, 2, 3] takes
// 10/0.2 + 100/100+0.05 + 5/0.7 + 5/50+0.05 + 1/0.4 = 60.842857 s.
func TestBerkeleysSecondTestbedCanBeWritten(t *testing.T) {
	s := load(t, `
topology:
  defaults: {node: {colocate: false}, link: {latency: 50ms}}
  nodes: {0: {speed: 0.2, colocate: true}, 1: {speed: 1}, 2: {speed: 0.7}, 3: {speed: 0.4}}
  links:
    - {from: 0, to: 1, bandwidth: 5B/s}
    - {from: 0, to: 2, bandwidth: 100B/s}
    - {from: 0, to: 3, bandwidth: 50B/s}
    - {from: 1, to: 3, bandwidth: 10B/s}
    - {from: 2, to: 3, bandwidth: 50B/s}
workload:
  pipelines:
    - name: B1
      source: 0
      sink: 3
      operators:
        - {name: a, work: 10s, output: 100B}
        - {name: b, work: 5s, output: 5B}
        - {name: c, work: 1s, output: 1B}
models: {routing: direct}
solve: {contention: berkeley}
`)
	var split []bool
	for _, n := range s.Topology.Nodes() {
		split = append(split, n.NoColocate)
	}
	assert.Equal(t, []bool{false, true, true, true}, split)
	d, err := placement.Estimate(s.Topology, s.Model, &s.Workload.Pipelines[0], []topology.NodeID{0, 2, 3})
	require.NoError(t, err)
	assert.InDelta(t, 60.842857, d.Seconds(), 5e-7)
}
