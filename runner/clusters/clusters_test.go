//go:build linux

package clusters

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"caravan/runner/linkem"
	"caravan/topology"
)

// machine skips what this machine cannot do, and says why.
func machine(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("network namespaces need root")
	}
	for _, program := range []string{"ip", "nft", "nsenter"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skip(program + " is not installed")
		}
	}
	if err := ip("netns", "add", "caravanprobe"); err != nil {
		t.Skip("network namespaces are not allowed here: " + err.Error())
	}
	require.NoError(t, ip("netns", "delete", "caravanprobe"))
}

// snapshot is what a cluster could leave on the machine.
func snapshot(t *testing.T) []string {
	t.Helper()
	var list []string
	for _, args := range [][]string{{"netns", "list"}, {"-br", "link"}} {
		out, err := exec.Command("ip", args...).Output()
		require.NoError(t, err)
		for line := range strings.Lines(string(out)) {
			if strings.HasPrefix(line, "cvt") { // this test's; others come and go
				list = append(list, line)
			}
		}
	}
	return append(list, Existing("cvt")...)
}

func TestASpecReportsEveryFault(t *testing.T) {
	s := Spec{Name: "Too Long Name", Nodes: []Node{{Name: "a"}, {Name: "a"}, {Name: "server"}, {Name: "b", Quota: -1}}}
	err := s.Check()
	for _, part := range []string{`name: found "Too Long Name"`, `"a" again`, `found "server"`, "negative capacity"} {
		assert.ErrorContains(t, err, part)
	}
	s = Spec{Name: "x", Nodes: DefaultNodes()}
	assert.NoError(t, s.Check())
}

func TestNodesSpeakOverTheirLinksAndNothingIsLeft(t *testing.T) {
	machine(t)
	before := snapshot(t)
	c, err := create(t.Context(), Spec{Name: "cvt", Nodes: DefaultNodes()})
	require.NoError(t, err)
	t.Cleanup(func() { _, _ = Remove("cvt") })
	require.NoError(t, c.emulate())
	require.NoError(t, c.serve())
	_, err = newLedger(c.Dir)
	require.ErrorContains(t, err, "a cluster of this name is running")

	edge, err := c.host("edge1")
	require.NoError(t, err)
	cloud, err := c.host("cloud")
	require.NoError(t, err)
	require.NoError(t, c.start(edge, "sleeper", nil, "sleep", "1000"))
	require.NoError(t, edge.running())

	ln, err := listenIn(cloud.ns, fmt.Sprintf("%s:4000", cloud.address))
	require.NoError(t, err)
	defer ln.Close()
	go func() {
		for conn, err := ln.Accept(); err == nil; conn, err = ln.Accept() {
			go func() { _, _ = io.Copy(conn, conn); conn.Close() }()
		}
	}()
	way := Way{From: "edge1", To: "cloud", Links: []linkem.Shape{{Delay: 20 * time.Millisecond}, {Delay: 10 * time.Millisecond}}}
	list, err := SetWays(t.Context(), "cvt", []Way{way})
	require.NoError(t, err)
	assert.Equal(t, []Way{way}, list)

	var conn net.Conn
	require.NoError(t, within(edge.ns, func() (err error) {
		conn, err = net.Dial("tcp", ln.Addr().String())
		return err
	}))
	defer conn.Close()
	assert.GreaterOrEqual(t, roundTrip(t, conn), 30*time.Millisecond, "two links there, and back at once")

	way.Down = true
	_, err = SetWays(t.Context(), "cvt", []Way{way})
	require.NoError(t, err)
	_, err = conn.Write([]byte("x"))
	require.NoError(t, err)
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(50*time.Millisecond)))
	_, err = conn.Read(make([]byte, 1))
	require.ErrorContains(t, err, "timeout", "the link is cut")

	_, err = SetWays(t.Context(), "cvt", []Way{{From: "edge1", To: "moon"}})
	require.ErrorContains(t, err, `found node "moon"`)

	testMachines(t)

	removed, err := c.Close()
	require.NoError(t, err)
	assert.NotEmpty(t, removed)
	assert.Equal(t, before, snapshot(t), "as before")
	again, err := c.Close()
	require.NoError(t, err)
	assert.Empty(t, again)
}

// testMachines makes things happen to a machine that sleeps.
func testMachines(t *testing.T) {
	state := func(what string) Machine {
		list, err := Disturb(t.Context(), "cvt", Change{Machine: "edge1", Do: what})
		require.NoError(t, err, what)
		require.Len(t, list, 4, "the server's too")
		return list[1]
	}
	assert.Equal(t, "paused", state(Pause).Client)
	assert.Equal(t, "running", state(Resume).Client)
	assert.Equal(t, "cut", state(Cut).Network)
	assert.Equal(t, "up", state(Restore).Network)
	assert.Equal(t, "ended", state(Kill).Client)
	assert.Zero(t, state(Crash).Processes)
	for what, says := range map[string]string{Start: "cannot be started again", Pause: "has ended", "tickle": "allowed: kill, start"} {
		_, err := Disturb(t.Context(), "cvt", Change{Machine: "edge1", Do: what})
		assert.ErrorContains(t, err, says)
	}
	_, err := Disturb(t.Context(), "cvt", Change{Machine: "moon", Do: Cut})
	assert.ErrorContains(t, err, `found "moon", allowed: server, edge1`)
}

func roundTrip(t *testing.T, conn net.Conn) time.Duration {
	t.Helper()
	start := time.Now()
	_, err := conn.Write([]byte("x"))
	require.NoError(t, err)
	_, err = io.ReadFull(conn, make([]byte, 1))
	require.NoError(t, err)
	return time.Since(start)
}

func TestWhatTheClusterDidNotCreateStays(t *testing.T) {
	machine(t)
	require.NoError(t, ip("netns", "add", "cvu-edge1"))
	t.Cleanup(func() { require.NoError(t, ip("netns", "delete", "cvu-edge1")) })
	_, err := create(t.Context(), Spec{Name: "cvu", Nodes: DefaultNodes()})
	require.ErrorContains(t, err, "did not create it")
	assert.Empty(t, Existing("cvu"))
	assert.True(t, exists("/run/netns/cvu-edge1"))
}

func TestAKubeletIsToldItsLabelsAndTaints(t *testing.T) {
	n := Node{
		Name: "a", Class: "edge", Meta: map[string]string{"rack": "r1", "zone": "z2"},
		Taints: []Taint{{"dedicated", "video", "NoSchedule"}, {"spot", "yes", "PreferNoSchedule"}},
	}
	labelled, tainted := registered(&n)
	assert.Equal(t, "caravan.node=a,kubernetes.io/hostname=a,node.kubernetes.io/instance-type=edge,rack=r1,topology.kubernetes.io/zone=z2", labelled)
	assert.Equal(t, "dedicated=video:NoSchedule,spot=yes:PreferNoSchedule", tainted)
}

func TestVariedNodesDiffer(t *testing.T) {
	nodes := VariedNodes(9)
	s := Spec{Name: "x", Nodes: nodes}
	require.NoError(t, s.Check())
	taints, sizes := 0, map[topology.MHz]bool{}
	for _, n := range nodes {
		taints += len(n.Taints)
		sizes[n.CPU] = true
	}
	assert.Equal(t, 5, taints)
	assert.Greater(t, len(sizes), 3)
}
