package report_test

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"caravan/results/plots"
	"caravan/results/report"
)

func drawing(f plots.Figure) []byte {
	data, err := plots.Draw(f, plots.Column, "svg")
	if err != nil {
		panic(err)
	}
	return data
}

// example has two cases, two metrics over a parameter, and hostile texts.
func example() report.Report {
	nan := math.NaN()
	r := report.Report{
		Title: "rush-hour </script><script>alert(1)</script>", Description: "cameras & a cloud",
		Summary:    []report.Fact{{Name: "size", Value: "19 nodes"}},
		Thresholds: []report.Threshold{{Text: "p99(latency) < 200ms", About: "ilp", Held: false}, {Text: "unplaced == 0", About: "ilp", Held: true}},
		Warnings:   []string{"short"},
		Figures:    []report.Figure{{Name: "one", Caption: "a front", SVG: drawing(plots.Front{X: plots.Axis{Label: "latency", Unit: "s"}, Y: plots.Axis{Label: "cost"}, Candidates: []plots.Candidate{{Name: "<a>", X: 1, Y: 2}, {X: 2, Y: 1}}})}},
		Runs: report.Table{Header: []string{"run", "mean latency"}, Rows: [][]report.Cell{
			{{Text: "b", Number: nan}, {Text: "20 ms", Number: 0.02}}, {{Text: "a", Number: nan}, {Text: "1 s", Number: 1}}, {{Text: "c", Number: nan}, {Text: "3 ms", Number: 0.003}}}},
		Records:  report.Records{Keys: []string{"case", "about", "load"}},
		Stamp:    []report.Fact{{Name: "seed", Value: "7"}},
		Commands: []string{"caravan run rush-hour --solver ilp"},
		Sources:  []report.Source{{Name: "rush-hour.json", Text: `{"name": "rush-hour"}`}},
	}
	for i, c := range []string{"ilp", "queueing"} {
		for load := range 5 {
			v := 0.01 * float64((i+1)*(load+1))
			r.Records.Rows = append(r.Records.Rows,
				report.Record{Keys: []any{c, "watch", float64(load)}, Metric: "latency mean", Unit: "s", Value: v, Low: 0.9 * v, High: 1.1 * v},
				report.Record{Keys: []any{c, "</script>", float64(load)}, Metric: "utilisation mean", Unit: "1", Value: v, Low: nan, High: nan})
		}
	}
	return r
}

func written(t *testing.T) string {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, report.Write(&b, example()))
	return b.String()
}

func TestTheSameReportGivesTheSameBytes(t *testing.T) {
	first, second := written(t), written(t)
	assert.True(t, first == second)
}

func TestTextsCannotBecomeMarkup(t *testing.T) {
	page := written(t)
	assert.NotContains(t, page, "<script>alert(1)")
	assert.Contains(t, page, "default-src &#39;none&#39;")
	assert.NotContains(t, page, "unsafe-inline")
	assert.NotContains(t, strings.Split(page, "<script type=")[1][:200], "<")
}

func TestARecordNeedsItsKeys(t *testing.T) {
	r := example()
	r.Records.Rows[0].Keys = nil
	assert.ErrorContains(t, report.Write(&bytes.Buffer{}, r), "0 keys")
}

// A browser is a page in headless Chromium, with what went wrong there.
type browser struct {
	context.Context
	mu       sync.Mutex
	faults   []string
	requests []string
}

func open(t *testing.T, page string, scripts bool) *browser {
	t.Helper()
	chromium, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("chromium is not installed; .ci/run installs it")
	}
	path := filepath.Join(t.TempDir(), "report.html")
	require.NoError(t, os.WriteFile(path, []byte(page), 0o600))
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), chromedp.ExecPath(chromium), chromedp.NoSandbox, chromedp.Headless,
		chromedp.WindowSize(1200, 900), chromedp.WSURLReadTimeout(2*time.Minute)) // a busy machine starts it slowly
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	b := &browser{Context: ctx}
	require.NoError(t, chromedp.Listen(ctx, b.listen))
	_, err = chromedp.Call(ctx, log.Enable, cdp.Empty{})
	require.NoError(t, err)
	_, err = chromedp.Call(ctx, network.Enable, network.EnableParams{})
	require.NoError(t, err)
	_, err = chromedp.Call(ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !scripts})
	require.NoError(t, err)
	require.NoError(t, chromedp.Do(ctx, chromedp.Navigate("file://"+path)))
	return b
}

func (b *browser) listen(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *log.EventEntryAdded:
		b.faults = append(b.faults, e.Entry.Text)
	case *runtime.EventConsoleAPICalled:
		b.faults = append(b.faults, fmt.Sprint("console.", e.Type))
	case *runtime.EventExceptionThrown:
		b.faults = append(b.faults, fmt.Sprint(e.ExceptionDetails.Text, e.ExceptionDetails.Exception))
	case *network.EventRequestWillBeSent:
		b.requests = append(b.requests, e.Request.URL)
	}
}

// value evaluates an expression in the page.
func value[T any](t *testing.T, b *browser, expression string) T {
	t.Helper()
	out, err := chromedp.Run(b, chromedp.Evaluate[T](expression))
	require.NoError(t, err)
	return out
}

func (b *browser) quiet(t *testing.T) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	assert.Empty(t, b.faults)
	if assert.Len(t, b.requests, 1, "nothing but the file itself is asked for") {
		assert.Contains(t, b.requests[0], "file://")
	}
}

func TestTheReportInABrowser(t *testing.T) {
	b := open(t, written(t), true)
	assert.Equal(t, 1, value[int](t, b, `document.querySelectorAll("#figures svg").length`))
	assert.Contains(t, value[string](t, b, `document.querySelector("#figures svg").textContent`), "Pareto front")
	assert.Equal(t, 2, value[int](t, b, `document.querySelectorAll("#thresholds tbody tr").length`))
	assert.Equal(t, "10 of 20 values shown", value[string](t, b, `document.getElementById("shown").textContent`))
	assert.Equal(t, 10, value[int](t, b, `document.querySelectorAll("#chart g[aria-label=dot] path").length`))

	// Filters: a case off, then a word that nothing has.
	assert.Equal(t, "5 of 20 values shown", value[string](t, b, `document.querySelector("input[name=case]").click(), document.getElementById("shown").textContent`))
	assert.Equal(t, "0 of 20 values shown", value[string](t, b,
		`(() => { const f = document.getElementById("filter"); f.value = "nothing"; f.dispatchEvent(new Event("input", {bubbles: true})); return document.getElementById("shown").textContent })()`))

	// Sorting by number, then the other way around.
	column := `[...document.querySelectorAll("#runs tbody tr")].map((r) => r.cells[0].textContent).join("")`
	assert.Equal(t, "bac", value[string](t, b, column))
	assert.Equal(t, "cba", value[string](t, b, `document.querySelectorAll("#runs th button")[1].click(), `+column))
	assert.Equal(t, "abc", value[string](t, b, `document.querySelectorAll("#runs th button")[1].click(), `+column))
	b.quiet(t)
}

func TestHoveringShowsTheValue(t *testing.T) {
	b := open(t, written(t), true)
	text := value[string](t, b, `(() => {
		const svg = document.querySelector("#chart svg"), dot = svg.querySelector("g[aria-label=dot] path").getBoundingClientRect();
		svg.dispatchEvent(new PointerEvent("pointermove", {bubbles: true, pointerType: "mouse", clientX: dot.x + dot.width / 2, clientY: dot.y + dot.height / 2}));
		return svg.querySelector("g[aria-label=tip]").textContent })()`)
	assert.Contains(t, text, "case: ilp")
	assert.Contains(t, text, "latency mean: 10.00 ms")
	b.quiet(t)
}

func TestTheReportReadsWithoutJavaScript(t *testing.T) {
	b := open(t, written(t), false)
	text, err := chromedp.Run(b, chromedp.Text("main"))
	require.NoError(t, err)
	for _, part := range []string{"p99(latency) < 200ms", "fail", "a front", "needs JavaScript", "20 ms", "caravan run rush-hour --solver ilp"} {
		assert.Contains(t, text, part)
	}
	assert.NotContains(t, text, "Filter")
	b.quiet(t)
}
