package ua

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync/atomic"

	"github.com/parley-msrp/parley/internal/dialog"
	"github.com/parley-msrp/parley/internal/sip"
	"github.com/parley-msrp/parley/msrp"
	"github.com/parley-msrp/parley/msrpsdp"
)

// Invitation is a call that came in and waits to be answered or refused. Safe for concurrent use.
type Invitation struct {
	inquiry
	in      *dialog.Incoming
	offer   *msrpsdp.Description // nil: the INVITE has none (a late offer), or none that can be read
	problem error                // why it cannot be read
	profile atomic.Pointer[profile]
	limits  atomic.Pointer[Limits] // nil: those of Config and profile
	decided atomic.Bool
}

func newInvitation(a *Agent, in *dialog.Incoming) *Invitation {
	inv := &Invitation{inquiry: inquiry{agent: a, m: in.Message(), flow: in.Flow()}, in: in}
	inv.who.guarded(a, in.User())
	inv.profile.Store(a.profile(DefaultProfile))
	if in.Offer() == nil {
		return inv // RFC 3261 §13.2.1: the offer is up to us
	}
	inv.offer, inv.problem = msrpsdp.Parse(in.Offer())
	return inv
}

// Late says whether the INVITE leaves the offer to this side. Answer then offers one session, and the peer's answer comes with its ACK.
func (i *Invitation) Late() bool { return i.offer == nil && i.problem == nil }

// Offer is the session description that the INVITE offers, as it came; nil if there is none. Not to be changed.
func (i *Invitation) Offer() []byte { return i.in.Offer() }

// Types are the media types that the offer's usable MSRP lines accept, each once; nil if there is no such line. Of a late offer nothing is known:
// it counts as one of "*".
func (i *Invitation) Types() msrp.Types {
	switch {
	case i.Late():
		return msrp.Types{"*"}
	case i.offer == nil:
		return nil
	}
	return i.offer.Types(i.profile.Load().refuses)
}

// WrappedTypes are the media types that the offer's usable MSRP lines accept only within message/cpim or another container, each once
// (accept-wrapped-types, RFC 4975 §8.6).
func (i *Invitation) WrappedTypes() msrp.Types {
	if i.offer == nil {
		return nil
	}
	return i.offer.WrappedTypes(i.profile.Load().refuses)
}

// Use selects the profile that answers.
func (i *Invitation) Use(profile string) error {
	p := i.agent.profile(profile)
	if p == nil {
		return fmt.Errorf("no profile is called %q", profile)
	}
	i.profile.Store(p)
	i.in.UseContact(p.contact)
	return nil
}

// Ring sends a provisional response, 180 for example. ErrOver says that the call is decided or over.
func (i *Invitation) Ring(code int, reason string) error { return public(i.in.Ring(code, reason)) }

// OnCancel sets a function that is called once if the call ends before it was decided: the caller gave up, or set-up took too long.
func (i *Invitation) OnCancel(f func(End)) {
	i.in.OnOver(func(e dialog.End) { f(endOf(e)) })
}

// Reject refuses the call with a code from 300 to 699; an empty reason stands for the code's usual phrase, and a 503 says when to try again (Retry-After). ErrDecided says that it
// was decided before, ErrOver that it ended before.
func (i *Invitation) Reject(code int, reason string) error {
	return i.refuse(&dialog.Refusal{Code: code, Reason: reason})
}

func (i *Invitation) refuse(r *dialog.Refusal) error {
	if err := checkRefusal(r.Code); err != nil {
		return err
	}
	if i.decided.Swap(true) {
		return ErrDecided
	}
	return public(i.in.Reject(*r))
}

// Answer accepts the call: a 200 whose session description lists types as accept-types on each MSRP line that has a type in common
// with them, and refuses every other line. They stand there as they are, unless the peer would rather have everything within message/cpim, which types
// cover, or takes some of them in no other way: then message/cpim stands first (RFC 4975 §8.6, §13); where the INVITE has no offer (Late), one that offers one session with these types. A call that
// replaces another one (Replaces) gets that one's sessions, which keep their Handler: h is not used then. Without types
// the profile's are taken. MSRP works from now on: h may be called before Answer returns.
//
// Where the profile has a relay, Answer blocks until that has given a path to each session.
//
// Where no line can be accepted the call is refused with 488, where the relay gives no path with 480 or 503, and the error is a *RefusedError. Other errors: *FieldError for types that
// are none, after which the call waits on; ErrDecided; ErrOver. With an error h hears nothing.
func (i *Invitation) Answer(h Handler, types ...string) ([]*Session, error) {
	p := i.profile.Load().limited(i.limits.Load())
	accept, err := typesOr(types, p.types)
	if err != nil {
		return nil, err
	}
	offer := i.anchored(p)
	if why := i.cannot(p, offer, accept); why != nil {
		if err := i.refuse(notAcceptable(why)); err != nil {
			return nil, err
		}
		return nil, &RefusedError{Code: 488, Reason: why.Error()}
	}
	if i.decided.Swap(true) {
		return nil, ErrDecided
	}
	return i.accept(h, p, offer, accept)
}

// cannot says why no line of the offer can be answered with these types; nil if one can.
func (i *Invitation) cannot(p *profile, offer *msrpsdp.Description, accept msrp.Types) error {
	if offer == nil {
		return i.problem // nil for a late offer, which is ours
	}
	return p.refusesAll(offer, accept)
}

func (i *Invitation) accept(h Handler, p *profile, offer *msrpsdp.Description, accept msrp.Types) ([]*Session, error) {
	if c := i.Replaces(); c != nil {
		return i.takeOver(c, offer, accept)
	}
	c := i.agent.newCall(h, i.in.CallID())
	c.maxDuration = i.limits.Load().duration(c.maxDuration)
	c.from, c.to, c.ruri = i.uris()
	c.who = i.Identity()
	err := c.seen(p, func() (netip.Addr, error) {
		at, err := i.agent.stack.LocalOn(i.flow)
		return at.Addr(), err
	})
	if err != nil {
		return nil, i.fail(c, err)
	}
	if i.Late() {
		err = c.describeOffer(p, accept)
	} else {
		err = c.describeAnswer(offer, p, accept)
	}
	if err != nil {
		return nil, i.fail(c, err)
	}
	c.confirm()
	for _, s := range c.sessions {
		i.agent.table.add(s)
	}
	d, err := i.in.Accept(c.own.Bytes(), owner{c: c})
	if err != nil {
		c.abandon()
		return nil, public(err)
	}
	c.attach(d)
	c.announce()
	c.connectActive()
	return c.Sessions(), nil
}

// confirm says that the 200 is to leave: MSRP works from then on, on other goroutines.
func (c *Call) confirm() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.state = Confirmed
}

// describeAnswer makes the sessions of an offer's lines that can be taken, and the answer.
func (c *Call) describeAnswer(offer *msrpsdp.Description, p *profile, accept msrp.Types) error {
	c.peer, c.locals = offer, make([]*msrpsdp.Local, len(offer.Lines))
	for n, taken := range p.takes(offer, accept) {
		if !taken {
			continue
		}
		s, err := c.newSession(p, accept, n, offer.Lines[n].TLS())
		if err != nil {
			return err
		}
		c.locals[n] = p.answers(s, &offer.Lines[n], accept)
		s.media.SetAccept(c.locals[n].Accept)
	}
	c.own = msrpsdp.Answer(offer, c.locals)
	return c.setPeers()
}

// describeOffer makes one session, and the offer of it.
func (c *Call) describeOffer(p *profile, accept msrp.Types) error {
	s, err := c.newSession(p, accept, 0, p.base.Secure)
	if err != nil {
		return err
	}
	c.offerer, c.locals = true, []*msrpsdp.Local{p.offers(s, accept)}
	c.own = msrpsdp.Offer(*c.locals[0])
	return nil
}

// fail gives back what was made for a call that cannot be answered after all, and refuses it.
func (i *Invitation) fail(c *Call, err error) error {
	c.abandon()
	if r := relayRefusal(err); r != nil {
		if over := i.in.Reject(*r); over != nil {
			return public(over)
		}
		return &RefusedError{Code: r.Code, Reason: err.Error()}
	}
	return errors.Join(public(err), i.in.Reject(dialog.Refusal{Code: 500}))
}

// newSession makes one more session of the call, for the m-line with that index.
func (c *Call) newSession(p *profile, accept msrp.Types, line int, secure bool) (*Session, error) {
	s := &Session{call: c, line: line}
	c.profile = p
	base, err := c.base(p, secure)
	if err != nil {
		return nil, err
	}
	if err := c.take(s, msrp.SessionConfig{Base: base, Accept: accept, Recovers: !c.agent.cfg.Recovery.Off}); err != nil {
		return nil, err
	}
	return s, c.joinRelays(p, s)
}

// take gives a session its MSRP side, as the config has it and the call's profile, and makes it one of the call's.
func (c *Call) take(s *Session, config msrp.SessionConfig) (err error) {
	if c.anonymous() && config.Base.Secure && c.profile.relays == nil {
		if s.certificate, err = selfSigned(); err != nil {
			return err
		}
	}
	config.MaxSize, config.Handler, config.Attrs, config.Certificate = c.profile.maxSize, mediaHandler(s), c.attrs[:], s.certificate
	if s.media, err = c.agent.media.NewSession(config); err == nil {
		c.sessions = append(c.sessions, s)
	}
	return err
}

// announce lets the Handler hear of the call from now on. What happened before is told by another goroutine: the caller may hold locks
// that the Handler takes.
func (c *Call) announce() {
	if c.told.open() {
		c.agent.spawn(c.told.tell)
	}
}

// abandon gives back the sessions of a call that never came to be. The Handler hears nothing.
func (c *Call) abandon() {
	c.conclude(End{})
	for _, s := range c.sessions {
		s.release()
		c.agent.table.remove(s)
	}
}

// local is what the own message line of a session says, but for who connects.
func (p *profile) local(s *Session, accept, wrapped msrp.Types) *msrpsdp.Local {
	l := &msrpsdp.Local{Path: s.media.Path(), Accept: accept, Wrapped: wrapped, MaxSize: p.maxSize}
	if s.media.URI().Secure && p.relays == nil {
		l.Fingerprints = s.call.agent.fingerprints(s) // not behind a relay, whose certificate is what is seen (RFC 6135 §4.3)
	}
	return l
}

// typesOr reads media types, or takes the fallback where there are none.
func typesOr(types []string, fallback msrp.Types) (msrp.Types, error) {
	if len(types) == 0 {
		return fallback, nil
	}
	t, err := msrp.ParseTypes(strings.Join(types, " "))
	if err != nil {
		return nil, &FieldError{Field: "Types", Err: err}
	}
	return t, nil
}

// notAcceptable is a 488 that says why (S-018).
func notAcceptable(why error) *dialog.Refusal {
	var line *msrpsdp.LineError
	if !errors.As(why, &line) {
		line = &msrpsdp.LineError{Warn: msrpsdp.WarnMiscellaneous, Text: why.Error()}
	}
	return &dialog.Refusal{Code: 488, Headers: []sip.Header{{Name: "Warning", Value: line.Warning("parley")}}}
}
