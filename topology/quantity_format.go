package topology

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// The formatters write what the parsers read. Parsing the text gives the
// value back exactly, whatever the value; among the units that allow it they
// choose the shortest text, and of those the largest unit.

// FormatBytes writes b with the unit that keeps it shortest, such as `64KiB`.
func FormatBytes(b Bytes) string {
	best := strconv.FormatInt(int64(b), 10) + "B"
	for _, u := range byteUnits()[1:] {
		if u.name == "KB" || b%Bytes(u.size) != 0 || b == 0 {
			continue
		}
		if t := strconv.FormatInt(int64(b)/int64(u.size), 10) + u.name; len(t) <= len(best) {
			best = t
		}
	}
	return best
}

// FormatBandwidth writes b in bits or bytes a second, such as `10Mbit/s`; 0
// is `unlimited`.
func FormatBandwidth(b BytesPerSecond) string {
	if b == 0 {
		return "unlimited"
	}
	units := bandwidthUnits()
	return shortest(float64(b), append(units[:5:5], units[10:16]...))
}

// FormatMHz writes m, such as `500MHz` or `48GHz`.
func FormatMHz(m MHz) string { return shortest(float64(m), frequencyUnits()) }

// FormatRate writes events a second, such as `5/s` or `10/h`.
func FormatRate(r float64) string {
	units := rateUnits()
	return shortest(r, []unit{units[0], units[1], units[3]})
}

// FormatPercent writes a share, such as `2.5%`, or as a fraction where that
// is what gives it back exactly.
func FormatPercent(p float64) string {
	t := strconv.FormatFloat(p*100, 'f', -1, 64) + "%"
	if v, err := ParsePercent(t); err == nil && v == p && len(t) < 12 {
		return t
	}
	return strconv.FormatFloat(p, 'g', -1, 64)
}

// FormatDuration writes d as people say it, such as `20ms`, `1.5s` or
// `1h30m`: a decimal number below a minute, hours, minutes and seconds above.
func FormatDuration(d time.Duration) string {
	switch {
	case d == 0:
		return "0s"
	case d%(24*time.Hour) == 0:
		return strconv.FormatInt(int64(d/(24*time.Hour)), 10) + "d"
	}
	t := strings.Replace(d.String(), "µ", "u", 1)
	if strings.HasSuffix(t, "m0s") {
		t = t[:len(t)-2]
	}
	if strings.HasSuffix(t, "h0m") {
		t = t[:len(t)-2]
	}
	return t
}

// shortest writes v in the unit that gives it back exactly with the fewest
// digits, preferring a number of at least 1. The unit of size 1 always gives
// it back.
func shortest(v float64, units []unit) string {
	best, least := "", math.MaxInt
	for _, u := range units {
		number := strconv.FormatFloat(v/u.size, 'f', -1, 64)
		if len(number) > 20 { // tiny or huge: plain decimals would be unreadable
			number = strconv.FormatFloat(v/u.size, 'g', -1, 64)
		}
		back, err := strconv.ParseFloat(number, 64)
		if err != nil || back*u.size != v {
			continue
		}
		length := len(number)
		if back < 1 {
			length += 1000
		}
		if length <= least {
			best, least = number+u.name, length
		}
	}
	return best
}
