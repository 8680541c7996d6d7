package des

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestSlabGivesEachOwnerASlotOfItsOwn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		type ref struct {
			slot uint32
			gen  uint16
		}
		var s Slab[int]
		live := map[uint32]ref{}
		var dead []ref
		n := 0
		t.Repeat(map[string]func(*rapid.T){
			"alloc": func(t *rapid.T) {
				slot := s.Alloc()
				require.NotContains(t, live, slot)
				n++
				*s.At(slot) = n
				live[slot] = ref{slot, s.Gen(slot)}
			},
			"free": func(t *rapid.T) {
				slot := uint32(rapid.IntRange(0, 20).Draw(t, "slot"))
				if x, ok := live[slot]; ok {
					s.Free(slot)
					delete(live, slot)
					dead = append(dead, x)
				}
			},
			"reset": func(t *rapid.T) {
				if rapid.IntRange(0, 9).Draw(t, "rarely") > 0 {
					return
				}
				for slot, x := range live {
					dead = append(dead, x)
					delete(live, slot)
				}
				s.Reset()
			},
			"": func(t *rapid.T) {
				require.Equal(t, len(live), s.Live())
				for slot, x := range live {
					require.Equal(t, x.gen, s.Gen(slot))
				}
				for _, x := range dead {
					require.NotEqual(t, x.gen, s.Gen(x.slot), "a stale reference")
				}
			},
		})
	})
}

func TestFreeingASlotTwicePanics(t *testing.T) {
	var s Slab[string]
	slot := s.Alloc()
	s.Free(slot)
	assert.PanicsWithValue(t, "des: slot 0 is free already", func() { s.Free(slot) })
}

func TestReusedSlotKeepsItsValue(t *testing.T) {
	var s Slab[[]byte]
	slot := s.Alloc()
	*s.At(slot) = make([]byte, 0, 64)
	s.Free(slot)
	require.Equal(t, slot, s.Alloc())
	assert.Equal(t, 64, cap(*s.At(slot)))
}
