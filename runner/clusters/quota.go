//go:build linux

package clusters

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// period of a processor quota: a tenth of the kernel's default, so that a
// process over its quota stalls for milliseconds and not for a tenth of a
// second.
const period = 10 * time.Millisecond

// Where the two versions of control groups keep processor quotas.
const (
	groupsV1 = "/sys/fs/cgroup/cpu"
	groupsV2 = "/sys/fs/cgroup"
)

// quota gives a machine's processes so many cores together.
func (c *Cluster) quota(h *host, cores float64) error {
	root, files := groupsV1, map[string]string{
		"cpu.cfs_period_us": strconv.FormatInt(period.Microseconds(), 10),
		"cpu.cfs_quota_us":  strconv.FormatFloat(cores*float64(period.Microseconds()), 'f', 0, 64),
	}
	if exists(filepath.Join(groupsV2, "cgroup.controllers")) {
		root, files = groupsV2, map[string]string{
			"cpu.max": fmt.Sprintf("%.0f %d", cores*float64(period.Microseconds()), period.Microseconds()),
		}
	} else if !exists(groupsV1) {
		return errors.New("this machine has no control groups for processors, which a quota needs")
	}
	group := filepath.Join(root, h.ns)
	if exists(group) {
		return fmt.Errorf("a control group %q exists, and this cluster did not create it", group)
	}
	if err := c.book.add(entry{Kind: cgroup, Name: group}); err != nil {
		return err
	}
	if err := os.Mkdir(group, 0o755); err != nil {
		return err
	}
	for name, value := range files {
		if err := os.WriteFile(filepath.Join(group, name), []byte(value), 0o644); err != nil {
			return err
		}
	}
	h.groups = append(h.groups, group)
	return nil
}

// startIn starts a command and moves it into control groups; what it starts
// later is born in them.
func startIn(cmd *exec.Cmd, groups []string) error {
	if err := cmd.Start(); err != nil {
		return err
	}
	for _, g := range groups {
		pid := []byte(strconv.Itoa(cmd.Process.Pid))
		if err := os.WriteFile(filepath.Join(g, "cgroup.procs"), pid, 0o644); err != nil {
			return errors.Join(err, cmd.Process.Kill(), cmd.Wait())
		}
	}
	return nil
}

// willMake notes the control groups that programs make below every controller
// by names of their own, where they do not exist yet.
func (c *Cluster) willMake(names ...string) error {
	dirs, err := filepath.Glob(filepath.Join(groupsV2, "*", "cgroup.procs"))
	if err != nil {
		return err
	}
	roots := []string{groupsV2}
	for _, d := range dirs {
		roots = append(roots, filepath.Dir(d))
	}
	for _, root := range roots {
		for _, name := range names {
			if group := filepath.Join(root, name); !exists(group) {
				if err := c.book.add(entry{Kind: sharedGroup, Name: group}); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// populated reports whether processes are in a control group or below it.
func populated(root string) bool { return len(members(root)) > 0 }

// members lists the processes in a control group and below it.
func members(root string) []int {
	var pids []int
	_ = filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			text, _ := os.ReadFile(filepath.Join(p, "cgroup.procs")) // a group that goes meanwhile is empty
			for _, word := range strings.Fields(string(text)) {
				if pid, err := strconv.Atoi(word); err == nil && pid > 0 {
					pids = append(pids, pid)
				}
			}
		}
		return nil
	})
	return pids
}

// removeGroups removes a control group and those in it, which are empty once
// their processes have ended. The kernel may need a moment to see that.
func removeGroups(root string) error {
	var groups []string
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			groups = append(groups, p)
		}
		return err
	})
	if err != nil {
		return err
	}
	slices.Reverse(groups)
	for _, g := range groups {
		err := errors.New("never tried")
		for range 20 {
			if err = os.Remove(g); err == nil || errors.Is(err, fs.ErrNotExist) {
				break
			}
			time.Sleep(50 * time.Millisecond)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}
