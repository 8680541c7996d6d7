package local

import (
	"os/exec"
	"syscall"
)

// Detach gives a command a session of its own, so that it outlives this
// process and its terminal.
func Detach(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} }
