//go:build linux

package clusters

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
)

// control lets other processes change a running cluster, over a socket in its
// folder.
type control struct {
	http.Server
	c *Cluster

	mu     sync.Mutex
	closed bool
}

// serve starts the control of a cluster whose links are emulated.
func (c *Cluster) serve() error {
	ln, err := net.Listen("unix", filepath.Join(c.Dir, ControlFile))
	if err != nil {
		return err
	}
	k := &control{c: c}
	mux := http.NewServeMux()
	mux.Handle("/", c.mesh)
	mux.HandleFunc("/machines", k.machines)
	k.Handler = mux
	c.closers = append(c.closers, k)
	go func() { _ = k.Serve(ln) }() // ends with Close
	return nil
}

// Close ends the control, after which no machine is started any more.
func (k *control) Close() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.closed = true
	return k.Server.Close()
}

// machines answers with the state of every machine, after what a POST asks for.
func (k *control) machines(w http.ResponseWriter, r *http.Request) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if r.Method == http.MethodPost {
		var changes []Change
		err := json.NewDecoder(io.LimitReader(r.Body, 1<<20)).Decode(&changes)
		for i := 0; err == nil && i < len(changes); i++ {
			err = k.do(changes[i])
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
	}
	list := []Machine{}
	for i := range k.c.hosts {
		list = append(list, k.c.machine(&k.c.hosts[i]))
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(list) // the client may have gone
}

// do makes one change.
func (k *control) do(x Change) error {
	h, err := k.c.host(x.Machine)
	if err != nil {
		return err
	}
	if k.closed {
		return errors.New("the cluster is being stopped")
	}
	switch x.Do {
	case Kill:
		return h.signal(syscall.SIGKILL)
	case Pause:
		return h.signal(syscall.SIGSTOP)
	case Resume:
		return h.signal(syscall.SIGCONT)
	case Crash:
		pids, err := processesIn(h.ns)
		if err != nil {
			return err
		}
		return kill(pids)
	case Start:
		if h.boot == nil {
			return fmt.Errorf("machine %q: its programs cannot be started again (only those of HashiCorp Nomad can)", h.name)
		}
		if h.running() == nil {
			return fmt.Errorf("machine %q: its client runs", h.name)
		}
		h.started = nil
		return h.boot()
	case Cut:
		return ip("link", "set", h.cable, "down")
	case Restore:
		return ip("link", "set", h.cable, "up")
	}
	return fmt.Errorf("found %q, allowed: %s", x.Do, strings.Join([]string{Kill, Start, Pause, Resume, Crash, Cut, Restore}, ", "))
}

// signal sends s to the orchestrator's program on the machine, and to none of
// the tasks.
func (h *host) signal(s syscall.Signal) error {
	if err := h.running(); err != nil {
		return err
	}
	for _, cmd := range h.started {
		if err := syscall.Kill(cmd.Process.Pid, s); err != nil {
			return fmt.Errorf("machine %q: %w", h.name, err)
		}
		done := func(pid int) bool { return paused(pid) == (s == syscall.SIGSTOP) }
		if s == syscall.SIGKILL {
			done = ended
		}
		if left := await([]int{cmd.Process.Pid}, done); len(left) > 0 {
			return fmt.Errorf("machine %q: %v has no effect on process %v", h.name, s, left)
		}
	}
	return nil
}

// paused reports whether a process is stopped by a signal.
func paused(pid int) bool {
	stat := statFields(pid)
	return len(stat) > 0 && stat[0] == "T"
}

// machine is the state of a host.
func (c *Cluster) machine(h *host) Machine {
	m := Machine{Name: h.name, Address: h.address.String(), Client: "running", Network: "up"}
	if h.running() != nil {
		m.Client = "ended"
	} else if len(h.started) > 0 && paused(h.started[0].Process.Pid) {
		m.Client = "paused"
	}
	if out, err := exec.Command("ip", "-br", "link", "show", h.cable).Output(); err != nil || !strings.Contains(string(out), "LOWER_UP") {
		m.Network = "cut"
	}
	pids, _ := processesIn(h.ns) // none when it is gone
	m.Processes = len(pids)
	return m
}
