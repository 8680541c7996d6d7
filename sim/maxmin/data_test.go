package maxmin_test

import (
	"encoding/csv"
	"math/big"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"caravan/sim/maxmin"
)

func readRows(t *testing.T, name string) [][]string {
	file, err := os.Open("testdata/" + name)
	require.NoError(t, err)
	defer file.Close()
	rows, err := csv.NewReader(file).ReadAll()
	require.NoError(t, err)
	require.Greater(t, len(rows), 1)
	return rows[1:]
}

// pairs reads name=value;name=value or name:value;name:value in order.
func pairs(t *testing.T, text, separator string) (names, values []string) {
	for part := range strings.SplitSeq(text, ";") {
		name, value, ok := strings.Cut(part, separator)
		require.True(t, ok, "%q", part)
		names, values = append(names, name), append(values, value)
	}
	return names, values
}

func TestTextbookRates(t *testing.T) {
	for _, row := range readRows(t, "textbook.csv") {
		t.Run(row[0], func(t *testing.T) {
			var capacity []float64
			number := map[string]int32{}
			names, values := pairs(t, row[2], "=")
			for i := range names {
				c, err := strconv.ParseFloat(values[i], 64)
				require.NoError(t, err)
				number[names[i]] = int32(i)
				capacity = append(capacity, c)
			}
			n := maxmin.New(capacity)
			flows := map[string]maxmin.Flow{}
			names, values = pairs(t, row[3], ":")
			for i, name := range names {
				var route []int32
				for link := range strings.SplitSeq(values[i], "+") {
					require.Contains(t, number, link)
					route = append(route, number[link])
				}
				flows[name] = n.Add(0, route, 1, 1, 0)
			}
			names, values = pairs(t, row[4], "=")
			require.Len(t, names, len(flows))
			for i, name := range names {
				exact, ok := new(big.Rat).SetString(values[i])
				require.True(t, ok)
				want, _ := exact.Float64()
				assert.InEpsilon(t, want, n.Rate(flows[name]), 1e-14, "flow %s", name)
			}
		})
	}
}

// A backbone has a flow between every pair of its nodes.
type backbone struct {
	capacity []float64 // bits per second
	routes   [][]int32
	rates    []float64 // bits per second, to 3 decimals
	held     []int32   // bottlenecks
}

func readBackbone(t *testing.T, name string) backbone {
	var b backbone
	number := map[string]int32{}
	for i, row := range readRows(t, name+"_links.csv") {
		c, err := strconv.ParseFloat(row[2], 64)
		require.NoError(t, err)
		number[row[0]+"-"+row[1]] = int32(i)
		number[row[1]+"-"+row[0]] = int32(i)
		b.capacity = append(b.capacity, c)
	}
	for _, row := range readRows(t, name+".csv") {
		var route []int32
		nodes := strings.Split(row[2], "-")
		for k := 1; k < len(nodes); k++ {
			require.Contains(t, number, nodes[k-1]+"-"+nodes[k])
			route = append(route, number[nodes[k-1]+"-"+nodes[k]])
		}
		rate, err := strconv.ParseFloat(row[3], 64)
		require.NoError(t, err)
		require.Contains(t, number, row[4])
		b.routes = append(b.routes, route)
		b.rates = append(b.rates, rate)
		b.held = append(b.held, number[row[4]])
	}
	return b
}

func TestBackboneRatesFlowByFlow(t *testing.T) {
	for _, name := range []string{"Abilene", "Nsfnet", "Geant2001"} {
		b := readBackbone(t, name)
		check := func(t *testing.T, n *maxmin.Network, flows []maxmin.Flow) {
			for i, f := range flows {
				require.InEpsilon(t, b.rates[i], n.Rate(f), 1e-9, "flow %d", i)
			}
			for _, m := range b.held {
				require.InEpsilon(t, b.capacity[m], n.Used(m), 1e-12, "medium %d is full", m)
			}
		}
		t.Run(name+" at once", func(t *testing.T) {
			n := maxmin.New(b.capacity)
			flows := make([]maxmin.Flow, len(b.routes))
			for i, route := range b.routes {
				flows[i] = n.Add(0, route, 1e12, 1, 0)
			}
			check(t, n, flows)
		})
		t.Run(name+" one by one, forth and back", func(t *testing.T) {
			n := maxmin.New(b.capacity)
			flows := make([]maxmin.Flow, len(b.routes))
			for i, route := range b.routes {
				flows[i] = n.Add(0, route, 1e12, 1, 0)
				n.Next()
			}
			check(t, n, flows)
			for i := range flows {
				require.True(t, n.Remove(0, flows[i]))
				n.Next()
				flows[i] = n.Add(0, b.routes[i], 1e12, 1, 0)
				n.Next()
			}
			check(t, n, flows)
		})
	}
}
