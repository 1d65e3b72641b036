//go:build !linux

package sip

import (
	"net"
	"net/netip"
	"syscall"
)

// icmpReports: elsewhere a socket that is not connected hears of no ICMP errors; requests time out instead.
func icmpReports(net.PacketConn) syscall.RawConn { return nil }

func icmpErrors(syscall.RawConn, func(netip.AddrPort, []byte, error)) {}
