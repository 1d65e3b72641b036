package ua_test

import (
	"context"
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/parley-msrp/parley/ua"
)

// cutting opens connections that the test cuts.
type cutting struct {
	mu    sync.Mutex
	conns []net.Conn
}

func (c *cutting) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	nc, err := new(net.Dialer).DialContext(ctx, network, addr)
	if err == nil {
		c.mu.Lock()
		c.conns = append(c.conns, nc)
		c.mu.Unlock()
	}
	return nc, err
}

// cut resets all of them: both sides notice at the same time.
func (c *cutting) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, nc := range c.conns {
		nc.(*net.TCPConn).SetLinger(0)
		nc.Close()
	}
	c.conns = nil
}

// among waits for an event, for as long as offers may cross, and counts the fates that come before it.
func (r *recorder) among(t testing.TB, want string) (fates int) {
	t.Helper()
	patience := time.After(3 * limit)
	for {
		select {
		case got := <-r.events:
			if got == want {
				return fates
			}
			if got != "fate delivered" {
				t.Fatalf("the Handler was told %q, want %q", got, want)
			}
			fates++
		case <-patience:
			t.Fatalf("the Handler was not told %q", want)
		}
	}
}

// TestRecovery cuts the connections of two agents' sessions, in plain and over TLS, while both send: each message comes once, whoever is faster to offer.
func TestRecovery(t *testing.T) {
	for _, listener := range []string{"tcp", "tls"} {
		t.Run("M-054/"+listener, func(t *testing.T) {
			t.Parallel()
			var cuts cutting
			config := func() ua.Config {
				c := ua.Config{SIPListen: []string{"udp:127.0.0.1:0"}, MSRPListen: []string{listener + ":127.0.0.1:0"}}
				c.MSRP.Dial = cuts.dial
				return c
			}
			open := func(c ua.Config) *ua.Agent {
				a, err := ua.New(c)
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() {
					ctx, cancel := context.WithTimeout(context.Background(), limit)
					defer cancel()
					if err := a.Close(ctx); err != nil {
						t.Error(err)
					}
				})
				return a
			}
			alice, bob := labelled{newRecorder(), ""}, labelled{newRecorder(), ""}
			c := config()
			c.OnInvite = func(inv *ua.Invitation) { _, _ = inv.Answer(bob) }
			b := open(c)
			if _, err := open(config()).Start(ua.StartConfig{From: "sip:alice@127.0.0.1", To: "sip:bob@" + address(b), Handler: alice}); err != nil {
				t.Fatal(err)
			}
			both := []labelled{alice, bob}
			sessions := []*ua.Session{alice.session(t), bob.session(t)}
			alice.want(t, "established INVITE")
			bob.want(t, "established ACK")
			if _, err := sessions[0].Send(t.Context(), ua.Outgoing{ContentType: "text/plain", Body: []byte("connected")}); err != nil {
				t.Fatal(err)
			}
			bob.message(t).Accept()
			alice.want(t, "fate delivered")
			const messages = 20
			for round := range 2 {
				for n := range messages {
					for i, s := range sessions {
						text := fmt.Sprintf("%d of %d from %d", n, round, i)
						if _, err := s.Send(t.Context(), ua.Outgoing{ContentType: "text/plain", Body: []byte(text)}); err != nil {
							t.Fatal(err)
						}
						if n == messages/2 && i == 0 {
							cuts.cut()
						}
					}
				}
				var fates [2]int
				for i, h := range both {
					fates[i] += h.among(t, "lost: MSRP connection lost")
					fates[i] += h.among(t, "recovered")
				}
				for i, h := range both {
					seen := map[string]bool{}
					for len(seen) < messages {
						m := h.message(t)
						m.Accept()
						text := string(m.Body)
						if m.Duplicate {
							continue // the session says so itself
						}
						if seen[text] {
							t.Errorf("%q came twice to %d", text, i)
						}
						seen[text] = true
					}
				}
				for i, h := range both {
					for ; fates[i] < messages; fates[i]++ {
						h.want(t, "fate delivered")
					}
				}
			}
			sessions[0].End()
			bob.want(t, "ended: by peer, 200 BYE")
		})
	}
}
