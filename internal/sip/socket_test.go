package sip

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// openStack is a stack on real sockets of the loopback interface.
func openStack(t *testing.T, u User, addr string) (*Stack, netip.AddrPort) {
	t.Helper()
	s, err := NewStack(Config{User: u})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := s.Close(ctx); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	at, err := s.Listen(UDP, addr)
	if err != nil {
		t.Fatal(err)
	}
	return s, at
}

func readSome(t *testing.T, c net.Conn) string {
	t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
	b := make([]byte, 1<<16)
	n, err := c.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	return string(b[:n])
}

func TestSockets(t *testing.T) {
	for _, host := range []string{"127.0.0.1", "[::1]"} {
		t.Run("S-042/UDP and TCP at the same port of "+host, func(t *testing.T) {
			_, at := openStack(t, &answerer{}, host+":0")
			for _, network := range []string{"udp", "tcp"} {
				c, err := net.Dial(network, at.String())
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				via := fmt.Sprintf("Via: SIP/2.0/%s %s;rport;branch=z9hG4bK%s", strings.ToUpper(network), c.LocalAddr(), network)
				if _, err := io.WriteString(c, request("OPTIONS", "1", via, "Call-ID: "+network)); err != nil {
					t.Fatal(err)
				}
				if m := parse(t, readSome(t, c)); m.Status != 200 || !strings.Contains(m.Get("Via"), ";rport=") {
					t.Errorf("%s: %q", network, m.AppendTo(nil))
				}
			}
		})
	}
	for listen, own := range map[string]string{"0.0.0.0": "127.0.0.2", "[::]": "127.0.0.3"} {
		t.Run("S-013/a wildcard UDP listener answers from the address that was asked: "+listen, func(t *testing.T) {
			_, at := openStack(t, &answerer{}, listen+":0")
			c, err := net.Dial("udp", net.JoinHostPort(own, fmt.Sprint(at.Port()))) // hears of answers from there alone
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			via := fmt.Sprintf("Via: SIP/2.0/UDP %s;rport;branch=z9hG4bK1", c.LocalAddr())
			if _, err := io.WriteString(c, request("OPTIONS", "1", via)); err != nil {
				t.Fatal(err)
			}
			if m := parse(t, readSome(t, c)); m.Status != 200 {
				t.Errorf("%q", m.AppendTo(nil))
			}
		})
	}
	t.Run("S-013/60 kB by UDP", func(t *testing.T) {
		_, at := openStack(t, &answerer{body: make([]byte, 60_000)}, "127.0.0.1:0")
		c, err := net.Dial("udp", at.String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		via := fmt.Sprintf("Via: SIP/2.0/UDP %s;branch=z9hG4bK1", c.LocalAddr())
		if _, err := io.WriteString(c, request("INVITE", "1", via, "Content-Length: 60000")+strings.Repeat("x", 60_000)); err != nil {
			t.Fatal(err)
		}
		if m := parse(t, readSome(t, c)); m.Status != 200 || len(m.Body) != 60_000 {
			t.Errorf("%d with %d octets", m.Status, len(m.Body))
		}
	})
	t.Run("S-042/a wildcard listener shows the address of the route", func(t *testing.T) {
		s, at := openStack(t, &answerer{}, ":0")
		if !at.Addr().IsUnspecified() {
			t.Fatalf("listens on %v", at)
		}
		for _, peer := range []string{"127.0.0.1", "::1"} {
			local, err := s.LocalFor(UDP, netip.MustParseAddr(peer))
			if err != nil || local != netip.AddrPortFrom(netip.MustParseAddr(peer), at.Port()) {
				t.Errorf("to %s: %v, %v", peer, local, err)
			}
		}
	})
	t.Run("listen/a port in use is an error that says so", func(t *testing.T) {
		_, at := openStack(t, &answerer{}, "127.0.0.1:0")
		s, err := NewStack(Config{User: &answerer{}})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close(t.Context())
		for _, p := range []Proto{UDP, TCP} {
			if _, err := s.Listen(p, at.String()); !errors.Is(err, syscall.EADDRINUSE) || !strings.Contains(err.Error(), at.String()) {
				t.Errorf("%s: %v", p, err)
			}
		}
	})
}

// slow holds the reader of a socket at the first request until all have been sent, so that the next read brings many.
type slow struct {
	answerer
	sent chan struct{} // closed: all
}

func (u *slow) Request(tx *ServerTx, m *Message) {
	<-u.sent
	_ = tx.Reply(180, "", nil, nil)
	u.answerer.Request(tx, m)
}

func TestManyAtOnce(t *testing.T) {
	for _, listen := range []string{"0.0.0.0", "[::]"} {
		t.Run("S-013/answers to what came at once leave from the address that was asked, in order, though one peer is gone: "+listen, func(t *testing.T) {
			const each = 30
			user := &slow{sent: make(chan struct{})}
			_, at := openStack(t, user, listen+":0")
			ask := func(own string, n int) net.Conn {
				c, err := net.Dial("udp", net.JoinHostPort(own, fmt.Sprint(at.Port())))
				if err != nil {
					t.Fatal(err)
				}
				for i := range n {
					via := fmt.Sprintf("Via: SIP/2.0/UDP %s;rport;branch=z9hG4bK%d", c.LocalAddr(), i)
					id := fmt.Sprintf("Call-ID: %s%d", c.LocalAddr(), i)
					if _, err := io.WriteString(c, request("INVITE", "1", via, id)); err != nil {
						t.Fatal(err)
					}
				}
				return c
			}
			peers := []net.Conn{ask("127.0.0.2", each)}
			ask("127.0.0.3", each/2).Close()
			peers = append(peers, ask("127.0.0.4", each))
			close(user.sent)
			for _, c := range peers {
				defer c.Close()
				for i := range 2 * each {
					m := parse(t, readSome(t, c))
					for m.Status == 100 { // the first one waited for long
						m = parse(t, readSome(t, c))
					}
					want := fmt.Sprintf("%d %s%d", []int{180, 200}[i%2], c.LocalAddr(), i/2)
					if got := fmt.Sprint(m.Status, " ", m.CallID()); got != want {
						t.Fatalf("answer %d of %s: %s, want %s", i, c.RemoteAddr(), got, want)
					}
				}
			}
		})
	}
}

// caller starts calls and writes down what happens in which order.
type caller struct {
	answerer
	mu    sync.Mutex
	order map[string][]string
	byes  sync.WaitGroup
}

func (c *caller) note(m *Message, what string) {
	c.mu.Lock()
	c.order[m.CallID()] = append(c.order[m.CallID()], what)
	c.mu.Unlock()
}

func (c *caller) Request(tx *ServerTx, m *Message) {
	c.note(m, m.Method)
	if m.Method == "INVITE" {
		_ = tx.Reply(180, "", nil, nil)
	}
	_ = tx.Reply(200, "", nil, nil)
	if m.Method == "BYE" {
		c.byes.Done()
	}
}

func (c *caller) Ack(_ Flow, m *Message) { c.note(m, "ACK") }

func TestOrder(t *testing.T) {
	for _, p := range []Proto{UDP, TCP} {
		t.Run("order/180 before 200, ACK before BYE in each of 500 calls over "+p.String(), func(t *testing.T) {
			const calls = 500
			uas := &caller{order: map[string][]string{}}
			_, at := openStack(t, uas, "127.0.0.1:0")
			s, _ := openStack(t, &answerer{}, "127.0.0.1:0")
			to := Target{Proto: p, Addr: at}
			uas.byes.Add(calls)
			window := make(chan struct{}, 16)
			var mu sync.Mutex
			told := map[string][]int{}
			for i := range calls {
				window <- struct{}{}
				invite := outgoing("INVITE")
				id := fmt.Sprint("call", i)
				invite.Set("Call-ID", id)
				_, err := s.Start(invite, to, func(e Event) {
					if e.Response == nil {
						t.Errorf("call %s: %v", id, e.Err)
						return
					}
					mu.Lock()
					told[id] = append(told[id], e.Response.Status)
					mu.Unlock()
					if e.Response.Status != 200 {
						return
					}
					ack, bye := outgoing("ACK"), outgoing("BYE")
					ack.Set("Call-ID", id)
					bye.Set("Call-ID", id)
					bye.Set("CSeq", "8 BYE")
					_ = s.Send(ack, to)
					_, _ = s.Start(bye, to, func(Event) { <-window })
				})
				if err != nil {
					t.Fatal(err)
				}
			}
			uas.byes.Wait()
			mu.Lock()
			defer mu.Unlock()
			uas.mu.Lock()
			defer uas.mu.Unlock()
			for i := range calls {
				id := fmt.Sprint("call", i)
				if got := fmt.Sprint(told[id], uas.order[id]); got != "[180 200] [INVITE ACK BYE]" {
					t.Fatalf("%s: %s", id, got)
				}
			}
		})
	}
}

func TestTCPLimits(t *testing.T) {
	t.Run("S-040/the 400 arrives before the connection closes", func(t *testing.T) {
		_, at := openStack(t, &answerer{}, "127.0.0.1:0")
		c, err := net.Dial("tcp", at.String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_, _ = io.WriteString(c, onTCP("OPTIONS", "1", "Content-Length: -")+strings.Repeat("x", 100_000))
		_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
		all, err := io.ReadAll(bufio.NewReader(c))
		if err != nil || !strings.HasPrefix(string(all), "SIP/2.0 400 ") {
			t.Errorf("%q, %v", all, err)
		}
	})
}
