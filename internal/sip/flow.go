package sip

import "net/netip"

// Proto is a SIP transport protocol.
type Proto uint8

// The transport protocols.
const (
	UDP Proto = iota + 1
	TCP
)

// String gives the name that stands in a Via.
func (p Proto) String() string {
	switch p {
	case UDP:
		return "UDP"
	case TCP:
		return "TCP"
	}
	return "unknown"
}

// stream tells whether messages go over connections, which lose none (RFC 3261 §17: a reliable transport).
func (p Proto) stream() bool { return p != UDP }

// Flow is the way a message came: protocol, both addresses, and on a stream its connection.
type Flow struct {
	Proto         Proto
	Local, Remote netip.AddrPort
	Conn          uint64 // names the stream connection; 0 for UDP
}

// Target says where a request goes: a resolved address, over a protocol, if possible on the connection Conn.
type Target struct {
	Proto Proto
	Addr  netip.AddrPort
	Conn  uint64 // 0: any connection to Addr, or a new one
}
