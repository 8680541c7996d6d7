//go:build !linux

package local

import (
	"os/exec"
	"strconv"
	"strings"
)

// startOf is when a process began, as ps tells; empty when there is none.
func startOf(pid int) string {
	out, err := exec.Command("ps", "-o", "lstart=", "-p", strconv.Itoa(pid)).Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}

// detach leaves the process as it is.
func detach(*exec.Cmd) {}
