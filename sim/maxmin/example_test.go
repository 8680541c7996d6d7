package maxmin_test

import (
	"fmt"
	"time"

	"caravan/sim/maxmin"
)

// Two transfers share a link of 100 MB/s; one of them starts a second later.
func Example() {
	n := maxmin.New([]float64{100e6})
	n.Add(0, []int32{0}, 300e6, 1, 'A')
	n.Add(time.Second, []int32{0}, 100e6, 1, 'B')
	for {
		at, ok := n.Next()
		if !ok {
			break
		}
		for _, tag := range n.Complete(at, nil) {
			fmt.Printf("%c ends at %v\n", tag, at)
		}
	}
	// Output:
	// B ends at 3s
	// A ends at 4s
}

// A closed network: each flow that ends is followed by another, and all the
// changes of one instant are solved together by the next call of Next.
func ExampleNetwork_Complete() {
	n := maxmin.New([]float64{80e6, 100e6})
	routes := [][]int32{{0}, {1}, {0, 1}}
	for i, route := range routes {
		n.Add(0, route, 40e6, 1, uint32(i))
	}
	var now time.Duration
	var tags []uint32
	for done := 0; done < 6; done += len(tags) {
		at, ok := n.Next()
		if !ok {
			break
		}
		now = at
		tags = n.Complete(now, tags[:0])
		for _, i := range tags {
			fmt.Println(now.Round(time.Millisecond), "route", i)
			n.Add(now, routes[i], 40e6, 1, i)
		}
	}
	// Output:
	// 667ms route 1
	// 1s route 0
	// 1s route 2
	// 1.333s route 1
	// 2s route 0
	// 2s route 2
}
