package conformance

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/parley-msrp/parley/test/conformance/node"
	"github.com/parley-msrp/parley/test/peer"
)

// shed places a call that must get 503 with Retry-After.
func shed(t *testing.T, a *peer.Agent) {
	t.Helper()
	_, r := a.NewDialog("bob").Call(t, patience(), peer.Offer("*", deadPath))
	wantShed(t, r)
}

func wantShed(t *testing.T, r *peer.Message) {
	t.Helper()
	if after, err := strconv.Atoi(r.Get("Retry-After")); r.Code() != 503 || err != nil || after < 1 {
		t.Errorf("%s, Retry-After %q", r.Start, r.Get("Retry-After"))
	}
}

// TestOverload is about the limits on calls: above them 503, and live sessions never notice.
func TestOverload(t *testing.T) {
	t.Parallel()

	row(t, "S-022/limit of sessions", func(t *testing.T) {
		n := start(t, node.Config{SIP: "  max_sessions: 2\n"})
		a, b := answered(t, n, setup{}), answered(t, n, setup{proto: "tcp"})
		for range 20 {
			shed(t, newAgent(t, n, "udp"))
		}
		a.received(t)
		b.received(t)
		if r := a.a.Ask(t, patience(), a.d.Request("OPTIONS")); r.Code() != 200 {
			t.Errorf("OPTIONS in the dialog: %s", r.Start)
		}
		if r := a.a.Ask(t, patience(), a.a.NewDialog("bob").Request("OPTIONS")); r.Code() != 503 {
			t.Errorf("OPTIONS: %s", r.Start)
		}
		a.bye(t)
		answered(t, n, setup{}).received(t)
		if log := n.Log(); strings.Count(log, "limit is reached") > 1 {
			t.Errorf("a line for each refused call:\n%s", log)
		}
	})

	row(t, "S-022/limit of calls in set-up", func(t *testing.T) {
		n := start(t, node.Config{SIP: "  max_calls_in_setup: 1\n"})
		d := newAgent(t, n, "udp").NewDialog("bob")
		if _, r := d.Call(t, patience(), peer.Offer("*", deadPath)); r.Code() != 200 {
			t.Fatal(r.Start)
		}
		shed(t, newAgent(t, n, "tcp"))
		d.Ack(t)
		if r := d.Agent.Ask(t, patience(), d.Request("OPTIONS")); r.Code() != 200 { // the ACK is here
			t.Error(r.Start)
		}
		answered(t, n, setup{}).received(t)
		d.Bye(t, patience())
	})

	row(t, "S-022/limit of calls a second", func(t *testing.T) {
		n := start(t, node.Config{SIP: "  max_calls_per_second_per_source: 1\n"})
		c := answered(t, n, setup{})
		shed(t, newAgent(t, n, "udp"))
		c.received(t)
		c.bye(t)
	})

	row(t, "S-022/three times the calls that are allowed, and every message of the live sessions is answered", func(t *testing.T) {
		n := start(t, node.Config{SIP: "  max_calls_per_second: 5\n"})
		var live []*call
		for range 4 {
			live = append(live, answered(t, n, setup{}))
		}
		a := newAgent(t, n, "udp")
		taken, refused := 0, 0
		for end := time.Now().Add(patience()); refused < 50 || refused < 2*taken; live[(taken+refused)%len(live)].received(t) {
			if time.Now().After(end) {
				t.Fatalf("%d calls were answered, and %d refused", taken, refused)
			}
			d := a.NewDialog("bob")
			if _, r := d.Call(t, patience(), peer.Offer("*", deadPath)); r.Code() != 200 {
				wantShed(t, r)
				refused++
				continue
			}
			taken++
			d.Ack(t)
			d.Bye(t, patience())
		}
		for _, c := range live {
			c.received(t)
			c.bye(t)
		}
	})

	row(t, "S-022/limit of sessions of a source", func(t *testing.T) {
		n := start(t, node.Config{SIP: "  max_sessions_per_source: 1\n"})
		c := answered(t, n, setup{})
		shed(t, newAgent(t, n, "tcp"))
		own := started(t, n, setup{}) // those that are started here do not count
		c.received(t)
		own.received(t)
		c.bye(t)
		answered(t, n, setup{}).received(t)
	})
}

// TestSessionTimer is about the session timer as the configuration asks for it.
func TestSessionTimer(t *testing.T) {
	t.Parallel()
	n := start(t, node.Config{SIP: "  session_expires: 1200\n  min_se: 600\n"})

	row(t, "S-030/asked for in an INVITE", func(t *testing.T) {
		_, invite := invited(t, n, setup{})
		if invite.Get("Session-Expires") != "1200" || invite.Get("Min-SE") != "600" || invite.Get("Supported") == "" {
			t.Errorf("%s", invite.Raw)
		}
	})

	row(t, "S-030/granted though not asked for", func(t *testing.T) {
		d := newAgent(t, n, "udp").NewDialog("bob")
		r := placed(t, d, d.Invite(peer.Offer("*", deadPath)).Add("Supported", "timer"), 200)
		if r.Get("Session-Expires") != "1200;refresher=uac" || r.Get("Require") != "timer" {
			t.Errorf("%s", r.Raw)
		}
	})

	row(t, "S-030/lowered, but not below the floor", func(t *testing.T) {
		d := newAgent(t, n, "udp").NewDialog("bob")
		r := placed(t, d, d.Invite(peer.Offer("*", deadPath)).Add("Supported", "timer").Add("Session-Expires", "7200").Add("Min-SE", "1500"), 200)
		if got := r.Get("Session-Expires"); !strings.HasPrefix(got, "1500;") {
			t.Errorf("Session-Expires %q", got)
		}
	})

	row(t, "S-030/422 below the configured floor", func(t *testing.T) {
		d := newAgent(t, n, "udp").NewDialog("bob")
		r := placed(t, d, d.Invite(peer.Offer("*", deadPath)).Add("Supported", "timer").Add("Session-Expires", "599"), 422)
		if r.Get("Min-SE") != "600" {
			t.Errorf("Min-SE %q", r.Get("Min-SE"))
		}
	})
}
