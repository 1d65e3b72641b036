package load

import (
	"context"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/parley-msrp/parley/msrp"
	"github.com/parley-msrp/parley/ua"
)

// session is one of the load's. It is its call's ua.Handler.
type session struct {
	ua.Quiet
	g      *generator
	began  time.Time
	stands func(bool) // told once whether it is established

	room chan struct{} // holds a token for each message without a fate
	once sync.Once
	over chan struct{} // closed at the end

	mu   sync.Mutex
	s    *ua.Session
	sent map[string]time.Time // without a fate, by Message-ID
	told map[string]time.Time // fates that came before Send returned
}

func newSession(g *generator, stands func(bool)) *session {
	return &session{
		g: g, stands: stands, room: make(chan struct{}, g.cfg.Window), over: make(chan struct{}),
		sent: map[string]time.Time{}, told: map[string]time.Time{},
	}
}

// Established counts the session and times its set-up.
func (h *session) Established(s *ua.Session, _ *ua.SIPMessage) {
	h.mu.Lock()
	h.s = s
	h.mu.Unlock()
	g := h.g
	g.mu.Lock()
	g.counts.Calls.Established++
	g.setups.record(time.Since(h.began))
	g.mu.Unlock()
	h.stands(true)
}

// Failed counts what came to nothing.
func (h *session) Failed(_ *ua.Session, e ua.End) {
	h.g.mu.Lock()
	h.g.counts.Calls.fail(fmt.Sprintf("%d %s", e.Code, e.Reason))
	h.g.mu.Unlock()
	h.once.Do(func() { close(h.over) })
	h.stands(false)
}

// Ended counts what the peer, or the network, has ended.
func (h *session) Ended(_ *ua.Session, e ua.End) {
	if e.Cause != ua.ByApplication && e.Cause != ua.ShuttingDown {
		h.g.mu.Lock()
		h.g.counts.Calls.Lost++
		h.g.mu.Unlock()
	}
	h.once.Do(func() { close(h.over) })
}

// Fate times a message and makes room for the next one.
func (h *session) Fate(_ *ua.Session, f ua.Fate) {
	now := time.Now()
	h.mu.Lock()
	at, known := h.sent[f.MessageID]
	if known {
		delete(h.sent, f.MessageID)
	} else {
		h.told[f.MessageID] = now
	}
	h.mu.Unlock()
	g := h.g
	g.mu.Lock()
	if f.Kind == msrp.Failed || f.Kind == msrp.Unconfirmed {
		why := f.Kind.String()
		if f.Code != 0 {
			why = fmt.Sprintf("%d %s", f.Code, f.Comment)
		}
		g.counts.Messages.fail(why)
	} else {
		g.counts.Messages.Delivered++
		g.counts.Messages.Octets += int64(len(g.body))
		if known {
			g.times.record(now.Sub(at))
		}
	}
	g.mu.Unlock()
	if known {
		<-h.room
	}
}

// sendUntil sends until ctx ends, the session does, or n messages were sent (-1: no limit).
func (h *session) sendUntil(ctx context.Context, p *pace, n int) {
	for ; n != 0; n-- {
		select {
		case h.room <- struct{}{}:
		case <-h.over:
			return
		case <-ctx.Done():
			return
		}
		if !p.wait(ctx) || !h.send(ctx) {
			<-h.room
			return
		}
	}
}

func (h *session) send(ctx context.Context) bool {
	g := h.g
	began := time.Now()
	id, err := h.s.Send(ctx, ua.Outgoing{ContentType: "text/plain", Body: g.body, SuccessReport: g.cfg.Report})
	g.mu.Lock()
	if err == nil {
		g.counts.Messages.Sent++
	} else if ctx.Err() == nil {
		g.counts.Messages.fail("not sent: " + err.Error())
	}
	g.mu.Unlock()
	if err != nil {
		return false
	}
	h.mu.Lock()
	at, told := h.told[id]
	if told {
		delete(h.told, id)
	} else {
		h.sent[id] = began
	}
	h.mu.Unlock()
	if told {
		g.mu.Lock()
		g.times.record(at.Sub(began))
		g.mu.Unlock()
		<-h.room
	}
	return true
}

// settled waits until every message has its fate.
func (h *session) settled(ctx context.Context, limit time.Duration) {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	for range cap(h.room) {
		select {
		case h.room <- struct{}{}:
		case <-h.over:
			return
		case <-ctx.Done():
			return
		case <-timer.C:
			return
		}
	}
}

func (h *session) end() {
	h.mu.Lock()
	s := h.s
	h.mu.Unlock()
	if s != nil {
		s.End()
	}
}

func join(host string) string { return net.JoinHostPort(host, "0") }
