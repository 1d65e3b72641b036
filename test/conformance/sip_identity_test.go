package conformance

import (
	"strings"
	"testing"

	"github.com/parley-msrp/parley/test/conformance/node"
	"github.com/parley-msrp/parley/test/peer"
)

// TestAssertedIdentity is about what the previous hop says of the caller.
func TestAssertedIdentity(t *testing.T) {
	t.Parallel()
	offer := peer.Offer("*", deadPath)
	const route = `
def request(msg):
    if msg.ruri.startswith("sip:tell@"):
        reject(480, "%s %s %s" % (msg.identity, msg.identity_by, msg.header("p-asserted-identity")))
        return
    msrp_ua_answer("*")
`
	trusting := start(t, node.Config{Route: route, SIP: "  trusted: [\"192.0.2.0/24\", \"127.0.0.1\"]\n"})
	careful := start(t, node.Config{Route: route, SIP: "  trusted: [\"192.0.2.0/24\"]\n"})
	says := func(t *testing.T, n *node.Node, head ...string) string {
		t.Helper()
		d := newAgent(t, n, "udp").NewDialog("tell")
		m := d.Invite(offer)
		for _, h := range head {
			name, v, _ := strings.Cut(h, ": ")
			m.Add(name, v)
		}
		return placed(t, d, m, 480).Start
	}
	tells := func(t *testing.T, n *node.Node, head ...string) node.Event {
		t.Helper()
		d := newAgent(t, n, "udp").NewDialog("bob")
		m := d.Invite(offer)
		for _, h := range head {
			name, v, _ := strings.Cut(h, ": ")
			m.Add(name, v)
		}
		r := placed(t, d, m, 200)
		return n.Await(t, sessionID(peer.ParseSDP(r.Body).Media[0].Path()), "E_MSRP_SESSION_NEW", 1)[0]
	}
	const pai = `P-Asserted-Identity: "Alice" <sip:alice@example.org>`

	row(t, "S-029/from a source that is not trusted it is not there", func(t *testing.T) {
		for _, name := range []string{"P-Asserted-Identity", "p-asserted-IDENTITY"} {
			if got := says(t, careful, name+": <sip:alice@example.org>"); got != "SIP/2.0 480 None none None" {
				t.Errorf("the script sees %s", got)
			}
		}
		if e := tells(t, careful, pai); strings.Contains(e.Raw, "alice@example.org") || strings.Contains(e.Raw, "identity") || e.Text("from_uri") == "" {
			t.Errorf("%s", e.Raw)
		}
	})
	row(t, "S-029/from a trusted source it is who calls", func(t *testing.T) {
		if got := says(t, trusting, `P-Asserted-Identity: <tel:+15550100>, "Alice" <sip:alice@example.org>`); !strings.HasPrefix(got, "SIP/2.0 480 sip:alice@example.org pai ") {
			t.Errorf("the script sees %s", got)
		}
		if got := says(t, trusting, `P-Asserted-Identity: <tel:+15550100>`); got != "SIP/2.0 480 tel:+15550100 pai <tel:+15550100>" {
			t.Errorf("the script sees %s", got)
		}
		if got := says(t, trusting); got != "SIP/2.0 480 None none None" {
			t.Errorf("without it the script sees %s", got)
		}
		if e := tells(t, trusting, pai); e.Text("identity") != "sip:alice@example.org" || e.Text("identity_by") != "pai" {
			t.Errorf("%s", e.Raw)
		}
	})
	row(t, "S-029/with Privacy id it stays inside", func(t *testing.T) {
		for _, privacy := range []string{"id", "user;ID;critical"} {
			if e := tells(t, trusting, pai, "Privacy: "+privacy); strings.Contains(e.Raw, "alice@example.org") || e.Text("identity_by") != "pai" {
				t.Errorf("%s: %s", privacy, e.Raw)
			}
		}
		if e := tells(t, trusting, pai, "Privacy: none"); e.Text("identity") == "" {
			t.Errorf("%s", e.Raw)
		}
	})
}

// TestSources is about who may send requests at all.
func TestSources(t *testing.T) {
	t.Parallel()
	offer := peer.Offer("*", deadPath)
	for name, c := range map[string]struct {
		sip  string
		code int
	}{
		"denied":               {"  deny: [\"127.0.0.1\"]\n", 403},
		"not allowed":          {"  allow: [\"192.0.2.0/24\", \"2001:db8::/32\"]\n", 403},
		"denied and allowed":   {"  allow: [\"127.0.0.0/8\"]\n  deny: [\"127.0.0.0/24\"]\n", 403},
		"allowed":              {"  allow: [\"127.0.0.1\"]\n", 200},
		"not among the denied": {"  deny: [\"192.0.2.0/24\"]\n", 200},
	} {
		row(t, name, func(t *testing.T) {
			n := start(t, node.Config{SIP: c.sip})
			for _, proto := range []string{"udp", "tcp"} {
				d := newAgent(t, n, proto).NewDialog("bob")
				placed(t, d, d.Invite(offer), c.code)
				if c.code == 200 {
					continue
				}
				d.Agent.Send(t, d.Request("ACK"))
				if r := d.Agent.Ask(t, patience(), d.Request("OPTIONS")); r.Code() != 403 {
					t.Errorf("OPTIONS: %s", r.Start)
				}
			}
			c := started(t, n, setup{}) // what it starts is answered by anybody
			c.over = true
			n.EndSession(t, c.id)
			c.byeCame(t)
		})
	}
}
