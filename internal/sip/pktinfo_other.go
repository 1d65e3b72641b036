//go:build !linux

package sip

import (
	"net"
	"net/netip"
)

// wantsOwnAddress: only asked of Linux; elsewhere the system chooses the address that answers leave from.
func wantsOwnAddress(net.PacketConn) bool { return false }

const ownAddressSpace = 0

func ownAddress([]byte) netip.Addr { return netip.Addr{} }

func fromAddress(netip.Addr, bool) []byte { return nil }
