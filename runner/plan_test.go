package runner_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"caravan/runner"
	"caravan/runner/agent"
	"caravan/runner/runnertest"
)

func TestPlanOfAChainHasOneAgentForEachOperator(t *testing.T) {
	p := runnertest.Chain(t, "r", [2]string{"a", "b"})
	require.Len(t, p.Agents, 3)
	assert.Equal(t, []string{"chain-first", "chain-second", "chain-third"},
		[]string{p.Agents[0].Name, p.Agents[1].Name, p.Agents[2].Name})
	assert.Equal(t, "chain-second", p.Agents[2].GateOf, "the first agent of a node gives out its cores")
	assert.Empty(t, p.Agents[0].GateOf)
	require.Len(t, p.Routes, 1)
	assert.Equal(t, "a->b", p.Routes[0].Hops[0].Name)
	assert.True(t, p.Agents[2].Config.Collect)
}

func TestWireFillsInEveryLookup(t *testing.T) {
	p := runnertest.Chain(t, "r", [2]string{"a", "b"})
	for _, d := range p.Agents {
		c := p.Wire(d, func(from, to runner.Deployment) agent.Lookup {
			return agent.Lookup{File: from.Name + ">" + to.Name}
		})
		c.Listen, c.HTTP = "127.0.0.1:0", "127.0.0.1:0"
		assert.NoError(t, c.Check())
		for i := range c.Successors {
			assert.Empty(t, d.Config.Successors[i].Lookup, "the plan itself stays as it was")
		}
	}
}

func TestLabelsArePartsOfHostNames(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		for _, s := range []string{
			runner.Label(rapid.String().Draw(t, "text")),
			runner.NewRun(rapid.String().Draw(t, "scenario"), time.Unix(0, 0), 1<<22),
		} {
			assert.Regexp(t, `^[a-z]([a-z0-9-]*[a-z0-9])?$`, s)
			assert.LessOrEqual(t, len(s), 52)
			assert.False(t, strings.HasSuffix(s, "-"))
		}
	})
}
