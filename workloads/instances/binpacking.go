package instances

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// A BinPacking is one problem of packing items into as few alike bins as
// possible.
type BinPacking struct {
	Name     string
	Capacity []int64   // of each bin, by dimension
	Sizes    [][]int64 // of each item, by dimension
	Best     int64     // the number of bins that the file calls best; 0 when it prints none
}

// ReadBinPacking reads the problems of a file in one of two formats, which it
// tells apart by the third line:
//
//	OR-Library (Beasley, binpack1 to binpack8): the number of problems, then
//	for each its name, a line of capacity, number of items and best known
//	number of bins, and one size a line;
//	Falkenauer, BPPLIB: the number of items, the capacity, one size a line.
//
// Where sizes have decimals, a problem is scaled by the power of ten that
// makes them whole. A single problem is called name.
func ReadBinPacking(r io.Reader, name string) ([]BinPacking, error) {
	l, err := readPackingLines(r, name)
	if err != nil {
		return nil, err
	}
	if len(l.rows) == 0 {
		return nil, fmt.Errorf("%s: found no lines, allowed: OR-Library's or Falkenauer's format", name)
	}
	if len(l.rows) > 2 && len(l.rows[2].fields) > 1 {
		return l.library()
	}
	b, err := l.single()
	if err != nil {
		return nil, err
	}
	return []BinPacking{b}, nil
}

// maxDecimals is how many decimals a size may have, and maxSize the largest
// number once scaled: sums of a million sizes stay in an int64.
const (
	maxDecimals = 6
	maxSize     = 1 << 40
)

// A packingRow is a line that is not blank.
type packingRow struct {
	line   int
	fields []string
}

type packingLines struct {
	name string
	rows []packingRow
	at   int
}

func readPackingLines(r io.Reader, name string) (*packingLines, error) {
	l := &packingLines{name: name}
	scanner := bufio.NewScanner(r)
	for line := 1; scanner.Scan(); line++ {
		if fields := strings.Fields(scanner.Text()); len(fields) > 0 {
			l.rows = append(l.rows, packingRow{line, fields})
		}
	}
	if err := scanner.Err(); err != nil {
		return nil, fmt.Errorf("%s: line %d: %w", name, len(l.rows)+1, err)
	}
	return l, nil
}

// next is the next row, which must have count fields.
func (l *packingLines) next(count int, what string) (packingRow, error) {
	if l.at == len(l.rows) {
		return packingRow{}, fmt.Errorf("%s: found the end of the file, allowed: %s", l.name, what)
	}
	r := l.rows[l.at]
	if len(r.fields) != count {
		return packingRow{}, l.fault(r, strings.Join(r.fields, " "), what)
	}
	l.at++
	return r, nil
}

func (l *packingLines) fault(r packingRow, found, allowed string) error {
	return fmt.Errorf("%s:%d: found %q, allowed: %s", l.name, r.line, found, allowed)
}

// count is field i of a row as a whole number of at least low.
func (l *packingLines) count(r packingRow, i int, low int64, what string) (int64, error) {
	v, err := strconv.ParseInt(r.fields[i], 10, 64)
	if err != nil || v < low || v > maxSize {
		return 0, l.fault(r, r.fields[i], fmt.Sprintf("%s, a whole number from %d", what, low))
	}
	return v, nil
}

func (l *packingLines) library() ([]BinPacking, error) {
	r, err := l.next(1, "the number of problems")
	if err != nil {
		return nil, err
	}
	problems, err := l.count(r, 0, 1, "the number of problems")
	if err != nil {
		return nil, err
	}
	var out []BinPacking
	for range problems {
		title, err := l.next(1, fmt.Sprintf("the name of problem %d of %d", len(out)+1, problems))
		if err != nil {
			return nil, err
		}
		head, err := l.next(3, "capacity, number of items, best number of bins")
		if err != nil {
			return nil, err
		}
		n, err1 := l.count(head, 1, 1, "the number of items")
		best, err2 := l.count(head, 2, 0, "the best number of bins")
		if err := errors.Join(err1, err2); err != nil {
			return nil, err
		}
		b, err := l.sizes(head, n)
		if err != nil {
			return nil, err
		}
		b.Name, b.Best = title.fields[0], best
		out = append(out, b)
	}
	return out, l.end()
}

func (l *packingLines) single() (BinPacking, error) {
	r, err := l.next(1, "the number of items")
	if err != nil {
		return BinPacking{}, err
	}
	n, err := l.count(r, 0, 1, "the number of items")
	if err != nil {
		return BinPacking{}, err
	}
	head, err := l.next(1, "the capacity")
	if err != nil {
		return BinPacking{}, err
	}
	b, err := l.sizes(head, n)
	if err != nil {
		return BinPacking{}, err
	}
	b.Name = l.name
	return b, l.end()
}

func (l *packingLines) end() error {
	if l.at < len(l.rows) {
		r := l.rows[l.at]
		return l.fault(r, strings.Join(r.fields, " "), "the end of the file")
	}
	return nil
}

// sizes reads n sizes, and the capacity from the first field of head.
func (l *packingLines) sizes(head packingRow, n int64) (BinPacking, error) {
	rows := []packingRow{head}
	for i := range n {
		r, err := l.next(1, fmt.Sprintf("size %d of %d", i+1, n))
		if err != nil {
			return BinPacking{}, err
		}
		rows = append(rows, r)
	}
	decimals := 0
	for _, r := range rows {
		decimals = max(decimals, decimalPlaces(r.fields[0]))
	}
	if decimals > maxDecimals {
		return BinPacking{}, fmt.Errorf("%s:%d: found sizes with %d decimals, allowed: up to %d", l.name, head.line, decimals, maxDecimals)
	}
	b := BinPacking{}
	for i, r := range rows {
		v, ok := scaledInteger(r.fields[0], decimals)
		switch {
		case !ok || v > maxSize:
			return BinPacking{}, l.fault(r, r.fields[0], "a positive number")
		case i == 0:
			b.Capacity = []int64{v}
		case v > b.Capacity[0]:
			return BinPacking{}, l.fault(r, r.fields[0], "a size up to the capacity "+head.fields[0])
		default:
			b.Sizes = append(b.Sizes, []int64{v})
		}
	}
	return b, nil
}

// decimalPlaces counts the digits after the point but for zeros at the end.
func decimalPlaces(s string) int {
	_, after, _ := strings.Cut(s, ".")
	return len(strings.TrimRight(after, "0"))
}

// scaledInteger is a positive decimal number times ten to the power of decimals.
func scaledInteger(s string, decimals int) (int64, bool) {
	whole, after, _ := strings.Cut(s, ".")
	after = strings.TrimRight(after, "0")
	if strings.ContainsAny(after, "+-") {
		return 0, false
	}
	v, err := strconv.ParseInt(whole+after+strings.Repeat("0", decimals-len(after)), 10, 64)
	return v, err == nil && v > 0
}
