package sip

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// forceReadBuffer asks for room beyond net.core.rmem_max, which a process with CAP_NET_ADMIN gets.
func forceReadBuffer(pc any, octets int) bool {
	c, ok := pc.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return false
	}
	var failed error
	err = raw.Control(func(fd uintptr) {
		failed = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, octets)
	})
	return err == nil && failed == nil
}
