//go:build !linux

package sip

import (
	"net/netip"
	"syscall"

	"github.com/parley-msrp/parley/internal/sip/datagram"
)

// wantsICMP: elsewhere a socket that is not connected hears of no ICMP errors; requests time out instead.
func wantsICMP(syscall.Conn) bool { return false }

func icmpErrors(*datagram.Socket, func(netip.AddrPort, []byte, error)) {}
