package topology

import (
	"strconv"
	"strings"
)

// nameLinks gives every link without a name its default and every name that is
// taken a number.
func (t *Topology) nameLinks() {
	if t.plainNames() {
		t.numberParallels()
		return
	}
	t.linkID = make(map[string]LinkID, len(t.links))
	for i := range t.links {
		l := &t.links[i]
		if l.Name == "" {
			l.Name = t.nodes[l.From].Name + "->" + t.nodes[l.To].Name
		}
		base := l.Name
		for k := 2; ; k++ {
			if _, taken := t.linkID[l.Name]; !taken {
				break
			}
			l.Name = base + "#" + strconv.Itoa(k)
		}
		t.linkID[l.Name] = LinkID(i)
	}
}

// plainNames reports whether only parallel links can get the same name: none
// brings its own, and no node's name looks like part of a link's.
func (t *Topology) plainNames() bool {
	for i := range t.links {
		if t.links[i].Name != "" {
			return false
		}
	}
	for i := range t.nodes {
		if strings.ContainsAny(t.nodes[i].Name, ">#") {
			return false
		}
	}
	return true
}

// numberParallels names all links out of one piece of memory: a dense network
// has a million of them.
func (t *Topology) numberParallels() {
	nth := make([]int32, len(t.links)) // 1 for the first of its parallels
	size := 0
	count := make([]int32, len(t.nodes))
	for n := range t.nodes {
		out := t.Outgoing(NodeID(n))
		for _, id := range out {
			l := &t.links[id]
			count[l.To]++
			nth[id] = count[l.To]
			size += len(t.nodes[n].Name) + len("->") + len(t.nodes[l.To].Name)
			if nth[id] > 1 {
				size += len("#") + len(strconv.Itoa(int(nth[id])))
			}
		}
		for _, id := range out {
			count[t.links[id].To] = 0
		}
	}
	var all strings.Builder
	all.Grow(size)
	for i := range t.links {
		l := &t.links[i]
		from := all.Len()
		all.WriteString(t.nodes[l.From].Name)
		all.WriteString("->")
		all.WriteString(t.nodes[l.To].Name)
		if nth[i] > 1 {
			all.WriteString("#")
			all.WriteString(strconv.Itoa(int(nth[i])))
		}
		l.Name = all.String()[from:]
	}
}
