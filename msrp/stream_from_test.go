package msrp_test

import (
	"strings"
	"testing"

	"github.com/parley-msrp/parley/msrp"
)

// beginning is a streaming that is told what begins, too: the Message-IDs are events.
type beginning struct{ streaming }

func (h beginning) Begun(_ *msrp.Session, messageID string) { h.events <- messageID }

// TestStreamFrom: with Config.StreamFrom a message becomes a stream when more than so many octets of it came, wherever they belong; smaller ones come whole,
// and later octets replace earlier ones in them.
func TestStreamFrom(t *testing.T) {
	begins := func(c *msrp.SessionConfig) { c.Handler = beginning{streaming{c.Handler.(*recorder)}} }
	send := func(p *rawPeer, id, byteRange, body, flag string) {
		tid, req := p.chunk(id, byteRange, body, flag)
		p.write(req)
		if flag == "+" {
			p.expect(tid, 200)
		}
	}
	fakeTime(t, "M-098/a small one comes whole", msrp.Config{StreamFrom: 10}, func(t *testing.T, r *rig) {
		s, h, p := r.bound(begins)
		send(p, "m-0001", "1-6/10", "abcdef", "+")
		if id := next[string](h); id != "m-0001" {
			t.Errorf("%s began", id)
		}
		send(p, "m-0001", "4-10/10", "DEFGHIJ", "$")
		if m := next[*msrp.Received](h); string(m.Body) != "abcDEFGHIJ" {
			t.Errorf("got %q", m.Body)
		}
		balanced(t, r, s)
	})
	fakeTime(t, "M-091/a larger one is handed on from there", msrp.Config{StreamFrom: 10}, func(t *testing.T, r *rig) {
		s, h, p := r.bound(begins)
		send(p, "m-0002", "7-12/30", "ghijkl", "+")
		next[string](h)
		send(p, "m-0002", "1-4/30", "abcd", "+")
		h.nothing()
		send(p, "m-0002", "5-6/30", "ef", "+")
		in := next[*msrp.Incoming](h)
		send(p, "m-0002", "13-30/30", strings.Repeat("x", 18), "$")
		if got := body(t, in); got != "abcdefghijkl"+strings.Repeat("x", 18) {
			t.Errorf("got %q", got)
		}
		in.Accept()
		balanced(t, r, s)
	})
}
