package maxmin

// A cell is the crossing of medium with the flows whose bottleneck is at,
// another medium. It stands in the row of medium and the column of at, and
// heads the list of the hops that it is made of.
type cell struct {
	medium, at  int32
	row, column int32 // positions
	head        place
	hops        int32
}

// An entry of a column is what the solver reads of a cell.
type entry struct {
	weight float64
	medium int32
	cell   int32
}

// A cellTable holds the cells that have hops, found by medium and at. Few
// media have a matrix of cell numbers; more have a hash table.
type cellTable struct {
	all   []cell
	free  []int32
	table []int32 // -1 empty
	media int     // rows of the matrix, 0 for the hash table
}

// matrixMedia is the number of media up to which the matrix is used; it takes
// 256 KiB then, which a second-level cache holds.
const matrixMedia = 256

func (t *cellTable) init(media int) {
	if media <= matrixMedia {
		t.media = media
		t.table = newTable(media * media)
		return
	}
	t.table = newTable(1024)
}

func (t *cellTable) home(medium, at int32) uint64 {
	return (uint64(uint32(medium))<<32 | uint64(uint32(at))) * 0x9e3779b97f4a7c15 >> 32 & uint64(len(t.table)-1)
}

// slot returns where the cell is in the table, or where it would go.
func (t *cellTable) slot(medium, at int32) uint64 {
	if t.media > 0 {
		return uint64(int(medium)*t.media + int(at))
	}
	i := t.home(medium, at)
	for t.table[i] >= 0 {
		if c := &t.all[t.table[i]]; c.medium == medium && c.at == at {
			break
		}
		i = (i + 1) & uint64(len(t.table)-1)
	}
	return i
}

// link puts a hop of weight w into the cell of its medium and at.
func (n *Network) link(p place, at int32, w float64) {
	h := &n.bundles[p.bundle].hops[p.hop]
	t := &n.cells
	slot := t.slot(h.medium, at)
	id := t.table[slot]
	if id < 0 {
		id = n.newCell(h.medium, at, slot)
	}
	c := &t.all[id]
	h.cell, h.prev, h.next = id, nowhere, c.head
	if c.head != nowhere {
		n.hop(c.head).prev = p
	}
	c.head = p
	c.hops++
	n.columns[at][c.column].weight += w
}

func (n *Network) hop(p place) *hop { return &n.bundles[p.bundle].hops[p.hop] }

func (n *Network) newCell(medium, at int32, slot uint64) int32 {
	t := &n.cells
	if len(t.free) == 0 {
		t.free = append(t.free, int32(len(t.all)))
		t.all = append(t.all, cell{})
	}
	id := t.free[len(t.free)-1]
	t.free = t.free[:len(t.free)-1]
	t.all[id] = cell{medium: medium, at: at, row: int32(len(n.rows[medium])), column: int32(len(n.columns[at])), head: nowhere}
	n.rows[medium] = append(n.rows[medium], id)
	n.columns[at] = append(n.columns[at], entry{medium: medium, cell: id})
	t.table[slot] = id
	if used := len(t.all) - len(t.free); t.media == 0 && 2*used > len(t.table) {
		t.table = newTable(2 * len(t.table))
		for i := range t.all {
			if c := &t.all[i]; c.head != nowhere || int32(i) == id {
				t.table[t.slot(c.medium, c.at)] = int32(i)
			}
		}
	}
	return id
}

// unlink takes a hop of weight w out of its cell.
func (n *Network) unlink(p place, w float64) {
	h := n.hop(p)
	t := &n.cells
	c := &t.all[h.cell]
	if h.prev != nowhere {
		n.hop(h.prev).next = h.next
	} else {
		c.head = h.next
	}
	if h.next != nowhere {
		n.hop(h.next).prev = h.prev
	}
	n.columns[c.at][c.column].weight -= w
	c.hops--
	if c.hops == 0 {
		n.freeCell(h.cell)
	}
	h.cell = -1
}

func (n *Network) freeCell(id int32) {
	t := &n.cells
	c := &t.all[id]
	row := n.rows[c.medium]
	last := row[len(row)-1]
	row[c.row] = last
	t.all[last].row = c.row
	n.rows[c.medium] = row[:len(row)-1]

	column := n.columns[c.at]
	end := column[len(column)-1]
	column[c.column] = end
	t.all[end.cell].column = c.column
	n.columns[c.at] = column[:len(column)-1]

	i := t.slot(c.medium, c.at)
	t.table[i] = -1
	t.free = append(t.free, id)
	if t.media > 0 {
		return
	}
	mask := uint64(len(t.table) - 1)
	for j := (i + 1) & mask; t.table[j] >= 0; j = (j + 1) & mask {
		d := &t.all[t.table[j]]
		if (j-t.home(d.medium, d.at))&mask >= (j-i)&mask {
			t.table[i], t.table[j] = t.table[j], -1
			i = j
		}
	}
}

// addWeight adds w to a cell whose hops stay.
func (t *cellTable) addWeight(columns [][]entry, id int32, w float64) {
	c := &t.all[id]
	columns[c.at][c.column].weight += w
}
