package cluster

import (
	"caravan/topology"
	"caravan/workloads"
)

// A Book is a state whose jobs are those of a workload, by their position, and
// the allocation of each instance.
type Book struct {
	*State
	At [][][]AllocID // [job][group][instance]; NoAlloc where none
}

// NewBook submits the jobs to an empty cluster of the nodes.
func NewBook(nodes []topology.Node, jobs []workloads.Job) *Book {
	b := &Book{State: New(NewFleet(nodes)), At: make([][][]AllocID, len(jobs))}
	for j := range jobs {
		b.Submit(&jobs[j])
		for g := range jobs[j].Groups {
			list := make([]AllocID, jobs[j].Groups[g].Count)
			for k := range list {
				list[k] = NoAlloc
			}
			b.At[j] = append(b.At[j], list)
		}
	}
	return b
}

// Start runs instance k of a group on node n with what it can be granted there.
// When it does not fit, it changes nothing and says what is lacking.
func (b *Book) Start(j, g, k int, n topology.NodeID) (lacks string) {
	spec, _ := b.Job(JobID(j))
	m := b.Fleet().Machine(n)
	ask := NewAsk(&spec.Groups[g])
	v := View{State: b.State}
	held := ask.On(m)
	if c := v.Apart(JobID(j), spec, g, n); c != nil {
		return c.String()
	}
	on := v.Append(nil, n)
	grant, _, _, lacks := ask.Grant(m, on)
	if lacks != "" {
		return lacks
	}
	a := Instance(JobID(j), spec, g, k, n, held, grant)
	if lacks = Overfull(m, append(on, &a)); lacks == "" {
		a.Client = Running
		b.At[j][g][k] = b.Add(a)
	}
	return lacks
}
