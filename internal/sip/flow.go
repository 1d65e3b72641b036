package sip

import "net/netip"

// Proto is a SIP transport protocol.
type Proto uint8

// The transport protocols.
const (
	UDP Proto = iota + 1
	TCP
	TLS // over TCP
)

// String gives the name that stands in a Via.
func (p Proto) String() string {
	switch p {
	case UDP:
		return "UDP"
	case TCP:
		return "TCP"
	case TLS:
		return "TLS"
	}
	return "unknown"
}

// stream tells whether messages go over connections, which lose none (RFC 3261 §17: a reliable transport).
func (p Proto) stream() bool { return p != UDP }

// port is the one of URIs and Vias that name none (RFC 3261 §19.1.2).
func (p Proto) port() uint16 {
	if p == TLS {
		return defaultTLSPort
	}
	return defaultPort
}

// Flow is the way a message came: protocol, both addresses, and on a stream its connection.
type Flow struct {
	Proto         Proto
	Local, Remote netip.AddrPort
	Conn          uint64    // names the stream connection; 0 for UDP
	Peer          *Identity // TLS: who the peer is by its certificate, which was verified; nil: it showed none
}

// Target says where a request goes: a resolved address, over a protocol, if possible on the connection Conn.
type Target struct {
	Proto Proto
	Addr  netip.AddrPort
	Conn  uint64 // 0: any connection to Addr, or a new one
	// Domain is the host of the URI that led here, as it was before any look-up. Over TLS the peer has to be authenticated as it
	// (RFC 5922 §7.3; S-032).
	Domain string
	// From is the listener to send from, as Stack.LocalOn gives it; where none has that address, or zero: the one that fits the peer.
	From netip.AddrPort
}
