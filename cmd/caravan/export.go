package main

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/parquet-go/parquet-go"
	"github.com/spf13/cobra"

	"caravan/results/store"
	"caravan/scenarios"
)

func newExportCommand(a *app) *cobra.Command {
	var url, out string
	var metrics []string
	format := &enum{value: "csv", allowed: []string{"csv", "parquet"}}
	cmd := &cobra.Command{
		Use:   "export SWEEP",
		Short: "Write the points and metrics of a sweep as CSV or Parquet, a row a metric",
		Long: `Export writes a row for each metric of each completed point: its hash,
parameters, solver and seed, and the metric's name, workload, stat, unit, value,
95 % interval and number of replications. A parameter whose values are numbers
or quantities is a number in Parquet, in base units (s, 1/s, B/s, B, MHz).`,
		Example: `  caravan export smoke > smoke.csv
  caravan export smoke --format parquet --out smoke.parquet
  caravan export smoke --metric latency:mean --metric latency:p99`,
		Args: takes(1, 1, "one SWEEP (caravan ls lists them)"),
	}
	storeFlag(cmd, &url)
	cmd.Flags().Var(format, "format", "format of the file")
	completeWith(cmd, "format", format.allowed)
	cmd.Flags().StringVar(&out, "out", "", "`file` to write instead of stdout")
	cmd.Flags().StringArrayVar(&metrics, "metric", nil, "only this metric, as `name:stat` (repeatable)")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		st, err := openStore(cmd.Context(), url)
		if err != nil {
			return err
		}
		defer st.Close()
		w, s, err := findSweep(cmd.Context(), st, args[0])
		if err != nil {
			return err
		}
		wanted, err := wantedMetrics(cmd.Context(), st, metrics)
		if err != nil {
			return err
		}
		points, err := st.Table(cmd.Context(), w.ID)
		if err != nil {
			return err
		}
		return a.toFile(out, func(to io.Writer) error {
			return writeTable(cmd.Context(), to, s, format.value, wanted, points)
		})
	}
	return cmd
}

// writeTable writes the wanted metrics of a sweep, a row a metric and point.
func writeTable(ctx context.Context, to io.Writer, s *scenarios.Sweep, format string, wanted [][2]string, points *store.Table) error {
	rows := newTable(to, s, format)
	for _, m := range wanted {
		samples, err := points.Samples(ctx, m[0], m[1])
		if err == nil {
			err = rows.write(m, samples)
		}
		if err != nil {
			return err
		}
	}
	return rows.close()
}

// wantedMetrics reads name:stat arguments; none is all that the store has.
func wantedMetrics(ctx context.Context, st *store.Store, args []string) ([][2]string, error) {
	all, err := st.MetricNames(ctx)
	if err != nil || len(args) == 0 {
		return all, err
	}
	var names []string
	for _, m := range all {
		names = append(names, m[0]+":"+m[1])
	}
	var out [][2]string
	for _, arg := range args {
		i := slices.Index(names, arg)
		if i < 0 {
			return nil, badInput(fmt.Errorf("--metric: %w", notOneOf(arg, names)))
		}
		out = append(out, all[i])
	}
	return out, nil
}

// toFile writes to a file, whole or not at all, or to stdout when path is empty.
func (a *app) toFile(path string, write func(io.Writer) error) error {
	if path == "" {
		b := bufio.NewWriter(a.stdout)
		return errors.Join(write(b), b.Flush())
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	b := bufio.NewWriter(f)
	err = write(b)
	if err == nil {
		err = errors.Join(b.Flush(), f.Chmod(0o644), f.Sync())
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("writing %s: %w", path, err), os.Remove(f.Name()))
	}
	return nil
}

// A sampleTable takes the samples of a sweep.
type sampleTable interface {
	write(metric [2]string, samples []store.Sample) error
	close() error
}

func newTable(w io.Writer, s *scenarios.Sweep, format string) sampleTable {
	if format == "parquet" {
		return newParquetTable(w, s)
	}
	return &csvTable{w: csv.NewWriter(w), names: parameterNames(s)}
}

// fixedColumns stand in every table, beside a column a parameter.
func fixedColumns() []string {
	return []string{"point", "solver", "seed", "metric", "workload", "stat", "unit", "value", "ci95_lo", "ci95_hi", "n"}
}

// parameterColumn is the name of a parameter's column, which must not be that
// of another.
func parameterColumn(name string) string {
	if contains(fixedColumns(), name) {
		return "parameter." + name
	}
	return name
}

// csvTable writes CSV, quantities as texts.
type csvTable struct {
	w     *csv.Writer
	names []string
	begun bool
}

func (t *csvTable) write(metric [2]string, samples []store.Sample) error {
	if !t.begun {
		fixed := fixedColumns()
		header := append([]string{}, fixed[0])
		for _, n := range t.names {
			header = append(header, parameterColumn(n))
		}
		if err := t.w.Write(append(header, fixed[1:]...)); err != nil {
			return err
		}
		t.begun = true
	}
	for _, x := range samples {
		row := append([]string{x.Hash}, parameterTexts(x.Parameters, t.names)...)
		row = append(row, x.Solver, strconv.FormatUint(x.Seed, 10), metric[0], x.Workload, metric[1], x.Unit,
			number(x.Value), number(x.Low), number(x.High), strconv.Itoa(x.N))
		if err := t.w.Write(row); err != nil {
			return err
		}
	}
	return nil
}

func (t *csvTable) close() error {
	t.w.Flush()
	return t.w.Error()
}

// parquetTable writes Parquet: columns in alphabetical order, which is that of
// the library's groups, absent values as nulls.
type parquetTable struct {
	w       *parquet.GenericWriter[any]
	columns []string
	names   []string // of parameters, as the sweep has them
	numeric map[string]bool
}

func newParquetTable(w io.Writer, s *scenarios.Sweep) *parquetTable {
	t := &parquetTable{numeric: map[string]bool{}, names: parameterNames(s)}
	group := parquet.Group{}
	for _, c := range fixedColumns() {
		switch c {
		case "value", "ci95_lo", "ci95_hi":
			group[c] = parquet.Optional(parquet.Leaf(parquet.DoubleType))
		case "n":
			group[c] = parquet.Leaf(parquet.Int64Type)
		case "seed":
			group[c] = parquet.Uint(64)
		default:
			group[c] = parquet.Encoded(parquet.String(), &parquet.RLEDictionary)
		}
	}
	for i, d := range s.Dimensions {
		numbers := s.Kind == scenarios.KindSearch || s.Kind == scenarios.KindDesign && len(d.Values) == 0
		if len(d.Values) > 0 {
			numbers = !slices.ContainsFunc(d.Values, func(v scenarios.Value) bool { return v.Unit != d.Values[0].Unit || !v.Numeric() })
		}
		t.numeric[t.names[i]] = numbers
		group[parameterColumn(d.Name)] = parquet.Optional(parquet.String())
		if numbers {
			group[parameterColumn(d.Name)] = parquet.Optional(parquet.Leaf(parquet.DoubleType))
		}
	}
	schema := parquet.NewSchema("metrics", group)
	for _, path := range schema.Columns() {
		t.columns = append(t.columns, strings.Join(path, "."))
	}
	t.w = parquet.NewGenericWriter[any](w, schema, parquet.Compression(&parquet.Zstd), parquet.CreatedBy("caravan", "", ""))
	return t
}

// parquetNumber is a number of a column that may be null.
func parquetNumber(x float64, column int) parquet.Value {
	if math.IsNaN(x) {
		return parquet.NullValue().Level(0, 0, column)
	}
	return parquet.DoubleValue(x).Level(0, 1, column)
}

func parquetText(s string, column int) parquet.Value {
	return parquet.ByteArrayValue([]byte(s)).Level(0, 0, column)
}

func (t *parquetTable) write(metric [2]string, samples []store.Sample) error {
	for _, x := range samples {
		values := map[string]func(column int) parquet.Value{}
		put := func(name string, v func(int) parquet.Value) { values[name] = v }
		for name, s := range map[string]string{"point": x.Hash, "solver": x.Solver, "metric": metric[0], "workload": x.Workload, "stat": metric[1], "unit": x.Unit} {
			put(name, func(c int) parquet.Value { return parquetText(s, c) })
		}
		for name, v := range map[string]float64{"value": x.Value, "ci95_lo": x.Low, "ci95_hi": x.High} {
			put(name, func(c int) parquet.Value { return parquetNumber(v, c) })
		}
		put("seed", func(c int) parquet.Value { return parquet.Int64Value(int64(x.Seed)).Level(0, 0, c) })
		put("n", func(c int) parquet.Value { return parquet.Int64Value(int64(x.N)).Level(0, 0, c) })
		t.parameters(x.Parameters, put)
		row := make(parquet.Row, len(t.columns))
		for c, name := range t.columns {
			row[c] = values[name](c)
		}
		if _, err := t.w.WriteRows([]parquet.Row{row}); err != nil {
			return err
		}
	}
	return nil
}

// parameters puts the parameter columns of a row.
func (t *parquetTable) parameters(parameters json.RawMessage, put func(string, func(int) parquet.Value)) {
	for i, s := range parameterTexts(parameters, t.names) {
		put(parameterColumn(t.names[i]), func(c int) parquet.Value {
			if t.numeric[t.names[i]] {
				return parquetNumber(scenarios.ParseValue(s).Number, c)
			}
			return parquet.ByteArrayValue([]byte(s)).Level(0, 1, c)
		})
	}
}

func (t *parquetTable) close() error { return t.w.Close() }
