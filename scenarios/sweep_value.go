package scenarios

import (
	"encoding/json"
	"math"
	"strconv"
	"time"

	"caravan/topology"
)

// A Value is what a parameter takes at a point. Two values that mean the same
// have the same text: 1 and 1.0, 1000ms and 1s.
type Value struct {
	// Text is the value as a scenario takes it, canonical: YAML on one line.
	Text string
	// Unit is that of Number: "1" for plain numbers and shares, s, 1/s, B/s, B
	// or MHz; empty when the value is no number.
	Unit   string
	Number float64
}

// Numeric reports whether the value is a number or a quantity.
func (v Value) Numeric() bool { return v.Unit != "" }

// JSON is a bare number, or the text as a JSON value.
func (v Value) JSON() []byte {
	if v.Unit == "" || v.Unit == "1" {
		return []byte(v.Text)
	}
	return []byte(quote(v.Text))
}

// ParseValue reads a number or a quantity; anything else is a text.
func ParseValue(text string) Value {
	if x, err := strconv.ParseFloat(text, 64); err == nil && !math.IsInf(x, 0) && !math.IsNaN(x) {
		return numberValue(x, "1")
	}
	if d, err := topology.ParseDuration(text); err == nil {
		return numberValue(d.Seconds(), "s")
	}
	if r, err := topology.ParseRate(text); err == nil {
		return numberValue(r, "1/s")
	}
	if b, err := topology.ParseBandwidth(text); err == nil && b > 0 {
		return numberValue(float64(b), "B/s")
	}
	if b, err := topology.ParseBytes(text); err == nil {
		return numberValue(float64(b), "B")
	}
	if m, err := topology.ParseMHz(text); err == nil {
		return numberValue(float64(m), "MHz")
	}
	if p, err := topology.ParsePercent(text); err == nil {
		return numberValue(p, "1")
	}
	return Value{Text: quote(text)}
}

// valueOf reads a value of a file; maps and lists become JSON.
func valueOf(v *value) Value {
	if v.kind == scalar && v.plain != "bool" {
		return ParseValue(v.text)
	}
	text := canonical(v)
	return Value{Text: string(text[:len(text)-1])}
}

// numberValue is x in a base unit. Quantities that files hold in whole units
// are rounded to them.
func numberValue(x float64, unit string) Value {
	if x == 0 {
		x = 0 // not -0, which reads differently
	}
	v := Value{Unit: unit, Number: x}
	switch unit {
	case "s":
		d := time.Duration(math.Round(x * 1e9))
		v.Number, v.Text = d.Seconds(), topology.FormatDuration(d)
	case "1/s":
		v.Text = strconv.FormatFloat(x, 'g', -1, 64) + "/s"
	case "B/s":
		v.Text = topology.FormatBandwidth(topology.BytesPerSecond(x))
	case "B":
		v.Number = math.Round(x)
		v.Text = topology.FormatBytes(topology.Bytes(v.Number))
	case "MHz":
		v.Text = topology.FormatMHz(topology.MHz(x))
	default:
		v.Unit = "1"
		text, err := json.Marshal(x)
		if err != nil { // never for finite numbers
			text = []byte(strconv.FormatFloat(x, 'g', -1, 64))
		}
		v.Text = string(text)
	}
	return v
}

// digits is to how many significant digits computed values are rounded, so
// that 0.1 + 0.2 and 0.3 are one value.
const digits = 12

// tidy rounds a computed number.
func tidy(x float64) float64 {
	y, err := strconv.ParseFloat(strconv.FormatFloat(x, 'g', digits, 64), 64)
	if err != nil {
		return x
	}
	return y
}
