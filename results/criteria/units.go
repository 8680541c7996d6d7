package criteria

import (
	"fmt"
	"strconv"
	"strings"
)

// seconds is how long each unit of time is.
func seconds() map[string]float64 {
	return map[string]float64{
		"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1, "min": 60, "m": 60, "h": 3600, "d": 86400,
	}
}

// withoutUnits writes each number with a unit as a plain one: 200ms as 0.2,
// 5% as 0.05. A % between two numbers stays the remainder. What stands in
// quotes stays.
func withoutUnits(text string) (string, error) {
	var out strings.Builder
	for i := 0; i < len(text); {
		c := text[i]
		switch {
		case c == '"' || c == '\'' || c == '`':
			end := closing(text, i)
			out.WriteString(text[i:end])
			i = end
		case isDigit(c):
			end := numberEnd(text, i)
			number, next, err := converted(text[i:end], text[end:])
			if err != nil {
				return "", err
			}
			out.WriteString(number)
			i = end + next
		case isLetter(c):
			end := i
			for end < len(text) && (isLetter(text[end]) || isDigit(text[end])) {
				end++
			}
			out.WriteString(text[i:end])
			i = end
		default:
			out.WriteByte(c)
			i++
		}
	}
	return out.String(), nil
}

// closing is where the text in quotes that begins at i ends.
func closing(text string, i int) int {
	for j := i + 1; j < len(text); j++ {
		switch text[j] {
		case '\\':
			j++
		case text[i]:
			return j + 1
		}
	}
	return len(text)
}

// numberEnd is where the decimal number that begins at i ends.
func numberEnd(text string, i int) int {
	digits := func() {
		for i < len(text) && isDigit(text[i]) {
			i++
		}
	}
	digits()
	if i+1 < len(text) && text[i] == '.' && isDigit(text[i+1]) {
		i++
		digits()
	}
	if i+1 < len(text) && (text[i] == 'e' || text[i] == 'E') {
		sign := i + 1
		if sign+1 < len(text) && (text[sign] == '+' || text[sign] == '-') {
			sign++
		}
		if isDigit(text[sign]) {
			i = sign
			digits()
		}
	}
	return i
}

// converted is the number in its base unit, and how much of rest is its unit.
func converted(number, rest string) (string, int, error) {
	unit := 0
	for unit < len(rest) && (isLetter(rest[unit]) || isDigit(rest[unit])) {
		unit++
	}
	scale, known := seconds()[rest[:unit]]
	switch {
	case unit > 0 && !known:
		return "", 0, fmt.Errorf("%s%s has no unit that is known (allowed: ns, us, ms, s, min, h, d and %%)", number, rest[:unit])
	case unit == 0 && percent(rest):
		scale, unit = 0.01, 1
	case unit == 0:
		return number, 0, nil
	}
	x, err := strconv.ParseFloat(number, 64)
	if err != nil {
		return "", 0, fmt.Errorf("%s is not a number", number)
	}
	return strconv.FormatFloat(x*scale, 'g', -1, 64), unit, nil
}

// percent reports whether rest begins with a per cent sign that no operand of
// a remainder follows.
func percent(rest string) bool {
	if !strings.HasPrefix(rest, "%") {
		return false
	}
	next := strings.TrimLeft(rest[1:], " \t\n")
	if next == "" {
		return true
	}
	word := strings.HasPrefix(next, "and ") || strings.HasPrefix(next, "or ")
	return word || !(isDigit(next[0]) || isLetter(next[0]) || next[0] == '(')
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// isLetter takes every byte beyond ASCII as part of a word, such as µs.
func isLetter(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c >= 0x80
}
