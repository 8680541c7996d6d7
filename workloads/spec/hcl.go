package spec

import (
	"fmt"
	"sort"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
)

// HCL reads a file of HCL's native syntax. Blocks of one type become a list
// under that name, and a block's label is its field "name". Variables have
// their defaults, locals their values; other references, such as ${node.class}
// and ${NOMAD_PORT_http}, stay as they are written.
func HCL(file string, data []byte) (*Node, error) {
	if err := admit(file, data); err != nil {
		return nil, err
	}
	if err := admitTokens(file, data); err != nil {
		return nil, err
	}
	parsed, diags := hclsyntax.ParseConfig(data, file, hcl.Pos{Line: 1, Column: 1})
	if diags.HasErrors() {
		return nil, diagnosed(file, diags)
	}
	body, ok := parsed.Body.(*hclsyntax.Body)
	if !ok {
		return nil, fault(file, 1, "found no HCL")
	}
	r := &hclReader{doc: &doc{file: file}, data: data, context: &hcl.EvalContext{
		Variables: map[string]cty.Value{}, Functions: functions(),
	}}
	if err := r.variables(body); err != nil {
		return nil, err
	}
	return r.body("", body, nil)
}

// mostOperators bounds the operators of a file: each may nest its expression
// one level deeper, and the parser and its walkers recurse.
const mostOperators = 10_000

// admitTokens refuses a file of too many operators.
func admitTokens(file string, data []byte) error {
	tokens, diags := hclsyntax.LexConfig(data, file, hcl.Pos{Line: 1, Column: 1})
	if diags.HasErrors() {
		return diagnosed(file, diags)
	}
	n := 0
	for _, t := range tokens {
		switch t.Type {
		case hclsyntax.TokenBang, hclsyntax.TokenMinus, hclsyntax.TokenPlus, hclsyntax.TokenStar, hclsyntax.TokenSlash,
			hclsyntax.TokenPercent, hclsyntax.TokenQuestion, hclsyntax.TokenAnd, hclsyntax.TokenOr, hclsyntax.TokenEqualOp,
			hclsyntax.TokenNotEqual, hclsyntax.TokenLessThan, hclsyntax.TokenGreaterThan, hclsyntax.TokenLessThanEq,
			hclsyntax.TokenGreaterThanEq, hclsyntax.TokenDot, hclsyntax.TokenTemplateControl, hclsyntax.TokenOBrack:
			n++
		}
		if n > mostOperators {
			return fault(file, t.Range.Start.Line, "found more than %d operators, allowed are as many", mostOperators)
		}
	}
	return nil
}

// diagnosed is the first complaint of the parser.
func diagnosed(file string, diags hcl.Diagnostics) error {
	for _, d := range diags {
		if d.Severity == hcl.DiagError {
			line := 1
			if d.Subject != nil {
				line = d.Subject.Start.Line
			}
			return fault(file, line, "%s: %s", d.Summary, d.Detail)
		}
	}
	return diags
}

type hclReader struct {
	doc     *doc
	data    []byte
	context *hcl.EvalContext
}

// functions are those that cannot make much of little.
func functions() map[string]function.Function {
	return map[string]function.Function{
		"lower": stdlib.LowerFunc, "upper": stdlib.UpperFunc, "trimspace": stdlib.TrimSpaceFunc,
		"min": stdlib.MinFunc, "max": stdlib.MaxFunc, "floor": stdlib.FloorFunc, "ceil": stdlib.CeilFunc,
		"length": stdlib.LengthFunc, "element": stdlib.ElementFunc, "lookup": stdlib.LookupFunc, "coalesce": stdlib.CoalesceFunc,
		"tonumber": stdlib.MakeToFunc(cty.Number), "tostring": stdlib.MakeToFunc(cty.String), "tobool": stdlib.MakeToFunc(cty.Bool),
	}
}

// variables evaluates the variable and locals blocks. Locals may use each
// other, in any order.
func (r *hclReader) variables(body *hclsyntax.Body) error {
	vars, locals := map[string]cty.Value{}, map[string]cty.Value{}
	var waiting []*hclsyntax.Attribute
	for _, b := range body.Blocks {
		switch b.Type {
		case "variable":
			if len(b.Labels) != 1 {
				return fault(r.doc.file, b.TypeRange.Start.Line, "variable: found %d labels, allowed is 1", len(b.Labels))
			}
			def := b.Body.Attributes["default"]
			if def == nil {
				return fault(r.doc.file, b.TypeRange.Start.Line, "variable %q: found no default, which is needed here", b.Labels[0])
			}
			v, err := r.value(def.Expr)
			if err != nil {
				return err
			}
			vars[b.Labels[0]] = v
		case "locals":
			for _, a := range b.Body.Attributes {
				waiting = append(waiting, a)
			}
		}
	}
	r.context.Variables["var"] = cty.ObjectVal(vars)
	sort.Slice(waiting, func(i, j int) bool { return waiting[i].SrcRange.Start.Byte < waiting[j].SrcRange.Start.Byte })
	for len(waiting) > 0 {
		var later []*hclsyntax.Attribute
		for _, a := range waiting {
			if r.needs(a.Expr, waiting) {
				later = append(later, a)
				continue
			}
			v, err := r.value(a.Expr)
			if err != nil {
				return err
			}
			locals[a.Name] = v
		}
		if len(later) == len(waiting) {
			return fault(r.doc.file, later[0].SrcRange.Start.Line, "locals.%s: found a circle of references", later[0].Name)
		}
		r.context.Variables["local"] = cty.ObjectVal(locals)
		waiting = later
	}
	return nil
}

// needs reports whether an expression uses a local that is not known yet.
func (r *hclReader) needs(e hclsyntax.Expression, waiting []*hclsyntax.Attribute) bool {
	for _, t := range e.Variables() {
		if t.RootName() != "local" || len(t) < 2 {
			continue
		}
		at, ok := t[1].(hcl.TraverseAttr)
		for _, a := range waiting {
			if ok && a.Name == at.Name {
				return true
			}
		}
	}
	return false
}

// body reads the attributes and blocks in the order of the file.
func (r *hclReader) body(name string, b *hclsyntax.Body, labels []string) (*Node, error) {
	n := &Node{Line: b.SrcRange.Start.Line, name: name, doc: r.doc, kind: objectKind}
	if len(labels) > 0 {
		n.fields = append(n.fields, &Node{Line: n.Line, name: "name", doc: r.doc, scalar: strings.Join(labels, " ")})
	}
	attributes := make([]*hclsyntax.Attribute, 0, len(b.Attributes))
	for _, a := range b.Attributes {
		attributes = append(attributes, a)
	}
	sort.Slice(attributes, func(i, j int) bool { return attributes[i].SrcRange.Start.Byte < attributes[j].SrcRange.Start.Byte })
	for _, a := range attributes {
		n.fields = append(n.fields, r.attribute(a))
	}
	lists := map[string]*Node{}
	for _, block := range b.Blocks {
		line := block.TypeRange.Start.Line
		if block.Type == "variable" || block.Type == "locals" {
			continue
		}
		item, err := r.body(block.Type, block.Body, block.Labels)
		if err != nil {
			return nil, err
		}
		item.Line = line
		list := lists[block.Type]
		if list == nil {
			list = &Node{Line: line, name: block.Type, doc: r.doc, kind: listKind}
			lists[block.Type] = list
			n.fields = append(n.fields, list)
		}
		list.list = append(list.list, item)
	}
	return n, nil
}

// attribute is the value of one attribute. One that cannot be evaluated is a
// fault only for who asks for it: most have no meaning for placement.
func (r *hclReader) attribute(a *hclsyntax.Attribute) *Node {
	line := a.SrcRange.Start.Line
	v, err := r.value(a.Expr)
	if err == nil {
		budget := mostNodes
		var x *Node
		if x, err = r.convert(a.Name, line, v, &budget); err == nil {
			return x
		}
	}
	return &Node{Line: line, name: a.Name, doc: r.doc, scalar: r.source(a.Expr), broken: err}
}

// mostText bounds what an expression may refer to, in bytes and members
// altogether: doubled again and again, a short text becomes a very long one.
const mostText = 1 << 18

// value evaluates an expression.
func (r *hclReader) value(e hclsyntax.Expression) (cty.Value, error) {
	line := e.Range().Start.Line
	if err := r.affordable(e); err != nil {
		return cty.NilVal, err
	}
	switch x := e.(type) {
	case *hclsyntax.TemplateExpr:
		return r.template(x.Parts)
	case *hclsyntax.TemplateWrapExpr:
		if r.foreign(x.Wrapped) {
			return cty.StringVal("${" + r.source(x.Wrapped) + "}"), nil
		}
		return r.value(x.Wrapped)
	case *hclsyntax.TupleConsExpr:
		items := make([]cty.Value, 0, len(x.Exprs))
		for _, item := range x.Exprs {
			v, err := r.value(item)
			if err != nil {
				return cty.NilVal, err
			}
			items = append(items, v)
		}
		return cty.TupleVal(items), nil
	case *hclsyntax.ObjectConsExpr:
		return r.object(x)
	}
	if r.foreign(e) {
		return cty.NilVal, fault(r.doc.file, line, "found %s, allowed are var.NAME, local.NAME and texts", clip(r.source(e)))
	}
	v, diags := e.Value(r.context)
	if diags.HasErrors() {
		return cty.NilVal, diagnosed(r.doc.file, diags)
	}
	v, _ = v.UnmarkDeep()
	return v, nil
}

// affordable refuses what may cost more than its length says: loops, and many
// references to large values.
func (r *hclReader) affordable(e hclsyntax.Expression) error {
	var bad error
	diags := hclsyntax.VisitAll(e, func(n hclsyntax.Node) hcl.Diagnostics {
		if f, ok := n.(*hclsyntax.ForExpr); ok && bad == nil {
			bad = fault(r.doc.file, f.SrcRange.Start.Line, "found a for expression, allowed are values that are written out")
		}
		return nil
	})
	if diags.HasErrors() {
		return diagnosed(r.doc.file, diags)
	}
	size := 0
	for _, t := range e.Variables() {
		if root := t.RootName(); root == "var" || root == "local" {
			if v, diags := t.TraverseAbs(r.context); !diags.HasErrors() {
				size += weight(v, mostText)
			}
		}
		if size > mostText && bad == nil {
			bad = fault(r.doc.file, e.Range().Start.Line, "found references to more than %d bytes, allowed are as many", mostText)
		}
	}
	return bad
}

// weight is about how many bytes and members a value has, up to most.
func weight(v cty.Value, most int) int {
	switch {
	case !v.IsKnown() || v.IsNull():
		return 1
	case v.Type() == cty.String:
		return 1 + len(v.AsString())
	case v.CanIterateElements():
		sum := 1
		for it := v.ElementIterator(); it.Next() && sum <= most; {
			_, x := it.Element()
			sum += weight(x, most-sum)
		}
		return sum
	}
	return 1
}

// object evaluates a map; keys that are bare words are those words.
func (r *hclReader) object(x *hclsyntax.ObjectConsExpr) (cty.Value, error) {
	fields := map[string]cty.Value{}
	for _, item := range x.Items {
		key := hcl.ExprAsKeyword(item.KeyExpr)
		if key == "" {
			inner := item.KeyExpr
			if w, ok := inner.(*hclsyntax.ObjectConsKeyExpr); ok {
				inner = w.Wrapped
			}
			k, err := r.value(inner)
			if err != nil {
				return cty.NilVal, err
			}
			if k.Type() != cty.String || k.IsNull() || !k.IsKnown() {
				return cty.NilVal, fault(r.doc.file, inner.Range().Start.Line, "found a key that is no text")
			}
			key = k.AsString()
		}
		v, err := r.value(item.ValueExpr)
		if err != nil {
			return cty.NilVal, err
		}
		fields[key] = v
	}
	return cty.ObjectVal(fields), nil
}

// template joins the parts of a text.
func (r *hclReader) template(parts []hclsyntax.Expression) (cty.Value, error) {
	var b strings.Builder
	for _, p := range parts {
		if r.foreign(p) {
			b.WriteString("${" + r.source(p) + "}")
			continue
		}
		v, err := r.value(p)
		if err != nil {
			return cty.NilVal, err
		}
		text, err := r.convert("", p.Range().Start.Line, v, new(int))
		if err != nil || text.kind != scalarKind {
			return cty.NilVal, fault(r.doc.file, p.Range().Start.Line, "found a list or map in a text")
		}
		b.WriteString(text.Own())
	}
	return cty.StringVal(b.String()), nil
}

// foreign reports whether an expression refers to what is known only where the
// job runs.
func (r *hclReader) foreign(e hclsyntax.Expression) bool {
	for _, t := range e.Variables() {
		if root := t.RootName(); root != "var" && root != "local" {
			return true
		}
	}
	return false
}

// source is an expression as it is written.
func (r *hclReader) source(e hclsyntax.Expression) string {
	return string(e.Range().SliceBytes(r.data))
}

func clip(s string) string {
	const most = 60
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "..."
	}
	return fmt.Sprintf("%q", s)
}

// convert turns a value into a tree; budget is how many more nodes it may have.
func (r *hclReader) convert(name string, line int, v cty.Value, budget *int) (*Node, error) {
	n := &Node{Line: line, name: name, doc: r.doc}
	if *budget--; *budget < -1 {
		return nil, fault(r.doc.file, line, "%s: found more than %d values, allowed are as many", name, mostNodes)
	}
	switch {
	case !v.IsKnown():
		return nil, fault(r.doc.file, line, "%s: found a value that is not known", name)
	case v.IsNull():
	case v.Type() == cty.String:
		n.scalar = v.AsString()
	case v.Type() == cty.Bool:
		n.scalar = v.True()
	case v.Type() == cty.Number:
		n.scalar, _ = v.AsBigFloat().Float64()
	case v.Type().IsObjectType() || v.Type().IsMapType():
		n.kind = objectKind
		for it := v.ElementIterator(); it.Next(); {
			k, x := it.Element()
			item, err := r.convert(k.AsString(), line, x, budget)
			if err != nil {
				return nil, err
			}
			n.fields = append(n.fields, item)
		}
	case v.CanIterateElements():
		n.kind = listKind
		for it := v.ElementIterator(); it.Next(); {
			_, x := it.Element()
			item, err := r.convert(name, line, x, budget)
			if err != nil {
				return nil, err
			}
			n.list = append(n.list, item)
		}
	default:
		return nil, fault(r.doc.file, line, "%s: found %s, allowed are texts, numbers, lists and maps", name, v.Type().FriendlyName())
	}
	return n, nil
}
