package instances_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"caravan/workloads/instances"
)

func TestBinPackingFormats(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       []instances.BinPacking
	}{
		{"OR-Library", " 2\n a_0 \n 10 3 2\n6\n4\n5\n\nb_1\n 7 1 1 \n7\n", []instances.BinPacking{
			{Name: "a_0", Capacity: []int64{10}, Sizes: [][]int64{{6}, {4}, {5}}, Best: 2},
			{Name: "b_1", Capacity: []int64{7}, Sizes: [][]int64{{7}}, Best: 1},
		}},
		{"decimals", "1\nt60_00\n100.0 3 1\n49.5\n25.25\n25\n", []instances.BinPacking{
			{Name: "t60_00", Capacity: []int64{10000}, Sizes: [][]int64{{4950}, {2525}, {2500}}, Best: 1},
		}},
		{"Falkenauer", "3\r\n1000\r\n495\r\n255\r\n250\r\n", []instances.BinPacking{
			{Name: "file", Capacity: []int64{1000}, Sizes: [][]int64{{495}, {255}, {250}}},
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := instances.ReadBinPacking(strings.NewReader(c.text), "file")
			require.NoError(t, err)
			assert.Equal(t, c.want, got)
		})
	}
}

func TestBinPackingFaultsSayWhere(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"", "file: found no lines, allowed: OR-Library's or Falkenauer's format"},
		{"x\n10\n3\n", `file:1: found "x", allowed: the number of items, a whole number from 1`},
		{"2\n10\n3\n", "file: found the end of the file, allowed: size 2 of 2"},
		{"1\n10\n11\n", `file:3: found "11", allowed: a size up to the capacity 10`},
		{"1\n10\n-1\n", `file:3: found "-1", allowed: a positive number`},
		{"1\n10\n1\n4\n", `file:4: found "4", allowed: the end of the file`},
		{"1\na\n10 2 x\n4\n5\n", `file:3: found "x", allowed: the best number of bins, a whole number from 0`},
		{"2\na\n10 1 1\n4\n", "file: found the end of the file, allowed: the name of problem 2 of 2"},
		{"1\n1.00000001\n1\n", "file:2: found sizes with 8 decimals, allowed: up to 6"},
	} {
		_, err := instances.ReadBinPacking(strings.NewReader(c.text), "file")
		assert.EqualError(t, err, c.want)
	}
}

func FuzzReadBinPacking(f *testing.F) {
	f.Add("2\na_0\n10 3 2\n6\n4\n5\nb_1\n7 1 1\n7\n")
	f.Add("3\n1000\n495\n255\n250\n")
	f.Add("1\nt\n100.0 1 1\n49.5\n")
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 1<<16 {
			t.Skip()
		}
		problems, err := instances.ReadBinPacking(strings.NewReader(text), "file")
		if err != nil {
			return
		}
		for _, p := range problems {
			if len(p.Capacity) != 1 || len(p.Sizes) == 0 {
				t.Fatalf("%+v", p)
			}
			for _, s := range p.Sizes {
				if len(s) != 1 || s[0] <= 0 || s[0] > p.Capacity[0] {
					t.Fatalf("size %v of capacity %v", s, p.Capacity)
				}
			}
		}
	})
}
