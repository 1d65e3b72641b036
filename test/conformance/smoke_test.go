package conformance

import (
	"fmt"
	"strings"
	"testing"

	"github.com/parley-msrp/parley/test/conformance/node"
	"github.com/parley-msrp/parley/test/peer"
)

// TestConversation is one whole call in each role over each SIP transport: set-up, messages both ways in one chunk and in many, reports, the list,
// the events with their envelope, and the end by either side.
func TestConversation(t *testing.T) {
	t.Parallel()
	n := start(t, node.Config{})
	for _, proto := range []string{"udp", "tcp"} {
		for _, ends := range []string{"peer", "application"} {
			row(t, "called over "+proto+", ended by the "+ends, func(t *testing.T) {
				c := answered(t, n, setup{proto: proto, types: "text/plain"})
				c.converse(t, "UAS", "sip:alice@"+c.a.Addr.String(), "sip:bob@"+n.SIP, ends)
			})
			row(t, "calling over "+proto+", ended by the "+ends, func(t *testing.T) {
				c := started(t, n, setup{proto: proto, types: "text/plain"})
				to := "sip:bob@" + c.a.Addr.String()
				if proto == "tcp" {
					to += ";transport=tcp"
				}
				c.converse(t, "UAC", "sip:parley@"+n.SIP, to, ends)
			})
		}
		row(t, "refused over "+proto, func(t *testing.T) {
			c, invite := invited(t, n, setup{proto: proto})
			c.d.Answer(t, invite, 180, "Ringing")
			c.d.Answer(t, invite, 603, "Decline")
			c.a.Request(t, patience(), "ACK")
			e := n.Await(t, c.id, "E_MSRP_SESSION_FAILED", 1)[0]
			if fmt.Sprint(e.Data["code"]) != "603" || e.Text("reason") != "Decline" || e.Text("from_uri") != "sip:parley@"+n.SIP {
				t.Errorf("%s", e.Raw)
			}
			inOrder(t, e, "session_id", "code", "reason", "from_uri", "to_uri", "ruri")
			c.gone(t)
		})
	}
}

func (c *call) converse(t *testing.T, role, from, to, ends string) {
	t.Helper()
	n := c.n
	e := n.Await(t, c.id, "E_MSRP_SESSION_NEW", 1)[0]
	address, _, _ := strings.Cut(to, ";transport=") // which a To header does not hold (RFC 3261 §19.1.1)
	if e.Text("from_uri") != from || !strings.HasPrefix(e.Text("to_uri"), address) || e.Text("ruri") != to || e.Text("session_id") != c.id || e.Text("content_types") != "text/plain" {
		t.Errorf("%s\nwant from %s to %s", e.Raw, from, to)
	}
	inOrder(t, e, "from_uri", "to_uri", "ruri", "session_id", "content_types")
	if l := n.Session(t, c.id); l == nil || l.Type != role || l.State != 2 || l.PeerPath != c.s.Own || l.Lifetime < 43000 {
		t.Errorf("listed as %+v", l)
	}

	// received: in one chunk with a success report, and in many
	f := c.s.Send("hello \u20ac").Add("Success-Report", "yes")
	c.ok(t, f)
	if r := c.c.Request(t, patience(), "REPORT"); r.Get("Status") == "" || r.Get("Byte-Range") != "1-9/9" {
		t.Errorf("%q", r.Head)
	}
	long, id := numbered(10_000), peer.Ident()
	c.ok(t, c.s.Chunk(id, "1-*/10000", long[:6000], '+'))
	c.ok(t, c.s.Chunk(id, "6001-*/10000", long[6000:], '$'))
	c.received(t, "hello \u20ac", long)
	inOrder(t, n.Await(t, c.id, "E_MSRP_MSG_RECEIVED", 1)[0], "session_id", "content_type", "body")

	// sent: the fates delivered, reported and failed
	one := n.SendMessage(t, c.id, "text/plain", long)
	if got := join(c.read(t, 200)); got != long {
		t.Errorf("%d octets, want %d", len(got), len(long))
	}
	c.fate(t, one, "delivered")
	two := n.SendMessage(t, c.id, "text/plain", "report it", "success_report", "yes")
	c.read(t, 200)
	c.c.Put(c.s.Report(two, "1-9/9", "000 200 OK").Bytes())
	e = c.failed(t, two, "200 OK")
	inOrder(t, e, "session_id", "message_id", "status", "byte_range")
	three := n.SendMessage(t, c.id, "text/plain", "too much")
	c.c.Answer(c.c.Request(t, patience(), "SEND"), 413, "Stop")
	if e := c.failed(t, three, "413"); e.Text("byte_range") != "1-8/8" {
		t.Errorf("%s", e.Raw)
	}

	if ends == "peer" {
		c.bye(t)
		n.Await(t, c.id, "E_MSRP_SESSION_END", 1)
	} else {
		n.EndSession(t, c.id)
		c.byeCame(t)
	}
	c.gone(t)
	if _, e := n.MI(t, "msrp_ua_send_message", []string{c.id}); e == nil || e.Code != 404 {
		t.Errorf("send into what is over: %+v", e)
	}
	c.envelopes(t)
}

// envelopes checks what all events of the session have in common.
func (c *call) envelopes(t *testing.T) {
	t.Helper()
	seen := map[string]bool{}
	for i, e := range c.n.Events(c.id, "") {
		if e.Type != e.Name || e.ID == "" || seen[e.ID] || strings.TrimLeft(fmt.Sprint(e.Sequence), "0") != fmt.Sprint(i+1) ||
			!strings.Contains(e.Raw, `"specversion":"1.0"`) || e.Text("session_id") != c.id {
			t.Errorf("event %d: %s (event: %s, id: %s)", i+1, e.Raw, e.Name, e.ID)
		}
		stamp(t, e.Time)
		seen[e.ID] = true
	}
}

// inOrder checks that an event's data begins with these members in this order.
func inOrder(t *testing.T, e node.Event, members ...string) {
	t.Helper()
	_, data, _ := strings.Cut(e.Raw, `"data":{`)
	at := -1
	for _, m := range members {
		i := strings.Index(data, `"`+m+`":`)
		if i <= at {
			t.Errorf("%s is not in its place in %s", m, e.Raw)
		}
		at = i
	}
}
