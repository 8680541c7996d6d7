// Package criteria decides whether a run is good enough, by an expression over
// its metrics such as `p99(latency) < 200ms && unplaced == 0`.
package criteria

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/vm"

	"caravan/results"
)

// maxLength bounds an expression, in bytes, and maxNodes its parts.
const (
	maxLength = 4096
	maxNodes  = 500
)

// A Criterion is a compiled expression. It is safe for concurrent use.
//
// p99(latency) is a statistic of a metric, the largest over all pipelines,
// nodes or links; p99(latency, "web") is that of one of them. least, most,
// average and total fold a statistic over all of them:
// least(throughput, "mean"). unplaced counts what found no node, and objective
// is what the solver minimised. Spans carry a unit and are compared in
// seconds; 5% is 0.05. A comparison with what was never observed is false.
type Criterion struct {
	text    string
	program *vm.Program
}

// Stats are the functions that read one statistic of a metric.
func Stats() []string {
	return []string{"mean", "stddev", "p50", "p95", "p99", "max", "ratio", "count", "sum", "in_flight"}
}

// folds are the functions that take the statistic as their second argument.
func folds() map[string]func([]float64) float64 {
	return map[string]func([]float64) float64{
		"least": slices.Min[[]float64], "most": slices.Max[[]float64], "total": total,
		"average": func(xs []float64) float64 { return total(xs) / float64(len(xs)) },
	}
}

func total(xs []float64) float64 {
	sum := 0.0
	for _, x := range xs {
		sum += x
	}
	return sum
}

// environment is what an expression sees.
type environment struct {
	Unplaced  int     `expr:"unplaced"`
	Objective float64 `expr:"objective"`
	// Read is the statistic over the metric, folded.
	Read func(fold, name, stat, workload string) (float64, error) `expr:"_read"`
}

// Compile reads an expression.
func Compile(text string) (*Criterion, error) {
	if len(text) > maxLength {
		return nil, fmt.Errorf("the expression has %d characters (allowed: at most %d)", len(text), maxLength)
	}
	plain, err := withoutUnits(text)
	if err != nil {
		return nil, err
	}
	options := []expr.Option{
		expr.Env(environment{}), expr.AsBool(), expr.DisableAllBuiltins(), expr.MaxNodes(maxNodes), expr.Patch(calls{}),
	}
	for _, name := range Stats() { // some are also words of the language, unless they are declared
		options = append(options, expr.Function(name, unread, new(func(string) float64), new(func(string, string) float64)))
	}
	program, err := expr.Compile(plain, options...)
	if err != nil {
		return nil, fmt.Errorf("%s (allowed: comparisons such as p99(latency) < 200ms && unplaced == 0)", firstLine(err))
	}
	return &Criterion{text: text, program: program}, nil
}

// String is the expression as it was written.
func (c *Criterion) String() string { return c.text }

// Holds reports whether the run meets the criterion. The error names a metric
// that the run does not have.
func (c *Criterion) Holds(r *results.Run) (bool, error) {
	env := environment{Unplaced: len(r.Unplaced), Objective: r.Objective.Value, Read: (*reader)(r).read}
	out, err := expr.Run(c.program, env)
	if err != nil {
		return false, fmt.Errorf("%s: %s", c.text, firstLine(err))
	}
	held, ok := out.(bool)
	if !ok {
		return false, fmt.Errorf("%s: found %v, allowed: true or false", c.text, out)
	}
	return held, nil
}

// firstLine drops the excerpt that the library draws of its own text.
func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}

// unread is what a statistic is until calls has rewritten it.
func unread(...any) (any, error) { return nil, errors.New("a statistic takes the name of a metric") }

// calls rewrites p99(latency, "web") into a call of _read, so that metrics are
// named without quotes.
type calls struct{}

func (calls) Visit(node *ast.Node) {
	call, ok := (*node).(*ast.CallNode)
	if !ok {
		return
	}
	callee, ok := call.Callee.(*ast.IdentifierNode)
	if !ok || len(call.Arguments) < 1 || len(call.Arguments) > 2 {
		return
	}
	args := make([]ast.Node, 2)
	for i := range args {
		args[i] = &ast.StringNode{}
		if i < len(call.Arguments) {
			args[i] = call.Arguments[i]
		}
		if name, ok := args[i].(*ast.IdentifierNode); ok {
			args[i] = &ast.StringNode{Value: name.Value}
		}
		if _, ok := args[i].(*ast.StringNode); !ok {
			return
		}
	}
	fold, stat, workload := "most", ast.Node(&ast.StringNode{Value: callee.Value}), args[1]
	if _, ok := folds()[callee.Value]; ok && len(call.Arguments) == 2 {
		fold, stat, workload = callee.Value, args[1], &ast.StringNode{}
	} else if !slices.Contains(Stats(), callee.Value) {
		return
	}
	ast.Patch(node, &ast.CallNode{
		Callee:    &ast.IdentifierNode{Value: "_read"},
		Arguments: []ast.Node{&ast.StringNode{Value: fold}, args[0], stat, workload},
	})
}

// reader reads the metrics of one run.
type reader results.Run

func (r *reader) of(name, stat, workload string) []float64 {
	var xs []float64
	for _, m := range r.Metrics {
		if m.Name == name && m.Stat == stat && (workload == "" || m.Workload == workload) {
			xs = append(xs, m.Value)
		}
	}
	return xs
}

func (r *reader) read(fold, name, stat, workload string) (float64, error) {
	xs := r.of(name, stat, workload)
	if len(xs) == 0 {
		return 0, r.missing(name, stat, workload)
	}
	xs = slices.DeleteFunc(xs, math.IsNaN)
	if len(xs) == 0 {
		return math.NaN(), nil
	}
	return folds()[fold](xs), nil
}

// missing says what a run has in place of the metric.
func (r *reader) missing(name, stat, workload string) error {
	var names, stats, workloads []string
	add := func(list *[]string, s string) {
		if !slices.Contains(*list, s) {
			*list = append(*list, s)
		}
	}
	for _, m := range r.Metrics {
		add(&names, m.Name)
		if m.Name == name {
			add(&stats, m.Stat)
			if m.Stat == stat {
				add(&workloads, m.Workload)
			}
		}
	}
	switch {
	case len(names) == 0:
		return errors.New("the run has no metrics")
	case len(stats) == 0:
		return fmt.Errorf("no metric %q (allowed: %s)", name, strings.Join(names, ", "))
	case len(workloads) == 0:
		return fmt.Errorf("no %s of %s (allowed: %s)", stat, name, strings.Join(stats, ", "))
	}
	return fmt.Errorf("no %s of %s for %q (allowed: %s)", stat, name, workload, strings.Join(workloads, ", "))
}
