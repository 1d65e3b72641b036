package ua

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/parley-msrp/parley/internal/dialog"
	"github.com/parley-msrp/parley/msrp"
	"github.com/parley-msrp/parley/msrpsdp"
)

// Change says what Call.Update offers. What is zero stays as it is.
type Change struct {
	// Types are the media types that this side takes from then on.
	Types []string
	// Direction is what this side wishes to do from then on: "sendrecv", "sendonly", "recvonly" or "inactive". To put a peer on hold,
	// offer "sendonly" or "inactive"; to resume, "sendrecv" (RFC 3264 §8.4).
	Direction string
	// ByUPDATE sends the offer in an UPDATE where the peer allows that, in place of a re-INVITE. The peer then has to answer without asking
	// a user (RFC 3311 §5.1).
	ByUPDATE bool
}

// change is a Change that was checked.
type change struct {
	types     msrp.Types
	direction string
}

func (ch Change) check() (c change, err error) {
	switch ch.Direction {
	case "", "sendrecv", "sendonly", "recvonly", "inactive":
		c.direction = ch.Direction
	default:
		return c, &FieldError{Field: "Direction", Err: fmt.Errorf("%q is none of sendrecv, sendonly, recvonly and inactive", ch.Direction)}
	}
	c.types, err = typesOr(ch.Types, nil)
	return c, err
}

// Update offers the peer other media for all sessions of the call, and waits for its answer, until ctx ends; the offer goes on then. Where the peer
// offers at the same time, one of both tries again (RFC 3261 §14.1). A change of nothing refreshes the session.
//
// Errors: *FieldError for what cannot be offered, ErrNotEstablished, ErrBusy; *UpdateRefusedError, after which everything is as it was before;
// ErrOver where the call ended first; that of ctx. It must not be called from a Handler's methods, which must not block.
func (c *Call) Update(ctx context.Context, ch Change) error {
	checked, err := ch.check()
	if err != nil {
		return err
	}
	c.mu.Lock()
	d, stands := c.dialog, c.state == Established
	c.mu.Unlock()
	if !stands || d == nil { // without a dialog it is just moving to another one
		return ErrNotEstablished
	}
	result := make(chan error, 1)
	err = d.Modify(ch.ByUPDATE, func() []byte { return c.makeOffer(checked) }, func(err error) {
		c.updated(err)
		result <- public(err)
	})
	if err != nil {
		return public(err)
	}
	select {
	case err = <-result:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// makeOffer makes the offer of a change; nil if no session is left.
func (c *Call) makeOffer(ch change) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over || c.peer == nil || len(c.live()) == 0 {
		return nil
	}
	locals := c.standing()
	for _, s := range c.live() {
		if l := locals[s.line]; l != nil {
			if s.lost != nil && slices.EqualFunc(l.Path, s.media.Path(), msrp.URI.Equal) {
				s.media.Renew() // RFC 4975 §5.4: the peer is to see that the connection is another one (M-054)
			}
			next := ch.apply(l)
			if s.lost != nil && len(next.Fingerprints) > 0 {
				next.Fingerprints = c.agent.fingerprints(s) // what is shown now
			}
			next.Path = s.media.Path() // through a relay it may be another one now
			next.CEMA = next.CEMA && !c.plain
			locals[s.line] = next
		}
	}
	own := c.own.Next(locals...)
	if own != c.own {
		// What repeats the standing description repeats who connects as well (S-024); what changes it offers anew.
		for _, s := range c.live() {
			if l := locals[s.line]; l != nil {
				s.propose(l, c.profile.cema && !c.plain)
			}
		}
		own = c.own.Next(locals...)
	}
	c.offered = &offered{own: own, locals: locals}
	for _, s := range c.live() {
		if ch.types != nil {
			// RFC 3264 §8.3.2: until the answer, what is offered is taken as well as what stood before.
			s.media.SetAccept(slices.Concat(c.locals[s.line].Accept, ch.types))
		}
	}
	return c.offered.own.Bytes()
}

// apply gives the own line after the change.
func (ch change) apply(l *msrpsdp.Local) *msrpsdp.Local {
	next := *l
	if ch.types != nil {
		next.Accept, next.Wrapped = ch.types, msrpsdp.Containers(ch.types)
	}
	switch {
	case ch.direction == "sendrecv" && l.Direction == "":
		// It is so without being said.
	case ch.direction != "":
		next.Direction = ch.direction
	}
	return &next
}

// updated is told how the offer of an Update ended.
func (c *Call) updated(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil && c.offered != nil && c.offered.own != c.own && !errors.Is(err, dialog.ErrOver) {
		c.own = c.own.After(c.offered.own)
	}
	c.offered = nil
	c.acceptTypes()
}

// acceptTypes lets the sessions take the types that were agreed on, and no others. Holding c.mu.
func (c *Call) acceptTypes() {
	for _, s := range c.live() {
		if l := c.locals[s.line]; l != nil {
			s.media.SetAccept(l.Accept)
		}
	}
}

// Direction is what this side may do in the session by what was agreed last: sending and receiving user content, one of both, or
// neither (RFC 4975 §8.9).
func (s *Session) Direction() msrp.Direction {
	c := s.call
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.peer == nil || s.line == noLine {
		return msrp.SendRecv
	}
	return c.own.Direction(s.line, &c.peer.Lines[s.line])
}
