package scenarios

import (
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
)

// A place is a value together with its path, which every struct of the file
// format keeps so that a fault found later still names line and column.
type place struct {
	v    *value
	path string
}

// key is the place of one key; when it is absent, the fault is shown at the
// map that lacks it.
func (p place) key(k string) place {
	path := k
	if strings.ContainsAny(k, `.[]"`) || k == "" {
		path = strconv.Quote(k)
	}
	if p.path != "" {
		path = p.path + "." + path
	}
	if child := p.v.get(k); child != nil {
		return place{child, path}
	}
	return place{p.v, path}
}

// item is the place of a list's item.
func (p place) item(i int) place {
	path := fmt.Sprintf("%s[%d]", p.path, i)
	if p.v != nil && p.v.kind == sequence && i < len(p.v.items) {
		return place{p.v.items[i], path}
	}
	return place{p.v, path}
}

// has reports whether the key is written, even as null.
func (p place) has(k string) bool { return p.v.get(k) != nil }

// decoder fills the structs of the file format from values. It knows these
// struct tags: json names the key (omitempty makes it optional), default is
// the text that stands for an absent key, enum lists the allowed words, min
// and max bound a number, and above is a bound that is itself not allowed.
type decoder struct {
	faults   *faults
	defaults struct{ node, link *value } // of the topology that is being read
	known    map[reflect.Type]fields
	searches int // for the nearest spelling, bounded because each costs time
}

// maxSearches bounds how many messages of one reading look for the nearest
// spelling; more than that nobody reads.
const maxSearches = 200

// allowed is what is allowed and the nearest spelling, while there are not
// too many messages.
func (d *decoder) allowed(s string, candidates []string) string {
	if d.searches++; d.searches > maxSearches {
		return ""
	}
	return allowed(s, candidates)
}

// custom is a type that reads itself: a quantity, or a field that takes more
// than one shape.
type custom interface{ decode(d *decoder, p place) }

func (d *decoder) fault(p place, format string, args ...any) {
	at := position{line: 1, column: 1}
	if p.v != nil {
		at = p.v.at
	}
	d.faults.add(at, p.path, fmt.Sprintf(format, args...))
}

// decode fills target, a pointer, from p.
func (d *decoder) decode(target reflect.Value, p place, tag reflect.StructTag) {
	if c, ok := target.Interface().(custom); ok {
		c.decode(d, p)
		return
	}
	to := target.Elem()
	switch to.Kind() {
	case reflect.Pointer:
		to.Set(reflect.New(to.Type().Elem()))
		d.decode(to, p, tag)
	case reflect.Struct:
		d.structure(to, p)
	case reflect.Slice:
		d.slice(to, p, tag)
	case reflect.Map:
		d.table(to, p, tag)
	default:
		d.scalar(to, p, tag)
	}
}

// structure fills a struct from a map: unknown and missing keys are faults,
// absent ones take their defaults.
func (d *decoder) structure(to reflect.Value, p place) {
	if at, ok := to.Addr().Interface().(interface{ setPlace(place) }); ok {
		at.setPlace(p)
	}
	if p.v.kind != mapping {
		d.fault(p, "%s is not a map (allowed: a map of %s)", p.v.what(), strings.Join(keys(to.Type()), ", "))
		return
	}
	fields := d.fieldsOf(to.Type())
	for _, e := range p.v.entries {
		if _, ok := fields.byKey[e.key]; !ok {
			d.faults.add(e.at, p.key(e.key).path, fmt.Sprintf("unknown key %q%s", clip(e.key), d.allowed(e.key, fields.keys)))
		}
	}
	for _, k := range fields.keys {
		f := fields.byKey[k]
		target := to.FieldByIndex(f.index).Addr()
		v := p.v.get(k)
		switch {
		case v != nil && v.kind != null:
			d.decode(target, p.key(k), f.tag)
		case f.required:
			d.fault(p.key(k), "%q is missing", k)
		case f.fallback == "{}":
			d.decode(target, place{&value{kind: mapping, at: p.v.at}, p.key(k).path}, f.tag)
		case f.fallback != "":
			d.decode(target, place{&value{kind: scalar, text: f.fallback, plain: "str", at: p.v.at}, p.key(k).path}, f.tag)
		}
	}
}

func (d *decoder) slice(to reflect.Value, p place, tag reflect.StructTag) {
	if p.v.kind != sequence {
		d.fault(p, "%s is not a list (allowed: a list, [..])", p.v.what())
		return
	}
	to.Set(reflect.MakeSlice(to.Type(), len(p.v.items), len(p.v.items)))
	for i := range p.v.items {
		d.element(to.Index(i).Addr(), p.item(i), tag)
	}
}

// element fills one item of a list or a table, where nothing is not allowed.
func (d *decoder) element(target reflect.Value, p place, tag reflect.StructTag) {
	if p.v.kind == null {
		d.fault(p, "nothing is written here (allowed: a value)")
		return
	}
	d.decode(target, p, tag)
}

func (d *decoder) table(to reflect.Value, p place, tag reflect.StructTag) {
	if p.v.kind != mapping {
		d.fault(p, "%s is not a map (allowed: a map of names to values)", p.v.what())
		return
	}
	to.Set(reflect.MakeMapWithSize(to.Type(), len(p.v.entries)))
	for _, e := range p.v.entries {
		item := reflect.New(to.Type().Elem())
		d.element(item, p.key(e.key), tag)
		to.SetMapIndex(reflect.ValueOf(e.key), item.Elem())
	}
}

// scalar fills a number, a word or a truth value.
func (d *decoder) scalar(to reflect.Value, p place, tag reflect.StructTag) {
	if p.v.kind != scalar {
		d.fault(p, "%s is not a single value (allowed: %s)", p.v.what(), expects(to.Type(), tag))
		return
	}
	text := p.v.text
	switch to.Kind() {
	case reflect.String:
		if enum := tag.Get("enum"); enum != "" {
			if words := strings.Split(enum, ","); !contains(words, text) {
				d.fault(p, "%q is not one of the words%s", clip(text), d.allowed(text, words))
				return
			}
		}
		to.SetString(text)
	case reflect.Bool:
		b, err := strconv.ParseBool(text)
		if err != nil || (text != "true" && text != "false") {
			d.fault(p, "%s is not a truth value (allowed: true, false)", p.v.what())
			return
		}
		to.SetBool(b)
	case reflect.Float64:
		x, err := strconv.ParseFloat(text, 64)
		if err != nil || math.IsNaN(x) || math.IsInf(x, 0) || !within(x, tag) || strings.ContainsAny(text, "xXpP_") {
			d.fault(p, "%s is not allowed (allowed: %s)", p.v.what(), expects(to.Type(), tag))
			return
		}
		to.SetFloat(x)
	case reflect.Int, reflect.Int64:
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || !within(float64(n), tag) {
			d.fault(p, "%s is not allowed (allowed: %s)", p.v.what(), expects(to.Type(), tag))
			return
		}
		to.SetInt(n)
	case reflect.Uint64:
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			d.fault(p, "%s is not allowed (allowed: a whole number from 0 to 18446744073709551615)", p.v.what())
			return
		}
		to.SetUint(n)
	}
}

// within checks the min, above and max tags. above is an open lower bound.
func within(x float64, tag reflect.StructTag) bool {
	low, high := bound(tag, "min", math.Inf(-1)), bound(tag, "max", math.Inf(1))
	return x >= low && x <= high && x > bound(tag, "above", math.Inf(-1))
}

func bound(tag reflect.StructTag, name string, absent float64) float64 {
	if x, err := strconv.ParseFloat(tag.Get(name), 64); err == nil {
		return x
	}
	return absent
}

// expects says in words what a scalar of the type and tag takes.
func expects(t reflect.Type, tag reflect.StructTag) string {
	text := "a text"
	switch t.Kind() {
	case reflect.Bool:
		return "true, false"
	case reflect.Float64:
		text = "a finite number"
	case reflect.Int, reflect.Int64:
		text = "a whole number"
	case reflect.Uint64:
		return "a whole number of at least 0"
	}
	if enum := tag.Get("enum"); enum != "" {
		return strings.ReplaceAll(enum, ",", ", ")
	}
	low, above, high := tag.Get("min"), tag.Get("above"), tag.Get("max")
	switch {
	case low != "" && high != "":
		return text + " from " + low + " to " + high
	case low != "":
		return text + " of at least " + low
	case above != "" && high != "":
		return text + " above " + above + " and at most " + high
	case above != "":
		return text + " above " + above
	}
	return text
}

// field is what the tags of a struct field say.
type field struct {
	index    []int
	required bool
	fallback string
	tag      reflect.StructTag
}

// fields are the keys of a struct in the order of its declaration.
type fields struct {
	keys  []string
	byKey map[string]field
}

// fieldsOf reads the tags of a struct; embedded structs lend their keys.
func fieldsOf(t reflect.Type) fields {
	all := fields{byKey: map[string]field{}}
	for _, f := range reflect.VisibleFields(t) {
		name, rest, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous || name == "" || name == "-" {
			continue
		}
		all.keys = append(all.keys, name)
		all.byKey[name] = field{index: f.Index, required: rest != "omitempty", fallback: f.Tag.Get("default"), tag: f.Tag}
	}
	return all
}

// fieldsOf is fieldsOf, remembered.
func (d *decoder) fieldsOf(t reflect.Type) fields {
	f, ok := d.known[t]
	if !ok {
		if f = fieldsOf(t); d.known == nil {
			d.known = map[reflect.Type]fields{}
		}
		d.known[t] = f
	}
	return f
}

func keys(t reflect.Type) []string { return fieldsOf(t).keys }

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}
