package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// mayImport is the design as a table: which packages of this module each
// package may import in its production code. A pattern ends in /* for every
// package directly below. To change the design, change the table in the same
// commit.
var mayImport = map[string][]string{
	// Level 0 and 1: values and their formulas.
	"topology":  {},
	"results":   {},
	"workloads": {"topology", "workloads/spec"},

	// Level 0: the files of others as a tree.
	"workloads/spec": {},

	// Level 1: kernels that know nothing of the domain but its units.
	"sim/des":                 {},
	"sim/des/internal/tables": {},
	"sim/maxmin":              {"topology"},

	// Level 2: where work runs.
	"workloads/placement": {"topology", "workloads", "workloads/cluster"},
	"workloads/cluster":   {"topology", "workloads"},
	"workloads/instances": {"topology", "workloads"},

	// Level 3: verbs, which are strangers to each other.
	"scenarios":          {"topology", "workloads", "workloads/placement", "sim/des"},
	"solver":             {"topology", "workloads", "workloads/placement", "workloads/cluster"},
	"solver/solvertest":  {"topology", "workloads", "workloads/placement", "workloads/cluster", "solver"},
	"solver/*":           {"topology", "workloads", "workloads/placement", "workloads/cluster", "workloads/instances", "solver"},
	"workloads/draw":     {"workloads", "sim/des"},
	"sim":                {"topology", "workloads", "workloads/placement", "workloads/draw", "results", "sim/des", "sim/maxmin", "sim/jobs"},
	"sim/controlplane":   {"topology", "workloads", "workloads/cluster", "workloads/draw", "results", "sim/des"},
	"sim/jobs":           {"topology", "workloads", "workloads/placement", "results", "sim/des"},
	"sim/oracle":         {"topology", "workloads", "workloads/placement", "results", "sim/des", "sim/maxmin", "sim"},
	"runner/sweep":       {"results"},
	"results/compare":    {"results"},
	"results/fit":        {"results"},
	"results/spans":      {"results"},
	"results/plots":      {"results"},
	"results/report":     {},
	"results/store":      {"results"},
	"results/criteria":   {"results"},
	"runner":             {"topology", "workloads", "workloads/placement", "results", "runner/agent", "runner/exact"},
	"runner/exact":       {},
	"runner/agent":       {"topology", "workloads", "workloads/draw", "sim/des", "runner/exact"},
	"runner/local":       {"topology", "results", "runner", "runner/agent", "runner/linkem"},
	"runner/linkem":      {"topology", "runner/exact"},
	"runner/clusters":    {"topology", "runner/linkem"},
	"runner/queue":       {"runner/sweep"},
	"runner/queue/*":     {},
	"runner/launch":      {"topology", "runner/kubernetes/api"},
	"runner/kubernetes":  {"topology", "workloads", "runner", "runner/agent", "runner/kubernetes/api"},
	"runner/*":           {"topology", "workloads", "workloads/placement", "results", "runner", "runner/agent"},
	"workloads/arrivals": {"topology", "workloads", "sim/des"},

	// The client of a cluster's API, and such an API for tests.
	"runner/kubernetes/*": {},

	// Level 4: the only place that knows everything.
	"cmd/*": {"*"},
}

// thirdParty says which packages may import which modules outside the
// standard library in production code. A module that is not listed is for
// tests and for the packages that help tests, whose names end in "test".
var thirdParty = map[string][]string{
	"github.com/spf13/cobra":                   {"cmd/*"},
	"github.com/spf13/pflag":                   {"cmd/*"},
	"github.com/jedib0t/go-pretty/v6":          {"cmd/*"},
	"github.com/vbauerster/mpb/v8":             {"cmd/*"},
	"github.com/lmittmann/tint":                {"cmd/*"},
	"golang.org/x/term":                        {"cmd/*"},
	"go.yaml.in/yaml/v3":                       {"scenarios", "workloads/spec"},
	"github.com/google/jsonschema-go":          {"scenarios"},
	"github.com/santhosh-tekuri/jsonschema/v6": {"scenarios"},
	"gonum.org/v1/gonum":                       {"topology", "results", "scenarios", "solver/*", "sim", "sim/*", "cmd/*"},
	"gonum.org/v1/plot":                        {"results/plots"},
	"github.com/expr-lang/expr":                {"results/criteria"},
	"github.com/parquet-go/parquet-go":         {"cmd/*"},
	"modernc.org/sqlite":                       {"results/store"},
	"github.com/jackc/pgx/v5":                  {"results/store"},
	"github.com/pressly/goose/v3":              {"results/store"},
	"github.com/HdrHistogram/hdrhistogram-go":  {"results/store", "runner/agent"},
	"codeberg.org/go-fonts/liberation":         {"results/plots"},
	"codeberg.org/go-pdf/fpdf":                 {"results/plots"},
	"golang.org/x/image":                       {"results/plots"},
	"github.com/hashicorp/hcl/v2":              {"workloads/spec"},
	"github.com/zclconf/go-cty":                {"workloads/spec"},
	"github.com/hashicorp/go-version":          {"workloads"},
	"github.com/bartolsthoorn/gohighs":         {"solver/milp"},
	"golang.org/x/perf":                        {"cmd/*"},
	"github.com/hashicorp/nomad/api":           {"runner/nomad", "runner/launch"},
	"k8s.io/api":                               {"runner/kubernetes", "runner/kubernetes/*", "runner/launch"},
	"k8s.io/apimachinery":                      {"runner/kubernetes", "runner/kubernetes/*", "runner/launch"},
	"k8s.io/client-go":                         {"runner/kubernetes/*"},
	"github.com/redis/go-redis/v9":             {"runner/queue"},
	"golang.org/x/sys":                         {"runner/*"},
	"github.com/prometheus/client_golang":      {"runner/agent", "cmd/*"},
	"golang.org/x/net":                         {"runner/clusters"},
}

// onlyHere narrows one package of a module further than thirdParty does.
var onlyHere = map[string][]string{
	"gonum.org/v1/gonum/optimize/convex/lp": {"solver/milp"},
}

// outside lists what reaches past the process: the network, other processes
// and the wall clock. A name is "package.Function"; a package alone is all of it.
var outside = []string{
	"net", "net/http", "net/rpc", "net/smtp", "crypto/tls", "os/exec", "plugin",
	"time.Now", "time.Since", "time.Until", "time.Sleep", "time.After", "time.AfterFunc",
	"time.Tick", "time.NewTimer", "time.NewTicker",
}

// randConstructors are the names of math/rand/v2 that do not touch its global
// source.
var randConstructors = []string{
	"New", "NewPCG", "NewChaCha8", "NewZipf", "Rand", "Source", "PCG", "ChaCha8", "Zipf",
}

// goFile is one parsed source file of the module.
type goFile struct {
	path string // slash-separated, from the module's root
	pkg  string // its folder, "." for the root
	test bool
	tree *ast.File
	fset *token.FileSet
}

// imports lists the import paths of the file and the name each is used by.
func (f goFile) imports() map[string]string {
	out := map[string]string{}
	for _, spec := range f.tree.Imports {
		p, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			continue
		}
		name := path.Base(strings.TrimSuffix(p, "/v2"))
		if spec.Name != nil {
			name = spec.Name.Name
		}
		out[p] = name
	}
	return out
}

// helper reports whether the package exists for tests alone.
func (f goFile) helper() bool { return strings.HasSuffix(path.Base(f.pkg), "test") }

// moduleFiles parses every Go file of the module below root. Folders named
// testdata, hidden folders and nested modules are not part of it.
func moduleFiles(t *testing.T, root string) []goFile {
	t.Helper()
	var files []goFile
	fset := token.NewFileSet()
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, p)
		if err != nil {
			return err
		}
		if d.IsDir() {
			hidden := strings.HasPrefix(d.Name(), ".") && rel != "."
			_, nested := os.Stat(filepath.Join(p, "go.mod"))
			if hidden || d.Name() == "testdata" || (nested == nil && rel != ".") {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(p, ".go") {
			return nil
		}
		tree, err := parser.ParseFile(fset, p, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		files = append(files, goFile{
			path: rel, pkg: path.Dir(rel), test: strings.HasSuffix(rel, "_test.go"), tree: tree, fset: fset,
		})
		return nil
	})
	require.NoError(t, err)
	require.NotEmpty(t, files)
	return files
}

// matches reports whether pkg is one of the patterns.
func matches(patterns []string, pkg string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		if dir, ok := strings.CutSuffix(p, "/*"); ok {
			return path.Dir(pkg) == dir
		}
		return p == "*" || p == pkg
	})
}

// row is the line of mayImport that governs pkg: its own, or its folder's.
func row(pkg string) (allowed []string, ok bool) {
	if allowed, ok = mayImport[pkg]; ok {
		return allowed, true
	}
	allowed, ok = mayImport[path.Dir(pkg)+"/*"]
	return allowed, ok
}

func TestPackagesImportOnlyWhatTheDesignAllows(t *testing.T) {
	for _, f := range moduleFiles(t, "../..") {
		allowed, ok := row(f.pkg)
		if !assert.True(t, ok, "%s: package %s has no row in the import table", f.path, f.pkg) || f.test {
			continue
		}
		for imp := range f.imports() {
			own, isOwn := strings.CutPrefix(imp, "caravan/")
			if !isOwn {
				continue
			}
			ok := matches(allowed, own) || (f.helper() && strings.HasPrefix(own, path.Dir(f.pkg)))
			assert.True(t, ok, "%s: %s may import %v, not %s", f.path, f.pkg, allowed, own)
		}
	}
}

func TestThirdPartyModulesStayWhereTheyBelong(t *testing.T) {
	for _, f := range moduleFiles(t, "../..") {
		if f.test || f.helper() {
			continue
		}
		for imp := range f.imports() {
			first, _, _ := strings.Cut(imp, "/")
			if !strings.Contains(first, ".") {
				continue // the standard library or this module
			}
			module := ""
			for m := range thirdParty {
				if imp == m || strings.HasPrefix(imp, m+"/") {
					module = m
				}
			}
			if assert.NotEmpty(t, module, "%s: %s is for tests, or misses a row", f.path, imp) {
				assert.True(t, matches(thirdParty[module], f.pkg), "%s: %s is for %v", f.path, imp, thirdParty[module])
			}
			if only, ok := onlyHere[imp]; ok {
				assert.True(t, matches(only, f.pkg), "%s: %s is for %v", f.path, imp, only)
			}
		}
	}
}

func TestNoPackageHasAnInitFunction(t *testing.T) {
	for _, f := range moduleFiles(t, "../..") {
		for _, d := range f.tree.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if ok && fn.Recv == nil {
				assert.NotEqual(t, "init", fn.Name.Name, f.path)
			}
		}
	}
}

func TestOnlyRunnersAndCommandsTouchTheOutsideWorld(t *testing.T) {
	for _, f := range moduleFiles(t, "../..") {
		exempt := strings.HasPrefix(f.pkg, "cmd/") || f.pkg == "runner" || strings.HasPrefix(f.pkg, "runner/")
		if f.test || exempt {
			continue
		}
		for _, used := range f.uses() {
			assert.NotContains(t, outside, used, "%s reaches outside the process", f.path)
		}
	}
}

func TestNobodyDrawsFromAGlobalRandomSource(t *testing.T) {
	for _, f := range moduleFiles(t, "../..") {
		for _, used := range f.uses() {
			if f.pkg != "workloads/instances" { // whose families are known by seeds of the older generator
				assert.NotEqual(t, "math/rand", used, "%s: use math/rand/v2 with an explicit source", f.path)
			}
			if name, ok := strings.CutPrefix(used, "math/rand/v2."); ok {
				assert.Contains(t, randConstructors, name, "%s: rand.%s draws from the global source", f.path, name)
			}
		}
	}
}

func TestTestsDoNotSleep(t *testing.T) {
	for _, f := range moduleFiles(t, "../..") {
		if f.test {
			assert.NotContains(t, f.uses(), "time.Sleep", f.path)
		}
	}
}

// uses lists the packages that f imports and each "package.Name" that it
// mentions, in a fixed order.
func (f goFile) uses() []string {
	byName := map[string]string{}
	var out []string
	for imp, name := range f.imports() {
		byName[name] = imp
		out = append(out, imp)
	}
	ast.Inspect(f.tree, func(n ast.Node) bool {
		sel, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if x, ok := sel.X.(*ast.Ident); ok && byName[x.Name] != "" {
			out = append(out, fmt.Sprintf("%s.%s", byName[x.Name], sel.Sel.Name))
		}
		return true
	})
	slices.Sort(out)
	return slices.Compact(out)
}
