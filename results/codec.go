package results

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// FormatVersion is the version of the saved record.
const FormatVersion = 1

// A number is a float that JSON can hold: NaN and infinities become null.
type number float64

func (n number) MarshalJSON() ([]byte, error) {
	if math.IsNaN(float64(n)) || math.IsInf(float64(n), 0) {
		return []byte("null"), nil
	}
	return strconv.AppendFloat(nil, float64(n), 'g', -1, 64), nil
}

func (n *number) UnmarshalJSON(data []byte) error {
	if string(data) == "null" {
		*n = number(math.NaN())
		return nil
	}
	x, err := strconv.ParseFloat(string(data), 64)
	if err != nil {
		return fmt.Errorf("found %s, a number or null is allowed", data)
	}
	*n = number(x)
	return nil
}

// valueJSON is Value as it is written: seven fields in a row.
type valueJSON struct {
	Name      string `json:"name"`
	Subject   string `json:"subject"`
	Stat      string `json:"stat"`
	Unit      string `json:"unit"`
	Value     number `json:"value"`
	HalfWidth number `json:"half_width,omitempty"`
	N         int    `json:"n,omitempty"`
}

// MarshalJSON writes NaN as null.
func (v Value) MarshalJSON() ([]byte, error) {
	return json.Marshal(valueJSON{v.Name, v.Subject, v.Stat, v.Unit, number(v.Value), number(v.HalfWidth), v.N})
}

// UnmarshalJSON reads null as NaN.
func (v *Value) UnmarshalJSON(data []byte) error {
	var j valueJSON
	if err := strict(data, &j); err != nil {
		return err
	}
	*v = Value{Name: j.Name, Subject: j.Subject, Stat: j.Stat, Unit: j.Unit, Value: float64(j.Value), HalfWidth: float64(j.HalfWidth), N: j.N}
	return nil
}

// metricJSON is Metric as it is written.
type metricJSON struct {
	Name     string     `json:"name"`
	Workload string     `json:"workload"`
	Stat     string     `json:"stat"`
	Value    number     `json:"value"`
	Unit     string     `json:"unit"`
	CI95     *[2]number `json:"ci95"`
	N        int        `json:"n"`
}

// MarshalJSON writes NaN as null.
func (m Metric) MarshalJSON() ([]byte, error) {
	j := metricJSON{Name: m.Name, Workload: m.Workload, Stat: m.Stat, Value: number(m.Value), Unit: m.Unit, N: m.N}
	if m.CI95 != nil {
		j.CI95 = &[2]number{number(m.CI95[0]), number(m.CI95[1])}
	}
	return json.Marshal(j)
}

// UnmarshalJSON reads null as NaN.
func (m *Metric) UnmarshalJSON(data []byte) error {
	var j metricJSON
	if err := strict(data, &j); err != nil {
		return err
	}
	*m = Metric{Name: j.Name, Workload: j.Workload, Stat: j.Stat, Value: float64(j.Value), Unit: j.Unit, N: j.N}
	if j.CI95 != nil {
		m.CI95 = &[2]float64{float64(j.CI95[0]), float64(j.CI95[1])}
	}
	return nil
}

// objectiveJSON is Objective as it is written.
type objectiveJSON struct {
	Name   string   `json:"name"`
	Value  number   `json:"value"`
	Unit   string   `json:"unit"`
	Status string   `json:"status"`
	Bound  *float64 `json:"bound"`
	Gap    *float64 `json:"gap"`
}

// MarshalJSON writes a value that no solver found as null.
func (o Objective) MarshalJSON() ([]byte, error) {
	return json.Marshal(objectiveJSON{o.Name, number(o.Value), o.Unit, o.Status, o.Bound, o.Gap})
}

// UnmarshalJSON reads null as NaN.
func (o *Objective) UnmarshalJSON(data []byte) error {
	var j objectiveJSON
	if err := strict(data, &j); err != nil {
		return err
	}
	*o = Objective{j.Name, float64(j.Value), j.Unit, j.Status, j.Bound, j.Gap}
	return nil
}

func strict(data []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	return d.Decode(into)
}

// Encode writes the run as JSON: fields in a fixed order, floats in their
// shortest exact form, one value a line. Equal runs give equal bytes.
func Encode(w io.Writer, r *Run) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	if err := e.Encode(r); err != nil {
		return fmt.Errorf("encoding run of %s: %w", r.Scenario, err)
	}
	_, err := w.Write(b.Bytes())
	return err
}

// Decode reads what Encode wrote. Unknown fields, another version and text
// behind the record are errors that say where.
func Decode(data []byte) (*Run, error) {
	var r Run
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&r); err != nil {
		var typed *json.UnmarshalTypeError
		if errors.As(err, &typed) {
			return nil, fmt.Errorf("run, byte %d: %s: found %s, allowed is %s", typed.Offset, typed.Field, typed.Value, typed.Type)
		}
		return nil, fmt.Errorf("run, byte %d: %s", d.InputOffset(), strings.TrimPrefix(err.Error(), "json: "))
	}
	if d.More() {
		return nil, fmt.Errorf("run, byte %d: text behind the record", d.InputOffset())
	}
	if r.Version != FormatVersion {
		return nil, fmt.Errorf("run: version: found %d, allowed is %d", r.Version, FormatVersion)
	}
	for _, rep := range r.Replications {
		for _, h := range rep.Histograms {
			if len(h.LowNS) != len(h.Counts) || len(h.HighNS) != len(h.Counts) {
				return nil, fmt.Errorf("run: histogram %s of %s: its edges and counts differ in number", h.Name, h.Subject)
			}
		}
	}
	return &r, nil
}

// Save writes the run to a file, whole or not at all: to a temporary file
// beside it, which then takes its name. Missing folders are made.
func Save(path string, r *Run) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	err = Encode(f, r)
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Chmod(f.Name(), 0o644)
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("saving %s: %w", path, err), os.Remove(f.Name()))
	}
	return nil
}

// Load reads a saved run.
func Load(path string) (*Run, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	r, err := Decode(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return r, nil
}
