package scenarios

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/jsonschema-go/jsonschema"
	checker "github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// structs are the maps of the format, in the order of the documentation.
func structs() []reflect.Type {
	return []reflect.Type{
		reflect.TypeFor[File](), reflect.TypeFor[Topology](), reflect.TypeFor[Defaults](), reflect.TypeFor[Node](),
		reflect.TypeFor[GPUs](), reflect.TypeFor[NodeDevice](), reflect.TypeFor[Interface](), reflect.TypeFor[Location](), reflect.TypeFor[Power](), reflect.TypeFor[Reserved](),
		reflect.TypeFor[Link](), reflect.TypeFor[Attach](), reflect.TypeFor[Generate](),
		reflect.TypeFor[Workload](), reflect.TypeFor[Pipeline](), reflect.TypeFor[Class](), reflect.TypeFor[Arrivals](),
		reflect.TypeFor[State](), reflect.TypeFor[Trace](), reflect.TypeFor[Closed](), reflect.TypeFor[Operator](),
		reflect.TypeFor[GPUDemand](), reflect.TypeFor[Job](), reflect.TypeFor[Group](), reflect.TypeFor[Task](),
		reflect.TypeFor[Device](), reflect.TypeFor[Network](), reflect.TypeFor[Rule](), reflect.TypeFor[Affinity](), reflect.TypeFor[Spread](),
		reflect.TypeFor[Restart](), reflect.TypeFor[Reschedule](), reflect.TypeFor[Update](), reflect.TypeFor[Migrate](),
		reflect.TypeFor[Disconnect](), reflect.TypeFor[Import](),
		reflect.TypeFor[Models](), reflect.TypeFor[Outage](), reflect.TypeFor[LinkChange](), reflect.TypeFor[Step](),
		reflect.TypeFor[ControlPlane](), reflect.TypeFor[Preemption](), reflect.TypeFor[Event](),
		reflect.TypeFor[Solve](), reflect.TypeFor[Weighed](), reflect.TypeFor[Limit](), reflect.TypeFor[Simulate](),
	}
}

// A written is a file format, in the order of its documentation.
type written struct {
	title   string
	structs []reflect.Type
	texts   map[reflect.Type]*jsonschema.Schema
	// finish adds what neither types nor tags say.
	finish func(root *jsonschema.Schema)
}

func scenarioFormat() written {
	return written{"Caravan scenario", structs(), texts(), func(root *jsonschema.Schema) {
		for _, name := range []string{"GPUs", "GPUDemand"} {
			zero, most := 0.0, 1024.0
			root.Defs[name] = &jsonschema.Schema{Description: root.Defs[name].Description, AnyOf: []*jsonschema.Schema{
				{Type: "integer", Minimum: &zero, Maximum: &most}, root.Defs[name],
			}}
		}
		root.Defs["Affinity"] = &jsonschema.Schema{Description: root.Defs["Affinity"].Description, AnyOf: []*jsonschema.Schema{
			{Type: "string"}, root.Defs["Affinity"],
		}}
	}}
}

func sweepFormat() written {
	zero, one, many := 0.0, 1.0, 1e6
	anything := &jsonschema.Schema{}
	parameter := &jsonschema.Schema{AnyOf: []*jsonschema.Schema{
		{Ref: "#/$defs/Parameter"}, {Type: "array", Items: anything, MinItems: jsonschema.Ptr(1)},
	}}
	all := texts()
	return written{"Caravan sweep",
		[]reflect.Type{
			reflect.TypeFor[SweepFile](), reflect.TypeFor[Parameter](), reflect.TypeFor[Range](), reflect.TypeFor[Design](), reflect.TypeFor[Search](),
		},
		map[reflect.Type]*jsonschema.Schema{
			reflect.TypeFor[Setting]():    {Types: []string{"string", "number", "boolean", "array", "object", "null"}},
			reflect.TypeFor[Settings]():   {Type: "object", AdditionalProperties: anything},
			reflect.TypeFor[Parameters](): {Type: "object", AdditionalProperties: parameter},
			reflect.TypeFor[Seeds](): {AnyOf: []*jsonschema.Schema{
				{Type: "integer", Minimum: &one, Maximum: &many}, {Type: "array", Items: &jsonschema.Schema{Type: "integer", Minimum: &zero}},
			}},
			reflect.TypeFor[Names](): all[reflect.TypeFor[Names]()],
			reflect.TypeFor[Share](): all[reflect.TypeFor[Share]()],
		},
		func(*jsonschema.Schema) {},
	}
}

const number = `[0-9]+(\.[0-9]*)?([eE][-+]?[0-9]+)?`

// texts are the types that a scalar or a small union spells.
func texts() map[reflect.Type]*jsonschema.Schema {
	zero := 0.0
	quantity := func(pattern string, zeroToo bool) *jsonschema.Schema {
		s := &jsonschema.Schema{Type: "string", Pattern: pattern}
		if zeroToo {
			return &jsonschema.Schema{Types: []string{"string", "integer"}, Pattern: pattern, Minimum: &zero, Maximum: &zero}
		}
		return s
	}
	ref := func(name string) *jsonschema.Schema { return &jsonschema.Schema{Ref: "#/$defs/" + name} }
	either := func(list ...*jsonschema.Schema) *jsonschema.Schema { return &jsonschema.Schema{AnyOf: list} }
	one := 1.0
	text := &jsonschema.Schema{Type: "string"}
	return map[reflect.Type]*jsonschema.Schema{
		reflect.TypeFor[Duration]():     quantity(`^\s*(`+number+`\s*(ns|us|µs|μs|ms|s|min|m|h|d)\s*)+$|^0$`, true),
		reflect.TypeFor[Bytes]():        quantity(`^\s*`+number+`\s*([kKMGTP]?B|[KMGTP]iB)\s*$|^0$`, true),
		reflect.TypeFor[Bandwidth]():    quantity(`^\s*`+number+`\s*([kMGT]?(bit/s|bps)|[kKMGT]?B/s|[KMG]iB/s)\s*$|^unlimited$`, false),
		reflect.TypeFor[MHz]():          quantity(`^\s*`+number+`\s*[MGT]Hz\s*$|^0$`, true),
		reflect.TypeFor[Rate]():         quantity(`^\s*`+number+`\s*/(s|min|m|h|d)\s*$|^0$`, true),
		reflect.TypeFor[Share]():        {Types: []string{"string", "number"}, Pattern: `^\s*` + number + `\s*%?\s*$`, Minimum: &zero, Maximum: &one},
		reflect.TypeFor[Warmup]():       either(&jsonschema.Schema{Const: jsonschema.Ptr[any]("auto")}, ref("Duration")),
		reflect.TypeFor[Names]():        either(text, &jsonschema.Schema{Type: "array", Items: text}),
		reflect.TypeFor[Constraint]():   either(&jsonschema.Schema{Type: "string", Pattern: `^\s*[^\s=!<>]+\s*(==?|!=|<=?|>=?)\s*\S|^\s*\S+\s+(in|glob|version|semver|regexp|set_contains|set_contains_any|distinct_property)\s|^\s*\S+\s+(is_set|is_not_set|distinct_property)\s*$|^\s*distinct_hosts\s*$`}, ref("Rule")),
		reflect.TypeFor[Next]():         {Type: "object", AdditionalProperties: ref("Share")},
		reflect.TypeFor[DurationDist](): distribution(ref("Duration")),
		reflect.TypeFor[BytesDist]():    distribution(ref("Bytes")),
		reflect.TypeFor[FaultDist]():    distribution(ref("Duration")),
		reflect.TypeFor[Nodes](): either(
			&jsonschema.Schema{Type: "object", AdditionalProperties: either(ref("Node"), &jsonschema.Schema{Type: "null"})},
			&jsonschema.Schema{Type: "array", Items: ref("Node")}),
	}
}

// distribution is a quantity or one of the laws.
func distribution(q *jsonschema.Schema) *jsonschema.Schema {
	zero, one := 0.0, 1.0
	law := func(name string, s *jsonschema.Schema) *jsonschema.Schema {
		return &jsonschema.Schema{
			Type: "object", Required: []string{name}, Properties: map[string]*jsonschema.Schema{name: s},
			AdditionalProperties: &jsonschema.Schema{Not: &jsonschema.Schema{}},
		}
	}
	parameters := func(name string, s *jsonschema.Schema) *jsonschema.Schema {
		return &jsonschema.Schema{
			Type: "object", Required: []string{"mean", name},
			Properties:           map[string]*jsonschema.Schema{"mean": q, name: s},
			AdditionalProperties: &jsonschema.Schema{Not: &jsonschema.Schema{}},
		}
	}
	two := 2
	list := []*jsonschema.Schema{q}
	for _, name := range lawNames() {
		s := q
		switch name {
		case "lognormal":
			s = parameters("cv", &jsonschema.Schema{Type: "number", Minimum: &zero})
		case "hyperexponential":
			s = parameters("cv", &jsonschema.Schema{Type: "number", Minimum: &one})
		case "erlang":
			s = parameters("k", &jsonschema.Schema{Type: "integer", Minimum: &one})
		case "pareto":
			s = parameters("shape", &jsonschema.Schema{Type: "number", ExclusiveMinimum: &one})
		case "uniform":
			s = &jsonschema.Schema{Type: "array", Items: q, MinItems: &two, MaxItems: &two}
		case "empirical":
			s = &jsonschema.Schema{Type: "array", Items: q, MinItems: jsonschema.Ptr(1)}
		}
		list = append(list, law(name, s))
	}
	return &jsonschema.Schema{AnyOf: list}
}

// comments are the doc comments of the format's types and fields, by Type and
// Type.Field.
func comments(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, file := range []string{"format.go", "format_work.go", "format_jobs.go", "format_control.go", "quantities.go", "import.go", "format_sweep.go"} {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
		require.NoError(t, err)
		ast.Inspect(parsed, func(n ast.Node) bool {
			declaration, ok := n.(*ast.GenDecl)
			if !ok {
				return true
			}
			for _, s := range declaration.Specs {
				spec, ok := s.(*ast.TypeSpec)
				if !ok {
					continue
				}
				doc := spec.Doc
				if doc == nil {
					doc = declaration.Doc
				}
				out[spec.Name.Name] = oneLine(doc.Text())
				if st, ok := spec.Type.(*ast.StructType); ok {
					for _, f := range st.Fields.List {
						for _, name := range f.Names {
							out[spec.Name.Name+"."+name.Name] = oneLine(f.Doc.Text())
						}
					}
				}
			}
			return true
		})
	}
	return out
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// generated is the schema as the code has it.
func (f written) generated(t *testing.T) *jsonschema.Schema {
	t.Helper()
	docs := comments(t)
	root := &jsonschema.Schema{
		Schema: "https://json-schema.org/draft/2020-12/schema", Title: f.title,
		Description: docs[f.structs[0].Name()], Ref: "#/$defs/" + f.structs[0].Name(), Defs: map[string]*jsonschema.Schema{},
	}
	named := map[reflect.Type]*jsonschema.Schema{}
	for typ, s := range f.texts {
		s.Description = docs[typ.Name()]
		root.Defs[typ.Name()] = s
		named[typ] = &jsonschema.Schema{Ref: "#/$defs/" + typ.Name()}
	}
	for _, typ := range f.structs {
		named[typ] = &jsonschema.Schema{Ref: "#/$defs/" + typ.Name()}
	}
	for _, typ := range f.structs {
		others := map[reflect.Type]*jsonschema.Schema{}
		for other, s := range named {
			if other != typ {
				others[other] = s
			}
		}
		s, err := jsonschema.ForType(typ, &jsonschema.ForOptions{TypeSchemas: others})
		require.NoError(t, err)
		s.Description = docs[typ.Name()]
		decorate(t, typ, s, docs)
		root.Defs[typ.Name()] = s
	}
	f.finish(root)
	root.Defs[f.structs[0].Name()].PatternProperties = map[string]*jsonschema.Schema{"^x-": {}}
	return root
}

// decorate adds what the tags and comments say to the properties of a struct.
func decorate(t *testing.T, typ reflect.Type, s *jsonschema.Schema, docs map[string]string) {
	t.Helper()
	for _, f := range reflect.VisibleFields(typ) {
		key, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		p := s.Properties[key]
		if key == "" || p == nil {
			continue
		}
		p.Types, p.Type = notNull(p)
		owner := typ
		if len(f.Index) > 1 {
			owner = typ.FieldByIndex(f.Index[:len(f.Index)-1]).Type
		}
		p.Description = docs[owner.Name()+"."+f.Name]
		require.NotEmpty(t, p.Description, "%s.%s needs a comment", owner.Name(), f.Name)
		at := p
		if at.Items != nil && f.Tag.Get("min") != "" {
			at = at.Items
		}
		if at.AdditionalProperties != nil && at.AdditionalProperties.Items != nil {
			at = at.AdditionalProperties.Items
		}
		for _, b := range []struct {
			tag string
			to  **float64
		}{{"min", &at.Minimum}, {"max", &at.Maximum}, {"above", &at.ExclusiveMinimum}} {
			if x, err := strconv.ParseFloat(f.Tag.Get(b.tag), 64); err == nil {
				*b.to = &x
			}
		}
		if enum := f.Tag.Get("enum"); enum != "" {
			for _, w := range strings.Split(enum, ",") {
				p.Enum = append(p.Enum, w)
			}
		}
		if d := f.Tag.Get("default"); d != "" && d != "{}" {
			p.Default = literalDefault(f.Type, d)
		}
	}
}

// notNull drops the null that pointers and slices would also take.
func notNull(p *jsonschema.Schema) ([]string, string) {
	kinds := slices.DeleteFunc(slices.Clone(p.Types), func(k string) bool { return k == "null" || k == "" })
	switch len(kinds) {
	case 0:
		return nil, p.Type
	case 1:
		return nil, kinds[0]
	}
	return kinds, ""
}

func literalDefault(t reflect.Type, d string) json.RawMessage {
	switch t.Kind() {
	case reflect.Float64, reflect.Int, reflect.Int64, reflect.Uint64, reflect.Bool:
		if t.Name() == t.Kind().String() {
			return json.RawMessage(d)
		}
	}
	return json.RawMessage(strconv.Quote(d))
}

func (f written) schemaText(t *testing.T) []byte {
	t.Helper()
	compact, err := json.Marshal(f.generated(t))
	require.NoError(t, err)
	var b bytes.Buffer
	require.NoError(t, json.Indent(&b, compact, "", "  "))
	b.WriteByte('\n')
	return b.Bytes()
}

func TestTheSchemaIsInStepWithTheFormat(t *testing.T) {
	golden(t, "scenario.schema.json", scenarioFormat().schemaText(t))
	golden(t, "sweep.schema.json", sweepFormat().schemaText(t))
}

// valid reports what the published schema has against a document.
func (f written) valid(t *testing.T, document []byte) error {
	t.Helper()
	schema, err := checker.UnmarshalJSON(bytes.NewReader(f.schemaText(t)))
	require.NoError(t, err)
	c := checker.NewCompiler()
	require.NoError(t, c.AddResource("scenario.schema.json", schema))
	compiled, err := c.Compile("scenario.schema.json")
	require.NoError(t, err)
	var v any
	require.NoError(t, yaml.Unmarshal(document, &v))
	text, err := json.Marshal(v)
	require.NoError(t, err)
	instance, err := checker.UnmarshalJSON(bytes.NewReader(text))
	require.NoError(t, err)
	return compiled.Validate(instance)
}

func TestShippedScenariosFitTheSchema(t *testing.T) {
	for _, name := range Shipped() {
		data, err := Open(name)
		require.NoError(t, err)
		assert.True(t, bytes.HasPrefix(data, []byte("# yaml-language-server: $schema=scenario.schema.json\n")), name)
		assert.LessOrEqual(t, bytes.Count(data, []byte("\n")), 60, "%s stays short", name)
		assert.NoError(t, scenarioFormat().valid(t, data), name)
	}
}

func TestTheSchemaRefusesWhatTheLoaderRefuses(t *testing.T) {
	for _, name := range []string{"unknown-key", "bare-number", "wrong-unit", "negative", "zero-speed", "zero-bandwidth",
		"wrong-types", "bad-words", "bad-distributions", "bad-simulate", "missing-work", "missing-topology"} {
		data, err := os.ReadFile("testdata/bad/" + name + ".yaml")
		require.NoError(t, err)
		assert.Error(t, scenarioFormat().valid(t, data), name)
	}
}

const fieldsBegin, fieldsEnd = "<!-- The tables are generated from the format's comments and tags. -->\n", "<!-- end of the tables -->"

// TestTheReferenceIsInStepWithTheFormat generates the tables of
// docs/scenario.md and docs/sweeps.md.
func TestTheReferenceIsInStepWithTheFormat(t *testing.T) {
	for file, f := range map[string]written{"../docs/scenario.md": scenarioFormat(), "../docs/sweeps.md": sweepFormat()} {
		old, err := os.ReadFile(file)
		require.NoError(t, err)
		head, rest, ok := strings.Cut(string(old), fieldsBegin)
		require.True(t, ok)
		_, tail, ok := strings.Cut(rest, fieldsEnd)
		require.True(t, ok)
		golden(t, file, []byte(head+fieldsBegin+f.reference(t)+fieldsEnd+tail))
	}
}

// reference writes a table for every struct.
func (f written) reference(t *testing.T) string {
	t.Helper()
	docs := comments(t)
	var b strings.Builder
	for _, typ := range f.structs {
		fmt.Fprintf(&b, "\n### %s\n\n%s\n\n| field | value | default | meaning |\n|---|---|---|---|\n", title(typ), docs[typ.Name()])
		for _, field := range reflect.VisibleFields(typ) {
			key, rest, _ := strings.Cut(field.Tag.Get("json"), ",")
			if key == "" {
				continue
			}
			owner := typ
			if len(field.Index) > 1 {
				owner = typ.FieldByIndex(field.Index[:len(field.Index)-1]).Type
			}
			fallback := field.Tag.Get("default")
			switch {
			case rest != "omitempty":
				fallback = "required"
			case fallback == "{}":
				fallback = ""
			case fallback != "":
				fallback = "`" + fallback + "`"
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", key, f.kindOf(field.Type, field.Tag), fallback, strings.ReplaceAll(docs[owner.Name()+"."+field.Name], "|", "\\|"))
		}
	}
	b.WriteString("\n### Values\n\n| value | meaning |\n|---|---|\n")
	var names []string
	for typ := range f.texts {
		names = append(names, typ.Name())
	}
	slices.Sort(names)
	for _, n := range names {
		fmt.Fprintf(&b, "| %s | %s |\n", n, docs[n])
	}
	return b.String() + "\n"
}

func title(t reflect.Type) string {
	switch t.Name() {
	case "File":
		return "Scenario"
	case "SweepFile":
		return "Sweep"
	}
	return t.Name()
}

// kindOf says in a word what a field takes.
func (f written) kindOf(t reflect.Type, tag reflect.StructTag) string {
	switch t.Kind() {
	case reflect.Pointer:
		return f.kindOf(t.Elem(), tag)
	case reflect.Slice:
		return "list of " + f.kindOf(t.Elem(), tag)
	case reflect.Map:
		return "map of " + f.kindOf(t.Elem(), tag)
	}
	for _, s := range f.structs {
		if s == t {
			return fmt.Sprintf("[%s](#%s)", t.Name(), strings.ToLower(t.Name()))
		}
	}
	if _, ok := f.texts[t]; ok {
		return t.Name()
	}
	return strings.ReplaceAll(expects(t, tag), "a whole number", "whole number")
}
