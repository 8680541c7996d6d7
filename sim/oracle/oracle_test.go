package oracle

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A tenth of what `caravan verify` runs: enough to catch a wrong formula.
func TestTheSimulatorGivesTheExactAnswers(t *testing.T) {
	suites, err := Suites()
	require.NoError(t, err)
	for _, s := range suites {
		vs, err := s.Run(context.Background(), Options{Requests: 20_000})
		require.NoError(t, err)
		require.Len(t, vs, len(s.Cases))
		for _, v := range vs {
			assert.True(t, v.Pass, "%s %s %s %s: exact %v, simulated %v in %v to %v %s", v.Suite, v.ID, v.Model, v.Metric, v.Value, v.Simulated, v.Low, v.High, v.Problem)
		}
	}
}

func TestAWrongValueFails(t *testing.T) {
	s, err := QueueingSuite("wrong.csv", []byte("id,model,params,metric,value,formula\nX,M/M/1 FCFS,lambda=0.5;mu=1.0,E[T],2.2,wrong\nY,M/Q/1,,E[T],1,unknown\n"))
	require.NoError(t, err)
	vs, err := s.Run(context.Background(), Options{Requests: 20_000})
	require.NoError(t, err)
	assert.False(t, vs[0].Pass)
	assert.False(t, vs[1].Pass)
	assert.Contains(t, vs[1].Problem, "M/Q/1")
}
