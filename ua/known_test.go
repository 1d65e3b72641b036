package ua

import (
	"fmt"
	"testing"

	"github.com/parley-msrp/parley/msrp"
)

// TestKnown is about what is remembered of peers' certificates.
func TestKnown(t *testing.T) {
	print := func(s string) []msrp.Fingerprint { return []msrp.Fingerprint{{Hash: "sha-256", Value: s}} }

	t.Run("X-019/the first one counts", func(t *testing.T) {
		var k known
		for i, c := range []struct {
			peer, print string
			changed     bool
		}{{"alice", "a", false}, {"alice", "a", false}, {"bob", "b", false}, {"alice", "b", true}, {"alice", "a", false}, {"alice", "b", true}} {
			if got := k.changed(c.peer, print(c.print)); got != c.changed {
				t.Errorf("%d: %v", i, got)
			}
		}
	})
	t.Run("X-019/one of several is enough", func(t *testing.T) {
		var k known
		k.changed("alice", append(print("a"), print("b")...))
		if k.changed("alice", append(print("c"), print("b")...)) || !k.changed("alice", print("c")) {
			t.Error("not by what they have in common")
		}
	})
	t.Run("X-019/bounded", func(t *testing.T) {
		var k known
		for i := range 3 * maxKnown {
			k.changed(fmt.Sprint(i), print("a"))
		}
		if len(k.first) != maxKnown || len(k.row) != maxKnown {
			t.Errorf("%d peers, %d in the row", len(k.first), len(k.row))
		}
		if !k.changed(fmt.Sprint(3*maxKnown-1), print("b")) || k.changed("0", print("b")) {
			t.Error("not the oldest ones were forgotten")
		}
	})
	t.Run("X-019/who the peer is", func(t *testing.T) {
		for _, c := range []struct {
			call *Call
			want string
		}{
			{&Call{from: "sip:alice@Example.org:5060;x=y", who: Identity{By: Unverified}}, "alice@example.org"},
			{&Call{from: "sip:alice@example.org", who: Identity{By: ByAsserted, Name: "sips:+1@ims.example"}}, "+1@ims.example"},
			{&Call{from: "sip:alice@example.org", who: Identity{By: ByAsserted, Name: "tel:+1"}}, "tel:+1"},
			{&Call{from: "sip:x@y", who: Identity{By: ByDigest, Name: "alice", Realm: "example.org"}}, "alice@example.org"},
			{&Call{caller: true, from: "sip:me@x", to: "sip:bob@example.org"}, "bob@example.org"},
			{&Call{from: "sip:anonymous@anonymous.invalid", who: Identity{By: Unverified}}, ""},
		} {
			if got := c.call.peerIdentity(); got != c.want {
				t.Errorf("%s %s: %q, want %q", c.call.from, c.call.who.Name, got, c.want)
			}
		}
	})
}
