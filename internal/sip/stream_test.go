package sip

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// onTCP is request with a Via for TCP.
func onTCP(method, branch string, change ...string) string {
	return strings.Replace(request(method, branch, change...), "SIP/2.0/UDP", "SIP/2.0/TCP", 1)
}

func TestStream(t *testing.T) {
	inWorld(t, "S-041/CRLFs before a start line ignored, each double one answered by one", func(w *world) {
		p := w.tcp("10.0.0.2")
		w.user.onRequest = reply(200)
		p.send("\r\n\r\n\r\n" + onTCP("OPTIONS", "1"))
		w.want(p.received(), "CRLF, 200 OK")
		p.send("\r\n")
		w.want(p.received(), "")
		p.send("\r")
		p.send("\n")
		w.want(p.received(), "CRLF")
		p.send(onTCP("MESSAGE", "2", "Content-Length: 8", "Call-ID: 2") + "\r\n\r\n\r\n\r\n")
		w.want(p.received(), "200 OK")
	})
	inWorld(t, "S-040/without usable Content-Length: 400, then close", func(w *world) {
		for i, change := range []string{"Content-Length: -", "Content-Length: x", "Content-Length: -5", "Content-Length: 99999999999999999999", "Content-Length: 9223372036854775807"} {
			p := w.tcp("10.0.0.2")
			p.send(onTCP("OPTIONS", fmt.Sprint(i), change) + onTCP("OPTIONS", "z"))
			w.want(p.received(), "400 Bad Content-Length, (closed)")
		}
		p := w.tcp("10.0.0.2")
		p.send(onTCP("OPTIONS", "9", "L: 0"))
		w.want(p.received(), "400 Bad Content-Length, (closed)")
		w.want(w.user.seen(), "")
	})
	inWorld(t, "S-040/no start line: close", func(w *world) {
		p := w.tcp("10.0.0.2")
		p.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
		w.want(p.received(), "(closed)")
	})
	inWorld(t, "S-040/one bad header: 400, the connection stays", func(w *world) {
		p := w.tcp("10.0.0.2")
		w.user.onRequest = reply(200)
		p.send(onTCP("INVITE", "1", "Contact: <sip:", "Content-Length: 3") + "abc" + onTCP("OPTIONS", "2", "Call-ID: 2"))
		w.want(p.received(), "400 Bad Contact, 200 OK")
	})
	inWorld(t, "S-040/513 above the limit of the head, then close", func(w *world) {
		p := w.tcp("10.0.0.2")
		p.send(strings.TrimSuffix(onTCP("OPTIONS", "1", "Subject: "+strings.Repeat("x", 70000)), "\r\n\r\n"))
		w.want(p.received(), "513 Message Too Large, (closed)")
	})
	inWorld(t, "S-040/513 above the limit of the body, which is skipped", func(w *world) {
		p := w.tcp("10.0.0.2")
		w.user.onRequest = reply(200)
		p.send(onTCP("OPTIONS", "1", "Content-Length: 300000"))
		w.want(p.received(), "513 Message Too Large")
		for range 30 {
			p.send(strings.Repeat("x", 10000))
		}
		p.send(onTCP("OPTIONS", "2", "Call-ID: 2"))
		w.want(p.received(), "200 OK")
	})
	inWorld(t, "S-040/a head without end is not buffered beyond the limit", func(w *world) {
		p := w.tcp("10.0.0.2")
		for range 64 {
			p.send(strings.Repeat("x", 1<<10))
		}
		w.want(p.received(), "")
		p.send("xx")
		w.want(p.received(), "(closed)")
		w.at(5 * time.Second)
		w.want(w.conns(), "0")
	})
	inWorld(t, "stream/answers to three messages in one write, in order", func(w *world) {
		p := w.tcp("10.0.0.2")
		w.user.onRequest = func(tx *ServerTx, m *Message) { _ = tx.Reply(200, m.CallID(), nil, nil) }
		p.send(onTCP("OPTIONS", "1", "Call-ID: 1") + onTCP("MESSAGE", "2", "Call-ID: 2", "Content-Length: 4") + "abcd" + onTCP("OPTIONS", "3", "Call-ID: 3"))
		w.want(p.received(), "200 1, 200 2, 200 3")
	})
	inWorld(t, "stream/one octet at a time", func(w *world) {
		p := w.tcp("10.0.0.2")
		w.user.onRequest = func(tx *ServerTx, m *Message) { _ = tx.Reply(200, string(m.Body), nil, nil) }
		for _, b := range []byte("\r\n" + onTCP("MESSAGE", "2", "Content-Length: 4") + "abcd" + onTCP("OPTIONS", "3", "Call-ID: 3")) {
			_, _ = p.Write([]byte{b})
			synctest.Wait()
		}
		w.want(p.received(), "200 abcd, 200 OK")
	})
	inWorld(t, "S-013/a 200 kB body over TCP both ways", func(w *world) {
		body := strings.Repeat("x", 200_000)
		p := w.tcp("10.0.0.2")
		p.send(onTCP("MESSAGE", "1", "Content-Length: 200000") + body)
		_ = w.user.tx(0).Reply(200, "", nil, []byte(body))
		synctest.Wait()
		octets, _ := p.take()
		if m := parse(w.t, octets); len(m.Body) != len(body) || len(w.user.tx(0).Request().Body) != len(body) {
			w.t.Error("octets are missing")
		}
	})
}

func TestStreamAnswers(t *testing.T) {
	inWorld(t, "S-041/answer on the request's connection", func(w *world) {
		p, q := w.tcp("10.0.0.2"), w.tcp("10.0.0.2")
		p.send(onTCP("OPTIONS", "1"))
		_ = w.user.tx(0).Reply(200, "", nil, nil)
		w.want(p.received()+q.received(), "200 OK")
		w.want(fmt.Sprint(w.user.tx(0).Flow().Remote, w.user.tx(0).Flow().Local), p.local.String()+" 10.0.0.1:5060")
	})
	inWorld(t, "S-041/if that was closed, on a new one to received and sent-by port", func(w *world) {
		l := w.listen("10.0.0.2:5077")
		p := w.tcp("10.0.0.2")
		p.send(onTCP("INVITE", "1", "Via: SIP/2.0/TCP pc.example.com:5077;branch=z9hG4bK1;rport"))
		p.Close()
		synctest.Wait()
		_ = w.user.tx(0).Reply(180, "", nil, nil)
		_ = w.user.tx(0).Reply(200, "", nil, nil)
		w.want(l.take(w).received(), "180 Ringing, 200 OK")
		if w.dials() != "2" {
			w.t.Errorf("%s dials", w.dials())
		}
	})
	inWorld(t, "S-041/to port 5060 where the sent-by has none", func(w *world) {
		l := w.listen("10.0.0.2:5060")
		p := w.tcp("10.0.0.2")
		p.send(onTCP("INVITE", "1", "Via: SIP/2.0/TCP pc.example.com;branch=z9hG4bK1"))
		p.reset()
		synctest.Wait()
		_ = w.user.tx(0).Reply(200, "", nil, nil)
		w.want(l.take(w).received(), "200 OK")
	})
	inWorld(t, "S-041/kept 64*T1 after the last use, closed when idle for longer", func(w *world) {
		p := w.tcp("10.0.0.2")
		w.user.onRequest = reply(200)
		w.at(20 * time.Second)
		p.send(onTCP("OPTIONS", "1"))
		w.at(51 * time.Second)
		w.want(p.received(), "200 OK")
		w.at(53 * time.Second)
		w.want(p.received(), "(closed)")
	}, func(c *Config) { c.IdleTimeout = time.Second })
	inWorld(t, "S-041/what we send counts as use", func(w *world) {
		l := w.listen(alice)
		tx, _ := w.start(outgoing("INVITE"), target(TCP, alice))
		p := l.take(w)
		octets, _ := p.take()
		p.send(answer(parse(w.t, octets), 180, "x"))
		w.at(30 * time.Second)
		_ = tx.Cancel()
		w.at(61 * time.Second)
		w.want(p.received(), "CANCEL")
		w.at(63 * time.Second)
		w.want(p.received(), "(closed)")
	}, func(c *Config) { c.IdleTimeout = time.Second })
	inWorld(t, "bounded/a message that trickles in must be whole within 64*T1", func(w *world) {
		p := w.tcp("10.0.0.2")
		p.send("OPTIONS ")
		for i := range 40 {
			w.at(time.Duration(i) * time.Second)
			_, _ = p.Write([]byte("x"))
		}
		w.want(p.received(), "(closed)")
		w.want(w.conns(), "0")
	})
	inWorld(t, "bounded/a peer that does not read is cut off: write deadline", func(w *world) {
		p := w.tcp("10.0.0.2")
		p.in.narrow(100)
		w.user.onRequest = reply(200)
		p.send(onTCP("OPTIONS", "1"))
		w.at(15 * time.Second)
		w.want(w.conns(), "1")
		w.at(17 * time.Second)
		w.want(w.conns(), "0")
	})
	inWorld(t, "bounded/a peer that does not read is cut off: write queue", func(w *world) {
		p := w.tcp("10.0.0.2")
		p.in.narrow(100)
		for range 1000 {
			_, _ = p.Write([]byte("\r\n\r\n\r\n\r\n"))
			synctest.Wait()
		}
		w.want(w.conns(), "0")
	}, func(c *Config) { c.MaxWriteQueue = 500 })
	inWorld(t, "bounded/connections in all", func(w *world) {
		a, b := w.tcp("10.0.0.2"), w.tcp("10.0.0.3")
		synctest.Wait()
		c := w.tcp("10.0.0.4")
		w.want(a.received()+b.received()+c.received(), "(closed)")
		a.Close()
		synctest.Wait()
		w.want(w.tcp("10.0.0.4").received(), "")
		w.want(w.conns(), "2")
	}, func(c *Config) { c.MaxConns = 2 })
	inWorld(t, "bounded/at the limit the connection that was unused longest gives way, after 64*T1", func(w *world) {
		a, b := w.tcp("10.0.0.2"), w.tcp("10.0.0.3")
		w.at(time.Second)
		a.send("\r\n\r\n")
		w.at(33 * time.Second)
		c := w.tcp("10.0.0.4")
		w.want(a.received(), "CRLF")
		w.want(b.received(), "(closed)")
		d := w.tcp("10.0.0.5")
		w.want(a.received()+c.received(), "")
		w.want(d.received(), "(closed)")
	}, func(c *Config) { c.MaxConns = 2 })
	inWorld(t, "bounded/connections from one address, of IPv6 one /64", func(w *world) {
		if _, err := w.stack.Listen(TCP, "[2001:db8::1]:5060"); err != nil {
			w.t.Fatal(err)
		}
		dial := func(from string) *tcpPeer {
			to := "10.0.0.1:5060"
			if strings.Contains(from, ":") {
				to = "[2001:db8::1]:5060"
			}
			c, err := w.net.dialFrom(w.t.Context(), netip.MustParseAddr(from), to)
			if err != nil {
				w.t.Fatal(err)
			}
			return &tcpPeer{w, c.(*memConn)}
		}
		first := dial("10.0.0.2")
		synctest.Wait()
		first.Close()
		synctest.Wait()
		for _, c := range []struct{ from, want string }{
			{"10.0.0.2", ""},
			{"10.0.0.2", ""},
			{"10.0.0.2", "(closed)"},
			{"10.0.0.3", ""},
			{"2001:db8::2", ""},
			{"2001:db8::3", ""},
			{"2001:db8::4", "(closed)"},
			{"2001:db8:0:1::4", ""},
		} {
			w.want(dial(c.from).received(), c.want)
		}
	}, func(c *Config) { c.MaxConnsPerPeer = 2 })
}

func TestConnectionUse(t *testing.T) {
	inWorld(t, "flow/a request goes on the connection that is named", func(w *world) {
		p, q := w.tcp("10.0.0.2"), w.tcp("10.0.0.3")
		p.send(onTCP("INVITE", "1"))
		q.send(onTCP("INVITE", "2", "Call-ID: 2"))
		f := w.user.tx(0).Flow()
		w.start(outgoing("BYE"), Target{Proto: TCP, Addr: f.Remote, Conn: f.Conn})
		w.want(p.received(), "BYE")
		w.want(q.received(), "")
	})
	inWorld(t, "flow/connections that share our local address are not mixed up: a request goes to its own target only", func(w *world) {
		w.tcp("10.0.0.3").send(onTCP("INVITE", "1"))
		l := w.listen(alice)
		w.start(outgoing("BYE"), target(TCP, alice))
		w.want(l.take(w).received(), "BYE")
	})
	inWorld(t, "flow/one connection for all requests to an address, two while it is dialed too", func(w *world) {
		l := w.listen(alice)
		_, _ = w.stack.Start(outgoing("BYE"), target(TCP, alice), nil)
		_, _ = w.stack.Start(outgoing("OPTIONS"), target(TCP, alice), nil)
		p := l.take(w)
		w.start(outgoing("INFO"), target(TCP, alice))
		w.want(p.received(), "BYE, OPTIONS, INFO")
		w.want(w.dials(), "1")
	})
	inWorld(t, "flow/when the named connection is gone, a new one to the same address", func(w *world) {
		l := w.listen(alice)
		w.start(outgoing("BYE"), target(TCP, alice))
		first := l.take(w)
		id := w.stack.pool.find(0, remoteOf(TCP, netip.MustParseAddrPort(alice), "")).id
		first.Close()
		synctest.Wait()
		w.start(outgoing("INFO"), Target{Proto: TCP, Addr: netip.MustParseAddrPort(alice), Conn: id})
		w.want(l.take(w).received(), "INFO")
	})
	inWorld(t, "close/what is queued is written first", func(w *world) {
		p := w.tcp("10.0.0.2")
		p.send(onTCP("INVITE", "1"))
		_ = w.user.tx(0).Reply(480, "", nil, nil)
		_ = w.stack.Close(w.t.Context())
		w.want(p.received(), "480 Temporarily Unavailable, (closed)")
	})
	inWorld(t, "close/a peer that does not read delays it until the context ends", func(w *world) {
		p := w.tcp("10.0.0.2")
		p.in.narrow(100)
		p.send(onTCP("INVITE", "1"))
		_ = w.user.tx(0).Reply(480, "", nil, nil)
		ctx, cancel := context.WithTimeout(w.t.Context(), time.Second)
		defer cancel()
		if err := w.stack.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
			w.t.Errorf("Close: %v", err)
		}
		w.want(p.received(), "(closed)")
		w.want(fmt.Sprint(time.Since(w.began)), "1s")
	})
	inWorld(t, "bounded/ErrLimit where every connection is in use", func(w *world) {
		w.tcp("10.0.0.3").send(onTCP("INVITE", "1"))
		_, e := w.start(outgoing("BYE"), target(TCP, alice))
		w.want(e.seen(), "0:"+ErrLimit.Error())
	}, func(c *Config) { c.MaxConns = 1 })
	inWorld(t, "S-041/a pong that nobody asked for is ignored", func(w *world) {
		p := w.tcp("10.0.0.2")
		p.send("\r\n")
		w.at(time.Second)
		p.send(onTCP("OPTIONS", "1"))
		w.want(p.received()+w.user.seen(), "OPTIONS")
	})
}
