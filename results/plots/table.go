package plots

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// A Table is the numbers behind a figure. A cell is a string, an int or a
// float64, of which NaN is an empty cell.
type Table struct {
	Columns []TableColumn
	Rows    [][]any
}

// A TableColumn is a name and, for numbers, the unit: "s", "B", "1" for a share.
type TableColumn struct{ Name, Unit string }

func columns(pairs ...string) []TableColumn {
	var out []TableColumn
	for i := 0; i+1 < len(pairs); i += 2 {
		out = append(out, TableColumn{pairs[i], pairs[i+1]})
	}
	return out
}

func (t *Table) add(cells ...any) { t.Rows = append(t.Rows, cells) }

// summariser is a figure of so many numbers that its table for print is
// another.
type summariser interface{ summary() Table }

// CSV writes a header and the rows, floats in their shortest exact form.
func (t Table) CSV() ([]byte, error) {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	rows := [][]string{nil}
	for _, c := range t.Columns {
		name := c.Name
		if c.Unit != "" {
			name += " (" + c.Unit + ")"
		}
		rows[0] = append(rows[0], name)
	}
	for _, r := range t.Rows {
		var cells []string
		for _, c := range r {
			cells = append(cells, plain(c, -1))
		}
		rows = append(rows, cells)
	}
	err := w.WriteAll(rows)
	return b.Bytes(), err
}

// plain is a cell as text, numbers to so many significant digits or, with -1,
// to all that matter.
func plain(cell any, digits int) string {
	switch v := cell.(type) {
	case string:
		return v
	case float64:
		if math.IsNaN(v) {
			return ""
		}
		if digits > 0 {
			return significant(v, digits)
		}
		return strconv.FormatFloat(v, 'g', -1, 64)
	}
	return fmt.Sprint(cell)
}

// tex writes a tabular in the style of the booktabs package, numbers to four
// digits and to the right.
func (t Table) tex() []byte {
	var b bytes.Buffer
	spec, header := "", make([]string, len(t.Columns))
	for i, c := range t.Columns {
		number := len(t.Rows) > 0
		for _, r := range t.Rows {
			if _, text := r[i].(string); text {
				number = false
			}
		}
		if number {
			spec += "r"
		} else {
			spec += "l"
		}
		header[i] = texEscape(c.Name)
		if c.Unit != "" && c.Unit != "1" {
			header[i] += " (" + texEscape(c.Unit) + ")"
		}
	}
	fmt.Fprintf(&b, "\\begin{tabular}{%s}\n\\toprule\n%s \\\\\n\\midrule\n", spec, strings.Join(header, " & "))
	for _, r := range t.Rows {
		cells := make([]string, len(r))
		for i, c := range r {
			cells[i] = texEscape(plain(c, 4))
			if _, number := c.(float64); number {
				cells[i] = texNumber(cells[i])
			}
		}
		fmt.Fprintf(&b, "%s \\\\\n", strings.Join(cells, " & "))
	}
	b.WriteString("\\bottomrule\n\\end{tabular}\n")
	return b.Bytes()
}

// texNumber sets the sign of a number as a minus, and powers as powers.
func texNumber(s string) string {
	if s == "" {
		return "--"
	}
	if mantissa, exponent, ok := strings.Cut(s, "e"); ok {
		n, err := strconv.Atoi(exponent)
		if err == nil {
			return fmt.Sprintf("$%s \\times 10^{%d}$", mantissa, n)
		}
	}
	if strings.HasPrefix(s, "-") {
		return "$" + s + "$"
	}
	return s
}

func texEscape(s string) string {
	return strings.NewReplacer(`\`, `\textbackslash{}`, "&", `\&`, "%", `\%`, "$", `\$`, "#", `\#`, "_", `\_`,
		"{", `\{`, "}", `\}`, "~", `\textasciitilde{}`, "^", `\textasciicircum{}`, "µ", `\textmu{}`, "±", `$\pm$`).Replace(s)
}

// significant is v to so many significant digits, without an exponent from
// 0.0001 to a million.
func significant(v float64, digits int) string {
	if v == 0 {
		return "0"
	}
	size := math.Abs(v)
	if size < 1e-4 || size >= 1e6 {
		return strconv.FormatFloat(v, 'g', digits, 64)
	}
	places := max(0, digits-1-int(math.Floor(math.Log10(size))))
	return strconv.FormatFloat(v, 'f', places, 64)
}

func fixed(v float64, places int) string { return strconv.FormatFloat(v, 'f', places, 64) }
