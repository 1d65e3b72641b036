package sip

import (
	"fmt"
	"net/netip"
	"testing"
)

func TestLocalAddress(t *testing.T) {
	inWorld(t, "S-042/never [::] or 0.0.0.0 in a Via: a wildcard listener's is that of the route", func(w *world) {
		s, err := NewStack(w.net.config(w.user))
		if err != nil {
			w.t.Fatal(err)
		}
		defer s.Close(w.t.Context())
		at, err := s.Listen(UDP, ":5080")
		if err != nil || !at.Addr().IsUnspecified() {
			w.t.Fatal(at, err)
		}
		for _, peer := range []string{"10.0.0.2", "2001:db8::2"} {
			p := w.udp(netip.AddrPortFrom(netip.MustParseAddr(peer), 5060).String())
			if _, err := s.Start(outgoing("OPTIONS"), Target{Proto: UDP, Addr: p.at}, nil); err != nil {
				w.t.Fatal(err)
			}
			m := p.one()
			v, _, _ := parseVia(m.Get("Via"))
			local, err := s.LocalFor(UDP, p.at.Addr())
			if want := map[bool]string{true: "10.0.0.1", false: "2001:db8::1"}[p.at.Addr().Is4()]; v.Host != want || v.Port != 5080 ||
				err != nil || local.Addr().String() != want {
				w.t.Errorf("Via %q, LocalFor %v %v", m.Get("Via"), local, err)
			}
		}
		var flow Flow
		w.user.onRequest = func(tx *ServerTx, _ *Message) { flow = tx.Flow() }
		p := w.udp("10.0.0.2:9")
		p.sendTo("10.0.0.1:5080", request("OPTIONS", "1"))
		w.want(fmt.Sprint(flow), "{UDP 10.0.0.1:5080 10.0.0.2:9 0 <nil>}")
	})
	inWorld(t, "route/of several listeners the one with the route's address", func(w *world) {
		if _, err := w.stack.Listen(UDP, "127.0.0.1:5060"); err != nil {
			w.t.Fatal(err)
		}
		at, err := w.stack.LocalFor(TCP, netip.MustParseAddr("10.0.0.2"))
		w.want(fmt.Sprint(at, err), "10.0.0.1:5060 <nil>")
		w.stack.cfg.LocalAddr = func(netip.Addr) (netip.Addr, error) { return netip.MustParseAddr("127.0.0.1"), nil }
		at, err = w.stack.LocalFor(TCP, netip.MustParseAddr("127.0.0.1"))
		w.want(fmt.Sprint(at, err), "127.0.0.1:5060 <nil>")
	})
	inWorld(t, "bounded/nothing grows with 200,000 sources", func(w *world) {
		u := newUDPSocket(w.stack, &nowhere{at: "[::]:5060"})
		octets := []byte(request("ACK", "1"))
		before := heap()
		for i := range 200_000 {
			u.datagram(octets, netip.Addr{}, netip.AddrPortFrom(netip.AddrFrom4([4]byte{11, byte(i >> 16), byte(i >> 8), byte(i)}), 5060))
		}
		w.user.mu.Lock()
		w.user.log, w.user.acks = nil, nil
		w.user.mu.Unlock()
		if grown := heap() - before; grown > 1<<20 {
			w.t.Errorf("%d octets more", grown)
		}
		if n := len(w.stack.routes.routes); n > maxRoutes {
			w.t.Errorf("%d routes", n)
		}
	})
	inWorld(t, "listen/TCP beside UDP, and again by name is the same", func(w *world) {
		at, err := w.stack.Listen(TCP, "10.0.0.1:5060")
		w.want(fmt.Sprint(at, err, len(w.stack.listeners())), "10.0.0.1:5060 <nil> 2")
		if _, err := w.stack.Listen(UDP, "10.0.0.1:5060"); err == nil {
			w.t.Error("the same UDP address twice")
		}
		if _, err := w.stack.Listen(UDP, "nonsense"); err == nil {
			w.t.Error("nonsense was taken")
		}
	})
	inWorld(t, "listen/a host name", func(w *world) {
		at, err := w.stack.Listen(UDP, "sip.example.com:5066")
		w.want(fmt.Sprint(at, err), "10.0.0.1:5066 <nil>")
		at, err = w.stack.Listen(TCP, "sip.example.com:5066")
		w.want(fmt.Sprint(at, err), "10.0.0.1:5066 <nil>")
	}, func(c *Config) {
		c.Names = &memNames{addrs: map[string][]string{"sip.example.com": {"2001:db8::1", "10.0.0.1"}}}
	})
	inWorld(t, "listen/port 0 takes the same for UDP and TCP", func(w *world) {
		w.listen("10.0.0.1:40002") // in the way of the first attempt
		at, err := w.stack.Listen(UDP, "10.0.0.1:0")
		if err != nil || w.net.packets[at] == nil || w.net.streams[at] == nil {
			w.t.Errorf("%v %v", at, err)
		}
	})
	inWorld(t, "listen/after Close", func(w *world) {
		_ = w.stack.Close(w.t.Context())
		if _, err := w.stack.Listen(UDP, "10.0.0.1:5090"); err == nil {
			w.t.Error("no error")
		}
		if len(w.net.packets)+len(w.net.streams) != 0 {
			w.t.Error("a listener is left")
		}
	})
}
