package des

import "fmt"

// An Event is what a model schedules, packed in one word. The kernel never
// looks inside: it orders events by time, then [Priority], then the order in
// which they were scheduled.
//
//	bits 56..63  kind        what happens
//	bits 40..55  generation  of the entity when the event was scheduled
//	bits 32..39  aux         whatever the model likes
//	bits  0..31  slot        the entity it happens to
type Event uint64

// NewEvent packs an event whose aux is zero.
func NewEvent(kind uint8, gen uint16, slot uint32) Event {
	return Event(kind)<<56 | Event(gen)<<40 | Event(slot)
}

// WithAux returns e with its aux byte set to a.
func (e Event) WithAux(a uint8) Event { return e&^(0xff<<32) | Event(a)<<32 }

// Kind says what happens.
func (e Event) Kind() uint8 { return uint8(e >> 56) }

// Gen is the generation that the entity had when the event was scheduled. An
// event whose generation differs from its entity's is stale.
func (e Event) Gen() uint16 { return uint16(e >> 40) }

// Aux is the byte that the kernel leaves to the model.
func (e Event) Aux() uint8 { return uint8(e >> 32) }

// Slot is the index of the entity in its slab.
func (e Event) Slot() uint32 { return uint32(e) }

// String renders the fields for messages and traces.
func (e Event) String() string {
	return fmt.Sprintf("event{kind %d gen %d aux %d slot %d}", e.Kind(), e.Gen(), e.Aux(), e.Slot())
}

// A Priority orders events of one instant: lower fires first, equals fire in
// the order in which they were scheduled. It lies in 0..MaxPriority.
type Priority uint8

// MaxPriority fires last.
const MaxPriority Priority = 1<<prioBits - 1

const prioBits = 4
