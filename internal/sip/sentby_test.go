package sip

import (
	"strings"
	"testing"

	"github.com/parley-msrp/parley/internal/sip/dnsclient"
)

// TestSentByNames: RFC 3263 §5: an answer whose connection has closed, and that cannot be sent to where the request came from either.
func TestSentByNames(t *testing.T) {
	names := func(c *Config) {
		c.Names = &memNames{
			srv: map[string][]dnsclient.SRV{"_sip._tcp.peer.example": {
				{Priority: 1, Target: "gone.example", Port: 5076}, {Priority: 2, Target: "host.example", Port: 5077},
			}},
			addrs: map[string][]string{"gone.example": {"10.0.0.6"}, "host.example": {"10.0.0.7"}},
		}
	}
	for _, c := range []struct{ name, sentBy, at string }{
		{"by SRV, the next one where the first is dead", "peer.example", "10.0.0.7:5077"},
		{"by its address at the port that it names", "host.example:5099", "10.0.0.7:5099"},
		{"by its address at the usual port", "host.example", "10.0.0.7:5060"},
	} {
		inWorld(t, "S-041/sent-by is a name: "+c.name, func(w *world) {
			l := w.listen(c.at)
			p := w.tcp("10.0.0.2")
			p.send(strings.Replace(onTCP("INVITE", "1"), "10.0.0.2:5060", c.sentBy, 1))
			p.Close()
			w.want(w.conns(), "0")
			_ = w.user.tx(0).Reply(486, "", nil, nil)
			w.want(l.take(w).received(), "486 Busy Here")
		}, names)
	}
	inWorld(t, "S-041/sent-by is a name that leads nowhere", func(w *world) {
		p := w.tcp("10.0.0.2")
		p.send(strings.Replace(onTCP("INVITE", "1"), "10.0.0.2:5060", "nowhere.example", 1))
		p.Close()
		_ = w.user.tx(0).Reply(486, "", nil, nil)
		w.want(w.conns(), "0")
	}, names)
}
