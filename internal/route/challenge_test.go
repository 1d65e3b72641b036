package route_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-msrp/parley/internal/route"
)

func TestChallenge(t *testing.T) {
	users := func(realm string) (string, bool) { return "alice", realm == "a" }
	for _, c := range []struct {
		name, body string
		change     func(*route.Request)
		want       route.Decision
		err        string
	}{
		{name: "S-028/good credentials", body: `u = challenge("a")
    reject(480, u + " " + msg.identity + " " + msg.identity_by + " " + msg.identity_realm)`, want: route.Decision{Code: 480, Reason: "alice alice digest a"}},
		{name: "S-028/the script ends with a challenge", body: `challenge("b")
    fail("goes on")`, want: route.Decision{Code: 401, Challenge: "b"}},
		{name: "nothing was verified before", body: `reject(480, "%s %s %s" % (msg.identity, msg.identity_by, msg.identity_realm))`, want: route.Decision{Code: 480, Reason: "None none None"}},
		{
			name: "S-029/an asserted identity", body: `reject(480, "%s %s %s" % (msg.identity, msg.identity_by, msg.identity_realm))`,
			change: func(r *route.Request) { r.Identity = route.Identity{Name: "sip:bob@b", By: "pai"} }, want: route.Decision{Code: 480, Reason: "sip:bob@b pai None"},
		},
		{
			name: "by certificate", body: `reject(480, "%s %s %s %s" % (msg.identity, msg.identity_by, msg.identity_realm, msg.tls_peer))`,
			change: func(r *route.Request) {
				r.Identity, r.TLSPeer = route.Identity{Name: "sip:bob@b", By: "tls"}, []string{"b", "sip:bob@b"}
			}, want: route.Decision{Code: 480, Reason: `sip:bob@b tls None ["b", "sip:bob@b"]`},
		},
		{name: "no users", body: `challenge("a")`, change: func(r *route.Request) { r.Verify = nil }, err: "3:14: challenge: there are no users"},
		{name: "no realm", body: `challenge("")`, err: "the realm is empty"},
		{name: "after a decision", body: `reject(480)
    challenge("b")`, err: "decided already"},
		{name: "a decision after good credentials", body: `challenge("a")
    msrp_ua_answer("text/plain")`, want: route.Decision{Answer: []string{"text/plain"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := load(t, "\ndef request(msg):\n    "+c.body+"\n")
			r := invite()
			r.Verify = users
			if c.change != nil {
				c.change(&r)
			}
			got, err := s.Run(t.Context(), r)
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Errorf("%v, want %s", err, c.err)
				}
				return
			}
			if diff := cmp.Diff(c.want, got); diff != "" || err != nil {
				t.Errorf("%v\n%s", err, diff)
			}
		})
	}
}
