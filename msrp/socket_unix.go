//go:build unix

package msrp

import (
	"io"
	"net"
	"os"
	"syscall"
)

// socket reads and writes a TCP connection without waiting. Reading and writing may go on at the same time, each in one
// goroutine. The functions given to the runtime are made once, so that a read or write allocates nothing.
type socket struct {
	raw syscall.RawConn

	reading func(fd uintptr) bool
	buffers *bufferPool
	in      *buffer
	got     int
	readErr error

	writing  func(fd uintptr) bool
	out      []byte
	put      int
	writeErr error
}

// newSocket returns nil if nc is not a TCP connection.
func newSocket(nc net.Conn) *socket {
	t, ok := nc.(*net.TCPConn)
	if !ok {
		return nil
	}
	raw, err := t.SyscallConn()
	if err != nil {
		return nil
	}
	s := &socket{raw: raw}
	s.reading, s.writing = s.tryRead, s.tryWrite
	return s
}

// read waits until the socket has octets, and only then takes a buffer for them.
func (s *socket) read(buffers *bufferPool) (*buffer, int, error) {
	s.buffers, s.in, s.got, s.readErr = buffers, nil, 0, nil
	failed := s.raw.Read(s.reading)
	b := s.in
	s.in = nil
	switch {
	case failed != nil:
		return b, 0, failed
	case s.readErr != nil:
		return b, 0, os.NewSyscallError("read", s.readErr)
	case s.got == 0:
		return b, 0, io.EOF
	}
	return b, s.got, nil
}

func (s *socket) tryRead(fd uintptr) bool {
	s.in = s.buffers.take()
	for {
		s.got, s.readErr = syscall.Read(int(fd), s.in.octets)
		if s.readErr != syscall.EINTR {
			break
		}
	}
	if s.readErr == syscall.EAGAIN {
		s.in.release()
		s.in, s.got, s.readErr = nil, 0, nil
		return false
	}
	return true
}

// write writes what the socket takes without waiting.
func (s *socket) write(b []byte) (int, error) {
	s.out, s.put, s.writeErr = b, 0, nil
	failed := s.raw.Write(s.writing)
	s.out = nil
	switch {
	case failed != nil:
		return 0, failed
	case s.writeErr == syscall.EAGAIN:
		return 0, nil
	case s.writeErr != nil:
		return 0, os.NewSyscallError("write", s.writeErr)
	}
	return s.put, nil
}

func (s *socket) tryWrite(fd uintptr) bool {
	for {
		s.put, s.writeErr = syscall.Write(int(fd), s.out)
		if s.writeErr != syscall.EINTR {
			return true
		}
	}
}
