package ua

import (
	"context"
	"slices"

	"github.com/parley-msrp/parley/msrp"
	"github.com/parley-msrp/parley/msrpsdp"
)

// anchors says whether our line answers one of the peer's with a=msrp-cema: not where a connection to c= and m= would pass a relay by
// (RFC 6714 §4.3, X-015).
func anchors(own *msrpsdp.Local, offer *msrpsdp.Line) bool {
	ours, theirs, active := len(own.Path) > 1, len(offer.Path) > 1, own.Setup == msrpsdp.SetupActive
	return !(ours && theirs || theirs && !active || ours && active)
}

// at is where the peer of a session is connected to by CEMA, as far as the exchange alone says it: c= and m= of its line where both sides have
// a=msrp-cema, or ours has in an answer (RFC 6714 §4.2, §4.3, X-012). Holding c.mu.
func (c *Call) at(s *Session) msrp.Address {
	own, peer := c.locals[s.line], &c.peer.Lines[s.line]
	if own == nil || !own.CEMA || c.offerer && !peer.CEMA || !c.connects(s) {
		return msrp.Address{}
	}
	return anchor(peer)
}

// anchor is what c= and m= of a line name.
func anchor(l *msrpsdp.Line) msrp.Address {
	if l.Host == "" {
		return msrp.Address{}
	}
	return msrp.Address{Host: l.Host, Port: l.Port}
}

// unclear says whether an answer without a=msrp-cema to an offer with it leaves open what to do. Holding c.mu.
func (c *Call) unclear(s *Session) bool {
	if !c.offerer || c.peer == nil || s.line == noLine || c.locals[s.line] == nil {
		return false
	}
	return c.locals[s.line].CEMA && !c.peer.Lines[s.line].CEMA
}

// clear finds out where a session connects to after such an answer: c= and m= may name the answerer, a relay of its own, or something in between that
// wants the connection. False: the peer is offered a session without CEMA instead. It blocks while names are looked up.
func (c *Call) clear(ctx context.Context, s *Session) bool {
	c.mu.Lock()
	if !c.unclear(s) {
		c.mu.Unlock()
		return true
	}
	desc, connects := c.peer, c.connects(s)
	line := &desc.Lines[s.line]
	relayed := len(line.Path) > 1 || len(c.locals[s.line].Path) > 1
	c.mu.Unlock()
	switch {
	case line.Fits(ctx, c.agent.names.Addresses) == msrpsdp.Fits:
		return true // the path leads there
	case !connects || relayed:
		c.withoutCEMA(desc)
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.peer != desc || s.over.Load() {
		return false // another exchange decides
	}
	p := c.own.Peer(s.line, line)
	p.At = anchor(line)
	if err := s.setPeer(p); err != nil {
		c.agent.log.Warn("session not changed", "session_id", s.ID(), "call_id", c.CallID(), "err", err)
		return false
	}
	return true
}

// withoutCEMA offers the call's sessions again without a=msrp-cema: what the peer, or something between, makes of it is no use (RFC 6714 §4.2, X-013).
func (c *Call) withoutCEMA(answer *msrpsdp.Description) {
	c.mu.Lock()
	d := c.dialog
	if c.plain || c.peer != answer || d == nil {
		c.mu.Unlock()
		return // of another session, or another exchange decides
	}
	c.plain = true
	c.mu.Unlock()
	c.logger().Info("offering without CEMA")
	c.offerAfresh(d, "the peer takes no offer without CEMA")
}

// anchored is the offer of the call, where CEMA is wanted without the lines that refusesAddress has something against. It blocks while names are looked up.
func (i *Invitation) anchored(p *profile) *msrpsdp.Description {
	if i.offer == nil || !p.cema {
		return i.offer
	}
	ctx, cancel := context.WithTimeout(i.agent.ctx, lookupTimeout)
	defer cancel()
	offer := *i.offer
	offer.Lines = slices.Clone(offer.Lines)
	for n := range offer.Lines {
		l := &offer.Lines[n]
		if err := p.refusesAddress(ctx, l, i.agent.names.Addresses); err != nil {
			l.Problem = err
		}
	}
	return &offer
}

// refusesAddress says why an offer is not taken whose c= and m= name none of its path: something in between does not know CEMA, and the connection would
// not get through (RFC 6714 §4.3, X-014). lookup nil looks no name up.
func (p *profile) refusesAddress(ctx context.Context, offer *msrpsdp.Line, lookup msrpsdp.Lookup) error {
	if !p.cema || p.cemaAny || !offer.MSRP || offer.CEMA || offer.Problem != nil || len(offer.Path) == 0 {
		return nil
	}
	if offer.Fits(ctx, lookup) != msrpsdp.Differs {
		return nil
	}
	return &msrpsdp.LineError{Warn: msrpsdp.WarnMiscellaneous, Text: "c= and m= name no URI of a=path, and a=msrp-cema is missing"}
}
