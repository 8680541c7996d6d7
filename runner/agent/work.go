package agent

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"sync"
	"time"

	"caravan/runner/exact"
)

// A worker does an operator's work.
type worker interface {
	// work serves t until it is done, or until revoked tells that the core is
	// wanted back; then finished is false and work is called again later.
	work(ctx context.Context, t *task, revoked <-chan struct{}) (finished bool, err error)
	close()
}

// A task is one unit of work: what it needs, and what came of it.
type task struct {
	left   time.Duration // Burn and Hold: still to do
	cpu    time.Duration // Burn: processor time used
	inputs [][]byte      // one a request
	output [][]byte      // Exec and HTTP: one a request
}

func newWorker(w Work) worker {
	switch w.Kind {
	case Exec:
		return &program{does: w}
	case HTTP:
		return &endpoint{url: w.URL}
	case Hold:
		return holder{}
	}
	return burner{}
}

// A burner uses processor time.
type burner struct{}

func (burner) work(_ context.Context, t *task, revoked <-chan struct{}) (bool, error) {
	used, finished := burn(t.left, revoked)
	t.left -= used
	t.cpu += used
	return finished, nil
}

func (burner) close() {}

// A holder lets time pass.
type holder struct{}

// patience is how long a holder sleeps before it looks whether its core is
// wanted back or the agent ends.
const patience = 2 * time.Millisecond

func (holder) work(ctx context.Context, t *task, revoked <-chan struct{}) (bool, error) {
	began := time.Now()
	defer exact.Thread()()
	for {
		left := t.left - time.Since(began)
		if left <= 0 {
			t.left = 0
			return true, nil
		}
		exact.Sleep(min(left, patience))
		select {
		case <-revoked:
			t.left -= time.Since(began)
			return t.left <= 0, nil
		case <-ctx.Done():
			return true, ctx.Err()
		default:
		}
	}
}

func (holder) close() {}

// A program is the user's process: a message on its standard input, its answer
// on its standard output, one after the other.
type program struct {
	does Work

	mu  sync.Mutex
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

// programTries is how often a message is given to a program that dies of it.
const programTries = 3

func (p *program) work(ctx context.Context, t *task, _ <-chan struct{}) (bool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, input := range t.inputs {
		var out []byte
		var err error
		for range programTries {
			if out, err = p.exchange(input); err == nil || ctx.Err() != nil {
				break
			}
			p.kill()
		}
		if err != nil {
			return true, fmt.Errorf("program %q: %w", p.does.Exec[0], err)
		}
		t.output = append(t.output, out)
	}
	return true, nil
}

// exchange gives the program one message and reads its answer.
func (p *program) exchange(input []byte) ([]byte, error) {
	if p.cmd == nil {
		if err := p.start(); err != nil {
			return nil, err
		}
	}
	if p.does.Framing == "frame" {
		var n [4]byte
		binary.BigEndian.PutUint32(n[:], uint32(len(input)))
		if _, err := p.in.Write(append(n[:], input...)); err != nil {
			return nil, err
		}
		if _, err := io.ReadFull(p.out, n[:]); err != nil {
			return nil, noEOF(err)
		}
		size := binary.BigEndian.Uint32(n[:])
		if size > MaxFrame {
			return nil, fmt.Errorf("it answers with a frame of %d bytes, allowed: %d", size, MaxFrame)
		}
		var b bytes.Buffer
		_, err := io.CopyN(&b, p.out, int64(size))
		return b.Bytes(), noEOF(err)
	}
	if _, err := p.in.Write(append(bytes.ReplaceAll(input, []byte("\n"), []byte(" ")), '\n')); err != nil {
		return nil, err
	}
	return readLine(p.out)
}

// readLine reads up to a newline, and no more than a frame may hold.
func readLine(r *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		part, err := r.ReadSlice('\n')
		line = append(line, part...)
		switch {
		case err == nil:
			return bytes.TrimRight(line, "\r\n"), nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, noEOF(err)
		case len(line) > MaxFrame:
			return nil, fmt.Errorf("it answers with a line of more than %d bytes", MaxFrame)
		}
	}
}

func (p *program) start() error {
	cmd := exec.Command(p.does.Exec[0], p.does.Exec[1:]...)
	cmd.Dir = p.does.Dir
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	dieWithParent(cmd)
	if err := cmd.Start(); err != nil {
		return err
	}
	p.cmd, p.in, p.out = cmd, in, bufio.NewReaderSize(out, 64<<10)
	return nil
}

func (p *program) kill() {
	if p.cmd == nil {
		return
	}
	p.in.Close()
	_ = p.cmd.Process.Kill() // it may have ended by itself
	_ = p.cmd.Wait()         // how it ended says nothing more
	p.cmd = nil
}

func (p *program) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.kill()
}

// An endpoint is a service that answers a POST.
type endpoint struct {
	url    string
	client http.Client
}

func (e *endpoint) work(ctx context.Context, t *task, _ <-chan struct{}) (bool, error) {
	for _, input := range t.inputs {
		out, err := e.post(ctx, input)
		if err != nil {
			return true, err
		}
		t.output = append(t.output, out)
	}
	return true, nil
}

func (e *endpoint) post(ctx context.Context, input []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, e.url, bytes.NewReader(input))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/octet-stream")
	resp, err := e.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, MaxFrame))
	if err == nil && resp.StatusCode/100 != 2 {
		err = fmt.Errorf("%s answers %s", e.url, resp.Status)
	}
	return body, err
}

func (e *endpoint) close() { e.client.CloseIdleConnections() }
