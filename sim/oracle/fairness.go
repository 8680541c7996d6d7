package oracle

import (
	"bytes"
	"context"
	"embed"
	"encoding/csv"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"caravan/sim/maxmin"
	"caravan/topology"
)

// The Internet Topology Zoo files are CC BY 4.0, Knight et al., IEEE JSAC
// 29(9), 2011; data/NOTICE.md has the attribution.
//
//go:embed data/maxmin.csv data/maxmin_*.csv data/*.graphml
var fairData embed.FS

// zoo names the topologies whose max-min rates are shipped. A link without a
// published speed counts 10 Gbit/s.
var zoo = []string{"Abilene", "Nsfnet", "Geant2001"}

// fairTolerance is the relative error that a rate may have: that of the
// decimals in which it is written.
const fairTolerance = 1e-9

// A fairProblem is a set of flows over links.
type fairProblem struct {
	capacity []float64
	flows    [][]int32
}

// rates solves the problem with the simulator's flow network.
func (p fairProblem) rates() []float64 {
	n := maxmin.New(p.capacity)
	handles := make([]maxmin.Flow, len(p.flows))
	for i, route := range p.flows {
		handles[i] = n.Add(0, route, 1e15, 1, uint32(i))
	}
	out := make([]float64, len(p.flows))
	for i, h := range handles {
		out[i] = n.Rate(h)
	}
	return out
}

func maxminSuites() ([]Suite, error) {
	small, err := smallSuite()
	if err != nil {
		return nil, err
	}
	suites := []Suite{small}
	for _, name := range zoo {
		s, err := zooSuite(name)
		if err != nil {
			return nil, err
		}
		suites = append(suites, s)
	}
	return suites, nil
}

// judgeRate compares a rate with its exact value.
func judgeRate(c Case, rate, tolerance float64) Verdict {
	return Verdict{Case: c, Simulated: rate, Low: rate, High: rate, N: 1,
		Pass: math.Abs(rate-c.Value) <= tolerance*c.Value}
}

// smallSuite reads the textbook problems, whose rates are exact fractions.
func smallSuite() (Suite, error) {
	const file = "maxmin.csv"
	rows, err := readCSV(file)
	if err != nil {
		return Suite{}, err
	}
	s := Suite{Name: file}
	var problems []fairProblem
	var at [][2]int // problem and flow of each case
	for i, row := range rows {
		p, names, err := parseFair(row[2], row[3])
		if err != nil {
			return Suite{}, fmt.Errorf("%s:%d: %w", file, i+2, err)
		}
		problems = append(problems, p)
		for _, exact := range strings.Split(row[4], ";") {
			name, value, _ := strings.Cut(strings.TrimSpace(exact), "=")
			v, err := fraction(value)
			if err != nil {
				return Suite{}, fmt.Errorf("%s:%d: %w", file, i+2, err)
			}
			s.Cases = append(s.Cases, Case{Suite: file, ID: row[0], Model: row[1], Params: row[2], Metric: "rate " + name, Value: v, Formula: row[4]})
			at = append(at, [2]int{i, slices.Index(names, name)})
		}
	}
	s.try = func(_ context.Context, cases []Case, _ Options) ([]Verdict, error) {
		out := make([]Verdict, len(cases))
		for i, c := range cases {
			out[i] = judgeRate(c, problems[at[i][0]].rates()[at[i][1]], 1e-12)
		}
		return out, nil
	}
	return s, nil
}

func readCSV(file string) ([][]string, error) {
	data, err := fairData.ReadFile("data/" + file)
	if err != nil {
		return nil, err
	}
	rows, err := csv.NewReader(bytes.NewReader(data)).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return rows[1:], nil
}

// parseFair reads `link=capacity;...` and `flow:link+link;...`.
func parseFair(links, flows string) (fairProblem, []string, error) {
	var p fairProblem
	index := map[string]int32{}
	for _, l := range strings.Split(links, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(l), "=")
		c, err := fraction(value)
		if err != nil {
			return p, nil, err
		}
		index[name] = int32(len(p.capacity))
		p.capacity = append(p.capacity, c)
	}
	var names []string
	for _, f := range strings.Split(flows, ";") {
		name, route, _ := strings.Cut(strings.TrimSpace(f), ":")
		var over []int32
		for _, l := range strings.Split(route, "+") {
			i, ok := index[strings.TrimSpace(l)]
			if !ok {
				return p, nil, fmt.Errorf("flow %q crosses %q, which is no link", name, l)
			}
			over = append(over, i)
		}
		names = append(names, name)
		p.flows = append(p.flows, over)
	}
	return p, names, nil
}

// fraction reads 3, 0.5 or 2/3.
func fraction(s string) (float64, error) {
	top, bottom, ok := strings.Cut(s, "/")
	x, err := strconv.ParseFloat(top, 64)
	if err != nil || !ok {
		return x, err
	}
	y, err := strconv.ParseFloat(bottom, 64)
	return x / y, err
}

// zooSuite sends one flow between every pair of nodes of a real backbone, on
// the shortest path by distance; both directions of a link share its capacity.
func zooSuite(name string) (Suite, error) {
	file := "maxmin_" + name + ".csv"
	rows, err := readCSV(file)
	if err != nil {
		return Suite{}, err
	}
	t, err := loadZoo(name)
	if err != nil {
		return Suite{}, err
	}
	s := Suite{Name: file}
	p := fairProblem{capacity: make([]float64, t.Media())}
	for _, l := range t.Links() {
		p.capacity[l.Medium] = float64(l.Bandwidth)
	}
	paths := make([]string, len(rows))
	for i, row := range rows {
		from, err1 := strconv.Atoi(row[0])
		to, err2 := strconv.Atoi(row[1])
		rate, err3 := strconv.ParseFloat(row[5], 64)
		if err1 != nil || err2 != nil || err3 != nil {
			return Suite{}, fmt.Errorf("%s:%d: not two node numbers and a rate", file, i+2)
		}
		route, ok := t.Route(topology.RouteLatency, topology.NodeID(from), topology.NodeID(to))
		if !ok {
			return Suite{}, fmt.Errorf("%s:%d: no route", file, i+2)
		}
		paths[i] = pathOf(t, topology.NodeID(from), route)
		over := make([]int32, len(route.Links))
		for k, l := range route.Links {
			over[k] = int32(t.Links()[l].Medium)
		}
		p.flows = append(p.flows, over)
		s.Cases = append(s.Cases, Case{Suite: file, ID: row[0] + "-" + row[1], Model: name + ", one flow a pair", Params: row[2],
			Metric: "rate, bit/s", Value: rate, Formula: "water filling, bottleneck " + row[6]})
	}
	s.try = func(_ context.Context, cases []Case, _ Options) ([]Verdict, error) {
		rates := p.rates()
		out := make([]Verdict, len(cases))
		for i, c := range cases {
			out[i] = judgeRate(c, rates[i]*8, fairTolerance)
			if paths[i] != c.Params {
				out[i].Pass, out[i].Problem = false, "routed over "+paths[i]+" instead of "+c.Params
			}
		}
		return out, nil
	}
	return s, nil
}

// pathOf writes a route as node numbers, 0-3-9.
func pathOf(t *topology.Topology, from topology.NodeID, route topology.Route) string {
	var b strings.Builder
	b.WriteString(strconv.Itoa(int(from)))
	for _, l := range route.Links {
		fmt.Fprintf(&b, "-%d", t.Links()[l].To)
	}
	return b.String()
}

// loadZoo reads a shipped topology.
func loadZoo(name string) (*topology.Topology, error) {
	file := name + ".graphml"
	data, err := fairData.ReadFile("data/" + file)
	if err != nil {
		return nil, err
	}
	in, err := topology.Import("graphml", file, bytes.NewReader(data), topology.ImportOptions{})
	if err != nil {
		return nil, err
	}
	return topology.New(in.Nodes, in.Links)
}
