package ua

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/parley-msrp/parley/internal/dialog"
)

// Recovery says what becomes of established sessions whose MSRP connection breaks (RFC 4975 §5.4). Unless it is off, the peer is offered a new path,
// 0.1 to 2 s later and a few times, and what was not acknowledged is sent again over the connection that comes of it, under its Message-ID. What is sent
// meanwhile waits.
type Recovery struct {
	// Off ends such sessions, after the 0.5 s that a BYE may be behind its connection.
	Off bool
	// EndRestored ends the calls of an earlier process (Agent.Restore) at once.
	EndRestored bool
	// Limit is how long it may take until a session is ended all the same; 0 means 30 s.
	Limit time.Duration
}

// Recoverer is a Handler that hears of connections that break.
type Recoverer interface {
	Handler
	// ConnectionLost: the session's MSRP connection broke, and no BYE of the peer's followed. Recovered or Ended comes later.
	ConnectionLost(s *Session, l Loss)
	// Recovered: the session has another connection, over which the peer was heard of.
	Recovered(s *Session)
}

// Loss says what was lost.
type Loss struct {
	Reason     string // for people
	Recovering bool   // the session is not over yet
}

const (
	defaultRecoveryLimit = 30 * time.Second
	// firstWait and lastWait are what the time before an offer is drawn from; it doubles with each offer.
	firstWait, lastWait = 100 * time.Millisecond, 2 * time.Second
	// maxRecoveries is how many offers are made until a connection has held for as long as a recovery may take.
	maxRecoveries = 4
	// connectPatience is how long after an exchange its connection is waited for.
	connectPatience = 10 * time.Second
)

// recovery is what a call does about sessions without connection. Guarded by Call.mu.
type recovery struct {
	offers    int         // made, or about to be, since a connection has held for long
	wait      *time.Timer // until the next step; nil: none is due
	limit     *time.Timer // until it is given up; nil: every session has its connection
	busy      bool        // an offer is on its way
	exchanged bool        // session descriptions were, and the connection is waited for
	held      time.Time   // since when there is a connection; zero: since ever
}

// stop ends what is under way. Holding c.mu.
func (r *recovery) stop() {
	if r.wait != nil {
		r.wait.Stop()
	}
	if r.limit != nil {
		r.limit.Stop()
	}
	r.wait, r.limit = nil, nil
}

func (c *Call) recoveryLimit() time.Duration {
	if l := c.agent.cfg.Recovery.Limit; l > 0 {
		return l
	}
	return defaultRecoveryLimit
}

// broken is told that the connection of a session that recovers is lost.
func (c *Call) broken(s *Session, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s.over.Load() {
		return
	}
	s.lost = err
	if c.recovery == nil {
		c.recovery = &recovery{}
	}
	r := c.recovery
	if r.limit == nil {
		limit := c.recoveryLimit()
		if !r.held.IsZero() && time.Since(r.held) >= limit {
			r.offers = 0
		}
		r.limit = time.AfterFunc(limit, func() { c.notRecovered(errNotRecovered) })
		c.agent.log.Info("MSRP connection lost", "session_id", s.ID(), "call_id", c.CallID(), "err", err)
	}
	if r.exchanged || r.wait == nil && !r.busy {
		c.recoverAfter(r.pause(errors.Is(err, io.EOF)))
	}
}

// pause is how long to wait before the next offer, at random: both sides have lost the connection at the same time. closed says that the peer has closed it,
// which a BYE may follow.
func (r *recovery) pause(closed bool) time.Duration {
	least := firstWait
	if closed {
		least = byeGrace
	}
	return (least + rand.N(lastWait-least)) << min(r.offers, maxRecoveries)
}

// recoverAfter has the next step done after a time. Holding c.mu.
func (c *Call) recoverAfter(after time.Duration) {
	r := c.recovery
	if r.wait != nil {
		r.wait.Stop()
	}
	r.exchanged = false
	if !c.over && r.limit != nil {
		r.wait = time.AfterFunc(after, func() { c.agent.spawn(c.recover) })
	}
}

// lostOnes are the sessions that wait for another connection. Holding c.mu.
func (c *Call) lostOnes() []*Session {
	return slices.DeleteFunc(c.live(), func(s *Session) bool { return s.lost == nil })
}

// recover offers the peer new paths for the sessions without connection, once they have some.
func (c *Call) recover() {
	c.mu.Lock()
	r, lost := c.recovery, c.lostOnes()
	if r.wait = nil; c.over || r.busy || len(lost) == 0 {
		c.mu.Unlock()
		return
	}
	for _, s := range lost {
		c.alarm(s)
	}
	tooMany := r.offers >= maxRecoveries
	r.offers++
	r.busy, r.exchanged = !tooMany, false
	d := c.dialog
	c.mu.Unlock()
	c.told.tell()
	if tooMany {
		c.notRecovered(errNotRecovered)
		return
	}
	ctx, cancel := context.WithTimeout(c.untilOver(), c.recoveryLimit())
	defer cancel()
	for _, s := range lost {
		var err error
		if lease := s.lease.Load(); lease != nil {
			err = lease.Rejoin(ctx) // RFC 4976 §6.3: R-017
		} else {
			err = c.joinRelays(c.profile, s) // it is one of an earlier process
		}
		if err != nil {
			c.agent.log.Warn("no other path through the MSRP relay", "session_id", s.ID(), "call_id", c.CallID(), "err", err)
			c.offeredAgain(err)
			return
		}
	}
	if d == nil {
		c.offeredAgain(ErrNotEstablished)
		return
	}
	err := d.Modify(false, c.offerAgain, func(err error) {
		c.updated(err)
		c.offeredAgain(err)
	})
	if err != nil {
		c.offeredAgain(err)
	}
}

// offerAgain makes the offer that recovers; nil where none is needed any more, because the peer has been faster.
func (c *Call) offerAgain() []byte {
	c.mu.Lock()
	needed := len(c.lostOnes()) > 0 && !c.recovery.exchanged
	c.mu.Unlock()
	if !needed {
		return nil
	}
	return c.makeOffer(change{})
}

// offeredAgain is told what came of an offer. The connection that was agreed on is waited for; else another offer is made.
func (c *Call) offeredAgain(err error) {
	c.mu.Lock()
	r := c.recovery
	r.busy = false
	waits := len(c.lostOnes()) > 0 && !errors.Is(err, dialog.ErrOver)
	refused, final := errors.AsType[*dialog.RefusedError](err)
	switch {
	case !waits:
	case err == nil, r.exchanged:
		c.awaitConnection()
	case final && !again(refused.Code):
		c.mu.Unlock()
		c.notRecovered(fmt.Errorf("%w with %d", errRecoveryRefused, refused.Code))
		return
	default:
		c.recoverAfter(r.pause(false))
	}
	c.mu.Unlock()
	if err != nil && waits {
		c.logger().Info("MSRP connection not recovered yet", "err", public(err))
	}
}

// again says whether what was refused with that code may be taken later on.
func again(code int) bool { return code == 480 || code == 491 || code >= 500 && code < 600 }

// awaitConnection gives a connection that was agreed on its time. Holding c.mu.
func (c *Call) awaitConnection() {
	if c.recovery == nil || c.recovery.limit == nil {
		return
	}
	c.recoverAfter(connectPatience)
	c.recovery.exchanged = true
}

// unconnected is told that the connection of a session could not be opened. False: the session does not recover.
func (c *Call) unconnected(s *Session) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s.lost == nil || s.over.Load() {
		return false
	}
	if !c.recovery.busy {
		c.recoverAfter(c.recovery.pause(false))
	}
	return true
}

// recovered is told that a session has another connection.
func (c *Call) recovered(s *Session) {
	c.mu.Lock()
	if s.lost == nil || s.over.Load() {
		c.mu.Unlock()
		return
	}
	c.alarm(s)
	s.lost, s.alarmed = nil, false
	if len(c.lostOnes()) == 0 {
		c.recovery.stop()
		c.recovery.exchanged, c.recovery.held = false, time.Now()
	}
	c.told.put(func() {
		c.agent.log.Info("MSRP connection recovered", "session_id", s.ID(), "call_id", c.CallID())
		if h, ok := c.handler.(Recoverer); ok {
			h.Recovered(s)
		}
	})
	c.mu.Unlock()
	c.told.tell()
}

// alarm has the Handler told that a session has lost its connection, unless it was. Holding c.mu.
func (c *Call) alarm(s *Session) {
	if s.alarmed {
		return
	}
	s.alarmed = true
	c.tellLoss(s, Loss{Reason: lostReason(s.lost), Recovering: true})
}

// tellLoss is for the next tell.
func (c *Call) tellLoss(s *Session, l Loss) {
	if h, ok := c.handler.(Recoverer); ok {
		c.told.put(func() { h.ConnectionLost(s, l) })
	}
}

var (
	errNotRecovered    = errors.New("MSRP connection lost, and not recovered in time")
	errRecoveryRefused = errors.New("MSRP connection lost, and the peer refused the offer of another one")
)

// notRecovered ends the sessions that have no connection.
func (c *Call) notRecovered(why error) {
	c.mu.Lock()
	lost := c.lostOnes()
	c.recovery.stop()
	for _, s := range lost {
		c.alarm(s)
	}
	c.mu.Unlock()
	for _, s := range lost {
		c.lost(s, why)
	}
}
