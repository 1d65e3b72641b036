package msrp_test

import (
	"strings"
	"testing"
	"time"

	"github.com/parley-msrp/parley/msrp"
)

// unfinished is what a beginning tells of a message that will never be whole.
type unfinished struct {
	id     string
	octets int64
}

func (h beginning) Unfinished(_ *msrp.Session, messageID string, octets int64) {
	h.events <- unfinished{messageID, octets}
}

// TestUnfinished: each message that began, and was not handed over, is told of once when it will never be whole, before the end of its session.
func TestUnfinished(t *testing.T) {
	begins := func(c *msrp.SessionConfig) { c.Handler = beginning{streaming{c.Handler.(*recorder)}} }
	config := msrp.Config{StreamFrom: 100}
	put := func(p *rawPeer, id, byteRange, body, flag string, code int) {
		tid, req := p.chunk(id, byteRange, body, flag)
		p.write(req)
		p.expect(tid, code)
	}
	for _, c := range []struct {
		name  string
		end   func(s *msrp.Session, p *rawPeer)
		ended bool // Closed follows
	}{
		{"M-101/given up by its sender", func(_ *msrp.Session, p *rawPeer) { put(p, "m-0001", "4-3/10", "", "#", 200) }, false},
		{"T-044/nothing comes for 600 s", func(*msrp.Session, *rawPeer) { time.Sleep(601 * time.Second) }, false}, // of fake time
		{"M-102/refused", func(_ *msrp.Session, p *rawPeer) {
			put(p, "m-0001", "4-103/*", strings.Repeat("x", 100), "+", 413)
			put(p, "m-0001", "10-10/*", "x", "+", 413)
			put(p, "m-0001", "11-11/*", "x", "$", 413)
		}, false},
		{"the application ends the session", func(s *msrp.Session, _ *rawPeer) { s.Close() }, false},
		{"the connection is lost", func(_ *msrp.Session, p *rawPeer) { p.nc.Close() }, true},
	} {
		fakeTime(t, c.name, config, func(t *testing.T, r *rig) {
			s, h, p := r.bound(begins, func(c *msrp.SessionConfig) { c.MaxSize = 50 })
			put(p, "m-0001", "1-3/10", "abc", "+", 200)
			if id := next[string](h); id != "m-0001" {
				t.Errorf("%s began", id)
			}
			c.end(s, p)
			if got := next[unfinished](h); got != (unfinished{"m-0001", 3}) {
				t.Errorf("told %+v", got)
			}
			if c.ended {
				next[error](h)
			}
			h.nothing()
			balanced(t, r, s)
		})
	}
	fakeTime(t, "nothing is told of others", config, func(t *testing.T, r *rig) {
		s, h, p := r.bound(begins)
		put(p, "m-0001", "1-3/10", "abc", "+", 200)
		next[string](h)
		put(p, "m-0001", "1-3/3", "abc", "$", 200) // M-100: it comes in one chunk after all
		next[*msrp.Received](h)
		put(p, "m-0001", "1-2/3", "ab", "+", 200) // M-055: once more, which nobody waits for
		next[string](h)
		put(p, "m-0002", "1-200/300", strings.Repeat("x", 200), "+", 200)
		next[string](h)
		in := next[*msrp.Incoming](h)
		s.Close()
		if _, err := in.WriteTo(&strings.Builder{}); err == nil {
			t.Error("a stream is whole")
		}
		h.nothing()
		balanced(t, r, s)
	})
}
