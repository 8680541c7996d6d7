package milp

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"strconv"
)

// WriteLP writes the model in CPLEX's LP format, which every solver reads.
func (m *Model) WriteLP(w io.Writer) error {
	b := bufio.NewWriter(w)
	fmt.Fprintf(b, "\\ %s: %d variables, %d rows; one unit of the objective is %s\n", m.Name, len(m.Cost), len(m.Rows), number(m.Scale))
	fmt.Fprint(b, "Minimize\n obj:")
	line := 0
	for j, c := range m.Cost {
		if c != 0 {
			m.term(b, &line, c, j)
		}
	}
	fmt.Fprint(b, "\nSubject To\n")
	for _, r := range m.Rows {
		fmt.Fprintf(b, " %s:", r.Label)
		line = 0
		for k, j := range r.Index {
			m.term(b, &line, r.Value[k], j)
		}
		if len(r.Index) == 0 {
			fmt.Fprintf(b, " 0 %s", m.Labels[0])
		}
		switch {
		case r.Lower == r.Upper:
			fmt.Fprintf(b, " = %s\n", number(r.Upper))
		case math.IsInf(r.Lower, -1):
			fmt.Fprintf(b, " <= %s\n", number(r.Upper))
		default:
			fmt.Fprintf(b, " >= %s\n", number(r.Lower))
		}
	}
	fmt.Fprint(b, "Bounds\n")
	for j := range m.Cost {
		if math.IsInf(m.Upper[j], 1) {
			fmt.Fprintf(b, " %s >= %s\n", m.Labels[j], number(m.Lower[j]))
			continue
		}
		fmt.Fprintf(b, " %s <= %s <= %s\n", number(m.Lower[j]), m.Labels[j], number(m.Upper[j]))
	}
	fmt.Fprint(b, "Generals\n")
	for j, whole := range m.Integer {
		if whole {
			fmt.Fprintf(b, " %s\n", m.Labels[j])
		}
	}
	fmt.Fprint(b, "End\n")
	return b.Flush()
}

// term writes one summand; lines stay short, as some readers require.
func (m *Model) term(w io.Writer, line *int, v float64, j int) {
	if *line++; *line%8 == 0 {
		fmt.Fprint(w, "\n  ")
	}
	sign := "+"
	if v < 0 {
		sign, v = "-", -v
	}
	fmt.Fprintf(w, " %s %s %s", sign, number(v), m.Labels[j])
}

func number(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }

// WriteMPS writes the model in free MPS format.
func (m *Model) WriteMPS(w io.Writer) error {
	b := bufio.NewWriter(w)
	fmt.Fprintf(b, "* one unit of the objective is %s\nNAME %s\nROWS\n N obj\n", number(m.Scale), m.Name)
	for _, r := range m.Rows {
		kind := "G"
		switch {
		case r.Lower == r.Upper:
			kind = "E"
		case math.IsInf(r.Lower, -1):
			kind = "L"
		}
		fmt.Fprintf(b, " %s %s\n", kind, r.Label)
	}
	m.writeColumns(b)
	fmt.Fprint(b, "RHS\n")
	for _, r := range m.Rows {
		v := r.Upper
		if math.IsInf(v, 1) {
			v = r.Lower
		}
		if v != 0 {
			fmt.Fprintf(b, " RHS %s %s\n", r.Label, number(v))
		}
	}
	fmt.Fprint(b, "BOUNDS\n")
	for j := range m.Cost {
		if m.Lower[j] != 0 {
			fmt.Fprintf(b, " LO BND %s %s\n", m.Labels[j], number(m.Lower[j]))
		}
		if !math.IsInf(m.Upper[j], 1) {
			fmt.Fprintf(b, " UP BND %s %s\n", m.Labels[j], number(m.Upper[j]))
		}
	}
	fmt.Fprint(b, "ENDATA\n")
	return b.Flush()
}

func (m *Model) writeColumns(b io.Writer) {
	start, rows, values := m.columns()
	fmt.Fprint(b, "COLUMNS\n")
	whole := false
	for j := range m.Cost {
		if m.Integer[j] != whole {
			whole = m.Integer[j]
			if whole {
				fmt.Fprint(b, " MARKER 'MARKER' 'INTORG'\n")
			} else {
				fmt.Fprint(b, " MARKER 'MARKER' 'INTEND'\n")
			}
		}
		fmt.Fprintf(b, " %s obj %s\n", m.Labels[j], number(m.Cost[j]))
		for k := start[j]; k < start[j+1]; k++ {
			fmt.Fprintf(b, " %s %s %s\n", m.Labels[j], m.Rows[rows[k]].Label, number(values[k]))
		}
	}
	if whole {
		fmt.Fprint(b, " MARKER 'MARKER' 'INTEND'\n")
	}
}

// columns is the matrix by columns: the entries of variable j are those from
// start[j] to start[j+1].
func (m *Model) columns() (start, rows []int, values []float64) {
	start = make([]int, len(m.Cost)+1)
	for _, r := range m.Rows {
		for _, j := range r.Index {
			start[j+1]++
		}
	}
	for j := range m.Cost {
		start[j+1] += start[j]
	}
	rows, values = make([]int, start[len(m.Cost)]), make([]float64, start[len(m.Cost)])
	at := append([]int(nil), start...)
	for i, r := range m.Rows {
		for k, j := range r.Index {
			rows[at[j]], values[at[j]] = i, r.Value[k]
			at[j]++
		}
	}
	return start, rows, values
}
