//go:build !linux

package local

import "os/exec"

// Detach leaves the command as it is.
func Detach(*exec.Cmd) {}
