package agent

import (
	"testing"
	"time"
)

func BenchmarkMessage(b *testing.B) {
	m := &Message{Request: 1, CreatedAt: time.Now().UnixNano(), Work: make([]time.Duration, 4), Output: make([]int64, 4), Hops: make([]Hop, 3), Payload: make([]byte, 10<<10)}
	b.SetBytes(int64(len(m.Payload)))
	for b.Loop() {
		if _, err := decodeMessage(m.encode()[5:]); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkBurn(b *testing.B) {
	const asked = 2 * time.Millisecond
	var used time.Duration
	for b.Loop() {
		d, _ := burn(asked, nil)
		used += d
	}
	b.ReportMetric(float64(used)/float64(b.N)/float64(asked), "used/asked")
}
