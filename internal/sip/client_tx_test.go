package sip

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

const alice = "10.0.0.2:5060"

func TestClientInvite(t *testing.T) {
	inWorld(t, "S-036/INVITE by UDP at T1 doubling, time-out at 64*T1", func(w *world) {
		p := w.udp(alice)
		_, e := w.start(outgoing("INVITE"), target(UDP, alice))
		w.at(40 * time.Second)
		w.want(p.received(), "0:INVITE, 0.5:INVITE, 1.5:INVITE, 3.5:INVITE, 7.5:INVITE, 15.5:INVITE, 31.5:INVITE")
		w.want(e.seen(), "32:"+ErrTimeout.Error())
		w.gone()
	})
	inWorld(t, "S-036/INVITE by TCP once, time-out at 64*T1", func(w *world) {
		l := w.listen(alice)
		_, e := w.start(outgoing("INVITE"), target(TCP, alice))
		p := l.take(w)
		w.at(40 * time.Second)
		w.want(p.received(), "INVITE")
		w.want(e.seen(), "32:"+ErrTimeout.Error())
	})
	inWorld(t, "S-036/INVITE not resent after a 1xx, and without end then", func(w *world) {
		p := w.udp(alice)
		tx, e := w.start(outgoing("INVITE"), target(UDP, alice))
		p.send(answer(p.one(), 100, ""))
		w.at(10 * time.Minute)
		w.want(p.received(), "")
		w.want(e.seen(), "0:100")
		tx.Drop()
		w.gone()
	})
	inWorld(t, "S-012/a new request has Via with branch and rport, and Max-Forwards 70", func(w *world) {
		p := w.udp(alice)
		tx, _ := w.start(outgoing("INVITE"), target(UDP, alice))
		m := p.one()
		v, _, err := parseVia(m.Get("Via"))
		_, rport := v.param("rport")
		if err != nil || v.Host != "10.0.0.1" || v.Port != 5060 || !rport || len(v.branch()) < 20 || v.branch()[:7] != magicCookie {
			w.t.Errorf("Via %q", m.Get("Via"))
		}
		w.want(m.Get("Max-Forwards"), "70")
		w.want(string(m.AppendTo(nil)), string(tx.Request().AppendTo(nil)))
	})
	inWorld(t, "S-034/ACK of a non-2xx: at once, again for each repeat, the INVITE's Request-URI, branch and Route, To of the answer", func(w *world) {
		p := w.udp(alice)
		m := outgoing("INVITE")
		m.Add("Route", "<sip:p1.example.com;lr>")
		m.Add("Route", "<sip:p2.example.com;lr>")
		m.Add("Authorization", "Digest x=1")
		_, e := w.start(m, target(UDP, alice))
		invite := p.one()
		p.send(answer(invite, 486, "t1"))
		ack := p.one()
		w.want(strings.Join(ack.List("Route"), ","), "<sip:p1.example.com;lr>,<sip:p2.example.com;lr>")
		w.want(fmt.Sprint(ack.RequestURI, ack.Values("Via"), ack.Get("To"), ack.Get("From"), ack.Get("CSeq"), ack.CallID(), ack.Has("Authorization")),
			fmt.Sprint(invite.RequestURI, []string{invite.Get("Via")}, invite.Get("To")+";tag=t1", invite.Get("From"), "7 ACK", "out1", false))
		w.at(3 * time.Second)
		p.send(answer(invite, 486, "t1"))
		w.at(31 * time.Second)
		p.send(answer(invite, 486, "t1"))
		w.want(p.received(), "3:ACK, 31:ACK")
		w.want(e.seen(), "0:486")
		w.at(33 * time.Second)
		w.gone()
		p.send(answer(invite, 486, "t1"))
		w.want(p.received(), "")
		w.want(w.user.seen(), "stray 486")
	})
	inWorld(t, "S-005/each 2xx is told for 64*T1: repeats and forks", func(w *world) {
		p := w.udp(alice)
		_, e := w.start(outgoing("INVITE"), target(UDP, alice))
		invite := p.one()
		p.send(answer(invite, 180, "f1"))
		p.send(answer(invite, 200, "f1"))
		w.at(time.Second)
		p.send(answer(invite, 200, "f1"))
		p.send(answer(invite, 200, "f2"))
		p.send(answer(invite, 183, "f3"))
		p.send(answer(invite, 486, "f3"))
		w.at(31 * time.Second)
		p.send(answer(invite, 200, "f1"))
		w.want(e.seen(), "0:180, 0:200, 1:200, 1:200, 31:200")
		w.at(33 * time.Second)
		p.send(answer(invite, 200, "f1"))
		w.want(e.seen(), "0:180, 0:200, 1:200, 1:200, 31:200")
		w.want(w.user.seen(), "stray 200")
		w.want(p.received(), "")
		w.gone()
	})
	inWorld(t, "S-033/foreign branch, foreign sent-by, several Vias: silence", func(w *world) {
		p := w.udp(alice)
		_, e := w.start(outgoing("INVITE"), target(UDP, alice))
		invite := p.one()
		v := invite.Get("Via")
		for _, via := range []string{
			strings.Replace(v, "z9hG4bK", "z9hG4bKx", 1),
			strings.Replace(v, "10.0.0.1:5060", "10.0.0.9:5060", 1),
			strings.Replace(v, "10.0.0.1:5060", "other.example.com", 1),
			v + ", SIP/2.0/UDP 10.0.0.7;branch=z9hG4bK7",
		} {
			m := answer(invite, 200, "f1")
			p.send(strings.Replace(m, v, via, 1))
		}
		w.want(e.seen(), "")
		w.want(w.user.seen(), "stray 200")
		w.want(p.received(), "")
	})
	inWorld(t, "S-040/broken responses are discarded", func(w *world) {
		p := w.udp(alice)
		_, e := w.start(outgoing("INVITE"), target(UDP, alice))
		good := answer(p.one(), 200, "f1")
		for _, change := range [][2]string{
			{"Call-ID: out1\r\n", ""},
			{"CSeq: 7 INVITE", "CSeq: x INVITE"},
			{"From: <", "From: "},
			{"To: <", "To: "},
			{"Content-Length: 0", "Content-Length: 5"},
			{"SIP/2.0 200", "SIP/2.1 200"},
			{"SIP/2.0 200", "SIP/2.0 099"},
			{"CSeq: 7 INVITE", "CSeq: 7 BYE"},
		} {
			p.send(strings.Replace(good, change[0], change[1], 1))
		}
		w.want(e.seen(), "")
		p.send(good)
		w.want(e.seen(), "0:200")
	})
	inWorld(t, "drop/no event follows", func(w *world) {
		p := w.udp(alice)
		tx, e := w.start(outgoing("INVITE"), target(UDP, alice))
		invite := p.one()
		tx.Drop()
		p.send(answer(invite, 200, "f1"))
		w.at(time.Minute)
		w.want(e.seen(), "")
		w.want(p.received(), "")
		w.gone()
	})
	inWorld(t, "order/180 and 200 back to back are told in this order, each time", func(w *world) {
		p := w.udp(alice)
		for i := range 200 {
			m := outgoing("INVITE")
			m.Set("Call-ID", fmt.Sprint("c", i))
			_, e := w.start(m, target(UDP, alice))
			invite := p.one()
			for _, code := range []int{180, 200} {
				_, _ = p.WriteTo([]byte(answer(invite, code, "f1")), udpAddr("10.0.0.1:5060"))
			}
			if got := e.seen(); got != "0:180, 0:200" {
				w.t.Fatalf("told %s", got)
			}
		}
	})
}

func TestClientCancel(t *testing.T) {
	inWorld(t, "S-004/held until a 1xx; same branch, Route, destination; time-out 64*T1 later", func(w *world) {
		p := w.udp(alice)
		m := outgoing("INVITE")
		m.Add("Route", "<sip:p1.example.com;lr>")
		tx, e := w.start(m, target(UDP, alice))
		invite := p.one()
		w.at(100 * time.Millisecond)
		if err := tx.Cancel(Header{"Reason", "SIP;cause=200"}); err != nil {
			w.t.Fatal(err)
		}
		w.want(p.received(), "")
		p.send(answer(invite, 100, ""))
		c := p.one()
		w.want(fmt.Sprint(c.Method, c.RequestURI, c.Values("Via"), c.Values("Route"), c.Get("CSeq"), c.Get("To"), c.Get("Reason")),
			fmt.Sprint("CANCEL", invite.RequestURI, invite.Values("Via"), invite.Values("Route"), "7 CANCEL", invite.Get("To"), "SIP;cause=200"))
		p.send(answer(c, 200, "x"))
		if err := tx.Cancel(); err != nil {
			w.t.Fatal(err)
		}
		w.at(time.Minute)
		w.want(p.received(), "")
		w.want(e.seen(), "0.1:100, 32.1:"+ErrTimeout.Error())
		w.gone()
	})
	inWorld(t, "S-004/487 ends it, ACK by the stack", func(w *world) {
		p := w.udp(alice)
		tx, e := w.start(outgoing("INVITE"), target(UDP, alice))
		invite := p.one()
		p.send(answer(invite, 180, "f"))
		_ = tx.Cancel()
		p.send(answer(invite, 487, "f"))
		w.want(p.received(), "0:CANCEL, 0:ACK")
		w.want(e.seen(), "0:180, 0:487")
	})
	inWorld(t, "S-004/no CANCEL where the first response is final, or after it", func(w *world) {
		p := w.udp(alice)
		tx, e := w.start(outgoing("INVITE"), target(UDP, alice))
		_ = tx.Cancel()
		p.send(answer(p.one(), 200, "f"))
		_ = tx.Cancel()
		w.at(time.Minute)
		w.want(p.received(), "")
		w.want(e.seen(), "0:200")
	})
	inWorld(t, "S-004/CANCEL over TCP takes the INVITE's connection", func(w *world) {
		l := w.listen(alice)
		tx, _ := w.start(outgoing("INVITE"), target(TCP, alice))
		p := l.take(w)
		octets, _ := p.take()
		p.send(answer(parse(w.t, octets), 180, "f"))
		_ = tx.Cancel()
		w.want(p.received(), "CANCEL")
		w.want(w.dials(), "1")
	})
	inWorld(t, "cancel/only an INVITE", func(w *world) {
		tx, _ := w.start(outgoing("BYE"), target(UDP, alice))
		if err := tx.Cancel(); err == nil {
			w.t.Error("a BYE was cancelled")
		}
	})
}

func TestClientNonInvite(t *testing.T) {
	inWorld(t, "S-036/BYE by UDP 11 times", func(w *world) {
		p := w.udp(alice)
		_, e := w.start(outgoing("BYE"), target(UDP, alice))
		w.at(40 * time.Second)
		w.want(p.received(), "0:BYE, 0.5:BYE, 1.5:BYE, 3.5:BYE, 7.5:BYE, 11.5:BYE, 15.5:BYE, 19.5:BYE, 23.5:BYE, 27.5:BYE, 31.5:BYE")
		w.want(e.seen(), "32:"+ErrTimeout.Error())
		w.gone()
	})
	inWorld(t, "S-036/BYE by TCP once", func(w *world) {
		l := w.listen(alice)
		_, e := w.start(outgoing("BYE"), target(TCP, alice))
		p := l.take(w)
		w.at(40 * time.Second)
		w.want(p.received(), "BYE")
		w.want(e.seen(), "32:"+ErrTimeout.Error())
	})
	inWorld(t, "S-036/T2 after a 1xx", func(w *world) {
		p := w.udp(alice)
		_, e := w.start(outgoing("OPTIONS"), target(UDP, alice))
		p.send(answer(p.one(), 100, ""))
		w.at(13 * time.Second)
		w.want(p.received(), "0.5:OPTIONS, 4.5:OPTIONS, 8.5:OPTIONS, 12.5:OPTIONS")
		w.want(e.seen(), "0:100")
		w.at(33 * time.Second)
		w.want(e.seen(), "0:100, 32:"+ErrTimeout.Error())
	})
	inWorld(t, "S-036/a BYE's transaction lives T4 after its answer by UDP", func(w *world) {
		p := w.udp(alice)
		_, e := w.start(outgoing("BYE"), target(UDP, alice))
		bye := p.one()
		p.send(answer(bye, 200, "x"))
		p.send(answer(bye, 200, "x"))
		w.at(4900 * time.Millisecond)
		if w.stack.client.find(bye.Get("Via")[strings.Index(bye.Get("Via"), magicCookie):], "BYE") == nil {
			w.t.Error("gone before T4")
		}
		w.at(5100 * time.Millisecond)
		w.gone()
		w.want(e.seen(), "0:200")
	})
}
