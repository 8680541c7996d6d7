package plots

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// An Axis says what is drawn along it.
type Axis struct {
	Label string // what it is, without the unit
	// Unit of the values: "s" and "B" are drawn in the multiple that suits
	// them, "1" in percent, "" without a unit, any other as it is.
	Unit  string
	Log   bool // leaves out what is not above 0
	Whole bool // counts: no ticks between whole numbers
	// Names are categories, at 0, 1, 2 and so on.
	Names []string
}

// A tick is a labelled place on an axis, or one without a label.
type tick struct {
	value float64
	label string
}

// A scale maps values to places on a figure.
type scale struct {
	Axis
	low, high float64 // of the values
	from, to  float64 // their places
	factor    float64 // from values to what is printed
	shown     string  // the unit that is printed
	ticks     []tick
	kept      bool // the ticks are already there
}

// at is the place of a value; what lies beyond the axis is at its end.
func (s *scale) at(v float64) float64 {
	share := (v - s.low) / (s.high - s.low)
	if s.Log {
		share = math.Log(math.Max(v, s.low)/s.low) / math.Log(s.high/s.low)
	}
	if math.IsNaN(share) {
		share = 0
	}
	return s.from + (s.to-s.from)*math.Max(0, math.Min(1, share))
}

// The least and the greatest size of what is drawn: beyond, it is a fault of
// the measurement.
const (
	tiniest = 1e-18
	hugest  = 1e18
)

// has reports whether a value can be drawn on the axis.
func (a Axis) has(v float64) bool {
	return math.Abs(v) <= hugest && (!a.Log || v >= tiniest)
}

// label is the axis's label with its unit.
func (s *scale) label() string {
	if s.shown == "" {
		return s.Label
	}
	return s.Label + " (" + s.shown + ")"
}

// extent is the least and the greatest of the values that fit on the axis.
func (a Axis) extent(values ...float64) (low, high float64, ok bool) {
	low, high = math.Inf(1), math.Inf(-1)
	for _, v := range values {
		if a.has(v) {
			low, high = min(low, v), max(high, v)
		}
	}
	return low, high, low <= high
}

// around is a scale with room around the values; a linear one starts at 0
// where that costs less than a third of it.
func (a Axis) around(values ...float64) scale {
	if len(a.Names) > 0 {
		a.Log, a.Unit = false, "" // names are at 0, 1, 2 and have their units
		return a.between(-0.5, float64(len(a.Names))-0.5)
	}
	low, high, ok := a.extent(values...)
	if !ok {
		low, high = 1, 1
	}
	if a.Log {
		room := math.Max(math.Pow(high/low, 0.04), 1.05)
		low, high = low/room, high*room
		if high/low < 1.5 {
			low, high = low/1.2, high*1.2
		}
		return a.between(low, high)
	}
	room := math.Max(0.05*(high-low), 1e-9*math.Max(math.Abs(low), math.Abs(high)))
	if high-low < 1e-9*math.Abs(high) {
		room = 0.05 * math.Abs(high)
	}
	room = math.Max(room, tiniest)
	switch {
	case low >= 0 && low < high/3:
		low, high = 0, high+room
	case high <= 0 && high > low/3:
		low, high = low-room, 0
	default:
		low, high = low-room, high+room
	}
	return a.between(low, high)
}

// between is a scale with exactly these ends.
func (a Axis) between(low, high float64) scale {
	s := scale{Axis: a, low: low, high: high, factor: 1, shown: a.Unit}
	typical := math.Max(math.Abs(low), math.Abs(high))
	if a.Log {
		typical = math.Max(math.Sqrt(low*high), high/5)
	}
	s.factor, s.shown = multiple(a.Unit, typical)
	return s
}

// multiple is the unit in which a typical value reads well, and the factor to it.
func multiple(unit string, typical float64) (factor float64, shown string) {
	type step struct {
		least, factor float64
		name          string
	}
	var steps []step
	switch unit {
	case "1":
		return 100, "%"
	case "s":
		steps = []step{{7200, 1.0 / 3600, "h"}, {1, 1, "s"}, {1e-3, 1e3, "ms"}, {1e-6, 1e6, "µs"}, {0, 1e9, "ns"}}
	case "B":
		steps = []step{{1 << 30, 1.0 / (1 << 30), "GiB"}, {1 << 20, 1.0 / (1 << 20), "MiB"}, {1 << 10, 1.0 / (1 << 10), "KiB"}, {0, 1, "B"}}
	case "B/s":
		steps = []step{{1e9, 1e-9, "GB/s"}, {1e6, 1e-6, "MB/s"}, {1e3, 1e-3, "kB/s"}, {0, 1, "B/s"}}
	default:
		return 1, unit
	}
	for _, s := range steps {
		if typical >= s.least {
			return s.factor, s.name
		}
	}
	return 1, unit
}

// mark puts ticks on the scale, so many at most with labels.
func (s *scale) mark(most int) {
	switch {
	case s.kept:
		return
	case len(s.Names) > 0:
		s.ticks = nil
		for i, n := range s.Names {
			s.ticks = append(s.ticks, tick{float64(i), n})
		}
	case s.Log:
		s.ticks = logTicks(s.low*s.factor, s.high*s.factor, most)
	default:
		s.ticks = linearTicks(s.low*s.factor, s.high*s.factor, most)
		if s.Whole {
			s.ticks = wholeTicks(s.ticks)
		}
	}
	if len(s.Names) == 0 {
		for i := range s.ticks {
			s.ticks[i].value /= s.factor
		}
	}
}

// linearTicks are multiples of 1, 2, 2.5 or 5 times a power of ten, two of them
// at least.
func linearTicks(low, high float64, most int) []tick {
	step, places := niceStep((high - low) / float64(max(most, 2)))
	var out []tick
	for k := int(math.Ceil(low/step - 1e-9)); float64(k)*step <= high+1e-9*step; k++ {
		v := float64(k) * step
		out = append(out, tick{v, minus(strconv.FormatFloat(v, 'f', places, 64))})
	}
	if len(out) < 2 && most < 9 {
		return linearTicks(low, high, most+1)
	}
	return out
}

// wholeTicks are those at whole numbers.
func wholeTicks(ticks []tick) []tick {
	var out []tick
	for _, t := range ticks {
		if t.value == math.Trunc(t.value) {
			out = append(out, tick{t.value, minus(strconv.FormatFloat(t.value, 'f', 0, 64))})
		}
	}
	return out
}

// niceStep is the least nice step that is not below a span, and its decimals.
func niceStep(span float64) (step float64, places int) {
	e := int(math.Floor(math.Log10(span)))
	for _, m := range []float64{1, 2, 2.5, 5, 10} {
		step = m * math.Pow(10, float64(e))
		if step >= span*(1-1e-9) {
			places = -e
			if m == 2.5 {
				places++
			}
			if m == 10 {
				places--
			}
			break
		}
	}
	return step, max(0, places)
}

// logTicks has a tick at 1 to 9 times each power of ten. Labels stand at 1, 2
// and 5 where there is room, otherwise at powers, every k-th of them. A span
// too short for those has the labels of a linear axis.
func logTicks(low, high float64, most int) []tick {
	inside := func(v float64) bool { return v >= low*(1-1e-9) && v <= high*(1+1e-9) }
	first, last := int(math.Floor(math.Log10(low))), int(math.Ceil(math.Log10(high)))
	var out []tick
	n125, powers := 0, 0
	for e := first; e <= last; e++ {
		for d := 1.0; d <= 9; d++ {
			v := d * math.Pow(10, float64(e))
			if !inside(v) {
				continue
			}
			out = append(out, tick{value: v})
			if d == 1 {
				powers++
			}
			if d == 1 || d == 2 || d == 5 {
				n125++
			}
		}
	}
	if n125 < 2 {
		return linearTicks(low, high, min(most, 4))
	}
	every := max(1, int(math.Ceil(float64(powers)/float64(most))))
	if every > 1 || powers > 6 { // the ticks between the powers would run together
		out = slicesOfPowers(first, last, inside)
	}
	for i := range out {
		e := int(math.Floor(math.Log10(out[i].value) + 1e-9))
		d := int(math.Round(out[i].value / math.Pow(10, float64(e))))
		if d == 1 && (e-first)%every == 0 || n125 <= most && (d == 2 || d == 5) || n125 <= most && d == 1 {
			out[i].label = power(float64(d), e)
		}
	}
	return out
}

func slicesOfPowers(first, last int, inside func(float64) bool) []tick {
	var out []tick
	for e := first; e <= last; e++ {
		if v := math.Pow(10, float64(e)); inside(v) {
			out = append(out, tick{value: v})
		}
	}
	return out
}

// power prints d times 10^e: as a number from 0.001 to 10000, else as a power.
func power(d float64, e int) string {
	if e >= -3 && e <= 4 {
		return strconv.FormatFloat(d*math.Pow(10, float64(e)), 'f', max(0, -e), 64)
	}
	text := "10" + superscript(e)
	if d != 1 {
		text = fmt.Sprintf("%g·%s", d, text)
	}
	return text
}

func superscript(e int) string {
	return strings.NewReplacer("-", "⁻", "0", "⁰", "1", "¹", "2", "²", "3", "³", "4", "⁴",
		"5", "⁵", "6", "⁶", "7", "⁷", "8", "⁸", "9", "⁹").Replace(strconv.Itoa(e))
}

// minus sets a hyphen before a number as a minus sign.
func minus(s string) string { return strings.Replace(s, "-", "\u2212", 1) }
