package instances

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const diamond = `
  2
  0 0 0
  1 3 1 0
  2 4 1 0
  3 0 2 1 2
# Parallelism : 1.75
`

func TestReadSTG(t *testing.T) {
	g, err := ReadSTG(strings.NewReader(diamond), "diamond.stg")
	require.NoError(t, err)
	assert.Equal(t, [][]float64{{0}, {3}, {4}, {0}}, g.Time)
	assert.Equal(t, [][]Arc{nil, {{Task: 0}}, {{Task: 0}}, {{Task: 1}, {Task: 2}}}, g.After)
	assert.Equal(t, 0, g.Processors())
	assert.Equal(t, []int{0, 1, 2, 3}, g.Order())

	for text, want := range map[string]string{
		"":                              "no number of tasks",
		"1 0 0 0":                       "ends early",
		"0 0 0 0 7 1 0":                 "task 7 stands where task 1 belongs",
		"0 0 0 1 1 1 1 1 0":             "circle",
		"0 0 0 0 1 -1 0":                "time -1 of task 1",
		"0 0 0 0 1 1 0 5":               "1 numbers after the last task",
		"0 0 0 1 9 1 0 0":               "waits for task 9",
		"0 0 0 999999999 1 0 0":         "ends early",
		"99999999999999999999999 0 0 0": "99999999999999999999999",
	} {
		_, err := ReadSTG(strings.NewReader(text), "bad.stg")
		assert.ErrorContains(t, err, want, text)
	}
}

func TestReadTaskTables(t *testing.T) {
	read := func(times, data, bandwidth string) (*TaskGraph, error) {
		return ReadTaskTables(strings.NewReader(times), strings.NewReader(data), strings.NewReader(bandwidth), "tables")
	}
	g, err := read("T,P0,P1\nA,2,3\nB,4,1\n", "T,A,B\nA,0,6\nB,0,0\n", "P,P0,P1\nP0,0,2\nP1,3,0\n")
	require.NoError(t, err)
	assert.Equal(t, 2, g.Processors())
	assert.Equal(t, []Arc{{Task: 0, Data: 6}}, g.After[1])
	assert.Equal(t, 3.0, g.Delay(6, 0, 1))
	assert.Equal(t, 2.0, g.Delay(6, 1, 0))
	assert.Equal(t, 0.0, g.Delay(6, 1, 1))

	_, err = read("T,P0,P1\nA,2,x\n", "T,A\nA,0\n", "P,P0,P1\nP0,0,2\nP1,3,0\n")
	assert.ErrorContains(t, err, `line 2: "x" is not a number`)
	_, err = read("T,P0,P1\nA,2,3\n", "T,A\nA,0\n", "P,P0,P1\nP0,0,0\nP1,3,0\n")
	assert.ErrorContains(t, err, "bandwidth 0 from processor 0 to 1")
	_, err = read("T,P0,P1\nA,2,3\n", "T\n", "P,P0,P1\nP0,0,1\nP1,3,0\n")
	assert.ErrorContains(t, err, "data from 0 tasks, times of 1")
}

func FuzzReadSTG(f *testing.F) {
	f.Add([]byte(diamond))
	f.Fuzz(func(t *testing.T, data []byte) {
		g, err := ReadSTG(bytes.NewReader(data), "x")
		if err == nil {
			require.Len(t, g.Order(), g.Tasks())
		}
	})
}

func FuzzReadTaskTables(f *testing.F) {
	f.Add("T,P0\nA,2\n", "T,A\nA,0\n", "P,P0\nP0,0\n")
	f.Fuzz(func(t *testing.T, times, data, bandwidth string) {
		g, err := ReadTaskTables(strings.NewReader(times), strings.NewReader(data), strings.NewReader(bandwidth), "x")
		if err == nil {
			require.Len(t, g.Order(), g.Tasks())
		}
	})
}
