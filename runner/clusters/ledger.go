//go:build linux

package clusters

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// The kinds of things that a ledger knows how to remove.
const (
	device    = "network device"
	namespace = "network namespace"
	cgroup    = "control group"
	// A shared group is one that programs make by a fixed name: it is removed
	// unless other programs of this machine are in it.
	sharedGroup = "shared control group"
	process     = "process"
)

// An entry is one thing that was created on the machine.
type entry struct {
	Kind string `json:"kind"`
	Name string `json:"name"`
	// PID and Begun tell a process from a later one of the same number.
	PID   int    `json:"pid,omitempty"`
	Begun string `json:"begun,omitempty"`
}

// A ledger is the list of what was created, in order, on disk before it is
// done.
type ledger struct{ path string }

const ledgerFile = "created.jsonl"

// newLedger makes the folder of a cluster, which is also the lock on its name.
func newLedger(dir string) (*ledger, error) {
	if err := os.Mkdir(dir, 0o755); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return nil, fmt.Errorf("%s exists: a cluster of this name is running, or left something behind; stop it first", dir)
		}
		return nil, err
	}
	return &ledger{path: filepath.Join(dir, ledgerFile)}, nil
}

func (b *ledger) add(e entry) error {
	line, err := json.Marshal(e)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(b.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(append(line, '\n'))
	return errors.Join(err, f.Close())
}

// entries reads the ledger of a cluster's folder; no ledger is no entries.
func entries(dir string) ([]entry, error) {
	f, err := os.Open(filepath.Join(dir, ledgerFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var list []entry
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		var e entry
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			return nil, fmt.Errorf("%s: %w", f.Name(), err)
		}
		list = append(list, e)
	}
	return list, lines.Err()
}

// Remove stops what is left of the cluster called name and removes all that it
// created, last first. It returns what it removed, one line each. A cluster
// that does not exist is removed already.
func Remove(name string) ([]string, error) {
	dir := Folder(name)
	list, err := entries(dir)
	if err != nil {
		return nil, err
	}
	var (
		gone   []string
		faults []error
	)
	// Processes end in the order in which they began: clients after their
	// server would try to reach it.
	for _, e := range list {
		switch e.Kind {
		case namespace:
			faults = append(faults, endProcesses(e.Name))
		case cgroup: // of containers, which have network namespaces of their own
			faults = append(faults, end(members(e.Name)))
		}
	}
	slices.Reverse(list)
	for _, e := range list {
		did, err := e.remove()
		if err != nil {
			faults = append(faults, fmt.Errorf("%s %s: %w", e.Kind, e.Name, err))
		} else if did {
			gone = append(gone, e.Kind+" "+e.Name)
		}
	}
	if err := errors.Join(faults...); err != nil {
		return gone, err // the ledger stays, for another attempt
	}
	if _, err := os.Stat(dir); err != nil {
		return gone, nil
	}
	unmountBelow(dir)
	if err := os.RemoveAll(dir); err != nil {
		return gone, err
	}
	return append(gone, "folder "+dir), nil
}

// remove undoes one entry; did is false when there was nothing to undo.
func (e entry) remove() (did bool, err error) {
	switch e.Kind {
	case process:
		if begun(e.PID) != e.Begun || e.Begun == "" {
			return false, nil
		}
		return true, end([]int{e.PID})
	case namespace:
		if !exists(filepath.Join(namespaces, e.Name)) {
			return false, nil
		}
		return true, ip("netns", "delete", e.Name)
	case device:
		if !exists(filepath.Join("/sys/class/net", e.Name)) {
			return false, nil
		}
		return true, ip("link", "delete", e.Name)
	case cgroup, sharedGroup:
		if !exists(e.Name) || (e.Kind == sharedGroup && populated(e.Name)) {
			return false, nil
		}
		return true, removeGroups(e.Name)
	}
	return false, fmt.Errorf("a kind of thing that this version does not know")
}

// namespaces is where iproute2 keeps named network namespaces.
const namespaces = "/run/netns"

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// ip runs iproute2.
func ip(args ...string) error { return command("ip", args...) }

func command(name string, args ...string) error {
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	}
	return nil
}

// endProcesses ends all that runs in a network namespace: whatever is there
// was started by the cluster.
func endProcesses(ns string) error {
	pids, err := processesIn(ns)
	if err != nil {
		return err
	}
	return end(pids)
}

// processesIn lists the processes in a network namespace; there are none in one
// that does not exist.
func processesIn(ns string) ([]int, error) {
	if !exists(filepath.Join(namespaces, ns)) {
		return nil, nil
	}
	out, err := exec.Command("ip", "netns", "pids", ns).Output()
	if err != nil {
		return nil, fmt.Errorf("ip netns pids %s: %w", ns, err)
	}
	var pids []int
	for _, word := range strings.Fields(string(out)) {
		pid, err := strconv.Atoi(word)
		if err != nil {
			return nil, err
		}
		pids = append(pids, pid)
	}
	return pids, nil
}

// end asks processes to stop, waits, and kills what has not.
func end(pids []int) error {
	if err := send(syscall.SIGTERM, pids); err != nil {
		return err
	}
	if err := send(syscall.SIGCONT, pids); err != nil { // or one that is paused hears of it late
		return err
	}
	if awaitEnds(pids) == nil {
		return nil
	}
	return kill(slices.DeleteFunc(pids, ended))
}

// kill ends processes without asking.
func kill(pids []int) error {
	if err := send(syscall.SIGKILL, pids); err != nil {
		return err
	}
	return awaitEnds(pids)
}

// send sends a signal to those processes that still exist.
func send(s syscall.Signal, pids []int) error {
	for _, pid := range pids {
		if err := syscall.Kill(pid, s); err != nil && !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("process %d: %w", pid, err)
		}
	}
	return nil
}

// awaitEnds gives processes some seconds to end.
func awaitEnds(pids []int) error {
	if left := await(pids, ended); len(left) > 0 {
		return fmt.Errorf("processes %v do not end", left)
	}
	return nil
}

// await gives processes some seconds to become what done says, and returns
// those that did not.
func await(pids []int, done func(pid int) bool) (left []int) {
	left = slices.Clone(pids)
	for range 300 {
		if left = slices.DeleteFunc(left, done); len(left) == 0 {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	return left
}

// ended reports whether no process has the number, or only what is left for
// its parent to collect.
func ended(pid int) bool {
	stat := statFields(pid)
	return len(stat) == 0 || stat[0] == "Z" || stat[0] == "X"
}

// begun is the instant at which a process started, in ticks since boot; empty
// when it does not exist.
func begun(pid int) string {
	if stat := statFields(pid); len(stat) > 19 {
		return stat[19]
	}
	return ""
}

// statFields are the fields of /proc/PID/stat after the program's name, which
// may hold spaces: the state first.
func statFields(pid int) []string {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return nil
	}
	text := string(data)
	return strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
}

// mountsBelow lists the mounts of this machine at or below dir, deepest first.
func mountsBelow(dir string) []string {
	data, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil
	}
	var list []string
	for line := range strings.Lines(string(data)) {
		if f := strings.Fields(line); len(f) > 4 && (f[4] == dir || strings.HasPrefix(f[4], dir+"/")) {
			list = append(list, f[4])
		}
	}
	slices.Reverse(list)
	return list
}

// unmountBelow detaches the file systems that tasks were given.
func unmountBelow(dir string) {
	for _, m := range mountsBelow(dir) {
		_ = syscall.Unmount(m, syscall.MNT_DETACH) // RemoveAll says what stays
	}
}
