package sip

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// sized makes a request that has exactly n octets when it is sent.
func sized(w *world, method string, n int) *Message {
	probe := outgoing(method)
	probe.Add("Max-Forwards", "70")
	probe.Add("X-Fill", "")
	probe.prepend("Via", newVia(UDP, netip.MustParseAddrPort("10.0.0.1:5060"), newBranch()))
	m := outgoing(method)
	m.Add("X-Fill", strings.Repeat("x", n-len(probe.AppendTo(nil))))
	return m
}

func TestSizeRule(t *testing.T) {
	for _, method := range []string{"INVITE", "BYE"} {
		inWorld(t, "S-013/"+method+" of 1300 octets by UDP", func(w *world) {
			p := w.udp(alice)
			w.listen(alice)
			w.start(sized(w, method, 1300), target(UDP, alice))
			got := p.take()
			if len(got) != 1 || len(got[0].octets) != 1300 {
				w.t.Errorf("%d datagrams", len(got))
			}
			w.want(w.dials(), "0")
		})
		inWorld(t, "S-013/"+method+" of 1301 octets by TCP with changed Via", func(w *world) {
			p, l := w.udp(alice), w.listen(alice)
			tx, _ := w.start(sized(w, method, 1301), target(UDP, alice))
			octets, _ := l.take(w).take()
			m := parse(w.t, octets)
			v, _, _ := parseVia(m.Get("Via"))
			w.want(fmt.Sprint(len(octets), m.Method, v.Transport, tx.Target().Proto), fmt.Sprint(1301, method, "TCP", "TCP"))
			w.want(p.received(), "")
		})
		inWorld(t, "S-013/"+method+" of 1301 octets back to UDP where TCP is refused", func(w *world) {
			p := w.udp(alice)
			tx, e := w.start(sized(w, method, 1301), target(UDP, alice))
			m := p.one()
			v, _, _ := parseVia(m.Get("Via"))
			w.want(fmt.Sprint(m.Method, v.Transport, tx.Target().Proto, len(m.Values("Via"))), fmt.Sprint(method, "UDP", UDP, 1))
			w.at(time.Second)
			w.want(p.received(), "0.5:"+method)
			p.send(answer(m, 200, "x"))
			w.want(e.seen(), "1:200")
		})
	}
	inWorld(t, "S-013/back to UDP where TCP is reset", func(w *world) {
		p, l := w.udp(alice), w.listen(alice)
		_, e := w.start(sized(w, "INVITE", 1301), target(UDP, alice))
		l.take(w).reset()
		m := p.one()
		p.send(answer(m, 200, "x"))
		w.want(e.seen(), "0:200")
	})
	inWorld(t, "S-013/ACK to non-2xx and CANCEL go where the INVITE went", func(w *world) {
		p := w.udp(alice)
		tx, _ := w.start(sized(w, "INVITE", 1301), target(UDP, alice))
		invite := p.one()
		p.send(answer(invite, 180, "x"))
		_ = tx.Cancel()
		p.send(answer(invite, 487, "x"))
		w.want(p.received(), "0:CANCEL, 0:ACK")
		w.want(w.dials(), "1")
	})
	inWorld(t, "S-013/ACK of a 2xx of 1301 octets by TCP, else by UDP, the same again", func(w *world) {
		p := w.udp(alice)
		m := sized(w, "ACK", 1301)
		for range 2 {
			if err := w.stack.Send(m, target(UDP, alice)); err != nil {
				w.t.Fatal(err)
			}
			synctest.Wait()
		}
		got := p.take()
		if len(got) != 2 || string(got[0].octets) != string(got[1].octets) || !strings.Contains(string(got[0].octets), "SIP/2.0/UDP ") {
			w.t.Errorf("by UDP: %v", got)
		}
		l := w.listen(alice)
		for range 2 {
			if err := w.stack.Send(m, target(UDP, alice)); err != nil {
				w.t.Fatal(err)
			}
		}
		w.want(l.take(w).received(), "ACK, ACK")
	})
	inWorld(t, "S-033/the ACK of a 2xx again, unchanged", func(w *world) {
		p := w.udp(alice)
		m := outgoing("ACK")
		for range 3 {
			if err := w.stack.Send(m, target(UDP, alice)); err != nil {
				w.t.Fatal(err)
			}
		}
		synctest.Wait()
		got := p.take()
		if len(got) != 3 || string(got[0].octets) != string(got[2].octets) {
			w.t.Errorf("sent %v", got)
		}
	})
}
