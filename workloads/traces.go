package workloads

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"caravan/topology"
)

// A table is a CSV file read row by row.
type table struct {
	name    string
	r       *csv.Reader
	header  []string
	columns map[string]int
	row     []string
}

// newTable reads the header and requires the given columns.
func newTable(name string, data []byte, need ...string) (*table, error) {
	t := &table{name: name, r: csv.NewReader(bytes.NewReader(data)), columns: map[string]int{}}
	t.r.FieldsPerRecord = -1
	header, err := t.r.Read()
	if err != nil {
		return nil, fmt.Errorf("%s:1: no header: %w", name, err)
	}
	for i, h := range header {
		h = strings.TrimSpace(h)
		t.header = append(t.header, h)
		t.columns[h] = i
	}
	for _, c := range need {
		if _, ok := t.columns[c]; !ok {
			return nil, fmt.Errorf("%s:1: no column %q", name, c)
		}
	}
	return t, nil
}

// each calls f for every row.
func (t *table) each(f func() error) error {
	for {
		row, err := t.r.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s: %w", t.name, err)
		}
		t.row = row
		if err := f(); err != nil {
			line, _ := t.r.FieldPos(0)
			return fmt.Errorf("%s:%d: %w", t.name, line, err)
		}
	}
}

func (t *table) text(column string) string {
	if i, ok := t.columns[column]; ok && i < len(t.row) {
		return strings.TrimSpace(t.row[i])
	}
	return ""
}

// numbers reads numbers from 0 up.
func (t *table) numbers(columns ...string) ([]float64, error) {
	out := make([]float64, len(columns))
	for i, c := range columns {
		x, err := strconv.ParseFloat(t.text(c), 64)
		if err != nil || !(x >= 0) || x > 1e15 {
			return nil, fmt.Errorf("%s: found %q, allowed is a number from 0 up", c, t.text(c))
		}
		out[i] = x
	}
	return out, nil
}

// qosPriority is the priority that a class of service of the openb trace
// stands for: latency-sensitive above burstable above best effort.
func qosPriority(qos string) int {
	switch qos {
	case "LS":
		return 70
	case "Guaranteed":
		return 60
	case "BE":
		return 20
	}
	return 50
}

// readOpenBPods reads the pod list of the openb GPU cluster trace: each pod is
// a job of one instance that arrives at its creation and runs until its
// deletion. A core counts 1000 MHz, as in the node list. A pod without a
// creation arrives at 0, one without a deletion runs to the end.
func readOpenBPods(name string, data []byte) (*Imported, error) {
	t, err := newTable(name, data, "name", "cpu_milli", "memory_mib", "num_gpu", "gpu_milli")
	if err != nil {
		return nil, err
	}
	out := &Imported{}
	err = t.each(func() error {
		x, err := t.numbers("cpu_milli", "memory_mib", "num_gpu", "gpu_milli")
		if err != nil {
			return err
		}
		x = append(x, 0)
		if _, recorded := t.columns["creation_time"]; recorded {
			at, err := t.numbers("creation_time")
			if err != nil {
				return err
			}
			x[4] = at[0]
		}
		d := topology.Resources{CPU: topology.MHz(x[0]), Memory: topology.Bytes(x[1]) * topology.MiB, GPUs: int(x[2])}
		if d.GPUs > 0 {
			d.GPUMilli = int(x[3])
			if spec := t.text("gpu_spec"); spec != "" {
				d.GPUModel = strings.Split(spec, "|")
			}
		}
		g := Group{Name: "pod", Count: 1, Demand: d}
		if t.text("deletion_time") != "" {
			end, err := t.numbers("deletion_time")
			if err != nil {
				return err
			}
			if end[0] < x[4] {
				return fmt.Errorf("deletion_time: found %v, allowed is creation_time %v or later", end[0], x[4])
			}
			g.Duration = topology.Seconds(max(end[0]-x[4], 1e-9))
		}
		out.Jobs = append(out.Jobs, Job{
			Name: t.text("name"), Type: Batch, Priority: qosPriority(t.text("qos")),
			SubmitAt: topology.Seconds(x[4]), Groups: []Group{g},
		})
		return nil
	})
	return out, err
}

// readAzureLLM reads the Azure LLM inference trace: arrivals since the first
// row, with the columns `context` and `generated` (tokens) as factors of work
// and output.
func readAzureLLM(name string, data []byte) (*Imported, error) {
	t, err := newTable(name, data, "TIMESTAMP", "ContextTokens", "GeneratedTokens")
	if err != nil {
		return nil, err
	}
	a := &Arrivals{Kind: Trace, FactorNames: []string{"context", "generated"}, Factors: make([][]float64, 2)}
	var first time.Time
	err = t.each(func() error {
		at, err := time.Parse("2006-01-02 15:04:05.9999999", t.text("TIMESTAMP"))
		if err != nil {
			return fmt.Errorf("TIMESTAMP: found %q, allowed is 2006-01-02 15:04:05.0000000", t.text("TIMESTAMP"))
		}
		x, err := t.numbers("ContextTokens", "GeneratedTokens")
		if err != nil {
			return err
		}
		if len(a.Times) == 0 {
			first = at
		}
		a.Times = append(a.Times, at.Sub(first))
		a.Factors[0] = append(a.Factors[0], x[0])
		a.Factors[1] = append(a.Factors[1], x[1])
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &Imported{Arrivals: a}, sorted(name, a)
}

// sorted refuses a trace that goes back in time.
func sorted(name string, a *Arrivals) error {
	for i := 1; i < len(a.Times); i++ {
		if a.Times[i] < a.Times[i-1] {
			return fmt.Errorf("%s:%d: time goes back", name, i+2)
		}
	}
	if len(a.Times) > 0 && a.Times[0] < 0 {
		return fmt.Errorf("%s:2: time starts below 0", name)
	}
	return nil
}

// readArrivals reads a CSV with the column `time`, in seconds or RFC 3339
// (then counted from the first), whose other columns are factors.
func readArrivals(name string, data []byte) (*Imported, error) {
	t, err := newTable(name, data, "time")
	if err != nil {
		return nil, err
	}
	a := &Arrivals{Kind: Trace}
	for _, h := range t.header {
		if h != "time" {
			a.FactorNames = append(a.FactorNames, h)
		}
	}
	a.Factors = make([][]float64, len(a.FactorNames))
	var first time.Time
	err = t.each(func() error {
		at, err := time.Parse(time.RFC3339Nano, t.text("time"))
		if err == nil {
			if len(a.Times) == 0 {
				first = at
			}
			a.Times = append(a.Times, at.Sub(first))
		} else {
			x, err := t.numbers("time")
			if err != nil {
				return fmt.Errorf("time: found %q, allowed is seconds from 0 up or RFC 3339", t.text("time"))
			}
			a.Times = append(a.Times, topology.Seconds(x[0]))
		}
		x, err := t.numbers(a.FactorNames...)
		if err != nil {
			return err
		}
		for i := range x {
			a.Factors[i] = append(a.Factors[i], x[i])
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &Imported{Arrivals: a}, sorted(name, a)
}

// The columns of the Standard Workload Format that are used, from 0 (Chapin
// et al., 1999).
const (
	swfJob       = 0
	swfSubmit    = 1
	swfRun       = 3
	swfAllocated = 4
	swfUsedMem   = 6
	swfRequested = 7
	swfAskedMem  = 9
	swfColumns   = 18
)

// readSWF reads a job log: a batch job for each line, of one instance that
// holds 1000 MHz for each processor and the memory per processor in KiB times
// their number. Jobs that did not run (run time or processors unknown) are
// left out and counted.
func readSWF(name string, data []byte) (*Imported, error) {
	out := &Imported{}
	left := 0
	sc := bufio.NewScanner(bytes.NewReader(data))
	sc.Buffer(nil, 1<<20)
	for line := 1; sc.Scan(); line++ {
		text := strings.TrimSpace(sc.Text())
		if text == "" || strings.HasPrefix(text, ";") {
			continue
		}
		f := strings.Fields(text)
		if len(f) < swfColumns {
			return nil, fmt.Errorf("%s:%d: found %d columns, allowed are %d", name, line, len(f), swfColumns)
		}
		x := make([]float64, swfColumns)
		for i := range x {
			v, err := strconv.ParseFloat(f[i], 64)
			if err != nil || math.IsNaN(v) || math.Abs(v) > 1e15 {
				return nil, fmt.Errorf("%s:%d: column %d: found %q, allowed is a number", name, line, i+1, f[i])
			}
			x[i] = v
		}
		processors := x[swfAllocated]
		if processors <= 0 {
			processors = x[swfRequested]
		}
		if x[swfRun] <= 0 || processors <= 0 || x[swfSubmit] < 0 {
			left++
			continue
		}
		memory := max(x[swfUsedMem], x[swfAskedMem], 0) * processors
		out.Jobs = append(out.Jobs, Job{
			Name: "job" + f[swfJob], Type: Batch, Priority: 50, SubmitAt: topology.Seconds(x[swfSubmit]),
			Groups: []Group{{Name: "job", Count: 1, Duration: topology.Seconds(x[swfRun]), Demand: topology.Resources{
				CPU: topology.MHz(processors * topology.MHzPerCore), Memory: topology.Bytes(memory) * topology.KiB,
			}}},
		})
	}
	if err := sc.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	sort.SliceStable(out.Jobs, func(i, j int) bool { return out.Jobs[i].SubmitAt < out.Jobs[j].SubmitAt })
	if left > 0 {
		out.Warnings = append(out.Warnings, fmt.Sprintf("%d jobs that did not run are left out", left))
	}
	return out, uniqueJobs(name, out.Jobs)
}

func uniqueJobs(name string, jobs []Job) error {
	names := make([]string, len(jobs))
	for i := range jobs {
		names[i] = jobs[i].Name
	}
	slices.Sort(names)
	for i := 1; i < len(names); i++ {
		if names[i] == names[i-1] {
			return fmt.Errorf("%s: %q twice", name, names[i])
		}
	}
	return nil
}
