package topology

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// A unit is one spelling of a unit of measurement and how many base units it
// holds. Multiples that are whole numbers keep integers exact.
type unit struct {
	name string
	size float64
}

// The units of each quantity, in the order in which messages list them. The
// first spelling of a size is the one that formatters write.
func byteUnits() []unit {
	return []unit{
		{"B", 1}, {"kB", 1e3}, {"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12}, {"PB", 1e15},
		{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40}, {"PiB", 1 << 50},
	}
}

func bandwidthUnits() []unit {
	return []unit{
		{"bit/s", 1. / 8}, {"kbit/s", 1e3 / 8}, {"Mbit/s", 1e6 / 8}, {"Gbit/s", 1e9 / 8}, {"Tbit/s", 1e12 / 8},
		{"bps", 1. / 8}, {"kbps", 1e3 / 8}, {"Mbps", 1e6 / 8}, {"Gbps", 1e9 / 8}, {"Tbps", 1e12 / 8},
		{"B/s", 1}, {"kB/s", 1e3}, {"KB/s", 1e3}, {"MB/s", 1e6}, {"GB/s", 1e9}, {"TB/s", 1e12},
		{"KiB/s", 1 << 10}, {"MiB/s", 1 << 20}, {"GiB/s", 1 << 30},
	}
}

func durationUnits() []unit {
	return []unit{
		{"ns", 1}, {"us", 1e3}, {"µs", 1e3}, {"μs", 1e3}, {"ms", 1e6}, {"s", 1e9},
		{"m", 60e9}, {"min", 60e9}, {"h", 3600e9}, {"d", 86400e9},
	}
}

func frequencyUnits() []unit { return []unit{{"MHz", 1}, {"GHz", 1e3}, {"THz", 1e6}} }

func rateUnits() []unit {
	return []unit{
		{"/s", 1}, {"/min", 1. / 60}, {"/m", 1. / 60}, {"/h", 1. / 3600}, {"/d", 1. / 86400},
	}
}

// names lists the spellings of units for a message.
func names(units []unit) string {
	all := make([]string, len(units))
	for i, u := range units {
		all[i] = u.name
	}
	return strings.Join(all, ", ")
}

// ParseBytes reads an amount of data such as `64KiB`, `1.5GB` or `100 B`.
// Decimal prefixes count in thousands and binary ones in 1024. A fraction of
// a byte is rounded to the nearest one. A number without a unit is refused,
// except 0.
func ParseBytes(s string) (Bytes, error) {
	n, err := parseWhole(s, "an amount of data", "64KiB", byteUnits())
	return Bytes(n), err
}

// ParseDuration reads a span of time such as `20ms`, `1.5h` or `1h30m`: one
// or more numbers, each with a unit; a day is 24 hours. Fractions of a
// nanosecond are rounded to the nearest one. A number without a unit is
// refused, except 0.
func ParseDuration(s string) (time.Duration, error) {
	const what, example = "a duration", "20ms or 1h30m"
	rest := strings.TrimSpace(s)
	if len(rest) == 0 {
		return 0, refuse(s, what, example, durationUnits(), "nothing is there")
	}
	var total int64
	for rest != "" {
		number, word, tail := split(rest)
		n, err := whole(number, word, s, what, example, durationUnits())
		if err != nil {
			return 0, err
		}
		if total > math.MaxInt64-n {
			return 0, refuse(s, what, example, durationUnits(), "longer than 292 years")
		}
		total += n
		rest = strings.TrimSpace(tail)
		if word == "" && rest != "" {
			return 0, refuse(s, what, example, durationUnits(), "a unit is missing")
		}
	}
	return time.Duration(total), nil
}

// ParseBandwidth reads a bandwidth such as `10Mbit/s` (in bits) or `5KiB/s`
// (in bytes). The word `unlimited` is 0, which a Link takes for no limit; a
// written zero is refused, because a link that carries nothing is a fault and
// not a bandwidth.
func ParseBandwidth(s string) (BytesPerSecond, error) {
	const what, example = "a bandwidth", "10Mbit/s or unlimited"
	if strings.TrimSpace(s) == "unlimited" {
		return 0, nil
	}
	v, err := parseReal(s, what, example, bandwidthUnits())
	if err != nil {
		return 0, err
	}
	if v == 0 {
		return 0, refuse(s, what, example, bandwidthUnits(), "0 would carry nothing")
	}
	return BytesPerSecond(v), nil
}

// ParseMHz reads an amount of processor capacity such as `500MHz` or `48GHz`.
// A number without a unit is refused, except 0.
func ParseMHz(s string) (MHz, error) {
	v, err := parseReal(s, "a processor capacity", "500MHz", frequencyUnits())
	return MHz(v), err
}

// ParseRate reads a number of events per unit of time, such as `5/s`,
// `300/min` or `10/h`, as events a second. A number without a unit is
// refused, except 0.
func ParseRate(s string) (float64, error) {
	return parseReal(s, "a rate", "5/s", rateUnits())
}

// ParsePercent reads a share such as `2.5%`, or the same as a bare fraction,
// `0.025`. Shares lie between 0 and 1.
func ParsePercent(s string) (float64, error) {
	text := strings.TrimSpace(s)
	number, percent := strings.CutSuffix(text, "%")
	v, err := parseNumber(strings.TrimSpace(number))
	if percent {
		v /= 100
	}
	if err == nil && v > 1 {
		err = fmt.Errorf("more than the whole")
	}
	if err != nil {
		return 0, fmt.Errorf("%q is not a share: %w; allowed: 0%% to 100%%, or 0 to 1, such as 2.5%%", s, err)
	}
	return v, nil
}

// parseReal reads one number with a unit as a count of base units.
func parseReal(s, what, example string, units []unit) (float64, error) {
	number, word, tail := split(strings.TrimSpace(s))
	v, err := parseNumber(number)
	if err != nil {
		return 0, refuse(s, what, example, units, err.Error())
	}
	if tail != "" {
		return 0, refuse(s, what, example, units, fmt.Sprintf("%q is left over", tail))
	}
	if word == "" && v == 0 {
		return 0, nil
	}
	size, err := sizeOf(word, units)
	if err != nil {
		return 0, refuse(s, what, example, units, err.Error())
	}
	if v *= size; math.IsInf(v, 0) {
		return 0, refuse(s, what, example, units, "the number is too large")
	}
	return v, nil
}

// parseWhole reads one number with a unit as a whole count of base units.
func parseWhole(s, what, example string, units []unit) (int64, error) {
	number, word, tail := split(strings.TrimSpace(s))
	if tail != "" {
		return 0, refuse(s, what, example, units, fmt.Sprintf("%q is left over", tail))
	}
	return whole(number, word, s, what, example, units)
}

// whole is number × unit rounded to the nearest whole, exact when the number
// is an integer.
func whole(number, word, s, what, example string, units []unit) (int64, error) {
	v, err := parseNumber(number)
	if err != nil {
		return 0, refuse(s, what, example, units, err.Error())
	}
	if word == "" && v == 0 {
		return 0, nil
	}
	size, err := sizeOf(word, units)
	if err != nil {
		return 0, refuse(s, what, example, units, err.Error())
	}
	const limit = float64(math.MaxInt64) // 2^63 as a float: anything at or above does not fit
	if n, err := strconv.ParseInt(number, 10, 64); err == nil {
		if n > math.MaxInt64/int64(size) {
			return 0, refuse(s, what, example, units, "the number is too large")
		}
		return n * int64(size), nil
	}
	if r := math.Round(v * size); r < limit {
		return int64(r), nil
	}
	return 0, refuse(s, what, example, units, "the number is too large")
}

// split cuts s into a leading number, the unit that follows it, and the rest,
// which begins with the next digit.
func split(s string) (number, word, tail string) {
	i := 0
	for i < len(s) && (isDigit(s[i]) || s[i] == '.' || (i == 0 && (s[i] == '+' || s[i] == '-')) || exponentAt(s, i)) {
		if exponentAt(s, i) && i+1 < len(s) && (s[i+1] == '+' || s[i+1] == '-') {
			i++
		}
		i++
	}
	rest := strings.TrimLeft(s[i:], " ")
	j := strings.IndexFunc(rest, func(r rune) bool { return r == '.' || (r >= '0' && r <= '9') })
	if j < 0 {
		j = len(rest)
	}
	return s[:i], strings.TrimSpace(rest[:j]), rest[j:]
}

// exponentAt reports whether the e at s[i] belongs to the number: it follows a
// digit and a digit follows it.
func exponentAt(s string, i int) bool {
	if i == 0 || (s[i] != 'e' && s[i] != 'E') || !(isDigit(s[i-1]) || s[i-1] == '.') {
		return false
	}
	j := i + 1
	if j < len(s) && (s[j] == '+' || s[j] == '-') {
		j++
	}
	return j < len(s) && isDigit(s[j])
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// parseNumber reads a finite decimal number that is not negative.
func parseNumber(s string) (float64, error) {
	if s == "" || s == "+" || s == "-" {
		return 0, fmt.Errorf("no number is there")
	}
	for i := range len(s) { // keeps out what ParseFloat also takes: hexadecimal, underscores, inf, nan
		if !isDigit(s[i]) && !strings.ContainsRune("+-.eE", rune(s[i])) {
			return 0, fmt.Errorf("%q is not a number", s)
		}
	}
	v, err := strconv.ParseFloat(s, 64)
	switch {
	case math.IsInf(v, 0):
		return 0, fmt.Errorf("the number is too large")
	case err != nil:
		return 0, fmt.Errorf("%q is not a number", s)
	case v < 0 || math.Signbit(v):
		return 0, fmt.Errorf("it is negative")
	}
	return v, nil
}

// sizeOf is the size of the unit spelled word.
func sizeOf(word string, units []unit) (float64, error) {
	if word == "" {
		return 0, fmt.Errorf("a unit is missing")
	}
	for _, u := range units {
		if u.name == word {
			return u.size, nil
		}
	}
	for _, u := range units {
		if strings.EqualFold(u.name, word) {
			return 0, fmt.Errorf("no unit %q (nearest: %q)", word, u.name)
		}
	}
	return 0, fmt.Errorf("no unit %q", word)
}

// refuse is the message of every parser: what was found, why it is not what
// was wanted, and what is allowed.
func refuse(s, what, example string, units []unit, why string) error {
	return fmt.Errorf("%q is not %s: %s; allowed: a number of at least 0 with one of %s, such as %s",
		s, what, why, names(units), example)
}
