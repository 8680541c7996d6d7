package online

import "slices"

// whole is a device that nothing uses, in thousandths.
const whole = 1000

// A vector is what is left of the devices of a node, in rising order: nodes
// whose devices differ in position only are alike.
type vector struct {
	free  []int16
	total int32 // sum of free
	empty int   // devices that nothing uses
}

// vectors numbers the vectors that occur.
type vectors struct {
	list []vector
	ids  map[string]int32
	key  []byte
	sort []int16
}

// id is the number of the vector of a node with these devices.
func (v *vectors) id(devices []int16) int32 {
	v.sort = append(v.sort[:0], devices...)
	slices.Sort(v.sort)
	v.key = v.key[:0]
	for _, f := range v.sort {
		v.key = append(v.key, byte(f), byte(f>>8))
	}
	if id, ok := v.ids[string(v.key)]; ok {
		return id
	}
	x := vector{free: slices.Clone(v.sort)}
	for _, f := range x.free {
		x.total += int32(f)
		if f == whole {
			x.empty++
		}
	}
	id := int32(len(v.list))
	v.list = append(v.list, x)
	v.ids[string(v.key)] = id
	return id
}

// fits reports whether n devices have milli thousandths left each.
func (x *vector) fits(n int, milli int16) bool {
	return n == 0 || n <= len(x.free) && x.free[len(x.free)-n] >= milli
}

// without is what is left of the devices after n of them give milli each, the
// fullest that can; when n is 1, first is one that has exactly `from` left. The
// result is in rising order only where nothing was taken; it is valid until
// the next call.
func (v *vectors) without(x *vector, n int, milli, from int16) []int16 {
	v.sort = append(v.sort[:0], x.free...)
	for i := range v.sort {
		if n == 0 {
			break
		}
		if v.sort[i] >= milli && (from < 0 || v.sort[i] == from) {
			v.sort[i] -= milli
			n--
		}
	}
	return v.sort
}
