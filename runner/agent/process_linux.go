package agent

import (
	"os/exec"
	"syscall"
)

// dieWithParent ends the command when this process ends, however that happens.
func dieWithParent(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
