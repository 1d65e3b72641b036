package datagram

import (
	"net"
	"os"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Socket is a UDP socket. Its methods may be called concurrently.
type Socket struct {
	fd     int
	family int // of its addresses

	mu     sync.Mutex
	using  int // calls that are under way
	closed bool
}

// Take takes a socket over, with its options. After an error c is as it was, else it is closed.
func Take(c *net.UDPConn) (*Socket, error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return nil, err
	}
	s := &Socket{}
	var failed error
	err = raw.Control(func(fd uintptr) {
		if s.family, failed = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_DOMAIN); failed == nil {
			s.fd, failed = unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 0)
		}
	})
	if err == nil {
		err = os.NewSyscallError("dup", failed)
	}
	if err != nil {
		return nil, err
	}
	c.Close() // the other descriptor, which the runtime's poller has
	if err := unix.SetNonblock(s.fd, false); err != nil {
		unix.Close(s.fd)
		return nil, os.NewSyscallError("fcntl", err)
	}
	return s, nil
}

// enter begins the use of the descriptor, which leave ends; net.ErrClosed once it is closed.
func (s *Socket) enter() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return net.ErrClosed
	}
	s.using++
	return nil
}

// leave says whether the socket was closed meanwhile.
func (s *Socket) leave() (closed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.using--; s.closed && s.using == 0 {
		unix.Close(s.fd)
	}
	return s.closed
}

// Close closes the socket, and ends what waits at it with net.ErrClosed.
func (s *Socket) Close() error {
	if err := s.enter(); err != nil {
		return err
	}
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	_ = unix.Shutdown(s.fd, unix.SHUT_RD) // wakes who reads; that the socket is not connected is no matter
	s.leave()
	return nil
}

// Control calls f with the descriptor.
func (s *Socket) Control(f func(fd uintptr)) error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.leave()
	f(uintptr(s.fd))
	return nil
}

// message is struct mmsghdr of recvmmsg(2) and sendmmsg(2).
type message struct {
	header unix.Msghdr
	length uint32 // of what was moved
}

// move calls recvmmsg or sendmmsg, at first so that it waits for nothing. That call is not announced to the scheduler, which would look for somebody else to run meanwhile:
// it takes a few µs for each datagram. If it has to wait, it is one like any other.
func (s *Socket) move(call uintptr, messages []message, wait uintptr) (n int, err error) {
	if err := s.enter(); err != nil {
		return 0, err
	}
	fd, most := uintptr(s.fd), uintptr(len(messages))
	done, _, errno := syscall.RawSyscall6(call, fd, uintptr(unsafe.Pointer(&messages[0])), most, unix.MSG_DONTWAIT, 0, 0)
	for errno == unix.EAGAIN || errno == unix.EINTR {
		done, _, errno = syscall.Syscall6(call, fd, uintptr(unsafe.Pointer(&messages[0])), most, wait, 0, 0)
	}
	if s.leave() {
		return 0, net.ErrClosed
	}
	if errno != 0 {
		return 0, errno
	}
	return int(done), nil
}
