package scenarios

import (
	"regexp"
	"strconv"
	"strings"
)

// syntax turns an error of the YAML library, which knows the line but not the
// column, into a fault: it looks for the character that the message is about.
func syntax(data []byte, err error, set int) (position, string, string) {
	message := strings.TrimPrefix(err.Error(), "yaml: ")
	line := 1
	if m := regexp.MustCompile(`^line (\d+): `).FindStringSubmatch(message); m != nil {
		if n, err := strconv.Atoi(m[1]); err == nil {
			line = n
		}
		message = message[len(m[0]):]
	}
	lines := strings.Split(strings.ReplaceAll(string(data), "\r\n", "\n"), "\n")
	line = min(max(line, 1), len(lines))
	for line > 1 && strings.TrimSpace(lines[line-1]) == "" {
		line-- // the end of the file: show the last line that has text
	}
	text := []rune(lines[line-1])
	at := position{line: line, column: 1 + culprit(text, message), set: set}
	return at, "", "the file is not YAML: " + message + hint(text, message)
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
