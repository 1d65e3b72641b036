package sip

import (
	"encoding/binary"
	"net/netip"
	"syscall"

	"github.com/parley-msrp/parley/internal/sip/datagram"
)

// wantsICMP asks the system to keep the ICMP errors that answer our datagrams, with the datagrams' beginnings: a socket
// that is not connected hears of none otherwise.
func wantsICMP(c syscall.Conn) bool {
	raw, err := c.SyscallConn()
	if err != nil {
		return false
	}
	enabled := false
	err = raw.Control(func(fd uintptr) {
		v4 := syscall.SetsockoptInt(int(fd), syscall.SOL_IP, syscall.IP_RECVERR, 1)
		v6 := syscall.SetsockoptInt(int(fd), syscall.SOL_IPV6, syscall.IPV6_RECVERR, 1)
		enabled = v4 == nil || v6 == nil
	})
	return err == nil && enabled
}

// icmpErrors takes the errors that wait, and calls report for each with the destination and the beginning of our datagram.
func icmpErrors(s *datagram.Socket, report func(to netip.AddrPort, datagram []byte, err error)) {
	var datagram [1500]byte
	var oob [512]byte
	_ = s.Control(func(fd uintptr) {
		for range 64 {
			n, oobn, _, from, err := syscall.Recvmsg(int(fd), datagram[:], oob[:], syscall.MSG_ERRQUEUE|syscall.MSG_DONTWAIT)
			if err != nil {
				return
			}
			if errno := icmpErrno(oob[:oobn]); errno != 0 {
				report(sockaddr(from), datagram[:n], errno)
			}
		}
	})
}

// icmpErrno finds what RFC 3261 §18.4 counts as a failure: port, host and network unreachable.
func icmpErrno(oob []byte) syscall.Errno {
	messages, err := syscall.ParseSocketControlMessage(oob)
	if err != nil {
		return 0
	}
	for _, m := range messages {
		v4 := m.Header.Level == syscall.SOL_IP && m.Header.Type == syscall.IP_RECVERR
		v6 := m.Header.Level == syscall.SOL_IPV6 && m.Header.Type == syscall.IPV6_RECVERR
		if !v4 && !v6 || len(m.Data) < 4 {
			continue
		}
		switch errno := syscall.Errno(binary.NativeEndian.Uint32(m.Data)); errno {
		case syscall.ECONNREFUSED, syscall.EHOSTUNREACH, syscall.ENETUNREACH:
			return errno
		}
	}
	return 0
}

func sockaddr(sa syscall.Sockaddr) netip.AddrPort {
	switch a := sa.(type) {
	case *syscall.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(a.Addr), uint16(a.Port))
	case *syscall.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(a.Addr).Unmap(), uint16(a.Port))
	}
	return netip.AddrPort{}
}
