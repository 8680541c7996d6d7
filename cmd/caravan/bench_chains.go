package main

import (
	"context"
	"encoding/csv"
	"fmt"
	"io/fs"
	"math"
	"path"
	"strconv"
	"strings"
	"time"

	"caravan/solver/partition"
	"caravan/workloads/instances"
)

// imageBytes is an image of 224 by 224 points of three 4-byte colours: what
// the first layer of a profiled network takes, times the images of a batch.
const imageBytes = 224 * 224 * 3 * 4

// chainCases cut a profiled network into stages of least bottleneck, on equal
// processors and on unequal ones, and in two between a slow device and the
// cloud. Answers are read from the table beside the chain.
func chainCases(fsys fs.FS, prefix string, layers []instances.ChainLayer) []benchCase {
	c := chainBench{name: path.Base(prefix), layers: layers, known: readExpected(fsys, prefix+"_expected.csv")}
	for _, processors := range []int{1, 2, 3, 4, 6, 8} {
		speeds := make([]float64, processors)
		for i := range speeds {
			speeds[i] = 1
		}
		p := fmt.Sprintf("P=%d", processors)
		c.bottleneck("on "+strconv.Itoa(processors), "CCP min bottleneck fwd+bwd/"+p, true, partition.Bottleneck, speeds)
		c.bottleneck("forward on "+strconv.Itoa(processors), "CCP min bottleneck fwd only/"+p, false, partition.Bottleneck, speeds)
	}
	for _, speeds := range [][]float64{{1, 2, 4}, {4, 2, 1}, {1, 1, 2, 3}} {
		c.unequal(speeds)
	}
	if images := layers[0].Activation / imageBytes; images == math.Trunc(images) && images > 0 {
		for _, slower := range []float64{200, 1000, 5000} {
			for _, uplink := range []float64{1.1, 5.85, 18.88, 100, 1000} {
				c.twoWay(slower, uplink, images)
			}
		}
	}
	return c.cases
}

// A chainBench collects the cases of one chain.
type chainBench struct {
	name   string
	layers []instances.ChainLayer
	known  map[string]float64
	cases  []benchCase
}

func (c *chainBench) add(name, key string, run func(ctx context.Context) (benchAnswer, error)) {
	known, ok := c.known[key]
	if !ok {
		known = math.NaN()
	}
	c.cases = append(c.cases, benchCase{
		Name: "chain/" + c.name + " " + name, Unit: "ms", Known: known, Solvers: []string{"partition"},
		Run: func(ctx context.Context, _ string, _ time.Duration) (benchAnswer, error) { return run(ctx) },
	})
}

type cutter func(ctx context.Context, c partition.Chain, speeds []float64) (partition.Split, error)

func (c *chainBench) bottleneck(name, key string, backward bool, cut cutter, speeds []float64) {
	var chain partition.Chain
	for _, l := range c.layers {
		work := l.Forward
		if backward {
			work += l.Backward
		}
		chain.Work = append(chain.Work, work)
	}
	c.add(name, key, func(ctx context.Context) (benchAnswer, error) {
		s, err := cut(ctx, chain, speeds)
		return benchAnswer{Status: proved(s.Proved), Cost: s.Bottleneck, Bound: s.Bound, Parts: stageParts(c.layers, s)}, err
	})
}

func (c *chainBench) unequal(speeds []float64) {
	var words []string
	for _, s := range speeds {
		words = append(words, strconv.FormatFloat(s, 'g', -1, 64))
	}
	list := strings.Join(words, "/")
	const kind = "heterogeneous CCP fwd+bwd, "
	c.bottleneck("at speeds "+list, kind+"processors in this fixed order, empty stage allowed/speeds="+list, true, partition.Bottleneck, speeds)
	c.bottleneck("at speeds "+list+" in any order", kind+"best processor order/speeds="+list, true, partition.BottleneckAnyOrder, speeds)
}

// twoWay cuts between a device that is slower by a factor and the cloud, an
// uplink of so many Mbit/s apart, for one image; its result returns for free.
func (c *chainBench) twoWay(slower, uplink, images float64) {
	s := partition.Sides{}
	for k, l := range c.layers {
		far := l.Forward / images
		s.Near = append(s.Near, far*slower)
		if k == 0 {
			far = math.Inf(1) // the image is taken on the device
		}
		s.Far = append(s.Far, far)
		s.Output = append(s.Output, l.Activation/images*8/(uplink*1e6)*1e3)
		if k > 0 {
			s.Edges = append(s.Edges, [2]int{k - 1, k})
		}
	}
	name := fmt.Sprintf("device %gx slower, %g Mbit/s", slower, uplink)
	key := fmt.Sprintf("edge-cloud 2-way cut, device %gx slower, result return free/uplink %g Mbit/s", slower, uplink)
	c.add(name, key, func(ctx context.Context) (benchAnswer, error) {
		cut, err := partition.TwoWay(ctx, s)
		layer := func(v int) string { return c.layers[v].Name }
		return benchAnswer{Status: proved(err == nil), Cost: cut.Cost, Bound: cut.Cost, Parts: cutParts(cut, layer, "device", "cloud")}, err
	})
}

// readExpected reads a table of problem, parameter and value, if there is one.
func readExpected(fsys fs.FS, name string) map[string]float64 {
	f, err := fsys.Open(name)
	if err != nil {
		return nil
	}
	defer f.Close()
	r := csv.NewReader(f)
	r.FieldsPerRecord = -1
	rows, err := r.ReadAll()
	if err != nil {
		return nil
	}
	out := map[string]float64{}
	for _, row := range rows {
		if len(row) < 3 {
			continue
		}
		number, _, _ := strings.Cut(row[2], " ") // what follows says where the cut is
		if v, err := strconv.ParseFloat(number, 64); err == nil {
			out[row[0]+"/"+row[1]] = v
		}
	}
	return out
}
