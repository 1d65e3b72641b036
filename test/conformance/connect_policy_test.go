package conformance

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/parley-msrp/parley/test/conformance/node"
	"github.com/parley-msrp/parley/test/peer"
)

// third is a host that sessions are led to and that has nothing to do with them: it takes connections and hangs up.
type third struct {
	*peer.Listener
	came atomic.Int32
}

func newThird(t *testing.T) *third {
	t.Helper()
	h := &third{Listener: peer.ListenMSRP(t)}
	done := make(chan struct{})
	go func() { // ends with the listener
		defer close(done)
		for {
			c, err := h.TCPListener.Accept()
			if err != nil {
				return
			}
			h.came.Add(1)
			c.Close()
		}
	}()
	t.Cleanup(func() {
		h.Close()
		<-done
	})
	return h
}

// misled makes the program under test active by an answer that names a path, waits for its BYE and returns the reason that events give.
func misled(t *testing.T, n *node.Node, path string) string {
	t.Helper()
	c := lateOffer(t, n)
	ackWith(t, c.d, peer.Offer("*", path))
	return c.refusedConnect(t)
}

// refusedConnect waits for the BYE of a call whose connection could not be opened, and returns the reason that its event gives.
func (c *call) refusedConnect(t *testing.T) string {
	t.Helper()
	bye := c.byeCame(t)
	reason := c.n.Await(t, c.id, "E_MSRP_SESSION_END", 1)[0].Text("reason")
	if !strings.Contains(bye.Get("Reason"), reason) || reason == "" {
		t.Errorf("BYE with the Reason %q, event with %q", bye.Get("Reason"), reason)
	}
	return reason
}

const (
	deniedReason  = "the address policy does not allow to connect to the MSRP peer"
	limitedReason = "too many connections to where the MSRP peer should be came to nothing"
)

// TestConnectPolicy is about where the program under test connects to because its peers say so.
func TestConnectPolicy(t *testing.T) {
	t.Parallel()
	n := start(t, node.Config{})
	three := start(t, node.Config{Media: "  connect_attempts: 3\n"})

	for _, x := range []struct {
		n     *node.Node
		limit int
	}{{n, 10}, {three, 3}} {
		row(t, fmt.Sprintf("D-024/100 answers that name one host that is none: %d connections", x.limit), func(t *testing.T) {
			host := newThird(t)
			refused := 0
			for range 100 {
				if misled(t, x.n, host.Path(peer.Ident())) == limitedReason {
					refused++
				}
			}
			// A minute may be over by then where the machine is slow, but not two. One call may try again where it was hung up on at once.
			if came := int(host.came.Load()); came < x.limit || came > 2*x.limit || refused < 100-came {
				t.Errorf("%d connections, want %d; %d calls were refused one", came, x.limit, refused)
			}
		})
	}

	row(t, "D-024/100 sessions with a live peer", func(t *testing.T) {
		l := peer.ListenMSRP(t)
		for range 100 {
			c := lateOffer(t, three)
			c.s.Own = l.Path(peer.Ident())
			ackWith(t, c.d, peer.Offer("*", c.s.Own))
			c.c = l.Accept(t, patience())
			c.c.Answer(c.c.Request(t, patience(), "SEND"), 200, "OK")
			c.bye(t)
			c.c.Closed(t, patience())
		}
	})

	row(t, "D-024/100 sessions with a live peer at a time", func(t *testing.T) {
		l := peer.ListenMSRP(t)
		calls := map[string]*call{}
		for range 100 {
			c := lateOffer(t, three)
			c.s.Own = l.Path(peer.Ident())
			calls[c.s.Own] = c
			ackWith(t, c.d, peer.Offer("*", c.s.Own))
		}
		shared := l.Accept(t, patience())
		for len(calls) > 0 {
			bind := shared.Request(t, patience(), "SEND")
			c := calls[bind.Get("To-Path")]
			if c == nil {
				t.Fatalf("%q", bind.Head)
			}
			shared.Answer(bind, 200, "OK")
			delete(calls, c.s.Own)
		}
		l.None(t, moment)
	})

	denied := start(t, node.Config{Media: "  connect_deny: [loopback]\n"})
	for name, host := range map[string]string{"an address": "127.0.0.1", "a name": "localhost", "an IPv4 address in IPv6": "[::ffff:127.0.0.1]"} {
		row(t, "D-024/denied, ACK names "+name, func(t *testing.T) {
			l := peer.ListenMSRP(t)
			path := strings.Replace(l.Path(peer.Ident()), "127.0.0.1", host, 1)
			if reason := misled(t, denied, path); reason != deniedReason {
				t.Errorf("reason %q", reason)
			}
			l.None(t, moment)
		})
	}

	row(t, "D-024/denied, 200 names it", func(t *testing.T) {
		l := peer.ListenMSRP(t)
		c, invite := invited(t, denied, setup{})
		c.accept(t, invite, peer.Offer("*", l.Path(peer.Ident())))
		if reason := c.refusedConnect(t); reason != deniedReason {
			t.Errorf("reason %q", reason)
		}
		l.None(t, moment)
	})

	row(t, "D-024/denied, ACK of a re-INVITE names it", func(t *testing.T) {
		l, c := peer.ListenMSRP(t), answered(t, denied, setup{})
		if _, r := c.d.Call(t, patience(), ""); r.Code() != 200 {
			t.Fatal(r.Start)
		}
		ackWith(t, c.d, peer.Offer("*", l.Path(peer.Ident())))
		if reason := c.refusedConnect(t); reason != deniedReason {
			t.Errorf("reason %q", reason)
		}
		l.None(t, moment)
	})

	row(t, "D-024/denied, and those who connect themselves are let in", func(t *testing.T) {
		c := answered(t, denied, setup{})
		c.ok(t, c.s.Send("hello"))
		c.received(t, "hello")
	})

	allowed := start(t, node.Config{Media: "  connect_allow: [\"127.0.0.1\", \"192.0.2.0/24\"]\n  connect_deny: [\"192.0.2.7\"]\n"})
	row(t, "D-024/allowed", func(t *testing.T) {
		c := started(t, allowed, setup{})
		c.ok(t, c.s.Send("hello"))
		c.received(t, "hello")
	})
	for host, n := range map[string]*node.Node{"127.0.0.2": allowed, "192.0.2.7": allowed, "0.0.0.0": n, "[ff02::1]": n} {
		row(t, "D-024/not allowed: "+host, func(t *testing.T) {
			if reason := misled(t, n, "msrp://"+host+":9/"+peer.Ident()+";tcp"); reason != deniedReason {
				t.Errorf("reason %q", reason)
			}
		})
	}
}
