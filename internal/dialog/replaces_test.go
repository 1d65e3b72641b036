package dialog

import (
	"fmt"
	"strings"
	"testing"

	"github.com/parley-msrp/parley/internal/sip"
)

// of is the Replaces value that names a call, as its peer sees it.
func replacing(c *call) string {
	return fmt.Sprintf("Replaces: %s;to-tag=%s;from-tag=%s", c.id, c.other, c.own)
}

func TestReplaces(t *testing.T) {
	source, anybody := Config{Replacing: ReplacingSource}, Config{Replacing: ReplacingAny}

	overSockets(t, "S-044/Replaces: the matched dialog is handed up, and is ended by whoever accepts", source, func(t *testing.T, r *rig) {
		for _, c := range []*call{first(r.standing()), first(r.calling())} {
			r.set(func(h *hooks) {
				h.invite = func(in *Incoming) {
					old := in.Replaces()
					check0(t, in.Claim())
					_, err := in.Accept([]byte(answerSDP), r)
					check0(t, err)
					old.End(`SIP;cause=200;text="replaced"`)
				}
			})
			next := r.newCall()
			inv := next.invite("Require: replaces", replacing(c))
			next.send(inv)
			ok, bye := next.next(), next.next()
			if ok.what() == "BYE" {
				ok, bye = bye, ok // over TCP they come on connections of their own
			}
			next.learn(ok)
			if ok.what() != "200 INVITE" || bye.what() != "BYE" || bye.get("Call-ID") != c.id {
				t.Errorf("got\n%s\n%s", ok.raw, bye.raw)
			}
			c.answer(bye, 200, "", nil, "")
			r.expect("ended local 200 established=true")
			next.ack(inv)
			r.expect("established")
			next.hangUp(r)
			r.set(func(h *hooks) { h.invite = r.accept })
		}
	})

	overSockets(t, "S-044/Replaces: no match 481, broken 400, early-only 486, refused ones change nothing", source, func(t *testing.T, r *rig) {
		c, _ := r.standing()
		for _, x := range []struct {
			head []string
			code int
		}{
			{[]string{"Replaces: unknown;to-tag=a;from-tag=b"}, 481},
			{[]string{strings.Replace(replacing(c), "from-tag=", "from-tag=x", 1)}, 481},
			{[]string{fmt.Sprintf("Replaces: %s;to-tag=%s;from-tag=%s", c.id, c.own, c.other)}, 481},
			{[]string{"Replaces: " + c.id}, 400},
			{[]string{"Replaces: ;to-tag=a;from-tag=b"}, 400},
			{[]string{replacing(c), replacing(c)}, 400},
			{[]string{replacing(c), "Join: x;to-tag=1;from-tag=2"}, 400},
			{[]string{replacing(c) + ";early-only"}, 486},
		} {
			next := r.newCall()
			inv := next.invite(x.head...)
			next.send(inv)
			next.ackFinal(inv, next.want(fmt.Sprintf("%d INVITE", x.code)))
		}
		c.bye(r)
		over := r.newCall()
		inv := over.invite(replacing(c))
		over.send(inv)
		over.ackFinal(inv, over.want("481 INVITE"))
	})

	overSockets(t, "S-044/Replaces: what is not established is not replaced", anybody, func(t *testing.T, r *rig) {
		r.invite()
		inv := r.want("INVITE")
		r.answer(inv, 180, "early", []string{r.contactRow()}, "")
		r.expect("progress 180")
		c := r.answering(inv, "early")
		next := r.newCall()
		other := next.invite(replacing(c))
		next.send(other)
		next.ackFinal(other, next.want("481 INVITE"))
		r.answer(inv, 486, "early", nil, "")
		r.want("ACK")
		r.expect("ended refused 486 established=false")
		r.quiet()
	})

	t.Run("S-044/Replaces from another address: 403, unless the configuration takes it from anybody", func(t *testing.T) {
		for _, c := range []struct {
			config Config
			want   string
		}{{source, "403 INVITE"}, {anybody, "200 INVITE"}} {
			underFakeTime(t, c.want, sip.UDP, c.config, func(t *testing.T, r *rig, n *memNet) {
				old, _ := r.standing()
				stranger := memPeer(t, n, sip.UDP, "192.0.2.66:0", "192.0.2.1:5060")
				defer stranger.close()
				stranger.n = 5000
				next := stranger.newCall()
				inv := next.invite(replacing(old))
				next.send(inv)
				answer := next.want(c.want)
				if c.want == "403 INVITE" {
					next.ackFinal(inv, answer)
				} else {
					next.learn(answer)
					next.ack(inv)
					r.expect("established")
					next.hangUp(r)
				}
				old.bye(r)
			})
		}
	})

	overSockets(t, "S-044/Replaces unsupported: required 420, bare ignored", Config{}, func(t *testing.T, r *rig) {
		c, _ := r.standing()
		next := r.newCall()
		inv := next.invite("Require: replaces", replacing(c))
		next.send(inv)
		no := next.want("420 INVITE")
		if no.get("Unsupported") != "replaces" {
			t.Errorf("got\n%s", no.raw)
		}
		next.ackFinal(inv, no)
		bare := r.newCall()
		bare.setUp(replacing(c))
		r.expect("established")
		bare.hangUp(r)
		c.bye(r)
	})

	overSockets(t, "S-043/replaces is said where it works", source, func(t *testing.T, r *rig) {
		c := r.newCall()
		_, ok := c.setUp()
		r.expect("established")
		if !strings.Contains(ok.get("Supported"), "replaces") {
			t.Errorf("got\n%s", ok.raw)
		}
		c.bye(r)
	})
}

func first(c *call, _ *Dialog) *call { return c }
