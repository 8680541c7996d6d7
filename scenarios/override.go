package scenarios

import (
	"fmt"
	"strconv"
	"strings"
)

// override applies one --set argument, path=value, to the tree. A path names
// keys separated by points; a name with a point is written in quotes. Items
// of a list go by number, from 0, in brackets or after a point, or by their
// name. Keys that do not exist are created; whether the format has them is
// seen when the tree is decoded. index marks the values for messages.
func override(root *value, argument string, index int, f *faults) {
	at := position{set: index}
	path, text, ok := strings.Cut(argument, "=")
	if !ok {
		f.add(at, "", "there is no value (allowed: path=value, such as simulate.duration=5m)")
		return
	}
	// A link's default name contains no "=", but a selection might: the path
	// ends at the first "=".
	steps, err := splitPath(path)
	if err != nil {
		f.add(at, "", err.Error())
		return
	}
	before := len(f.list)
	v := parse([]byte(text), index, f)
	if len(f.list) > before {
		return
	}
	if v == nil {
		v = &value{kind: null}
	}
	mark(v, index)
	v.at = at
	if err := assign(root, steps, v, at); err != nil {
		f.add(at, "", err.Error())
	}
}

// mark gives every value of a tree the position of a --set argument, whose
// lines and columns mean nothing to the reader.
func mark(v *value, index int) {
	v.at = position{set: index}
	for i := range v.entries {
		v.entries[i].at = v.at
		mark(v.entries[i].value, index)
	}
	for _, item := range v.items {
		mark(item, index)
	}
}

// splitPath cuts topology.links[2]."a.b" into its steps.
func splitPath(path string) ([]string, error) {
	var steps []string
	rest := strings.TrimSpace(path)
	bad := func() error {
		return fmt.Errorf("%q is not a path (allowed: keys separated by points, list items by [number] or name, quotes around a name with a point)", clip(path))
	}
	for rest != "" {
		var step string
		switch rest[0] {
		case '"':
			end := strings.IndexByte(rest[1:], '"')
			if end < 0 {
				return nil, bad()
			}
			step, rest = rest[1:1+end], rest[end+2:]
		case '[':
			end := strings.IndexByte(rest, ']')
			if end < 0 {
				return nil, bad()
			}
			step, rest = strings.Trim(rest[1:end], `"`), rest[end+1:]
		default:
			end := strings.IndexAny(rest, ".[")
			if end < 0 {
				end = len(rest)
			}
			step, rest = rest[:end], rest[end:]
		}
		if step == "" {
			return nil, bad()
		}
		steps = append(steps, step)
		if strings.HasPrefix(rest, ".") {
			if rest = rest[1:]; rest == "" {
				return nil, bad()
			}
		} else if rest != "" && rest[0] != '[' {
			return nil, bad()
		}
	}
	if len(steps) == 0 || len(steps) > maxDepth {
		return nil, bad()
	}
	return steps, nil
}

// assign puts v where the steps lead.
func assign(root *value, steps []string, v *value, at position) error {
	current := root
	for i, step := range steps {
		last := i == len(steps)-1
		if current.kind == null {
			*current = value{kind: mapping, at: at}
		}
		switch current.kind {
		case mapping:
			next := current.get(step)
			if next == nil {
				next = &value{kind: null, at: at}
				current.entries = append(current.entries, entry{key: step, at: at, value: next})
			}
			current = next
		case sequence:
			j, err := item(current, step)
			if err != nil {
				return fmt.Errorf("%s: %w", strings.Join(steps[:i], "."), err)
			}
			current = current.items[j]
		default:
			return fmt.Errorf("%s is %s, so it has no %q (allowed: a path into a map or a list)", strings.Join(steps[:i], "."), current.what(), step)
		}
		if last {
			*current = *v
		}
	}
	return nil
}

// item finds an item of a list by number, by its name, or, for a link, by
// from->to.
func item(list *value, step string) (int, error) {
	if n, err := strconv.Atoi(step); err == nil {
		if n < 0 || n >= len(list.items) {
			return 0, fmt.Errorf("there is no item %d (allowed: 0 to %d)", n, len(list.items)-1)
		}
		return n, nil
	}
	var names []string
	for i, v := range list.items {
		name := itemName(v)
		if name == step {
			return i, nil
		}
		if name != "" {
			names = append(names, name)
		}
	}
	return 0, fmt.Errorf("no item is named %q%s", step, allowed(step, names))
}

// itemName is the name that a list's item goes by.
func itemName(v *value) string {
	if name := v.get("name"); name != nil && name.kind == scalar {
		return name.text
	}
	from, to := v.get("from"), v.get("to")
	if ends := v.get("between"); ends != nil && ends.kind == sequence && len(ends.items) == 2 {
		from, to = ends.items[0], ends.items[1]
	}
	if from != nil && to != nil && from.kind == scalar && to.kind == scalar {
		return from.text + "->" + to.text
	}
	return ""
}
