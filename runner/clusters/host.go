//go:build linux

package clusters

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
)

// A host is one emulated machine: a network namespace with an address.
type host struct {
	name    string
	ns      string // of iproute2
	address netip.Addr
	pods    netip.Prefix // of a container network; not valid when processes share the machine's
	cable   string       // this machine's end of its only network device
	groups  []string     // control groups that its processes join
	started []*exec.Cmd
	boot    func() error // starts the orchestrator's program again; nil when it cannot
}

// freeNetwork is the first /24 of 10.78.0.0/16 that no device of this machine
// has an address in.
func freeNetwork() (netip.Prefix, error) {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return netip.Prefix{}, err
	}
	for third := range 256 {
		p := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 78, byte(third), 0}), 24)
		taken := false
		for _, a := range addrs {
			if own, err := netip.ParsePrefix(a.String()); err == nil && own.Overlaps(p) {
				taken = true
			}
		}
		if !taken {
			return p, nil
		}
	}
	return netip.Prefix{}, errors.New("every network of 10.78.0.0/16 is in use")
}

// at is the address of the network with the given last byte.
func (c *Cluster) at(last int) netip.Addr {
	b := c.Network.Addr().As4()
	b[3] = byte(last)
	return netip.AddrFrom4(b)
}

// Addresses of the bridge, which is this machine's own, and of the server.
const (
	bridgeLast = 254
	serverLast = 253
)

// network makes the bridge and one namespace for each machine.
func (c *Cluster) network(ctx context.Context) error {
	if exists(filepath.Join("/sys/class/net", c.Name)) {
		return fmt.Errorf("a network device %q exists, and this cluster did not create it", c.Name)
	}
	if err := c.book.add(entry{Kind: device, Name: c.Name}); err != nil {
		return err
	}
	for _, args := range [][]string{
		{"link", "add", c.Name, "type", "bridge"},
		{"addr", "add", fmt.Sprintf("%s/24", c.at(bridgeLast)), "dev", c.Name},
		{"link", "set", c.Name, "up"},
	} {
		if err := ip(args...); err != nil {
			return err
		}
	}
	if err := c.addHost(serverHost, serverLast); err != nil || c.Unmanned {
		return err
	}
	for i, n := range c.Nodes {
		if err := c.addHost(n.Name, i+1); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// addHost makes a namespace and its cable to the bridge.
func (c *Cluster) addHost(name string, last int) error {
	h := host{name: name, ns: c.Name + "-" + name, address: c.at(last), cable: c.Name + "v" + strconv.Itoa(last)}
	if exists(filepath.Join(namespaces, h.ns)) {
		return fmt.Errorf("a network namespace %q exists, and this cluster did not create it", h.ns)
	}
	if err := c.book.add(entry{Kind: namespace, Name: h.ns}); err != nil {
		return err
	}
	if err := c.book.add(entry{Kind: device, Name: h.cable}); err != nil {
		return err
	}
	for _, args := range [][]string{
		{"netns", "add", h.ns},
		{"link", "add", h.cable, "type", "veth", "peer", "name", "eth0", "netns", h.ns},
		{"link", "set", h.cable, "master", c.Name, "up"},
		{"-n", h.ns, "addr", "add", h.address.String() + "/24", "dev", "eth0"},
		{"-n", h.ns, "link", "set", "lo", "up"},
		{"-n", h.ns, "link", "set", "eth0", "up"},
		{"-n", h.ns, "route", "add", "default", "via", c.at(bridgeLast).String()},
	} {
		if err := ip(args...); err != nil {
			return err
		}
	}
	c.hosts = append(c.hosts, h)
	return nil
}

// start runs a program on a machine, its output in a log of the folder. It
// outlives this process unless the cluster is closed.
func (c *Cluster) start(h *host, log string, env []string, program string, args ...string) error {
	out, err := os.OpenFile(filepath.Join(c.Dir, log+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer out.Close()
	// nsenter rather than ip netns exec, which would hide the control groups.
	cmd := exec.Command("nsenter", append([]string{"--net=" + filepath.Join(namespaces, h.ns), program}, args...)...)
	cmd.Stdout, cmd.Stderr, cmd.Env = out, out, append(os.Environ(), env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := startIn(cmd, h.groups); err != nil {
		return fmt.Errorf("%s on %s: %w", filepath.Base(program), h.name, err)
	}
	h.started = append(h.started, cmd)
	go func() { _ = cmd.Wait() }() // collects it; logs say why it ended
	return c.book.add(entry{Kind: process, Name: log, PID: cmd.Process.Pid, Begun: begun(cmd.Process.Pid)})
}

// running reports the first program of a machine that has ended.
func (h *host) running() error {
	for _, cmd := range h.started {
		if ended(cmd.Process.Pid) {
			return fmt.Errorf("%s on %s has ended", filepath.Base(cmd.Args[2]), h.name)
		}
	}
	return nil
}
