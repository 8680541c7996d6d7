package main

import (
	"math"
	"strconv"
)

// scale is a unit that people read and what divides a base unit into it.
type scale struct {
	unit string
	size float64
}

// scales lists the readable units of a base unit, largest first. Files and
// JSON keep the base unit; only text is scaled.
func scales(unit string) []scale {
	switch unit {
	case "s":
		return []scale{{"s", 1}, {"ms", 1e-3}, {"µs", 1e-6}, {"ns", 1e-9}}
	case "1":
		return []scale{{"%", 1e-2}}
	case "B":
		return []scale{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"B", 1}}
	case "core s":
		return []scale{{"core h", 3600}, {"core s", 1}}
	case "instance s":
		return []scale{{"instance h", 3600}, {"instance s", 1}}
	case "1/s":
		return []scale{{"/s", 1}}
	case "":
		return []scale{{"", 1}}
	}
	return []scale{{unit, 1}}
}

// pick is the largest scale in which v is at least 1, or the smallest.
func pick(v float64, unit string) scale {
	all := scales(unit)
	for _, s := range all {
		if math.Abs(v) >= s.size {
			return s
		}
	}
	if v == 0 {
		return all[0]
	}
	return all[len(all)-1]
}

// quantity prints v with four significant digits in a readable unit.
func quantity(v float64, unit string) string {
	if math.IsNaN(v) {
		return "-"
	}
	s := pick(v, unit)
	return join(digits(v/s.size, 4), s.unit)
}

// interval prints a mean and the half-width of its confidence interval: the
// half-width with two significant digits, the mean as far as those reach.
func interval(v, half float64, unit string) string {
	if math.IsNaN(v) || math.IsNaN(half) || half <= 0 {
		return quantity(v, unit)
	}
	s := pick(v, unit)
	mean, h := v/s.size, half/s.size
	places := max(0, 1-int(math.Floor(math.Log10(h))))
	text := strconv.FormatFloat(mean, 'f', places, 64) + " ± " + strconv.FormatFloat(h, 'f', places, 64)
	return join(text, s.unit)
}

// digits prints x with n significant digits, without an exponent and without
// trailing zeros behind the point. Digits before the point are never cut.
func digits(x float64, n int) string {
	if x == 0 {
		return "0"
	}
	places := max(0, n-1-int(math.Floor(math.Log10(math.Abs(x)))))
	rounded, err := strconv.ParseFloat(strconv.FormatFloat(x, 'f', places, 64), 64)
	if err != nil {
		rounded = x
	}
	return strconv.FormatFloat(rounded, 'f', -1, 64)
}

func join(number, unit string) string {
	if unit == "" {
		return number
	}
	return number + " " + unit
}
