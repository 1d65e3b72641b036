package sip

import (
	"net/netip"
	"strings"
	"testing"
)

const stranger = "10.9.9.9:5060"

// from says whether a flow comes from alice.
func fromAlice(f Flow) bool { return f.Remote.Addr() == netip.MustParseAddrPort(alice).Addr() }

func TestSources(t *testing.T) {
	admit := func(c *Config) { c.Admit = fromAlice }
	inWorld(t, "requests from others get 403, ACKs nothing, and make no transaction", func(w *world) {
		w.user.onRequest = reply(200)
		p := w.udp(stranger)
		for _, change := range []string{"Subject: x", "Contact: -", "To: -"} { // broken ones too
			p.send(request("INVITE", "1", change))
			w.want(p.received(), "0:403 Forbidden")
		}
		p.send(request("ACK", "1"))
		w.want(p.received(), "")
		w.want(w.user.seen(), "")
		w.stack.server.mu.Lock()
		n := len(w.stack.server.byKey)
		w.stack.server.mu.Unlock()
		if n != 0 {
			t.Errorf("%d transactions", n)
		}
		a := w.udp(alice)
		a.send(request("OPTIONS", "2"))
		w.want(a.received(), "0:200 OK")
	}, admit)
}

func TestAsserted(t *testing.T) {
	for name, c := range map[string]struct {
		asserts         func(Flow) bool
		alice, stranger string // what is seen of theirs
	}{
		"S-029/a hop that is trusted, and one that is not": {fromAlice, "<sip:a@b>", ""},
		"S-029/nobody is trusted without a choice":         {nil, "", ""},
	} {
		inWorld(t, name, func(w *world) {
			w.user.onRequest = func(tx *ServerTx, m *Message) {
				w.user.note("[%s]", strings.Join(m.Values("p-asserted-identity"), " "))
				reply(200)(tx, m)
			}
			w.udp(alice).send(request("OPTIONS", "1", "P-asserted-IDENTITY: <sip:a@b>"))
			w.udp(stranger).send(request("OPTIONS", "2", "Call-ID: other", "P-Asserted-Identity: <sip:a@b>"))
			w.want(w.user.seen(), "OPTIONS ["+c.alice+"] OPTIONS ["+c.stranger+"]")
		}, func(cfg *Config) { cfg.Asserts = c.asserts })
	}
}
