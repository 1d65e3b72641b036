//go:build !linux

package sip

import (
	"net/netip"
	"syscall"
)

// wantsOwnAddress: only asked of Linux; elsewhere the system chooses the address that answers leave from.
func wantsOwnAddress(syscall.Conn) bool { return false }

const ownAddressSpace = 0

func ownAddress([]byte) netip.Addr { return netip.Addr{} }

func fromAddress(netip.Addr, bool) []byte { return nil }
