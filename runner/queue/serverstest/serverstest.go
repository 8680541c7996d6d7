// Package serverstest starts real servers for tests: redis-server and
// PostgreSQL, each a child process on a free port of the loopback with its
// data in a folder of the test, gone when the test ends.
package serverstest

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
)

// patience is how long a server may take to start, on a busy machine.
const patience = 60 * time.Second

// A Server is a running server.
type Server struct {
	URL string

	command func() *exec.Cmd
	ready   func(ctx context.Context) error
	log     lockedBuffer
	process *exec.Cmd
	exited  chan struct{}
}

// lockedBuffer keeps what a server prints, for the message of a failed test.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// Redis starts a redis-server that writes nothing to disk.
func Redis(t testing.TB) *Server {
	t.Helper()
	port, dir := freePort(t), t.TempDir()
	s := &Server{URL: fmt.Sprintf("redis://127.0.0.1:%d/0", port)}
	path := tool(t, "redis-server", "/usr/bin/redis-server")
	s.command = func() *exec.Cmd {
		return exec.Command(path, "--bind", "127.0.0.1", "--port", strconv.Itoa(port),
			"--save", "", "--appendonly", "no", "--dir", dir, "--daemonize", "no")
	}
	options, err := redis.ParseURL(s.URL)
	require.NoError(t, err)
	options.MaxRetries = -1
	s.ready = func(ctx context.Context) error {
		client := redis.NewClient(options)
		err := client.Ping(ctx).Err()
		_ = client.Close() // the ping has answered
		return err
	}
	s.Start(t)
	t.Cleanup(func() { s.Kill(t) })
	return s
}

// Postgres makes a cluster of its own and starts PostgreSQL on it. Its data
// survives a restart; it does not wait for the disk, which only a crash of
// the machine would tell.
func Postgres(t testing.TB) *Server {
	t.Helper()
	port, dir := freePort(t), postgresDir(t)
	s := &Server{URL: fmt.Sprintf("postgres://caravan@127.0.0.1:%d/postgres?sslmode=disable", port)}
	data := filepath.Join(dir, "data")
	init := asPostgres(t, tool(t, "initdb", "/usr/lib/postgresql/*/bin/initdb"),
		"--pgdata", data, "--username", "caravan", "--auth", "trust", "--encoding", "UTF8", "--locale", "C", "--no-sync")
	init.Dir = dir
	out, err := init.CombinedOutput()
	require.NoError(t, err, "initdb: %s", out)
	path := tool(t, "postgres", "/usr/lib/postgresql/*/bin/postgres")
	s.command = func() *exec.Cmd {
		cmd := asPostgres(t, path, "-D", data, "-c", "listen_addresses=127.0.0.1", "-c", "port="+strconv.Itoa(port),
			"-c", "unix_socket_directories="+dir, "-c", "fsync=off", "-c", "max_connections=100")
		cmd.Dir = dir
		return cmd
	}
	s.ready = func(ctx context.Context) error {
		conn, err := pgx.Connect(ctx, s.URL)
		if err != nil {
			return err
		}
		return conn.Close(ctx)
	}
	s.Start(t)
	t.Cleanup(func() { s.stop(t, syscall.SIGQUIT) })
	return s
}

// Start starts a server that was killed, and waits until it answers.
func (s *Server) Start(t testing.TB) {
	t.Helper()
	cmd := s.command()
	cmd.Stdout, cmd.Stderr = &s.log, &s.log
	require.NoError(t, cmd.Start())
	exited := make(chan struct{})
	go func() {
		_ = cmd.Wait() // how it ended is in its log
		close(exited)
	}()
	s.process, s.exited = cmd, exited
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := s.ready(ctx)
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-exited:
			t.Fatalf("%s ended at its start:\n%s", cmd.Path, s.log.String())
		case <-ctx.Done():
			t.Fatalf("%s does not answer: %v\n%s", cmd.Path, err, s.log.String())
		}
	}
}

// Kill ends the server without a farewell, as kill -9 does. A Redis forgets
// all that it held.
func (s *Server) Kill(t testing.TB) {
	t.Helper()
	s.stop(t, syscall.SIGKILL)
}

// Restart stops the server at once, breaking its connections, and starts it
// again.
func (s *Server) Restart(t testing.TB) {
	t.Helper()
	s.stop(t, syscall.SIGINT)
	s.Start(t)
}

func (s *Server) stop(t testing.TB, signal syscall.Signal) {
	t.Helper()
	// A server that has ended cannot be signalled, and need not be.
	_ = s.process.Process.Signal(signal)
	select {
	case <-s.exited:
	case <-time.After(patience):
		t.Fatalf("%s does not end:\n%s", s.process.Path, s.log.String())
	}
}

// tool finds a program on PATH or where Debian puts it. Its absence fails the
// test: a gate that skips proves nothing.
func tool(t testing.TB, name, pattern string) string {
	t.Helper()
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	found, err := filepath.Glob(pattern)
	require.NoError(t, err)
	require.NotEmpty(t, found, "%s is missing: apt-get install redis-server postgresql", name)
	return found[len(found)-1]
}

// asPostgres runs a program of PostgreSQL, which refuses root, as the user
// postgres when the test runs as root.
func asPostgres(t testing.TB, path string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(path, args...)
	if os.Getuid() == 0 {
		uid, gid := postgresUser(t)
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
	}
	return cmd
}

func postgresUser(t testing.TB) (uid, gid int) {
	t.Helper()
	u, err := user.Lookup("postgres")
	require.NoError(t, err, "the user postgres comes with apt-get install postgresql")
	uid, err = strconv.Atoi(u.Uid)
	require.NoError(t, err)
	gid, err = strconv.Atoi(u.Gid)
	require.NoError(t, err)
	return uid, gid
}

// postgresDir is a new folder that the user postgres owns and reaches; the
// folders above a test's own are closed to others.
func postgresDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "postgres")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	if os.Getuid() == 0 {
		uid, gid := postgresUser(t)
		require.NoError(t, os.Chown(dir, uid, gid))
	}
	return dir
}

func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	port := l.Addr().(*net.TCPAddr).Port
	require.NoError(t, l.Close())
	return port
}
