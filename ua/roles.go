package ua

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/parley-msrp/parley/internal/sip"
	"github.com/parley-msrp/parley/msrp"
	"github.com/parley-msrp/parley/msrpsdp"
)

// base is the own URI of a session of the call, without its session-id.
func (c *Call) base(p *profile, secure bool) (msrp.URI, error) {
	u := p.sessionBase(secure)
	if unspecified(u.Host) {
		own, err := netip.ParseAddr(u.Host)
		if err == nil && own.Is4() && !c.local.Is4() {
			return u, errNoFamily
		}
		u.Host = c.local.String()
	}
	if p.relays == nil && (p.unreachable || c.anonymous() && u.Secure) {
		u.Port = msrpsdp.DiscardPort
	}
	return u, nil
}

var errNoFamily = errors.New("no MSRP listener has an address of the peer's kind, IPv4 or IPv6")

// anonymous says whether this side hides who it is (RFC 3323 §4.1.1.3). Its sessions are not to be known by a certificate that others show (RFC 4975 §14.4, M-066);
// as it has to be chosen before anything is known of a connection, this side opens it.
func (c *Call) anonymous() bool {
	return c.caller && isAnonymous(c.from)
}

// isAnonymous says whether a SIP URI is one that names nobody.
func isAnonymous(uri string) bool {
	u, err := sip.ParseURI(uri)
	return err == nil && strings.EqualFold(u.Host, "anonymous.invalid")
}

func unspecified(host string) bool {
	a, err := netip.ParseAddr(host)
	return err == nil && a.IsUnspecified()
}

// seen finds out the address of this side that the peer sees, where the profile wants that.
func (c *Call) seen(p *profile, find func() (netip.Addr, error)) (err error) {
	if !unspecified(p.base.Host) && !unspecified(p.other.Host) {
		return nil
	}
	c.local, err = find()
	c.local = c.local.Unmap().WithZone("")
	return err
}

// localTowards is the address of this side that requests to a SIP URI leave from. It blocks while names are looked up.
func (a *Agent) localTowards(ctx context.Context, requestURI string) (netip.Addr, error) {
	hop := a.proxy
	if hop == (sip.URI{}) {
		var err error
		if hop, err = sip.ParseURI(requestURI); err != nil {
			return netip.Addr{}, &FieldError{Field: "RequestURI", Err: err}
		}
	}
	ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	targets, err := a.stack.Resolve(ctx, hop)
	switch {
	case err != nil:
		return netip.Addr{}, err
	case len(targets) == 0:
		return netip.Addr{}, errNoTarget
	}
	at, err := a.stack.LocalTo(targets[0])
	return at.Addr(), err
}

// lookupTimeout bounds looking up where a call goes before it is made.
const lookupTimeout = 10 * time.Second

var errNoTarget = errors.New("no address of the peer is known")

// reachable says whether a peer can connect to the session: to this side, or to the relay before it.
func (s *Session) reachable() bool {
	return s.lease.Load() != nil || s.media.URI().Port != msrpsdp.DiscardPort
}

// offers is what the own line of a session says in an offer.
func (p *profile) offers(s *Session, accept msrp.Types) *msrpsdp.Local {
	l := p.local(s, accept, msrpsdp.Containers(accept))
	s.propose(l, p.cema)
	return l
}

// propose leaves open in an own line who connects, as far as an offer can.
func (s *Session) propose(l *msrpsdp.Local, cema bool) {
	l.Setup, l.CEMA = msrpsdp.OfferedSetup(s.reachable()), cema
}

// answers is what the own line of a session says in answer to a line of the peer's, where the application takes these types.
func (p *profile) answers(s *Session, offer *msrpsdp.Line, types msrp.Types) *msrpsdp.Local {
	accept, wrapped := offer.Answers(types)
	l := p.local(s, accept, wrapped)
	l.Setup = msrpsdp.AnsweredSetup(offer.Setup, s.reachable())
	l.CEMA = p.cema && anchors(l, offer)
	return l
}

// again is what an own line that stands says in answer to a later offer: who has connected stays who connects while the offer leads to the same place
// . Holding c.mu.
func (c *Call) again(s *Session, offer *msrpsdp.Line) *msrpsdp.Local {
	before, l := &c.peer.Lines[s.line], *c.locals[s.line]
	l.Path = s.media.Path() // through a relay it may be another one now
	l.Setup = msrpsdp.AnsweredSetup(offer.Setup, s.reachable())
	if c.connects(s) && offer.Setup == msrpsdp.SetupActpass && slices.Equal(offer.Path, before.Path) {
		l.Setup = msrpsdp.SetupActive
	}
	l.CEMA = c.profile.cema && (offer.CEMA || !c.plain) && anchors(&l, offer)
	return &l
}

// connects says whether the connection of a session is up to this side, by the last exchange. Holding c.mu.
func (c *Call) connects(s *Session) bool {
	if c.peer == nil || s.line == noLine || c.locals[s.line] == nil {
		return false
	}
	return msrpsdp.Connects(c.locals[s.line].Setup, c.peer.Lines[s.line].Setup, c.offerer)
}

// connecting are the live sessions that this side has to do something for after an exchange: connect, or find out where to. Holding c.mu.
func (c *Call) connecting() (sessions []*Session) {
	for _, s := range c.sessions {
		if !s.over.Load() && (c.connects(s) || c.unclear(s)) {
			sessions = append(sessions, s)
		}
	}
	return sessions
}
