//go:build linux

package clusters

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// within calls f in a network namespace: the sockets that f makes belong there
// for as long as they live.
func within(ns string, f func() error) error {
	runtime.LockOSThread()
	home, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		return errors.Join(err, unlock())
	}
	defer home.Close()
	away, err := os.Open(filepath.Join(namespaces, ns))
	if err != nil {
		return errors.Join(err, unlock())
	}
	defer away.Close()
	if err := unix.Setns(int(away.Fd()), unix.CLONE_NEWNET); err != nil {
		return errors.Join(fmt.Errorf("enter namespace %s: %w", ns, err), unlock())
	}
	err = f()
	if back := unix.Setns(int(home.Fd()), unix.CLONE_NEWNET); back != nil {
		return errors.Join(err, back) // the thread stays locked and ends with its goroutine
	}
	return errors.Join(err, unlock())
}

func unlock() error {
	runtime.UnlockOSThread()
	return nil
}

// listenIn is net.Listen in a namespace.
func listenIn(ns, address string) (ln net.Listener, err error) {
	err = within(ns, func() (err error) {
		ln, err = net.Listen("tcp", address)
		return err
	})
	return ln, err
}

// dialIn dials from a namespace, with a mark on the packets.
func dialIn(ctx context.Context, ns string, to netip.AddrPort, tag int) (conn net.Conn, err error) {
	d := net.Dialer{Control: func(_, _ string, raw syscall.RawConn) error {
		var fault error
		err := raw.Control(func(fd uintptr) {
			fault = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_MARK, tag)
		})
		return errors.Join(err, fault)
	}}
	err = within(ns, func() (err error) {
		conn, err = d.DialContext(ctx, "tcp", to.String())
		return err
	})
	return conn, err
}

// originalDestination is where a redirected connection was going.
func originalDestination(c net.Conn) (to netip.AddrPort, err error) {
	tcp, ok := c.(*net.TCPConn)
	if !ok {
		return to, fmt.Errorf("%T has no original destination", c)
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return to, err
	}
	var (
		addr  unix.RawSockaddrInet4
		size  = uint32(unsafe.Sizeof(addr))
		fault syscall.Errno
	)
	err = raw.Control(func(fd uintptr) {
		_, _, fault = unix.Syscall6(unix.SYS_GETSOCKOPT, fd, unix.SOL_IP, unix.SO_ORIGINAL_DST,
			uintptr(unsafe.Pointer(&addr)), uintptr(unsafe.Pointer(&size)), 0)
	})
	if err != nil {
		return to, err
	}
	if fault != 0 {
		return to, fmt.Errorf("original destination: %w", fault)
	}
	port := *(*[2]byte)(unsafe.Pointer(&addr.Port)) // in network order
	return netip.AddrPortFrom(netip.AddrFrom4(addr.Addr), uint16(port[0])<<8|uint16(port[1])), nil
}
