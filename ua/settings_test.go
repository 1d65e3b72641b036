package ua_test

import (
	"strings"
	"testing"
	"time"

	"github.com/parley-msrp/parley/test/peer"
	"github.com/parley-msrp/parley/ua"
)

// TestAdjust: settings count for calls that begin later, and what is wrong changes nothing.
func TestAdjust(t *testing.T) {
	h := newRecorder()
	c := answering(h, "text/plain")
	c.CleanupInterval = time.Hour
	a := newAgent(t, c)
	call := func() (path, contact string, d *peer.Dialog) {
		d = peer.NewAgent(t, "udp", address(a)).NewDialog("bob")
		_, answer := d.Call(t, limit, peer.Offer("text/plain", "msrp://127.0.0.1:9/"+peer.Ident()+";tcp"))
		if answer.Code() != 200 {
			t.Fatalf("answered %s", answer.Start)
		}
		d.Ack(t)
		h.want(t, "established ACK")
		return peer.ParseSDP(answer.Body).Media[0].Path(), answer.Get("Contact"), d
	}
	path, contact, before := call()
	for _, wrong := range []ua.Settings{
		{MyURI: "msrps://192.0.2.1:2855;tcp"}, {MyURI: "http://192.0.2.1"}, {Contact: "mailto:bob@example.com"},
	} {
		if err := a.Adjust(wrong); err == nil {
			t.Errorf("%+v was taken", wrong)
		}
	}
	if p, c, d := call(); p[:len("msrp://127.0.0.1")] != path[:len("msrp://127.0.0.1")] || c != contact {
		t.Errorf("after what is wrong: %s, %s", p, c)
	} else {
		d.Bye(t, limit)
		h.want(t, "ended: by peer, 200 BYE")
	}

	// The sweep has its new interval at once, and so the new call ends soon; the old one has no limit.
	err := a.Adjust(ua.Settings{MyURI: "msrp://192.0.2.1:2856;tcp", Contact: "sip:bot@192.0.2.1", MaxDuration: 10 * time.Millisecond, CleanupInterval: 5 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	p, contact, d := call()
	if !strings.HasPrefix(p, "msrp://192.0.2.1:2856/") || !strings.HasPrefix(contact, "<sip:bot@192.0.2.1>") {
		t.Errorf("the new call shows %s and %s", p, contact)
	}
	d.Answer(t, d.Agent.Request(t, limit, "BYE"), 200, "OK")
	h.want(t, "ended: expired, 200 longest duration reached")
	if bye := before.Bye(t, limit); bye.Code() != 200 {
		t.Errorf("the old call: %s", bye.Start)
	}
	h.want(t, "ended: by peer, 200 BYE")

	// And back to what follows from the listeners.
	if err := a.Adjust(ua.Settings{SetupTimeout: -1, CleanupInterval: -1}); err != nil {
		t.Fatal(err)
	}
	s, err := a.Start(ua.StartConfig{From: "sip:bob@" + address(a), To: "sip:nobody@" + peer.NewAgent(t, "udp", address(a)).Addr.String(), Handler: ua.Quiet{}})
	if err != nil {
		t.Fatal(err)
	}
	if left := s.Lifetime(); left < 50*time.Second || left > time.Minute {
		t.Errorf("the set-up of a call ends in %v, want the default, 1m", left)
	}
	s.End()
	if p, c, d := call(); !strings.HasPrefix(p, "msrp://127.0.0.1:") || strings.Contains(c, "192.0.2.1") {
		t.Errorf("back again: %s, %s", p, c)
	} else {
		d.Bye(t, limit)
		h.want(t, "ended: by peer, 200 BYE")
	}
}
