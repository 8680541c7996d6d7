//go:build linux

package clusters

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os/exec"
	"slices"
	"strings"
	"sync"

	"caravan/runner/linkem"
)

// A mesh carries every TCP connection between the nodes of a cluster over
// links that can be changed while it runs. What a node's processes send to
// another node is redirected, inside its namespace, to a relay of its own,
// which dials the original destination from there.
type mesh struct {
	hosts  []host
	relays []*linkem.Relay

	mu   sync.Mutex
	ways map[[2]string]Way
	made map[[2]string][]*linkem.Link
}

// mark is on the packets of a relay, which are not redirected to it again.
const mark = 0x6361

// relayPort is where the relay of each namespace listens.
const relayPort = 7

// emulate starts the relays between the nodes, over links that do nothing yet.
func (c *Cluster) emulate() error {
	m := &mesh{hosts: slices.Clone(c.hosts[1:]), ways: map[[2]string]Way{}, made: map[[2]string][]*linkem.Link{}}
	c.mesh = m
	for i := range m.hosts {
		if err := m.redirect(&m.hosts[i]); err != nil {
			return err
		}
	}
	return nil
}

// redirect starts the relay of one namespace. The orchestrator's own traffic,
// to the server, does not pass it.
func (m *mesh) redirect(h *host) error {
	ln, err := listenIn(h.ns, fmt.Sprintf("0.0.0.0:%d", relayPort))
	if err != nil {
		return err
	}
	r := linkem.Serve(ln, func(accepted net.Conn) (linkem.Way, error) {
		to, err := originalDestination(accepted)
		if err != nil {
			return linkem.Way{}, err
		}
		forward, back := m.between(h.name, m.nameOf(to.Addr()))
		dial := func(ctx context.Context, _ net.Conn) (net.Conn, error) { return dialIn(ctx, h.ns, to, mark) }
		return linkem.Way{Dial: dial, Forward: forward, Back: back}, nil
	})
	m.relays = append(m.relays, r)
	var others []string
	for _, o := range m.hosts {
		if o.name != h.name {
			others = append(others, o.address.String())
			if o.pods.IsValid() {
				others = append(others, o.pods.String())
			}
		}
	}
	if len(others) == 0 {
		return nil
	}
	rules := fmt.Sprintf(`table ip caravan {
	chain output {
		type nat hook output priority -100
		meta mark %[1]d accept
		ip daddr { %[2]s } meta l4proto tcp redirect to :%[3]d
	}
	chain containers {
		type nat hook prerouting priority -100
		iifname != "eth0" ip daddr { %[2]s } meta l4proto tcp redirect to :%[3]d
	}
}
`, mark, strings.Join(others, ", "), relayPort)
	cmd := exec.Command("ip", "netns", "exec", h.ns, "nft", "-f", "-")
	cmd.Stdin = strings.NewReader(rules)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("nft in %s: %w: %s", h.ns, err, strings.TrimSpace(string(out)))
	}
	return nil
}

func (m *mesh) nameOf(a netip.Addr) string {
	i := slices.IndexFunc(m.hosts, func(h host) bool { return h.address == a || h.pods.Contains(a) })
	if i < 0 {
		return ""
	}
	return m.hosts[i].name
}

// between returns the links from one node to another and back.
func (m *mesh) between(from, to string) (forward, back []*linkem.Link) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.links(from, to), m.links(to, from)
}

// links returns the links of one direction; a direction without emulation has
// a link that does nothing, so that it can be cut and shaped later.
func (m *mesh) links(from, to string) []*linkem.Link {
	key := [2]string{from, to}
	if _, ok := m.made[key]; !ok {
		m.made[key] = []*linkem.Link{linkem.NewLink(linkem.Shape{}, 1)}
	}
	return m.made[key]
}

// set changes ways. Connections that exist keep the number of their links, so
// a change of that number holds for new ones.
func (m *mesh) set(ways []Way) error {
	var faults []error
	for i, w := range ways {
		for _, end := range []string{w.From, w.To} {
			if !slices.ContainsFunc(m.hosts, func(h host) bool { return h.name == end }) {
				faults = append(faults, fmt.Errorf("ways[%d]: found node %q, which the cluster does not have", i, end))
			}
		}
	}
	if err := errors.Join(faults...); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, w := range ways {
		m.ways[[2]string{w.From, w.To}] = w
		m.apply(w)
	}
	return nil
}

func (m *mesh) apply(w Way) {
	shapes := w.Links
	if len(shapes) == 0 {
		shapes = []linkem.Shape{{}}
	}
	key := [2]string{w.From, w.To}
	links := m.links(w.From, w.To)
	for len(links) < len(shapes) {
		links = append(links, linkem.NewLink(linkem.Shape{}, uint64(len(links)+1)))
	}
	m.made[key] = links
	for i, l := range links {
		s := linkem.Shape{} // a link beyond the way does nothing
		if i < len(shapes) {
			s = shapes[i]
		}
		l.Set(s)
		if w.Down {
			l.Cut()
		} else {
			l.Restore()
		}
	}
}

// list is the ways in the order of their nodes.
func (m *mesh) list() []Way {
	m.mu.Lock()
	defer m.mu.Unlock()
	list := []Way{}
	for _, w := range m.ways {
		list = append(list, w)
	}
	slices.SortFunc(list, func(a, b Way) int { return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To)) })
	return list
}

// ServeHTTP answers GET with the ways and takes changed ones by PUT.
func (m *mesh) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodPut {
		var ways []Way
		err := json.NewDecoder(io.LimitReader(r.Body, 1<<24)).Decode(&ways)
		if err == nil {
			err = m.set(ways)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(m.list()) // the client may have gone
}

func (m *mesh) close() {
	for _, r := range m.relays {
		_ = r.Close()
	}
	for _, links := range m.made {
		for _, l := range links {
			l.Close()
		}
	}
}
