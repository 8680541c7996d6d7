package workloads

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"slices"
	"strings"

	"caravan/topology"
)

// MaxImportBytes bounds what an importer reads, after decompression.
const MaxImportBytes = 256 << 20

// Imported is what a file held.
type Imported struct {
	Jobs      []Job
	Pipelines []Pipeline
	// Arrivals is a trace of requests, to be given to a pipeline; nil when the
	// file holds none.
	Arrivals *Arrivals
	// Nodes are the machines that the file names, ready for topology.New.
	Nodes []topology.Node
	// MeasuredMakespanSeconds is what the recorded execution took; 0 unknown.
	MeasuredMakespanSeconds float64
	Warnings                []string
}

// A Format is a kind of file that Import reads.
type Format struct {
	Name string
	What string
	read func(name string, data []byte) (*Imported, error)
	// looks reports whether the beginning of a file is of this kind.
	looks func(name, head string) bool
}

// Formats lists the workload formats, in the order in which Detect tries them.
func Formats() []Format {
	has := func(texts ...string) func(name, head string) bool {
		return func(_, head string) bool {
			return !slices.ContainsFunc(texts, func(t string) bool { return !strings.Contains(head, t) })
		}
	}
	return []Format{
		{"openb-pods", "openb GPU cluster pod list CSV", readOpenBPods, has("name,cpu_milli,memory_mib,num_gpu")},
		{"azure-llm", "Azure LLM inference trace CSV", readAzureLLM, has("TIMESTAMP,ContextTokens,GeneratedTokens")},
		{"swf", "Standard Workload Format job log", readSWF, func(name, _ string) bool {
			return strings.HasSuffix(strings.TrimSuffix(strings.ToLower(name), ".gz"), ".swf")
		}},
		{"wfcommons", "WfCommons WfFormat JSON", readWfCommons, has(`"schemaVersion"`, `"workflow"`)},
		{"nomad-job", "HashiCorp Nomad job file, HCL or the API's JSON", readNomadJob, looksNomad},
		{"kubernetes", "Kubernetes manifests, YAML or JSON, several documents", readKubernetes, looksKubernetes},
		{"berkeley-profile", "Berkeley Nomad's pipeline profile JSON", readBerkeleyProfile, has("cloud_execution_time")},
		{"arrivals", "CSV of arrival times in seconds or RFC 3339, with optional factor columns", readArrivals, has("time")},
	}
}

// FormatNames lists the names of the formats.
func FormatNames() []string {
	var names []string
	for _, f := range Formats() {
		names = append(names, f.Name)
	}
	return names
}

// Detect names the format of a file from its name and its (decompressed)
// beginning, "" when none fits.
func Detect(name string, head []byte) string {
	for _, f := range Formats() {
		if f.looks(name, string(head)) {
			return f.Name
		}
	}
	return ""
}

// Import reads a workload file; one whose name ends in .gz is decompressed.
// Errors name the file and the line.
func Import(format, name string, r io.Reader) (*Imported, error) {
	i := slices.IndexFunc(Formats(), func(f Format) bool { return f.Name == format })
	if i < 0 {
		return nil, fmt.Errorf("format %q: allowed is one of %s", format, strings.Join(FormatNames(), ", "))
	}
	if strings.HasSuffix(strings.ToLower(name), ".gz") {
		z, err := gzip.NewReader(r)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		r = z
	}
	data, err := io.ReadAll(io.LimitReader(r, MaxImportBytes+1))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if len(data) > MaxImportBytes {
		return nil, fmt.Errorf("%s: longer than %d MiB", name, MaxImportBytes>>20)
	}
	return Formats()[i].read(name, bytes.TrimPrefix(data, []byte("\ufeff")))
}
