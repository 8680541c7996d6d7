package controlplane

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"caravan/workloads/cluster"
)

// An Entry is one step of the story that a run tells.
type Entry struct {
	At     time.Duration
	Region string
	What   string // such as submit, place, evict, blocked, node-down
	Job    string
	Alloc  string // group[index]
	Node   string
	Text   string // the rest, for people
}

// Steps lists what an Entry may be about.
func Steps() []string {
	return []string{
		"submit", "submit-refused", "stop", "evaluate", "plan-refused", "gave-up", "nack", "eval-failed", "blocked",
		"place", "update", "evict", "running", "restart", "complete", "failed", "lost", "stopped", "unknown", "reconnect",
		"healthy", "unhealthy", "deployment", "promote", "revert", "drain", "drain-limit", "drained", "eligible", "ineligible",
		"node-fails", "node-works", "node-ready", "node-down", "node-disconnected", "partition", "heal", "servers",
	}
}

// String is the entry as a line.
func (e Entry) String() string {
	parts := make([]string, 0, 6)
	parts = append(parts, Clock(e.At))
	if e.Region != "" {
		parts = append(parts, e.Region+":")
	}
	parts = append(parts, fmt.Sprintf("%-11s", e.What))
	switch {
	case e.Alloc != "":
		parts = append(parts, e.Job+"."+e.Alloc)
	case e.Job != "":
		parts = append(parts, e.Job)
	}
	if e.Node != "" {
		parts = append(parts, "@"+e.Node)
	}
	if e.Text != "" {
		parts = append(parts, e.Text)
	}
	return strings.TrimRight(strings.Join(parts, " "), " ")
}

// Clock is an instant as hours, minutes, seconds and milliseconds.
func Clock(d time.Duration) string {
	ms := d.Milliseconds()
	return fmt.Sprintf("%02d:%02d:%02d.%03d", ms/3_600_000, ms/60_000%60, ms/1000%60, ms%1000)
}

// allocName is the instance within its job.
func (r *region) allocName(a *alloc) string {
	return r.jobs[a.job].groups[a.group].name + "[" + strconv.Itoa(int(a.index)) + "]"
}

// told reports whether anybody follows the story.
func (r *region) told() bool { return r.run.c.Timeline != nil }

func (r *region) tell(what string, e Entry) {
	if r.run.c.Timeline == nil {
		return
	}
	e.At, e.What = r.run.now, what
	if len(r.run.regions) > 1 {
		e.Region = r.name
	}
	r.run.c.Timeline(e)
}

// tellAlloc notes what happened to an allocation.
func (r *region) tellAlloc(what string, id cluster.AllocID, text string) {
	if r.run.c.Timeline == nil {
		return
	}
	a := &r.allocs[id]
	r.tell(what, Entry{Job: r.jobs[a.job].name, Alloc: r.allocName(a), Node: r.run.nodeName(a.node), Text: text})
}

// tellJob notes what happened to a job.
func (r *region) tellJob(what string, j *job, text string) {
	r.tell(what, Entry{Job: j.name, Text: text})
}

// tellNode notes what happened to a node.
func (r *region) tellNode(what string, n *node, text string) {
	r.tell(what, Entry{Node: r.run.nodeName(n.id), Text: text})
}
