package msrp_test

import (
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/parley-msrp/parley/msrp"
)

// slow is a recorder that a fate is told to for long.
type slow struct {
	*recorder
	gate chan struct{}
}

func (h slow) Fate(s *msrp.Session, f msrp.Fate) {
	<-h.gate
	h.recorder.Fate(s, f)
}

// Begun makes it a Beginner.
func (h slow) Begun(_ *msrp.Session, messageID string) { h.events <- messageID }

// Unfinished is the other half of it.
func (h slow) Unfinished(_ *msrp.Session, messageID string, octets int64) {
	h.events <- unfinished{messageID, octets}
}

// TestSlowHandler: while a Handler is in a call on another goroutine than the reader's, what a peer causes without end waits within a bound, and comes in order then.
func TestSlowHandler(t *testing.T) {
	itself(t)
	const all = 1000
	for name, c := range map[string]struct {
		cause func(p *rawPeer, sent *frame)
		told  func(h *recorder)
		each  int64 // events that one of them causes
	}{
		"REPORTs": {
			func(p *rawPeer, sent *frame) { p.report(sent, "000 200 OK", "1-1/1") },
			func(h *recorder) { next[msrp.Report](h) },
			1,
		},
		"messages that are given up": {
			func(p *rawPeer, _ *frame) {
				_, first := p.chunk(p.nextID(), "1-*/*", "x", "#", "Failure-Report: no")
				p.write(first)
			},
			func(h *recorder) {
				next[string](h)
				next[unfinished](h)
			},
			2,
		},
	} {
		fakeTime(t, name, msrp.Config{}, func(t *testing.T, r *rig) {
			gate := make(chan struct{})
			s, h, p := r.bound(func(c *msrp.SessionConfig) { c.Handler = slow{c.Handler.(*recorder), gate} })
			m := text("x")
			m.FailureReport = msrp.FailureNo
			send(t, s, m)
			sent := p.next()
			synctest.Wait() // its fate is being told by the writer
			var caused atomic.Int64
			go func() {
				for range all {
					c.cause(p, sent)
					caused.Add(1)
				}
			}()
			synctest.Wait()
			if n := caused.Load() * c.each; n < 250 || n > 2*256 {
				t.Errorf("%d events wait, want about 256", n)
			}
			close(gate)
			next[msrp.Fate](h)
			for range all {
				c.told(h)
			}
		})
	}
}
