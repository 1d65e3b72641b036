package ua

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"github.com/parley-msrp/parley/internal/dialog"
	"github.com/parley-msrp/parley/internal/sip"
	"github.com/parley-msrp/parley/msrp"
	"github.com/parley-msrp/parley/msrpsdp"
)

// StartConfig says what session to start.
type StartConfig struct {
	// From and To are the URIs of these headers; required.
	From, To string
	// RequestURI is where the INVITE goes; empty: To.
	RequestURI string
	// Types are the media types offered; empty: the profile's.
	Types []string
	// Profile names the identity; empty: the default one.
	Profile string
	// CallID is the Call-ID that the call begins with, which no other call may have; empty: a fresh one.
	CallID string
	// Handler is told what happens; required.
	Handler Handler
	// BeforeInvite is called before anything is sent, with the ID that the session will have; nil: nothing is. It may block. Its error is that of Start.
	BeforeInvite func(sessionID string) error
}

// Start sends an INVITE that offers one MSRP session, and returns before the peer answers: the Handler hears Established or Failed.
// Where the profile has a relay, Start blocks until that has given the session a path; it may give none, which is a *relay.Error.
// An error means that nothing was sent, and that the Handler hears nothing; a *FieldError names what is wrong with c.
func (a *Agent) Start(c StartConfig) (*Session, error) {
	if a.ctx.Err() != nil {
		return nil, ErrClosed
	}
	p, accept, err := a.checkStart(&c)
	if err != nil {
		return nil, err
	}
	call := a.newCall(c.Handler, cmp.Or(c.CallID, sip.NewCallID()))
	call.caller, call.offerer = true, true
	call.from, call.to, call.ruri = bareURI(c.From), bareURI(c.To), c.RequestURI
	if err := call.seen(p, func() (netip.Addr, error) { return a.localTowards(call.untilOver(), c.RequestURI) }); err != nil {
		call.abandon()
		return nil, public(err)
	}
	s, err := call.newSession(p, accept, 0, p.base.Secure)
	if err != nil {
		call.abandon()
		return nil, public(err)
	}
	call.locals = []*msrpsdp.Local{p.offers(s, accept)}
	call.own = msrpsdp.Offer(*call.locals[0])
	if c.BeforeInvite != nil {
		if err := c.BeforeInvite(s.ID()); err != nil {
			call.abandon()
			return nil, err
		}
	}
	a.table.add(s)
	d, err := a.dialogs.Invite(dialog.Invite{
		RequestURI: c.RequestURI, From: c.From, To: c.To, CallID: call.CallID(), Contact: p.contact, Offer: call.own.Bytes(), Owner: owner{c: call},
	})
	if err != nil {
		call.abandon()
		return nil, public(err)
	}
	call.attach(d)
	call.announce()
	return s, nil
}

func (a *Agent) checkStart(c *StartConfig) (*profile, msrp.Types, error) {
	if c.Handler == nil {
		return nil, nil, &FieldError{Field: "Handler", Err: errors.New("is required")}
	}
	if c.Profile == "" {
		c.Profile = DefaultProfile
	}
	p := a.profile(c.Profile)
	if p == nil {
		return nil, nil, &FieldError{Field: "Profile", Err: fmt.Errorf("none is called %q", c.Profile)}
	}
	if c.RequestURI == "" {
		c.RequestURI = bareURI(c.To)
	}
	accept, err := typesOr(c.Types, p.types)
	return p, accept, err
}

// bareURI is the URI of an address as written: without display name and brackets. Parameters of one without brackets are its own.
func bareURI(s string) string {
	if !strings.Contains(s, "<") {
		return s
	}
	a, err := sip.ParseAddress(s)
	if err != nil {
		return s
	}
	return a.URI.String()
}
