package sip

import (
	"net/netip"
	"syscall"

	"golang.org/x/sys/unix"
)

// wantsOwnAddress asks the system to say of each datagram which of the own addresses it came to, for a socket on a wildcard address.
func wantsOwnAddress(c syscall.Conn) bool {
	raw, err := c.SyscallConn()
	if err != nil {
		return false
	}
	enabled := false
	err = raw.Control(func(fd uintptr) {
		// A socket of IPv6 that takes IPv4 too says both in the form of IPv6.
		v6 := syscall.SetsockoptInt(int(fd), syscall.SOL_IPV6, syscall.IPV6_RECVPKTINFO, 1)
		v4 := syscall.SetsockoptInt(int(fd), syscall.SOL_IP, syscall.IP_PKTINFO, 1)
		enabled = v4 == nil || v6 == nil
	})
	return err == nil && enabled
}

// ownAddressSpace is what control messages take at most: both kinds.
const ownAddressSpace = 128

// ownAddress reads the address that a datagram came to; the zero Addr where it is not said.
func ownAddress(oob []byte) netip.Addr {
	messages, err := syscall.ParseSocketControlMessage(oob)
	if err != nil {
		return netip.Addr{}
	}
	for _, m := range messages {
		switch {
		case m.Header.Level == syscall.SOL_IPV6 && m.Header.Type == syscall.IPV6_PKTINFO && len(m.Data) >= syscall.SizeofInet6Pktinfo:
			return unicast(netip.AddrFrom16([16]byte(m.Data)).Unmap())
		case m.Header.Level == syscall.SOL_IP && m.Header.Type == syscall.IP_PKTINFO && len(m.Data) >= syscall.SizeofInet4Pktinfo:
			return unicast(netip.AddrFrom4([4]byte(m.Data[4:]))) // where to answer from, whatever stands in the IP header
		}
	}
	return netip.Addr{}
}

// unicast gives the zero Addr for what nothing can be sent from.
func unicast(a netip.Addr) netip.Addr {
	if a.IsMulticast() || a.IsUnspecified() {
		return netip.Addr{}
	}
	return a
}

// fromAddress is the control message that has a datagram leave from an own address. v6: the socket is one of IPv6.
func fromAddress(a netip.Addr, v6 bool) []byte {
	if v6 {
		info := unix.Inet6Pktinfo{Addr: a.As16()}
		return unix.PktInfo6(&info)
	}
	info := unix.Inet4Pktinfo{Spec_dst: a.As4()}
	return unix.PktInfo4(&info)
}
