package instances

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// A GAP is a generalised assignment problem: give every job to one agent, so
// that no agent's weights exceed its capacity, at the least cost.
type GAP struct {
	Name     string
	Cost     [][]int64 // of a job on an agent: Cost[agent][job]
	Weight   [][]int64 // as Cost, in the unit of Capacity
	Capacity []int64   // of every agent
}

// MaxMagnitude bounds every number of a problem, so that sums over 10^6 of
// them are exact.
const MaxMagnitude = 1_000_000_000

// Agents and Jobs are the size of the problem.
func (g *GAP) Agents() int { return len(g.Cost) }

// Jobs is the number of jobs to assign.
func (g *GAP) Jobs() int {
	if len(g.Cost) == 0 {
		return 0
	}
	return len(g.Cost[0])
}

// Negate returns the problem with every cost's sign changed: the least cost of
// one is the largest profit of the other.
func (g *GAP) Negate() *GAP {
	out := *g
	out.Cost = make([][]int64, len(g.Cost))
	for i, row := range g.Cost {
		out.Cost[i] = make([]int64, len(row))
		for j, c := range row {
			out.Cost[i][j] = -c
		}
	}
	return &out
}

// Evaluate is the cost of giving job j to agent[j], and whether every job has
// an agent and every agent room for its jobs.
func (g *GAP) Evaluate(agent []int) (cost int64, ok bool) {
	load := make([]int64, g.Agents())
	if len(agent) != g.Jobs() {
		return 0, false
	}
	for j, i := range agent {
		if i < 0 || i >= len(load) {
			return 0, false
		}
		cost += g.Cost[i][j]
		load[i] += g.Weight[i][j]
	}
	for i, l := range load {
		if l > g.Capacity[i] {
			return cost, false
		}
	}
	return cost, true
}

// Check reports every fault of a problem: an uneven shape, a negative weight
// or capacity, a number beyond MaxMagnitude.
func (g *GAP) Check() error {
	m, n := g.Agents(), g.Jobs()
	if len(g.Weight) != m || len(g.Capacity) != m {
		return fmt.Errorf("%s: %d rows of costs, %d of weights, %d capacities", g.Name, m, len(g.Weight), len(g.Capacity))
	}
	var faults []error
	for i := range m {
		if len(g.Cost[i]) != n || len(g.Weight[i]) != n {
			faults = append(faults, fmt.Errorf("%s: agent %d has %d costs and %d weights for %d jobs", g.Name, i, len(g.Cost[i]), len(g.Weight[i]), n))
			continue
		}
		if c := g.Capacity[i]; c < 0 || c > MaxMagnitude {
			faults = append(faults, fmt.Errorf("%s: capacity %d of agent %d is not within 0..%d", g.Name, c, i, MaxMagnitude))
		}
		for j := range n {
			if w := g.Weight[i][j]; w < 0 || w > MaxMagnitude {
				faults = append(faults, fmt.Errorf("%s: weight %d of job %d on agent %d is not within 0..%d", g.Name, w, j, i, MaxMagnitude))
			}
			if c := g.Cost[i][j]; c < -MaxMagnitude || c > MaxMagnitude {
				faults = append(faults, fmt.Errorf("%s: cost %d of job %d on agent %d is beyond %d", g.Name, c, j, i, MaxMagnitude))
			}
		}
	}
	return errors.Join(faults...)
}

// ReadGAP reads one problem in the text of the OR-Library (Beasley, J. Opl.
// Res. Soc. 41, 1990): the numbers of agents and jobs, a row of costs for each
// agent, a row of weights for each agent, the capacities.
func ReadGAP(r io.Reader, name string) (*GAP, error) {
	all, err := ReadGAPs(r, name)
	if err != nil {
		return nil, err
	}
	if len(all) != 1 {
		return nil, fmt.Errorf("%s: %d problems where one is expected", name, len(all))
	}
	all[0].Name = name
	return all[0], nil
}

// ReadGAPs reads a file of one problem, or of several behind their number,
// which are named "name-0", "name-1" and so on.
func ReadGAPs(r io.Reader, name string) ([]*GAP, error) {
	v, err := integers(r, name)
	if err != nil {
		return nil, err
	}
	if g, rest, err := cutGAP(v, name+"-0"); err == nil && len(rest) == 0 {
		return []*GAP{g}, g.Check()
	}
	if len(v) == 0 || v[0] < 1 || v[0] > int64(len(v)) {
		return nil, fmt.Errorf("%s: neither agents, jobs, costs, weights and capacities of one problem nor a number of problems", name)
	}
	var out []*GAP
	var faults []error
	rest := v[1:]
	for k := range v[0] {
		var g *GAP
		if g, rest, err = cutGAP(rest, fmt.Sprintf("%s-%d", name, k)); err != nil {
			return nil, err
		}
		out, faults = append(out, g), append(faults, g.Check())
	}
	if len(rest) > 0 {
		faults = append(faults, fmt.Errorf("%s: %d numbers after the last problem", name, len(rest)))
	}
	return out, errors.Join(faults...)
}

// cutGAP takes one problem from the front of v. Its rows share v's memory.
func cutGAP(v []int64, name string) (*GAP, []int64, error) {
	if len(v) < 2 {
		return nil, nil, fmt.Errorf("%s: no numbers of agents and jobs", name)
	}
	m, n := v[0], v[1]
	v = v[2:]
	limit := int64(len(v))
	if m < 1 || n < 1 || m > limit || n > limit || (2*n+1)*m > limit {
		return nil, nil, fmt.Errorf("%s: %d numbers follow where %d agents and %d jobs need 2 x %d x %d + %d", name, len(v), m, n, m, n, m)
	}
	rows := func() [][]int64 {
		out := make([][]int64, m)
		for i := range out {
			out[i], v = v[:n:n], v[n:]
		}
		return out
	}
	g := &GAP{Name: name, Cost: rows(), Weight: rows()}
	g.Capacity, v = v[:m:m], v[m:]
	return g, v, nil
}

// integers reads every whitespace-separated integer of a file. What stands
// behind # on a line is a comment.
func integers(r io.Reader, name string) ([]int64, error) {
	var out []int64
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<26)
	words := func(line []byte, number int) error {
		for len(line) > 0 {
			var word []byte
			if word, line = cutWord(line); len(word) == 0 {
				continue
			}
			x, err := strconv.ParseInt(string(word), 10, 64)
			if err != nil {
				return fmt.Errorf("%s:%d: %.40q is not an integer", name, number, word)
			}
			out = append(out, x)
		}
		return nil
	}
	for number := 1; lines.Scan(); number++ {
		line, _, _ := bytes.Cut(lines.Bytes(), []byte("#"))
		if err := words(line, number); err != nil {
			return nil, err
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return out, nil
}

// cutWord splits off what stands before the first space.
func cutWord(line []byte) (word, rest []byte) {
	for k, b := range line {
		if b == ' ' || b == '\t' || b == '\r' {
			return line[:k], line[k+1:]
		}
	}
	return line, nil
}
