package main

import (
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"time"

	"caravan/topology"
	"caravan/workloads"
)

// encodeScenario writes a scenario file with the given parts spelled out, so
// that what was imported or generated can be read, edited and kept. Reading
// the file gives the same nodes, links and work. comment is one line that says
// where it came from.
func encodeScenario(w io.Writer, name, comment string, nodes []topology.Node, links []topology.Link, work *workloads.Workload) error {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\nname: %s\n", comment, word(name))
	if len(nodes) > 0 {
		b.WriteString("topology:\n  nodes:\n")
		for i := range nodes {
			fmt.Fprintf(&b, "    %s: %s\n", word(nodes[i].Name), encodeNode(&nodes[i]))
		}
		if len(links) > 0 {
			b.WriteString("  links:\n")
			encodeLinks(&b, nodes, links)
		}
	}
	if work != nil {
		encodeWorkload(&b, nodes, work)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// A flow is a YAML map on one line, in the order in which fields are put.
type flow struct{ fields []string }

func (f *flow) String() string { return "{" + strings.Join(f.fields, ", ") + "}" }

// put adds a field whose value is already YAML.
func (f *flow) put(key, value string) { f.fields = append(f.fields, word(key)+": "+value) }

// text, real and whole add a field unless its value is the zero value.
func (f *flow) text(key, s string) {
	if s != "" {
		f.put(key, word(s))
	}
}

func (f *flow) real(key string, x float64) {
	if x != 0 {
		f.put(key, strconv.FormatFloat(x, 'g', -1, 64))
	}
}

func (f *flow) whole(key string, n int) {
	if n != 0 {
		f.put(key, strconv.Itoa(n))
	}
}

func (f *flow) span(key string, d time.Duration) {
	if d != 0 {
		f.put(key, topology.FormatDuration(d))
	}
}

func (f *flow) bytes(key string, n topology.Bytes) {
	if n != 0 {
		f.put(key, topology.FormatBytes(n))
	}
}

func (f *flow) mhz(key string, m topology.MHz) {
	if m != 0 {
		f.put(key, topology.FormatMHz(m))
	}
}

func (f *flow) group(key string, g *flow) {
	if len(g.fields) > 0 {
		f.put(key, g.String())
	}
}

var (
	plainWord = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_./@-]*$`)
	taken     = regexp.MustCompile(`(?i)^(true|false|null|yes|no|on|off|y|n|nan|inf)$`)
)

// word is s as a YAML scalar that reads back as this text: bare when it cannot
// be mistaken for anything else, otherwise quoted as in JSON.
func word(s string) string {
	if plainWord.MatchString(s) && !taken.MatchString(s) {
		return s
	}
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil {
		return strconv.Quote(s) // a string always encodes
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func words(list []string) string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = word(s)
	}
	return "[" + strings.Join(out, ", ") + "]"
}

func encodeNode(n *topology.Node) string {
	f := &flow{}
	f.text("region", n.Region)
	f.text("datacenter", n.Datacenter)
	f.text("class", n.Class)
	f.text("pool", n.Pool)
	if n.Cores > 1 {
		f.whole("cores", n.Cores)
	}
	if n.Speed != 1 {
		f.real("speed", n.Speed)
	}
	f.mhz("cpu", n.CPU)
	f.bytes("memory", n.Memory)
	f.bytes("disk", n.Disk)
	if n.GPUs.Count > 0 {
		g := &flow{}
		g.whole("count", n.GPUs.Count)
		g.text("model", n.GPUs.Model)
		f.group("gpus", g)
	}
	reserved := &flow{}
	reserved.mhz("cpu", n.Reserved.CPU)
	reserved.bytes("memory", n.Reserved.Memory)
	reserved.bytes("disk", n.Reserved.Disk)
	reserved.list("cores", numbersOf(n.ReservedCores))
	reserved.list("ports", numbersOf(n.ReservedPorts))
	f.group("reserved", reserved)
	f.text("discipline", string(n.Discipline))
	f.whole("queue", n.QueueLimit)
	if n.NoColocate {
		f.put("colocate", "false")
	}
	f.table("attributes", n.Attributes)
	f.table("meta", n.Meta)
	if len(n.Drivers) > 0 {
		f.put("drivers", words(n.Drivers))
	}
	encodeDevices(f, n)
	f.whole("max_instances", n.MaxInstances)
	if c := n.Location; c != nil {
		f.put("location", fmt.Sprintf("{latitude: %v, longitude: %v}", c.Latitude, c.Longitude))
	}
	f.real("price", n.PricePerHour)
	power := &flow{}
	power.real("idle", n.IdleWatts)
	power.real("busy", n.BusyWatts)
	f.group("power", power)
	f.real("carbon", n.CarbonPerKWh)
	return f.String()
}

// encodeLinks writes each link, and two neighbours in the list that are each
// other's return path as one line.
func encodeLinks(b *strings.Builder, nodes []topology.Node, links []topology.Link) {
	for i := 0; i < len(links); i++ {
		l := links[i]
		f := &flow{}
		if i+1 < len(links) && returns(l, links[i+1]) {
			f.put("between", words([]string{nodes[l.From].Name, nodes[l.To].Name}))
			if l.Medium != 0 && l.Medium == links[i+1].Medium {
				f.put("duplex", "half")
			}
			i++
		} else {
			f.text("from", nodes[l.From].Name)
			f.text("to", nodes[l.To].Name)
			f.text("name", l.Name)
		}
		if l.Bandwidth != 0 {
			f.put("bandwidth", topology.FormatBandwidth(l.Bandwidth))
		}
		f.span("latency", l.Latency)
		f.span("jitter", l.Jitter)
		if l.Loss != 0 {
			f.put("loss", topology.FormatPercent(l.Loss))
		}
		f.real("price", l.PricePerByte*1e9) // files price a gigabyte
		f.real("distance", l.DistanceKm)
		fmt.Fprintf(b, "    - %s\n", f)
	}
}

// returns reports whether y is the way back of x and equal to it otherwise.
func returns(x, y topology.Link) bool {
	if x.Name != "" || y.Name != "" || x.From != y.To || x.To != y.From {
		return false
	}
	x.From, x.To, x.Medium, y.Medium = y.From, y.To, 0, 0
	return x == y
}
