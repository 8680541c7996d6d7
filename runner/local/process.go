package local

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"caravan/runner/agent"
)

// A process is one that this package started, told from any other that has its
// number by when it began.
type process struct {
	PID      int    `json:"pid"`
	Started  string `json:"started"` // by the system's own count
	Restarts int    `json:"restarts"`
}

// alive reports whether the process still runs.
func (p process) alive() bool { return p.PID > 0 && startOf(p.PID) == p.Started && p.Started != "" }

// stopTime is how long a process may take to end when asked to.
const stopTime = 3 * time.Second

// end asks the process to end, then makes it.
func (p process) end(ctx context.Context) error {
	for _, sig := range []os.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		if !p.alive() {
			return nil
		}
		proc, err := os.FindProcess(p.PID)
		if err != nil {
			return err
		}
		if err := proc.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
			return err
		}
		for deadline := time.Now().Add(stopTime); p.alive() && time.Now().Before(deadline); {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(glance):
			}
		}
	}
	return nil
}

// A child is an agent that this process supervises.
type child struct {
	config agent.Config
	stop   context.CancelFunc
	ended  chan struct{} // closed when no process will be started again
	failed atomic.Bool

	mu  sync.Mutex
	cmd *exec.Cmd
}

// An agent that dies is started again, so many times in a row without a
// steadyTime between.
const (
	maxRestarts = 5
	steadyTime  = 10 * time.Second
)

// supervise keeps an agent's process up until the child is ended.
func (b *Backend) supervise(h *hosting, run string, conf agent.Config, path string) *child {
	ctx, stop := context.WithCancel(h.ctx)
	c := &child{config: conf, stop: stop, ended: make(chan struct{})}
	h.wait.Add(1)
	go func() {
		defer h.wait.Done()
		defer close(c.ended)
		// The thread that starts a process is the parent that it dies with: it
		// must not end before this goroutine does.
		runtime.LockOSThread()
		inARow := 0
		for restarts := 0; ctx.Err() == nil; restarts++ {
			began := time.Now()
			if err := b.once(ctx, c, run, path, restarts); err != nil {
				b.log(run, conf.Name, err)
			}
			if inARow++; time.Since(began) > steadyTime {
				inARow = 0
			}
			if inARow > maxRestarts {
				c.failed.Store(true)
				return
			}
		}
	}()
	return c
}

// once runs an agent's process to its end.
func (b *Backend) once(ctx context.Context, c *child, run, path string, restarts int) error {
	log, err := os.OpenFile(b.path(run, c.config.Name+logSuffix), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	command := append(slices.Clone(b.Command), path)
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = stopTime
	detach(cmd)
	if err := cmd.Start(); err != nil {
		return err
	}
	p := process{PID: cmd.Process.Pid, Started: startOf(cmd.Process.Pid), Restarts: restarts}
	err = writeJSON(b.path(run, c.config.Name+processSuffix), p)
	c.mu.Lock()
	c.cmd = cmd
	c.mu.Unlock()
	waitErr := cmd.Wait()
	if ctx.Err() != nil {
		return err // it ended as asked
	}
	return errors.Join(err, waitErr)
}

// log adds a line to an agent's log.
func (b *Backend) log(run, name string, why error) {
	f, err := os.OpenFile(b.path(run, name+logSuffix), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return // the folder is gone, and so is the run
	}
	defer f.Close()
	_, _ = f.WriteString("the agent ended: " + why.Error() + "\n") // there is nowhere else to write
}

// end ends the agent and waits until it has.
func (c *child) end() {
	c.stop()
	<-c.ended
}

// alive reports whether the agent is up or being started again.
func (c *child) alive() bool {
	select {
	case <-c.ended:
		return false
	default:
		return true
	}
}

// gaveUp reports whether the agent died too often.
func (c *child) gaveUp() bool { return c.failed.Load() }
