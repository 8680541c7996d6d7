package sim

import (
	"time"

	"caravan/sim/des"
	"caravan/topology"
	"caravan/workloads"
	"caravan/workloads/draw"
)

// A faulty is a fault as the simulation runs it.
type faulty struct {
	workloads.Fault
	up, down draw.Sampler
	stream   *des.Stream
}

// beginFaults schedules the first failure of every fault and every step of
// the link schedules.
func (r *run) beginFaults() {
	for i := range r.c.Faults {
		f := &r.faults[i]
		at := f.At
		if f.Recurring() {
			at = topology.Seconds(f.up.Draw(f.stream))
		}
		r.eng.Schedule(at, prioWorld, des.NewEvent(evFault, 0, uint32(i)))
	}
	for i := range r.c.LinkChanges {
		r.eng.Schedule(r.c.LinkChanges[i].At, prioWorld, des.NewEvent(evChange, 0, uint32(i)))
	}
}

// fail takes what a fault names out of service and schedules its return.
func (r *run) fail(i int32) {
	f := &r.faults[i]
	repairAt := time.Duration(-1)
	switch {
	case f.Recurring():
		repairAt = r.now + topology.Seconds(f.down.Draw(f.stream))
	case f.For > 0:
		repairAt = r.now + f.For
	}
	for _, n := range f.Nodes {
		if f.LoseWork {
			r.loseWork[n] = true
		}
		for _, si := range r.stationsOf[n] {
			r.nodeDown(si, f.LoseWork)
		}
	}
	for _, l := range f.Links {
		r.linkDown(l)
	}
	if repairAt >= 0 {
		r.eng.Schedule(repairAt, prioWorld, des.NewEvent(evRepair, 0, uint32(i)))
	}
}

// repair returns what a fault took, and schedules its next failure.
func (r *run) repair(i int32) {
	f := &r.faults[i]
	for _, n := range f.Nodes {
		r.loseWork[n] = false
		for _, si := range r.stationsOf[n] {
			r.nodeUp(si)
		}
	}
	for _, l := range f.Links {
		r.linkUp(l)
	}
	if f.Recurring() {
		at := r.now + topology.Seconds(f.up.Draw(f.stream))
		r.eng.Schedule(at, prioWorld, des.NewEvent(evFault, 0, uint32(i)))
	}
}
