package dialog

import (
	"fmt"
	"log/slog"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/parley-msrp/parley/internal/sip"
)

// refused sends an INVITE that must get 503 with Retry-After, and nothing else.
func (r *rig) refused() {
	r.t.Helper()
	c := r.newCall()
	inv := c.invite()
	c.send(inv)
	no := c.want("503 INVITE")
	if after, err := strconv.Atoi(no.get("Retry-After")); err != nil || after < 1 || after > 30 {
		r.t.Errorf("Retry-After %q", no.get("Retry-After"))
	}
	c.ackFinal(inv, no)
}

// established is a call that the unit under test answered.
func (r *rig) established() *call {
	r.t.Helper()
	c := r.newCall()
	c.setUp()
	r.expect("established")
	return c
}

// hangUp ends an established call; others may go on.
func (c *call) hangUp(r *rig) {
	c.t.Helper()
	c.send(c.request("BYE"))
	c.want("200 BYE")
	r.expect("ended remote 200 established=true")
}

func TestOverload(t *testing.T) {
	three := Config{Limits: Limits{PerSecond: 3}}
	underFakeTime(t, "S-022/new calls per second: 503 above, room again as time goes by, live ones never notice", sip.UDP, three, func(t *testing.T, r *rig, _ *memNet) {
		calls := []*call{r.established(), r.established(), r.established()}
		r.refused()
		for _, c := range calls {
			re := c.request("INVITE").sdp(offerSDP)
			c.send(re)
			c.want("200 INVITE")
			c.ack(re)
		}
		time.Sleep(time.Second / 3)
		calls = append(calls, r.established())
		r.refused()
		for _, c := range calls {
			c.hangUp(r)
		}
		r.quiet()
	})

	underFakeTime(t, "S-022/a refused INVITE leaves no transaction: no resending without ACK, and it may come again", sip.UDP, Config{Limits: Limits{PerSecond: 1}}, func(t *testing.T, r *rig, _ *memNet) {
		c := r.established()
		again := r.newCall()
		inv := again.invite()
		again.send(inv)
		tag := again.want("503 INVITE").tag("To")
		again.send(inv)
		if other := again.want("503 INVITE").tag("To"); other != tag || tag == "" {
			t.Errorf("To tags %q and %q", tag, other)
		}
		r.silent(2 * time.Second)
		again.send(inv)
		again.learn(again.want("200 INVITE"))
		again.ack(inv)
		r.expect("established")
		again.hangUp(r)
		c.hangUp(r)
		r.quiet()
	})

	overSockets(t, "S-022/calls in set-up: 503 above, until one is decided or acknowledged", Config{Limits: Limits{InSetup: 2}}, func(t *testing.T, r *rig) {
		incoming := r.keepIncoming()
		var calls []*call
		var invites []*request
		var ins []*Incoming
		for range 2 {
			c := r.newCall()
			inv := c.invite()
			c.send(inv)
			calls, invites, ins = append(calls, c), append(invites, inv), append(ins, <-incoming)
		}
		r.refused()
		_, err := ins[0].Accept([]byte(answerSDP), r)
		check0(t, err)
		calls[0].learn(calls[0].want("200 INVITE"))
		r.refused() // its ACK is missing
		calls[0].ack(invites[0])
		r.expect("established")
		check0(t, ins[1].Reject(Refusal{Code: 486}))
		calls[1].ackFinal(invites[1], calls[1].want("486 INVITE"))
		r.set(func(h *hooks) { h.invite = r.accept })
		r.established().hangUp(r)
		calls[0].hangUp(r)
		r.quiet()
	})

	overSockets(t, "S-022/calls of one source: 503 above, existing ones unharmed", Config{PerSource: Limits{Dialogs: 2}}, func(t *testing.T, r *rig) {
		a, b := r.established(), r.established()
		r.refused()
		a.hangUp(r)
		r.established().hangUp(r)
		b.hangUp(r)
		r.quiet()
	})

	underFakeTime(t, "S-022/another source has limits of its own", sip.UDP, Config{PerSource: Limits{PerSecond: 1}}, func(t *testing.T, r *rig, n *memNet) {
		first := r.established()
		r.refused()
		own := r.peer
		r.peer = memPeer(t, n, sip.UDP, "192.0.2.77:0", "192.0.2.1:5060")
		defer r.peer.close()
		r.peer.n = 1000 // other tags
		second := r.established()
		r.refused()
		second.hangUp(r)
		r.peer = own
		first.hangUp(r)
		r.quiet()
	})

	underFakeTime(t, "S-020/OPTIONS says 503 while a call would get it, and costs no call", sip.UDP, Config{Limits: Limits{PerSecond: 1}}, func(t *testing.T, r *rig, _ *memNet) {
		for range 3 {
			c := r.newCall()
			c.send(c.request("OPTIONS"))
			c.want("200 OPTIONS")
		}
		c := r.established()
		o := r.newCall()
		o.send(o.request("OPTIONS"))
		o.want("503 OPTIONS")
		c.send(c.request("OPTIONS"))
		c.want("200 OPTIONS")
		c.hangUp(r)
		r.quiet()
	})
}

func TestAdmission(t *testing.T) {
	t.Run("of IPv6 a /64 is one source", func(t *testing.T) {
		a := newAdmission(Limits{}, Limits{InSetup: 1}, slog.New(slog.DiscardHandler))
		for n, c := range []struct {
			from string
			ok   bool
		}{
			{"2001:db8::1", true},
			{"2001:db8::ffff:1", false},
			{"2001:db8:0:1::1", true},
			{"192.0.2.1", true},
			{"::ffff:192.0.2.1", false},
			{"192.0.2.2", true},
		} {
			if got := a.enter(&Dialog{}, netip.MustParseAddr(c.from)); got != c.ok {
				t.Errorf("%d: %s: %t", n, c.from, got)
			}
		}
	})

	t.Run("sources are bounded, and forgotten with their last call", func(t *testing.T) {
		a := newAdmission(Limits{}, Limits{PerSecond: 1_000_000, Dialogs: 2}, slog.New(slog.DiscardHandler))
		at := netip.MustParseAddr("10.0.0.0")
		var kept []*Dialog
		for range maxSources + 3 {
			if a.arrives(at) == nil {
				d := &Dialog{}
				if a.enter(d, at) {
					kept = append(kept, d)
				}
			}
			at = at.Next()
		}
		if len(kept) != maxSources+2 || len(a.sources) != maxSources {
			t.Errorf("%d calls of %d sources; want %d: those above the bound share one limit", len(kept), len(a.sources), maxSources+2)
		}
		for _, d := range kept {
			a.left(d)
		}
		time.Sleep(time.Millisecond)
		a.sweep()
		if len(a.sources) != 0 || a.total.dialogs != 0 || a.rest.dialogs != 0 || a.total.inSetup != 0 {
			t.Errorf("left: %d sources, %+v", len(a.sources), a.total)
		}
	})

	t.Run("a flood is one line of the log", func(t *testing.T) {
		var log strings.Builder
		a := newAdmission(Limits{PerSecond: 1}, Limits{}, slog.New(slog.NewTextHandler(&log, nil)))
		for n := range 100 {
			a.arrives(netip.MustParseAddr(fmt.Sprintf("192.0.2.%d", n)))
		}
		if got := log.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, "1 new calls a second") {
			t.Errorf("logged %q", got)
		}
	})
}
