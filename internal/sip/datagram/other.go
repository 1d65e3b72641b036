//go:build !linux

package datagram

import (
	"net"
	"net/netip"
)

// Socket is a UDP socket: on Linux.
type Socket struct{}

// Take gives ErrUnsupported.
func Take(*net.UDPConn) (*Socket, error) { return nil, ErrUnsupported }

// Control gives ErrUnsupported.
func (*Socket) Control(func(fd uintptr)) error { return ErrUnsupported }

// Close gives ErrUnsupported.
func (*Socket) Close() error { return ErrUnsupported }

// Reader reads datagrams: on Linux.
type Reader struct{}

// NewReader gives one that gives ErrUnsupported.
func (*Socket) NewReader(_, _, _ int) *Reader { return &Reader{} }

// Read gives ErrUnsupported.
func (*Reader) Read() (int, error) { return 0, ErrUnsupported }

// Datagram gives nothing.
func (*Reader) Datagram(int) (octets, control []byte, from netip.AddrPort) { return nil, nil, from }

// Writer writes datagrams: on Linux.
type Writer struct{}

// NewWriter gives one that gives ErrUnsupported.
func (*Socket) NewWriter(_, _ int) *Writer { return &Writer{} }

// Add does nothing.
func (*Writer) Add(_, _ []byte, _ netip.AddrPort) {}

// Len is 0.
func (*Writer) Len() int { return 0 }

// Full is true.
func (*Writer) Full() bool { return true }

// Flush gives ErrUnsupported.
func (*Writer) Flush() (int, error) { return 0, ErrUnsupported }

// Skip gives nothing.
func (*Writer) Skip() []byte { return nil }
