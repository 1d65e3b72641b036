package msrpsdp

import (
	"bytes"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strconv"

	"github.com/pion/sdp/v3"

	"github.com/parley-msrp/parley/msrp"
)

// Local is what one own message line says. Its URIs and types come from the parsers of package msrp; they are written as they are.
type Local struct {
	Path    []msrp.URI // with a port in the right-most URI, which is our own (D-002)
	Accept  msrp.Types
	Wrapped msrp.Types
	MaxSize int64 // octets; 0: not said
	// Fingerprints are those of the own certificate, for a path that is msrps.
	Fingerprints []msrp.Fingerprint
	Direction    string // sendrecv, sendonly, recvonly, inactive; "": sendrecv, not written
	// Setup says who connects: SetupActive, SetupPassive or SetupActpass; "": not written.
	Setup string
	// CEMA writes a=msrp-cema. Then c= and m= are those of the left-most URI, where a peer is to connect to: behind a relay that of the relay (RFC 6714 §4.2, X-016).
	CEMA bool
}

// own is the URI of this endpoint itself, behind whatever relays.
func (l *Local) own() msrp.URI { return l.Path[len(l.Path)-1] }

// shown is the URI whose host and port stand in c= and m=.
func (l *Local) shown() msrp.URI {
	if l.CEMA {
		return l.Path[0]
	}
	return l.own()
}

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
		Path:         peer.Path,
		Accept:       peer.Accept,
		Wrapped:      peer.Wrapped,
		MaxSize:      peer.MaxSize,
		Direction:    o.Direction(i, peer),
		Fingerprints: peer.Fingerprints,
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
		o.host = o.lines[i].local.shown().Host
	}
	if o.host == "" {
		// Only a first answer that refuses every line has no host to show.
		o.host = "0.0.0.0"
	}
	var room [512]byte
	b := append(room[:0], "v=0\r\no=- "...)
	b = append(strconv.AppendUint(b, o.id, 10), ' ')
	b = append(strconv.AppendUint(b, o.version, 10), ' ')
	b = appendAddress(b, o.host)
	// RFC 3264 §5: no session has a name here. The blank is what OpenSIPS writes as well.
	b = append(b, "\r\ns= -\r\nc="...)
	b = append(appendAddress(b, o.host), "\r\n"...)
	for _, t := range o.times {
		b = append(b, "t="...)
		b = append(strconv.AppendUint(b, t.Timing.StartTime, 10), ' ')
		b = append(strconv.AppendUint(b, t.Timing.StopTime, 10), "\r\n"...)
	}
	for i := range o.lines {
		b = o.lines[i].append(b, o.host)
	}
	o.text = bytes.Clone(b)
}

// append writes the line; host is the one in the session's c=.
func (l *ownLine) append(b []byte, host string) []byte {
	port := 0
	if l.local != nil {
		port = l.local.shown().Port
	}
	b = append(append(b, "m="...), l.media...)
	b = strconv.AppendInt(append(b, ' '), int64(port), 10)
	b = append(append(b, ' '), l.proto...)
	b = append(append(append(b, ' '), l.formats...), "\r\n"...)
	if l.local == nil {
		return b
	}
	if shown := l.local.shown().Host; shown != host {
		b = append(appendAddress(append(b, "c="...), shown), "\r\n"...)
	}
	b = appendList(append(b, "a=accept-types:"...), l.local.Accept)
	if len(l.local.Wrapped) > 0 {
		b = appendList(append(b, "a=accept-wrapped-types:"...), l.local.Wrapped)
	}
	b = append(b, "a=path:"...)
	for i := range l.local.Path {
		if i > 0 {
			b = append(b, ' ')
		}
		b = l.local.Path[i].AppendTo(b)
	}
	b = append(b, "\r\n"...)
	for _, f := range l.local.Fingerprints {
		b = append(append(append(b, "a=fingerprint:"...), f.String()...), "\r\n"...)
	}
	if l.local.MaxSize > 0 {
		b = append(strconv.AppendInt(append(b, "a=max-size:"...), l.local.MaxSize, 10), "\r\n"...)
	}
	if l.direction != "" {
		b = append(append(append(b, "a="...), l.direction...), "\r\n"...)
	}
	if l.local.Setup != "" {
		b = append(append(append(b, "a=setup:"...), l.local.Setup...), "\r\n"...)
	}
	if l.local.CEMA {
		b = append(b, "a=msrp-cema\r\n"...)
	}
	return b
}

func appendList(b []byte, types msrp.Types) []byte {
	for i, t := range types {
		if i > 0 {
			b = append(b, ' ')
		}
		b = append(b, t...)
	}
	return append(b, "\r\n"...)
}

// appendAddress is the value of a c= for a host, and the end of an o=: IP6 for an IPv6 address, IP4 for an IPv4 address and for a name.
func appendAddress(b []byte, host string) []byte {
	family := "IN IP4 "
	if a, err := netip.ParseAddr(host); err == nil && a.Is6() {
		family = "IN IP6 "
	}
	return append(append(b, family...), host...)
}
