package binpack

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// The published cases of the limit: 2 options, none deferred above 0, at most 2
// deferred.
func TestTheLimitSkipsPoorOptionsWhileBetterOnesMayCome(t *testing.T) {
	for _, c := range []struct {
		scores []float64
		want   []int
	}{
		{[]float64{-1, 2, 3}, []int{1, 2}}, {[]float64{-1, -2, 3, 4}, []int{2, 3}}, {[]float64{-1, -6}, []int{0, 1}},
		{[]float64{-1, 5}, []int{1, 0}}, {[]float64{-1}, []int{0}},
	} {
		at, got := -1, []int{}
		limited(2, 2, nil, func() (int, float64) {
			if at++; at >= len(c.scores) {
				return -1, 0
			}
			return at, c.scores[at]
		}, func(i int) { got = append(got, i) })
		assert.Equal(t, c.want, got, c.scores)
	}
}
