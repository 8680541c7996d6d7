package scenarios

import (
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// syntax turns an error of the YAML library, which knows the line at best,
// into a fault: it looks for the character that the message is about.
func syntax(data []byte, err error, set int) (position, string, string) {
	message := strings.TrimPrefix(err.Error(), "yaml: ")
	line := 0
	if m := regexp.MustCompile(`^line (\d+): `).FindStringSubmatch(message); m != nil {
		line, _ = strconv.Atoi(m[1]) // digits only; too many of them saturate
		message = message[len(m[0]):]
		if strings.HasPrefix(message, "did not find expected") {
			line++ // the library's parser, unlike its scanner, counts lines from 0
		}
	}
	lines := strings.Split(strings.ReplaceAll(string(data), "\r\n", "\n"), "\n")
	switch {
	case strings.Contains(message, "expected key"), strings.Contains(message, "expected '-' indicator"):
		line = max(line, misindented(lines))
	case strings.Contains(message, "end of stream"):
		line = openQuote(lines, line)
	case strings.Contains(message, "UTF-8"):
		line = 1 + strings.Count(string(data[:firstInvalid(data)]), "\n")
	case strings.Contains(message, "unknown anchor"):
		line = referring(lines, message)
	}
	line = min(max(line, 1), len(lines))
	for line > 1 && strings.TrimSpace(lines[line-1]) == "" {
		line-- // the end of the file: show the last line that has text
	}
	text := []rune(lines[line-1])
	at := position{line: line, column: 1 + culprit(text, message), set: set}
	return at, "", "the file is not YAML: " + message + hint(text, message)
}

// misindented is the first line that steps back to an indentation which no
// line before it opened, 0 when there is none.
func misindented(lines []string) int {
	var open []int
	for i, l := range lines {
		text := strings.TrimLeft(l, " ")
		if text == "" || text[0] == '#' || strings.HasPrefix(text, "---") {
			continue
		}
		indent := len(l) - len(text)
		stepped := false
		for len(open) > 0 && open[len(open)-1] > indent {
			open, stepped = open[:len(open)-1], true
		}
		if stepped && (len(open) == 0 || open[len(open)-1] != indent) {
			return i + 1
		}
		for ; strings.HasPrefix(text, "- "); text = text[2:] { // each dash opens a level
			open = append(open, indent)
			indent += 2
		}
		if len(open) == 0 || open[len(open)-1] < indent {
			open = append(open, indent)
		}
	}
	return 0
}

// openQuote is the first line with an odd number of double quotes.
func openQuote(lines []string, otherwise int) int {
	for i, l := range lines {
		if strings.Count(strings.ReplaceAll(l, `\"`, ""), `"`)%2 == 1 {
			return i + 1
		}
	}
	return otherwise
}

// firstInvalid is the offset of the first byte that is not UTF-8.
func firstInvalid(data []byte) int {
	for i := 0; i < len(data); {
		r, size := utf8.DecodeRune(data[i:])
		if r == utf8.RuneError && size == 1 {
			return i
		}
		i += size
	}
	return 0
}

// referring is the line with the alias that the message names.
func referring(lines []string, message string) int {
	_, rest, _ := strings.Cut(message, "'")
	name, _, _ := strings.Cut(rest, "'")
	for i, l := range lines {
		if strings.Contains(l, "*"+name) {
			return i + 1
		}
	}
	return 1
}

// culprit is the offset in line of what the message is about, or of the first
// character that is not a blank.
func culprit(line []rune, message string) int {
	first := 0
	for first < len(line) && line[first] == ' ' {
		first++
	}
	switch {
	case strings.Contains(message, "cannot start any token"):
		for i, r := range line {
			if r == '\t' || r == '@' || r == '`' || r == '%' {
				return i
			}
		}
	case strings.Contains(message, "mapping values are not allowed"):
		last := first
		for i := first; i < len(line); i++ {
			if line[i] == ':' && (i+1 == len(line) || line[i+1] == ' ') {
				last = i
			}
		}
		return last
	case strings.Contains(message, "end of stream"):
		for i := len(line) - 1; i >= 0; i-- {
			if line[i] == '"' {
				return i
			}
		}
	case strings.Contains(message, "UTF-8"):
		for i, r := range line {
			if r == utf8.RuneError {
				return i
			}
		}
	case strings.Contains(message, "unknown anchor"):
		for i, r := range line {
			if r == '*' {
				return i
			}
		}
	}
	return min(first, max(len(line)-1, 0))
}

// hint adds what usually lies behind a message.
func hint(line []rune, message string) string {
	switch {
	case strings.ContainsRune(string(line), '\t') && strings.Contains(message, "token"):
		return " (a tab; indent with spaces)"
	case strings.Contains(message, "mapping values are not allowed"):
		return " (a key is indented differently from its neighbours, or text with \": \" needs quotes)"
	case strings.Contains(message, "did not find expected ',' or ']'"), strings.Contains(message, "did not find expected ',' or '}'"):
		return " (a bracket is not closed)"
	case strings.Contains(message, "found unexpected end of stream"):
		return " (a quote or a bracket is not closed)"
	case strings.Contains(message, "did not find expected key"), strings.Contains(message, "did not find expected '-' indicator"):
		return " (the indentation differs from its neighbours')"
	}
	return ""
}
