package local

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"syscall"
)

// startOf is when a process began, in ticks since the machine did; empty when
// there is none, or when it has ended and waits for its parent.
func startOf(pid int) string {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ""
	}
	// The name, in parentheses, may hold anything; behind it the state is the
	// first field and the start the twentieth.
	fields := bytes.Fields(data[bytes.LastIndexByte(data, ')')+1:])
	if len(fields) < 20 || string(fields[0]) == "Z" || string(fields[0]) == "X" {
		return ""
	}
	return string(fields[19])
}

// detach keeps the terminal's signals from a process, which ends with the
// thread that starts it.
func detach(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
