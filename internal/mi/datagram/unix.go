//go:build unix

package datagram

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// socketMode keeps other users of the machine away.
const socketMode = 0o600

type unixSocket struct {
	*net.UnixConn
	path string
	own  fs.FileInfo // of the socket's file
}

func listenUnix(path string) (socket, error) {
	if err := removeStale(path); err != nil {
		return nil, err
	}
	var modeErr error
	lc := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		// The file that bind makes has the socket's own mode: there is no moment at which others could use it.
		if err := c.Control(func(fd uintptr) { modeErr = unix.Fchmod(int(fd), socketMode) }); err != nil {
			return err
		}
		return modeErr
	}}
	c, err := lc.ListenPacket(context.Background(), "unixgram", path)
	if err != nil {
		return nil, err
	}
	s := unixSocket{UnixConn: c.(*net.UnixConn), path: path}
	if s.own, err = os.Lstat(path); err == nil {
		err = os.Chmod(path, socketMode) // where bind takes the mode from the process's mask
	}
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return s, nil
}

// removeStale removes a socket of this user's on which nobody listens: one that a node has left that was killed.
func removeStale(path string) error {
	there, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	st, ok := there.Sys().(*syscall.Stat_t)
	if !ok || there.Mode().Type() != fs.ModeSocket || int(st.Uid) != os.Geteuid() {
		return fmt.Errorf("%s is there already, and is no socket of the user that the node runs as; remove it, or name another path", path)
	}
	c, err := net.Dial("unixgram", path)
	if err == nil {
		c.Close()
	}
	if !errors.Is(err, unix.ECONNREFUSED) {
		return fmt.Errorf("%s: another program listens there; stop it, or name another path", path)
	}
	return os.Remove(path)
}

// reply drops the answer where the client's socket is full.
func (u unixSocket) reply(b []byte, to net.Addr) error {
	raw, err := u.SyscallConn()
	if err != nil {
		return err
	}
	var sendErr error
	err = raw.Write(func(fd uintptr) bool {
		sendErr = unix.Sendto(int(fd), b, unix.MSG_DONTWAIT, &unix.SockaddrUnix{Name: to.(*net.UnixAddr).Name})
		return true // never wait
	})
	if errors.Is(sendErr, unix.EAGAIN) {
		sendErr = errors.New("the client does not read its socket")
	}
	return errors.Join(err, sendErr)
}

// Close removes the socket's file, unless something else stands there by now.
func (u unixSocket) Close() error {
	err := u.UnixConn.Close()
	if there, statErr := os.Lstat(u.path); statErr == nil && os.SameFile(u.own, there) {
		err = errors.Join(err, os.Remove(u.path))
	}
	return err
}
