package ua

import (
	"slices"
	"strings"
	"sync"

	"github.com/parley-msrp/parley/internal/sip"
	"github.com/parley-msrp/parley/msrp"
)

// Warned is an optional part of a Handler: one that hears what is odd about an established session, which goes on all the same.
type Warned interface {
	// Warned comes after Established, in order with the methods of Handler that tell of calls, and must not block.
	Warned(s *Session, w Warning)
}

// Warning says what is odd, for people.
type Warning string

// CertificateChanged: the peer's session description has the fingerprint of another certificate than the first one that was seen of this SIP identity (RFC 6714 §7.7). It
// may have a new one; or somebody is between, or claims to be the peer.
const CertificateChanged Warning = "the certificate is not the one that was first seen of this peer"

// maxKnown bounds how many peers are remembered by their fingerprints; the one that was seen first is forgotten first.
const maxKnown = 10_000

// known remembers the first fingerprints of each peer. It lasts as long as the Agent.
type known struct {
	mu    sync.Mutex
	first map[string][]msrp.Fingerprint
	row   []string // the keys of first, the oldest at next
	next  int
}

// changed says whether the peer was seen with other fingerprints first, and remembers them where it was not seen at all. One in common is enough.
func (k *known) changed(peer string, now []msrp.Fingerprint) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	first, seen := k.first[peer]
	if seen {
		return !slices.ContainsFunc(now, func(f msrp.Fingerprint) bool { return slices.Contains(first, f) })
	}
	if k.first == nil {
		k.first = map[string][]msrp.Fingerprint{}
	}
	if len(k.row) < maxKnown {
		k.row = append(k.row, peer)
	} else {
		delete(k.first, k.row[k.next])
		k.row[k.next] = peer
		k.next = (k.next + 1) % maxKnown
	}
	k.first[peer] = slices.Clone(now)
	return false
}

// recognise warns where the peer of a session shows another certificate than before. Holding c.mu; the Handler hears it at the next tell.
func (c *Call) recognise(s *Session) {
	p := s.peer.Load()
	if c.state != Established || s.over.Load() || p == nil || len(p.Path) != 1 || !p.Path[0].Secure || len(p.Fingerprints) == 0 {
		return // a relay of the peer's has a certificate of its own
	}
	who := c.peerIdentity()
	if who == "" || !c.agent.known.changed(who, p.Fingerprints) {
		s.strange = nil
		return
	}
	if slices.Equal(s.strange, p.Fingerprints) {
		return // later exchanges say no more
	}
	s.strange = p.Fingerprints
	c.agent.log.Warn("the peer's certificate has changed", "session_id", s.ID(), "call_id", c.CallID())
	if w, ok := c.handler.(Warned); ok {
		c.told.put(func() { w.Warned(s, CertificateChanged) })
	}
}

// peerIdentity names the peer: as it was verified, else as it was called or calls itself. "": it is nobody. Holding c.mu.
func (c *Call) peerIdentity() string {
	uri := c.from
	switch {
	case c.caller:
		uri = c.to
	case c.who.By == ByDigest:
		return c.who.Name + "@" + c.who.Realm
	case c.who.By != Unverified:
		uri = c.who.Name
	}
	u, err := sip.ParseURI(uri)
	switch {
	case err != nil, !u.IsSIP():
		return uri
	case isAnonymous(uri):
		return ""
	}
	return u.User + "@" + strings.ToLower(u.Host)
}
