package msrp

import (
	"slices"
	"strings"
)

// Direction of user content as the session descriptions agreed, seen from this side (RFC 4975 §8.9).
type Direction uint8

// The directions.
const (
	SendRecv Direction = iota
	SendOnly
	RecvOnly
	Inactive
)

// Peer is what the peer's session description said.
type Peer struct {
	Path      []URI     // the left-most one is where to connect to, unless At is set
	At        Address   // where to connect to in place of that: something in between takes the connection (RFC 6714)
	Accept    Types     // types it takes
	Wrapped   Types     // types it takes within containers only
	MaxSize   int64     // in octets; 0: no limit
	Direction Direction // what we may do
	// Fingerprints are those of its certificate, if its session description has any (RFC 8122). They count for msrps URIs.
	Fingerprints []Fingerprint
}

// Address is a host, as an address or a name, and a port. The zero value is none.
type Address struct {
	Host string
	Port int
}

// peer is a Peer made ready for use; immutable.
type peer struct {
	Peer
	toPath   string // of our requests; through the own relays too
	fromPath string // of our requests: the own URI that it knows
	previous *URI   // right-most URI of the path before
}

func newPeer(p Peer) (*peer, error) {
	if len(p.Path) == 0 {
		return nil, &ConfigError{"Path", "holds no URI"}
	}
	p.Path = slices.Clone(p.Path)
	p.Accept, p.Wrapped, p.Fingerprints = slices.Clone(p.Accept), slices.Clone(p.Wrapped), slices.Clone(p.Fingerprints)
	return &peer{Peer: p}, nil
}

// fingerprints are those that who is connected to, or connects, has to show: not a relay of the peer's, for whom its name counts (RFC 6135 §4.3, M-063).
func (p *peer) fingerprints() []Fingerprint {
	if len(p.Path) > 1 {
		return nil
	}
	return p.Fingerprints
}

// hop is where to connect to.
func (p *peer) hop() (hop, error) {
	u := p.Path[0]
	if p.At == (Address{}) {
		return hopOf(u)
	}
	name := u.Host
	u.Host, u.Port = p.At.Host, p.At.Port
	h, err := hopOf(u)
	if h.secure {
		h.name = strings.ToLower(name) // RFC 6714 §1: only the connection is another one
	}
	return h, err
}

// last is the right-most URI: the peer itself, without the relays between.
func (p *peer) last() *URI { return &p.Path[len(p.Path)-1] }

// sent says whether a request with this right-most From-Path URI can be the peer's (M-052).
func (p *peer) sent(from *URI, check FromPathCheck) bool {
	return sameSender(p.last(), from, check) || p.previous != nil && sameSender(p.previous, from, check)
}

func sameSender(a, b *URI, check FromPathCheck) bool {
	switch check {
	case FromPathOff:
		return true
	case FromPathWhole:
		return a.Equal(*b)
	}
	return a.Secure == b.Secure && a.SessionID == b.SessionID
}
