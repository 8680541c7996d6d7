package des

import "fmt"

// A Slab stores entities of one type under small integers, and reuses the
// numbers. Each slot has a generation that grows when the slot is freed, by
// which an event tells that its entity has gone. The zero Slab is empty.
//
// A generation has 16 bits: an event that stays scheduled while its slot is
// reused an exact multiple of 65536 times takes the newcomer for its own.
type Slab[T any] struct {
	items []T
	uses  []uint32 // odd while the slot is taken
	free  []uint32
}

// Alloc takes a slot, the one freed last if any, whose line is the likeliest
// to be cached. The value in a reused slot is the one that its last owner
// left, so that its buffers can be used again; a new slot holds the zero
// value.
func (s *Slab[T]) Alloc() uint32 {
	if n := len(s.free); n > 0 {
		slot := s.free[n-1]
		s.free = s.free[:n-1]
		s.uses[slot]++
		return slot
	}
	var zero T
	s.items = append(s.items, zero)
	s.uses = append(s.uses, 1)
	return uint32(len(s.items) - 1)
}

// Free gives a slot back and makes the events that name it stale. To free a
// slot twice is a mistake of the model: it panics.
func (s *Slab[T]) Free(slot uint32) {
	if s.uses[slot]&1 == 0 {
		panic(fmt.Sprintf("des: slot %d is free already", slot))
	}
	s.uses[slot]++
	s.free = append(s.free, slot)
}

// At is the entity in a slot. The pointer holds until the next Alloc, which
// may move the entities.
func (s *Slab[T]) At(slot uint32) *T { return &s.items[slot] }

// Gen is the generation of a slot: to be packed into events for it, and
// compared when they fire.
func (s *Slab[T]) Gen(slot uint32) uint16 { return uint16(s.uses[slot] >> 1) }

// Live is the number of slots taken.
func (s *Slab[T]) Live() int { return len(s.items) - len(s.free) }

// Cap is the number of slots that were ever taken at once: all slots are
// less.
func (s *Slab[T]) Cap() int { return len(s.items) }

// Reset frees all slots, makes all events that name one stale, and keeps the
// memory. Slots are handed out again in ascending order.
func (s *Slab[T]) Reset() {
	s.free = s.free[:0]
	for i := len(s.uses) - 1; i >= 0; i-- {
		s.uses[i] += s.uses[i] & 1
		s.free = append(s.free, uint32(i))
	}
}
