package instances

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const twoMachines = `
1
1 100
2
0 0 30 16 0 1
0 1 10 8 1 0
2
2 0
1 1 0
3
0 12 1000
0 10 100
1 6 1
1
0 0 20
10
1 10 100
`

func TestReadReassignment(t *testing.T) {
	p, err := ReadReassignment(strings.NewReader(twoMachines), strings.NewReader("0 1 0"), "worked")
	require.NoError(t, err)
	assert.Equal(t, []ReassignResource{{Transient: true, Load: 100}}, p.Resources)
	assert.Equal(t, ReassignMachine{Location: 1, Capacity: []int64{10}, Safety: []int64{8}, MoveTo: []int64{1, 0}}, p.Machines[1])
	assert.Equal(t, []ReassignService{{Spread: 2}, {Spread: 1, Depends: []int{0}}}, p.Services)
	assert.Equal(t, ReassignProcess{Service: 1, Need: []int64{6}, Move: 1}, p.Processes[2])
	assert.Equal(t, []ReassignBalance{{Target: 20, Weight: 10}}, p.Balances)
	assert.Equal(t, [3]int64{1, 10, 100}, [3]int64{p.ProcessMove, p.ServiceMove, p.MachineMove})
	assert.Equal(t, []int{0, 1, 0}, p.Initial)

	for _, c := range []struct{ model, start, want string }{
		{"", "", "ends early"},
		{"1", "", "ends early"},
		{twoMachines + "7", "0 1 0", "1 numbers after the last weight"},
		{twoMachines, "0 1", "an assignment of 2 processes, allowed: 3"},
		{twoMachines, "0 2 0", "machine 2, allowed: 0..1"},
		{strings.Replace(twoMachines, "1 6 1", "5 6 1", 1), "0 1 0", "service 5, allowed: 0..1"},
		{strings.Replace(twoMachines, "0 0 30 16", "0 0 -3 16", 1), "0 1 0", "capacity -3"},
		{"99999999 1 1", "", "ends early"},
	} {
		_, err := ReadReassignment(strings.NewReader(c.model), strings.NewReader(c.start), "bad")
		assert.ErrorContains(t, err, c.want)
	}
}

func FuzzReadReassignment(f *testing.F) {
	f.Add([]byte(twoMachines), []byte("0 1 0"))
	f.Fuzz(func(t *testing.T, model, start []byte) {
		p, err := ReadReassignment(bytes.NewReader(model), bytes.NewReader(start), "x")
		if err == nil {
			require.Len(t, p.Initial, len(p.Processes))
		}
	})
}
