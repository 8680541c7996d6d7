package main

import (
	"io"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
)

// A grid is a table for people: a header, rows, and columns of which numbers
// stand to the right.
type grid struct {
	header  []string
	numbers []int // positions of right-aligned columns
	rows    [][]string
}

func (g *grid) add(cells ...string) { g.rows = append(g.rows, cells) }

// render draws the grid without frames, so that it survives being pasted into
// a report or read aloud. The header is bold where colour is welcome.
func (g *grid) render(w io.Writer) {
	t := table.NewWriter()
	t.SetOutputMirror(w)
	style := table.StyleDefault
	style.Options = table.OptionsNoBordersAndSeparators
	style.Box.PaddingLeft, style.Box.PaddingRight = "  ", ""
	style.Format.Header = text.FormatDefault
	if colourful(w) {
		style.Color.Header = text.Colors{text.Bold}
	}
	t.SetStyle(style)
	t.AppendHeader(toRow(g.header))
	for _, r := range g.rows {
		t.AppendRow(toRow(r))
	}
	configs := make([]table.ColumnConfig, 0, len(g.numbers))
	for _, n := range g.numbers {
		configs = append(configs, table.ColumnConfig{Number: n + 1, Align: text.AlignRight, AlignHeader: text.AlignRight})
	}
	t.SetColumnConfigs(configs)
	t.SuppressTrailingSpaces()
	t.Render()
}

func toRow(cells []string) table.Row {
	row := make(table.Row, len(cells))
	for i, c := range cells {
		row[i] = c
	}
	return row
}
