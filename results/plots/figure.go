package plots

import (
	"fmt"
	"path/filepath"
	"strings"
)

// A Figure is numbers that know how to be drawn.
type Figure interface {
	// Table is the numbers behind the figure, in base units.
	Table() Table
	// Title says in a few words what is seen; it is the text of readers who
	// do not see, and not drawn.
	Title() string
	check() error
	height(width float64) float64
	draw(s sheet, b box)
}

// A Format is how a figure is stored.
type Format string

// Formats are those that Draw knows: three pictures, and the numbers as
// comma-separated values and as a table for LaTeX's booktabs.
func Formats() []Format { return []Format{"pdf", "svg", "png", "csv", "tex"} }

// FormatOf is the format that a file's name asks for.
func FormatOf(path string) (Format, error) {
	ext := Format(strings.TrimPrefix(strings.ToLower(filepath.Ext(path)), "."))
	for _, f := range Formats() {
		if ext == f {
			return f, nil
		}
	}
	return "", fmt.Errorf("%s: found extension %q, allowed: .pdf, .svg, .png, .csv or .tex", path, filepath.Ext(path))
}

// Draw makes the file of a figure. Figures that lack what they show are
// errors that say what is missing.
func Draw(f Figure, w Width, format Format) ([]byte, error) {
	if err := f.check(); err != nil {
		return nil, fmt.Errorf("drawing %s: %w", f.Title(), err)
	}
	switch format {
	case "csv":
		return f.Table().CSV()
	case "tex":
		if s, ok := f.(summariser); ok {
			return s.summary().tex(), nil
		}
		return f.Table().tex(), nil
	}
	face, err := newTypeface()
	if err != nil {
		return nil, err
	}
	width := w.points()
	height := f.height(width)
	var s surface
	switch format {
	case "pdf":
		s = newPDF(width, height, f.Title())
	case "svg":
		s = newSVG(width, height, f.Title())
	case "png":
		s = newRaster(width, height, face)
	default:
		return nil, fmt.Errorf("found format %q, allowed: %v", format, Formats())
	}
	f.draw(sheet{s, face}, box{margin, margin, width - margin, height - margin})
	return s.encode()
}

// ratio is the height of most figures: of the width, within what a column
// bears.
func ratio(width float64) float64 { return min(0.62*width, 190) }
