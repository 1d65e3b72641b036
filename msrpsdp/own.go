package msrpsdp

import (
	"math/rand/v2"
	"net/netip"
	"slices"

	"github.com/pion/sdp/v3"

	"github.com/parley-msrp/parley/msrp"
)

// Local is what one own message line says. Its URIs and types come from the parsers of package msrp; they are written as they are.
type Local struct {
	Path      []msrp.URI // with a port in the right-most URI, which is our own (D-002)
	Accept    msrp.Types
	Wrapped   msrp.Types
	MaxSize   int64  // octets; 0: not said
	Direction string // sendrecv, sendonly, recvonly, inactive; "": sendrecv, not written
}

// own is the URI of this endpoint itself, behind whatever relays.
func (l *Local) own() msrp.URI { return l.Path[len(l.Path)-1] }

// Own is a description of our own. It does not change once it is made; a later version is another Own.
type Own struct {
	id, version uint64
	used        uint64 // highest version that a refused offer had
	host        string
	times       []sdp.TimeDescription
	lines       []ownLine
	text        []byte
}

// ownLine is one own m-line. A nil local is a refused or ended line, which keeps its place with port 0 (RFC 3264 §6, §8.2).
type ownLine struct {
	media, proto, formats string
	local                 *Local
	direction             string // as written; "": not written
}

// Bytes returns the description's octets, not to be changed. The answer to an offer that changes nothing repeats them (D-015).
func (o *Own) Bytes() []byte { return o.text }

// Direction says what we may do in line i after this description and the peer's line for it were exchanged, whichever was the offer.
func (o *Own) Direction(i int, peer *Line) msrp.Direction {
	return agreed(o.lines[i].direction, peer.Direction)
}

// Peer returns what package msrp has to know of the peer of line i, once this description and the peer's line were exchanged.
func (o *Own) Peer(i int, peer *Line) msrp.Peer {
	return msrp.Peer{
		Path:      peer.Path,
		Accept:    peer.Accept,
		Wrapped:   peer.Wrapped,
		MaxSize:   peer.MaxSize,
		Direction: o.Direction(i, peer),
	}
}

// After is this description once an offer that followed it was refused: it stands, but the next one takes a version that the peer has not
// seen yet (D-017).
func (o *Own) After(refused *Own) *Own {
	n := *o
	n.used = max(o.used, refused.version)
	return &n
}

// newOwn begins a description with a session id that is like no other one's (RFC 4566 §5.2); avoid is the peer's. 53 bits are few
// enough for peers that keep numbers as floating point, and leave the version room to rise (RFC 3264 §5).
func newOwn(avoid uint64) *Own {
	for {
		if id := rand.Uint64N(1<<53-1<<32) + 1<<31; id != avoid {
			return &Own{id: id, version: id}
		}
	}
}

// next is an Own with these lines and times that follows o; o itself if nothing changes (RFC 3264 §8, D-017).
func (o *Own) next(lines []ownLine, times []sdp.TimeDescription) *Own {
	n := &Own{id: o.id, version: o.version, host: o.host, lines: lines, times: times}
	n.render()
	if slices.Equal(n.text, o.text) {
		return o
	}
	n.version = max(o.version, o.used) + 1
	n.render()
	return n
}

// render makes the octets.
func (o *Own) render() {
	if i := slices.IndexFunc(o.lines, func(l ownLine) bool { return l.local != nil }); i >= 0 {
		o.host = o.lines[i].local.own().Host
	}
	if o.host == "" {
		// Only a first answer that refuses every line has no host to show.
		o.host = "0.0.0.0"
	}
	connection := connectionTo(o.host)
	s := sdp.SessionDescription{
		Origin: sdp.Origin{
			Username: "-", SessionID: o.id, SessionVersion: o.version,
			NetworkType: "IN", AddressType: connection.AddressType, UnicastAddress: o.host,
		},
		// RFC 3264 §5: no session has a name here. The blank is what OpenSIPS writes as well.
		SessionName:           " -",
		ConnectionInformation: connection,
		TimeDescriptions:      o.times,
		MediaDescriptions:     make([]*sdp.MediaDescription, len(o.lines)),
	}
	for i := range o.lines {
		s.MediaDescriptions[i] = o.lines[i].describe(o.host)
	}
	// Marshal never fails: its error result is always nil.
	o.text, _ = s.Marshal()
}

// describe writes the line; host is the one in the session's c=.
func (l *ownLine) describe(host string) *sdp.MediaDescription {
	m := &sdp.MediaDescription{MediaName: sdp.MediaName{
		Media: l.media, Protos: []string{l.proto}, Formats: []string{l.formats},
	}}
	if l.local == nil {
		return m
	}
	own := l.local.own()
	m.MediaName.Port.Value = own.Port
	if own.Host != host {
		m.ConnectionInformation = connectionTo(own.Host)
	}
	add := func(key, value string) { m.Attributes = append(m.Attributes, sdp.Attribute{Key: key, Value: value}) }
	add("accept-types", l.local.Accept.String())
	if len(l.local.Wrapped) > 0 {
		add("accept-wrapped-types", l.local.Wrapped.String())
	}
	add("path", pathString(l.local.Path))
	if l.local.MaxSize > 0 {
		add("max-size", decimal(l.local.MaxSize))
	}
	if l.direction != "" {
		add(l.direction, "")
	}
	return m
}

// connectionTo is a c= for a host: IP6 for an IPv6 address, IP4 for an IPv4 address and for a name.
func connectionTo(host string) *sdp.ConnectionInformation {
	c := &sdp.ConnectionInformation{NetworkType: "IN", AddressType: "IP4", Address: &sdp.Address{Address: host}}
	if a, err := netip.ParseAddr(host); err == nil && a.Is6() {
		c.AddressType = "IP6"
	}
	return c
}
