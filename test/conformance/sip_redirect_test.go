package conformance

import (
	"fmt"
	"strings"
	"testing"

	"github.com/parley-msrp/parley/test/conformance/node"
	"github.com/parley-msrp/parley/test/peer"
)

// redirect answers an INVITE with a 3xx that names these users of the peer.
func (c *call) redirect(t *testing.T, invite *peer.Message, code int, contacts ...string) {
	t.Helper()
	r := c.a.Answering(invite).Response(invite, code, "Moved")
	c.a.Respond(t, invite, r.Set("Contact", strings.Join(contacts, ", ")))
	c.a.Request(t, patience(), "ACK")
}

// TestRedirect is about 3xx where the configuration has them followed.
func TestRedirect(t *testing.T) {
	t.Parallel()
	n := start(t, node.Config{SIP: "  max_redirects: 2\n"})
	user := func(c *call, name string) string { return "sip:" + name + "@" + c.a.Addr.String() }

	row(t, "S-038/Contacts by q, each once", func(t *testing.T) {
		c, invite := invited(t, n, setup{})
		c.redirect(t, invite, 302, "<"+user(c, "low")+">;q=0.1", "<"+invite.URI()+">", "<"+user(c, "best")+">;q=0.9")
		next := c.a.Request(t, patience(), "INVITE")
		if next.URI() != user(c, "best") || next.Get("Call-ID") != invite.Get("Call-ID") || next.CSeq() != invite.CSeq()+1 || next.TopBranch() == invite.TopBranch() {
			t.Fatalf("%s", next.Raw)
		}
		c.a.Respond(t, next, c.a.Answering(next).Response(next, 486, "Busy Here"))
		c.a.Request(t, patience(), "ACK")
		next = c.a.Request(t, patience(), "INVITE")
		if next.URI() != user(c, "low") {
			t.Fatalf("%s", next.Raw)
		}
		l := peer.ListenMSRP(t)
		c.d = c.a.Answering(next)
		c.accept(t, next, peer.Offer("*", l.Path(peer.Ident())))
		l.Accept(t, patience()).Request(t, patience(), "SEND")
		n.Await(t, c.id, "E_MSRP_SESSION_NEW", 1)
	})

	row(t, "S-038/302 to itself with redirects on", func(t *testing.T) {
		c, invite := invited(t, n, setup{})
		c.redirect(t, invite, 302, "<"+invite.URI()+">")
		if e := n.Await(t, c.id, "E_MSRP_SESSION_FAILED", 1)[0]; fmt.Sprint(e.Data["code"]) != "302" || e.Text("contacts") != invite.URI() {
			t.Errorf("%s", e.Raw)
		}
		quiet(t, c.a, "after a 302 to itself", func(m *peer.Message) bool { return m.Method() == "INVITE" })
	})

	row(t, "S-038/an endless chain ends", func(t *testing.T) {
		c, invite := invited(t, n, setup{})
		for hop := range 3 {
			c.redirect(t, invite, 302, "<"+user(c, fmt.Sprint("hop", hop))+">")
			if hop < 2 {
				invite = c.a.Request(t, patience(), "INVITE")
			}
		}
		n.Await(t, c.id, "E_MSRP_SESSION_FAILED", 1)
		quiet(t, c.a, "after three redirections", func(m *peer.Message) bool { return m.Method() == "INVITE" })
	})
}
