// Package des is the event kernel of the simulator: virtual time, the order
// of events, reproducible random streams, and nothing about networks.
//
// An [Engine] holds the clock and the future event list. An [Event] is one
// machine word that a model packs and unpacks itself, so that the list holds
// no pointers: the garbage collector has nothing to scan there and a
// simulation in its steady state allocates nothing. Entities live in a
// [Slab], and an event names its entity by slot and generation. To cancel an
// event, bump the generation and let the event find itself stale when it
// fires.
//
// Models that read better as a story can be written as a [Process], a
// coroutine that sleeps in virtual time. That costs about three times as much
// as a switch over event kinds.
//
// Nothing here is safe for concurrent use. Replications run side by side on
// engines of their own.
package des
