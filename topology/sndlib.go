package topology

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// A section of an SNDlib file is NAME ( ... ).
var (
	sndSection = regexp.MustCompile(`^\s*([A-Z_]+)\s*\(\s*$`)
	sndNode    = regexp.MustCompile(`^\s*(\S+)\s*\(\s*(\S+)\s+(\S+)\s*\)`)
	sndLink    = regexp.MustCompile(`^\s*(\S+)\s*\(\s*(\S+)\s+(\S+)\s*\)\s*(\S+)\s+(\S+)\s+(\S+)\s+(\S+)\s*\(([^)]*)\)`)
	sndDemand  = regexp.MustCompile(`^\s*(\S+)\s*\(\s*(\S+)\s+(\S+)\s*\)\s*(\S+)\s+(\S+)`)
)

// sndUnit is what a capacity and a demand of 1 count for: SNDlib leaves its
// units open, and most instances are read as Mbit/s.
const sndUnit = 1e6 / 8

// readSNDlib reads the native format of SNDlib (Orlowski et al., Networks
// 55(3), 2010): nodes with longitude and latitude, links with the capacity
// installed, or else their largest module, and demands.
func readSNDlib(name string, data []byte, o ImportOptions) (*Imported, error) {
	d := &drawing{}
	index := map[string]int{}
	var demands []Demand
	section := ""
	for i, line := range strings.Split(string(data), "\n") {
		at := func(format string, args ...any) error {
			return fmt.Errorf("%s:%d: %s", name, i+1, fmt.Sprintf(format, args...))
		}
		if s, _, cut := strings.Cut(line, "#"); cut {
			line = s
		}
		trimmed := strings.TrimSpace(line)
		if m := sndSection.FindStringSubmatch(line); m != nil && section == "" {
			section = m[1]
			continue
		}
		switch {
		case trimmed == "" || strings.HasPrefix(trimmed, "?"):
			continue
		case trimmed == ")":
			section = ""
			continue
		}
		switch section {
		case "NODES":
			m := sndNode.FindStringSubmatch(line)
			if m == nil {
				return nil, at("found %q, allowed is `name ( longitude latitude )`", trimmed)
			}
			if _, dup := index[m[1]]; dup {
				return nil, at("node %q twice", m[1])
			}
			index[m[1]] = len(d.names)
			if err := d.addNode(m[1], map[string]string{"Longitude": m[2], "Latitude": m[3]}); err != nil {
				// Some instances give plane coordinates instead of degrees.
				d.places = append(d.places, nil)
			}
		case "LINKS":
			m := sndLink.FindStringSubmatch(line)
			if m == nil {
				return nil, at("found %q, allowed is `name ( from to ) capacity cost cost cost ( modules )`", trimmed)
			}
			from, ok1 := index[m[2]]
			to, ok2 := index[m[3]]
			if !ok1 || !ok2 {
				return nil, at("link %q: no node %q or %q", m[1], m[2], m[3])
			}
			speed, err := sndCapacity(m[4], m[8])
			if err != nil {
				return nil, at("link %q: %v", m[1], err)
			}
			d.edges = append(d.edges, drawnEdge{from, to, speed})
		case "DEMANDS":
			m := sndDemand.FindStringSubmatch(line)
			if m == nil {
				return nil, at("found %q, allowed is `name ( from to ) unit value`", trimmed)
			}
			v, err := strconv.ParseFloat(m[5], 64)
			if err != nil || !(v >= 0) {
				return nil, at("demand %q: found %q, allowed is a number from 0 up", m[1], m[5])
			}
			demands = append(demands, Demand{m[1], m[2], m[3], BytesPerSecond(v * sndUnit)})
		}
	}
	out := d.build(name, o)
	out.Demands = demands
	return out, nil
}

// sndCapacity is the installed capacity, or the largest module when none is.
func sndCapacity(installed, modules string) (BytesPerSecond, error) {
	best, err := strconv.ParseFloat(installed, 64)
	if err != nil || !(best >= 0) {
		return 0, fmt.Errorf("found capacity %q, allowed is a number from 0 up", installed)
	}
	if best == 0 {
		f := strings.Fields(modules)
		for i := 0; i+1 < len(f); i += 2 {
			c, err := strconv.ParseFloat(f[i], 64)
			if err != nil || !(c >= 0) {
				return 0, fmt.Errorf("found module %q, allowed is a number from 0 up", f[i])
			}
			best = max(best, c)
		}
	}
	return BytesPerSecond(best * sndUnit), nil
}
