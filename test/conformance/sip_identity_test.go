package conformance

import (
	"crypto/tls"
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

// TestCertifiedIdentity is about whom the certificate of the previous hop names.
func TestCertifiedIdentity(t *testing.T) {
	t.Parallel()
	n := startSecure(t, "  client_certificates: ask\n", func(_ secure, c *node.Config) {
		c.Route = `
def request(msg):
    if msg.ruri.startswith("sip:tell@"):
        reject(480, "%s %s %s" % (msg.identity, msg.identity_by, " ".join(msg.tls_peer)))
        return
    msrp_ua_answer("*")
`
	})
	// agent calls over TLS as alice@example.org, with a certificate for these names.
	agent := func(t *testing.T, names ...string) *peer.Agent {
		t.Helper()
		dial := n.dial()
		if len(names) > 0 {
			dial.Certificates = []tls.Certificate{n.authority.Issue(names...)}
		}
		return peer.NewTLSAgent(t, n.at(), &tls.Config{Certificates: []tls.Certificate{n.authority.Issue("127.0.0.1")}}, dial)
	}
	const from = `"Alice" <sip:alice@example.org>;tag=`
	for _, c := range []struct{ name, names, want string }{
		{"a user", "sip:alice@example.org", "sip:alice@example.org tls sip:alice@example.org"},
		{"another user", "sip:bob@example.org", "sip:bob@example.org tls sip:bob@example.org"},
		{"a domain", "Proxy.example.org example.org", "sip:example.org tls proxy.example.org example.org"},
		{"no name without a star", "*.example.org", "None none"},
		{"nobody", "", "None none"},
	} {
		row(t, "S-032/client certificates: the script sees "+c.name, func(t *testing.T) {
			d := agent(t, strings.Fields(c.names)...).NewDialog("tell")
			m := d.Invite(peer.Offer("*", deadPath))
			if got := placed(t, d, m.Set("From", from+m.Tag("From")), 480).Start; strings.TrimSpace(got) != "SIP/2.0 480 "+c.want {
				t.Errorf("%s", got)
			}
		})
	}
	row(t, "S-032/client certificates: in events, and not where the caller asks for privacy", func(t *testing.T) {
		for privacy, want := range map[string]string{"none": "sip:alice@example.org", "id": ""} {
			c, _ := n.answeredBy(t, agent(t, "sip:alice@example.org"), func(_ *peer.Dialog, m *peer.Message) { m.Add("Privacy", privacy) })
			e := n.Await(t, c.id, "E_MSRP_SESSION_NEW", 1)[0]
			if e.Text("identity") != want || e.Text("identity_by") != "tls" {
				t.Errorf("Privacy %s: %s", privacy, e.Raw)
			}
			n.EndSession(t, c.id)
			c.byeCame(t)
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
