package sip

import (
	"errors"
	"net/netip"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

func TestTransportErrors(t *testing.T) {
	inWorld(t, "S-036/TCP refused: failure at once", func(w *world) {
		_, e := w.start(outgoing("BYE"), target(TCP, alice))
		e.seen()
		if len(e.all) != 1 || !errors.Is(e.all[0].Err, syscall.ECONNREFUSED) {
			w.t.Errorf("told %v", e.all)
		}
		w.gone()
	})
	inWorld(t, "S-036/RST: failure at once", func(w *world) {
		l := w.listen(alice)
		_, e := w.start(outgoing("INVITE"), target(TCP, alice))
		l.take(w).reset()
		e.seen()
		if len(e.all) != 1 || !errors.Is(e.all[0].Err, syscall.ECONNRESET) {
			w.t.Errorf("told %v", e.all)
		}
	})
	inWorld(t, "S-036/an ICMP error counts until a response came, and for its own destination only", func(w *world) {
		p := w.udp(alice)
		tx, e := w.start(outgoing("INVITE"), target(UDP, alice))
		tx.unreachable(netip.MustParseAddrPort("10.0.0.2:5061"), syscall.ECONNREFUSED)
		p.send(answer(p.one(), 100, ""))
		tx.unreachable(netip.MustParseAddrPort(alice), syscall.ECONNREFUSED)
		w.want(e.seen(), "0:100")
	})
	inWorld(t, "S-036/UDP write error: told, never from within Start", func(w *world) {
		w.failWrites(syscall.ENETUNREACH)
		var within atomic.Bool
		within.Store(true)
		var told error
		_, err := w.stack.Start(outgoing("BYE"), target(UDP, alice), func(e Event) {
			if within.Load() {
				w.t.Error("told within Start")
			}
			told = e.Err
		})
		within.Store(false)
		synctest.Wait()
		if err != nil || !errors.Is(told, syscall.ENETUNREACH) {
			w.t.Errorf("Start %v, told %v", err, told)
		}
		w.gone()
	})
	inWorld(t, "S-041/after a 1xx a lost connection is no failure either, CANCEL and ACK go on a new one", func(w *world) {
		l := w.listen(alice)
		tx, e := w.start(outgoing("INVITE"), target(TCP, alice))
		p := l.take(w)
		octets, _ := p.take()
		invite := parse(w.t, octets)
		p.send(answer(invite, 180, "x"))
		p.reset()
		synctest.Wait()
		_ = tx.Cancel()
		q := l.take(w)
		q.send(answer(invite, 487, "x"))
		w.want(q.received(), "CANCEL, ACK")
		w.want(e.seen(), "0:180, 0:487")
	})
	inWorld(t, "S-041/a connection closed in order is no failure: the answer comes on another one", func(w *world) {
		l := w.listen(alice)
		_, e := w.start(outgoing("BYE"), target(TCP, alice))
		p := l.take(w)
		octets, _ := p.take()
		p.Close()
		w.tcp("10.0.0.2").send(answer(parse(w.t, octets), 200, "x"))
		w.want(e.seen(), "0:200")
	})
	inWorld(t, "S-036/a dial without answer fails after 16*T1, before the transaction times out", func(w *world) {
		w.net.silent[netip.MustParseAddrPort(alice)] = true
		_, e := w.start(outgoing("BYE"), target(TCP, alice))
		w.at(9 * time.Second)
		w.want(e.seen(), "8:context deadline exceeded")
	})
	inWorld(t, "close/open transactions end with ErrClosed, dials are given up", func(w *world) {
		w.net.silent[netip.MustParseAddrPort("10.0.0.3:5060")] = true
		_, a := w.start(outgoing("INVITE"), target(UDP, alice))
		_, b := w.start(outgoing("BYE"), target(TCP, "10.0.0.3:5060"))
		_ = w.stack.Close(w.t.Context())
		w.want(a.seen(), "0:"+ErrClosed.Error())
		w.want(b.seen(), "0:"+ErrClosed.Error())
		if _, err := w.stack.Start(outgoing("BYE"), target(UDP, alice), nil); !errors.Is(err, ErrClosed) {
			w.t.Errorf("Start after Close: %v", err)
		}
	})
	inWorld(t, "start/what a request lacks is said at once", func(w *world) {
		for _, name := range []string{"From", "To", "Call-ID", "CSeq"} {
			m := outgoing("BYE")
			m.Set(name, "")
			m.rows = append(m.rows[:m.index(name)], m.rows[m.index(name)+1:]...)
			if _, err := w.stack.Start(m, target(UDP, alice), nil); err == nil {
				w.t.Errorf("without %s: no error", name)
			}
		}
		if _, err := w.stack.Start(outgoing("BYE"), target(UDP, "[2001:db8::2]:5060"), nil); !errors.Is(err, ErrNoListener) {
			w.t.Errorf("other family: %v", err)
		}
	})
	inWorld(t, "bounded/ErrLimit above the limit of client transactions", func(w *world) {
		w.start(outgoing("BYE"), target(UDP, alice))
		if _, err := w.stack.Start(outgoing("BYE"), target(UDP, alice), nil); !errors.Is(err, ErrLimit) {
			w.t.Errorf("second: %v", err)
		}
	}, func(c *Config) { c.MaxClientTx = 1 })
}
