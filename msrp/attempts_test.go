package msrp_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-msrp/parley/msrp"
)

// crowd is an endpoint in memory whose sessions connect: what it dialled, and who takes the connections.
type crowd struct {
	t      *testing.T
	r      *rig
	dialed []string
	take   func(net.Conn) // nil: nobody listens
}

func newCrowd(t *testing.T, cfg msrp.Config) *crowd {
	c := &crowd{t: t}
	cfg.Dial = func(_ context.Context, _, addr string) (net.Conn, error) {
		c.dialed = append(c.dialed, addr)
		if c.take == nil {
			return nil, errors.New("refused")
		}
		ours, theirs := net.Pipe()
		go c.take(theirs) // ends with the connection
		return halfClosing{ours}, nil
	}
	c.r = newFakeRig(t, cfg)
	return c
}

// halfClosing reads on when it has closed its own direction, as TCP does.
type halfClosing struct{ net.Conn }

func (halfClosing) CloseWrite() error { return nil }

// connect makes a session that connects to a path, and is closed again a second later.
func (c *crowd) connect(path string) error {
	c.t.Helper()
	s, _ := c.r.session()
	if err := s.SetPeer(known(c.t, path)); err != nil {
		c.t.Fatal(err)
	}
	err := s.Connect(c.t.Context())
	time.Sleep(time.Second)
	s.Close()
	synctest.Wait()
	return err
}

// attempts counts the connections that n sessions were opened, one after the other; none may fail for a reason that is not known here.
func (c *crowd) attempts(n int, path string) int {
	c.t.Helper()
	before := len(c.dialed)
	for range n {
		if err := c.connect(path); err != nil && err.Error() != "refused" && !errors.Is(err, msrp.ErrConnectLimit) && !errors.Is(err, msrp.ErrConnectionLost) {
			c.t.Fatal(err)
		}
	}
	return len(c.dialed) - before
}

// answering takes connections as a peer that answers one request with 200.
func (c *crowd) answering(nc net.Conn) {
	p := newRawPeer(c.t, nc, "", 24*time.Hour)
	if f, err := p.read(24 * time.Hour); err == nil {
		io.WriteString(nc, response(f, 200, "OK"))
	}
	io.Copy(io.Discard, nc)
	nc.Close()
}

// says takes connections as something that says a thing and then no more.
func says(text string) func(net.Conn) {
	return func(nc net.Conn) {
		go io.Copy(io.Discard, nc) // ends with the connection
		io.WriteString(nc, text)
		time.Sleep(500 * time.Millisecond)
		nc.Close()
	}
}

func inTime(t *testing.T, name string, cfg msrp.Config, f func(t *testing.T, c *crowd)) {
	t.Run(name, func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) { f(t, newCrowd(t, cfg)) })
	})
}

const victim = "msrp://192.0.2.9:25/x;tcp"

func TestAttempts(t *testing.T) {
	itself(t)
	for name, take := range map[string]func(net.Conn){
		"nobody there":         nil,
		"it hangs up":          func(nc net.Conn) { nc.Close() },
		"another protocol":     says("220 mail.example.com ESMTP\r\n"),
		"HTTP":                 says("HTTP/1.1 400 Bad Request\r\n\r\n"),
		"responses to nothing": says("MSRP abcd1234 200 OK\r\nTo-Path: msrp://a:1/b;tcp\r\nFrom-Path: msrp://c:1/d;tcp\r\n-------abcd1234$\r\n"),
		"requests for others":  says("MSRP abcd1234 SEND\r\nTo-Path: msrp://a:1/b;tcp\r\nFrom-Path: msrp://c:1/d;tcp\r\n-------abcd1234$\r\n"),
	} {
		inTime(t, "D-024/ten in any minute, where "+name, msrp.Config{}, func(t *testing.T, c *crowd) {
			c.take = take
			// A second for each: the first attempts are a minute old when the 61st session comes.
			if got := c.attempts(60, victim); got != 10 {
				t.Errorf("%d attempts in the first minute, want 10", got)
			}
			if got := c.attempts(60, victim); got != 10 {
				t.Errorf("%d attempts in the second minute, want 10", got)
			}
		})
	}

	inTime(t, "D-024/each attempt counts for a minute", msrp.Config{ConnectAttempts: 2}, func(t *testing.T, c *crowd) {
		for i, x := range []struct {
			pause time.Duration
			taken bool
		}{{0, true}, {39 * time.Second, true}, {18 * time.Second, false}, {0, true}, {0, false}, {38 * time.Second, true}, {0, false}} {
			time.Sleep(x.pause)
			if err := c.connect(victim); errors.Is(err, msrp.ErrConnectLimit) == x.taken {
				t.Errorf("attempt %d: %v", i, err)
			}
		}
	})

	inTime(t, "D-024/a live peer", msrp.Config{ConnectAttempts: 1}, func(t *testing.T, c *crowd) {
		c.take = c.answering
		if got := c.attempts(100, victim); got != 100 {
			t.Errorf("%d attempts, want 100", got)
		}
		// What it has answered is not held against it when it is gone, nor does it count for later.
		c.take = nil
		if got := c.attempts(10, victim); got != 1 {
			t.Errorf("%d attempts, want 1", got)
		}
	})

	inTime(t, "D-024/a peer that answers when the session is over", msrp.Config{ConnectAttempts: 1}, func(t *testing.T, c *crowd) {
		c.take = func(nc net.Conn) {
			p := newRawPeer(c.t, nc, "", 24*time.Hour)
			f, err := p.read(24 * time.Hour)
			if err == nil {
				time.Sleep(1500 * time.Millisecond)
				io.WriteString(nc, response(f, 200, "OK"))
			}
			nc.Close()
		}
		for range 20 {
			if err := c.connect(victim); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
		}
	})

	inTime(t, "D-024/a peer that sends before it answers", msrp.Config{ConnectAttempts: 1}, func(t *testing.T, c *crowd) {
		c.take = func(nc net.Conn) {
			p := newRawPeer(c.t, nc, "", 24*time.Hour)
			if f, err := p.read(24 * time.Hour); err == nil {
				p.uri, p.to = f.header("To-Path"), f.header("From-Path")
				_, req := p.text("m-0001", "hello")
				io.WriteString(nc, req)
			}
			io.Copy(io.Discard, nc)
			nc.Close()
		}
		if got := c.attempts(20, victim); got != 20 {
			t.Errorf("%d attempts, want 20", got)
		}
	})

	inTime(t, "D-024/each address and port for itself, whatever name leads there", msrp.Config{
		Resolve: func(context.Context, string) ([]netip.Addr, error) {
			return []netip.Addr{netip.MustParseAddr("192.0.2.9")}, nil
		},
	}, func(t *testing.T, c *crowd) {
		for i := range 40 {
			c.attempts(1, fmt.Sprintf("msrp://host%d.example:25/x;tcp", i))
		}
		if len(c.dialed) != 10 {
			t.Errorf("%d attempts by 40 names, want 10", len(c.dialed))
		}
		for _, path := range []string{"msrp://192.0.2.9:26/x;tcp", "msrp://192.0.2.10:25/x;tcp", "msrp://[2001:db8::9]:25/x;tcp"} {
			if got := c.attempts(1, path); got != 1 {
				t.Errorf("%s: not tried", path)
			}
		}
	})

	inTime(t, "D-024/an address that may be tried no more does not stand before the next one", msrp.Config{
		ConnectAttempts: 1,
		Resolve: func(context.Context, string) ([]netip.Addr, error) {
			return []netip.Addr{netip.MustParseAddr("192.0.2.9"), netip.MustParseAddr("192.0.2.10")}, nil
		},
	}, func(t *testing.T, c *crowd) {
		c.connect(victim)
		c.take = c.answering
		if err := c.connect("msrp://host.example:25/x;tcp"); err != nil || c.dialed[len(c.dialed)-1] != "192.0.2.10:25" {
			t.Errorf("%v, dialled %v", err, c.dialed)
		}
	})

	inTime(t, "D-024/TLS that comes to nothing", msrp.Config{
		TLS: &msrp.TLS{Certificate: func() (*tls.Certificate, error) { return nil, errors.New("not asked for") }},
	}, func(t *testing.T, c *crowd) {
		c.take = says("220 mail.example.com ESMTP\r\n")
		for range 20 {
			if err := c.connect("msrps://192.0.2.9:25/x;tcp"); err == nil {
				t.Fatal("connected")
			}
		}
		if len(c.dialed) != 10 {
			t.Errorf("%d attempts, want 10", len(c.dialed))
		}
	})

	inTime(t, "D-024/no limit", msrp.Config{ConnectAttempts: -1}, func(t *testing.T, c *crowd) {
		if got := c.attempts(50, victim); got != 50 {
			t.Errorf("%d attempts, want 50", got)
		}
	})

	t.Run("D-024/a limit that cannot be kept", func(t *testing.T) {
		_, err := msrp.NewEndpoint(msrp.Config{ConnectAttempts: 1001})
		if wrong, ok := errors.AsType[*msrp.ConfigError](err); !ok || wrong.Field != "ConnectAttempts" {
			t.Errorf("got %v", err)
		}
	})
}

func TestMayConnect(t *testing.T) {
	var asked []string
	deny := func(to netip.AddrPort) bool {
		asked = append(asked, to.String())
		return !to.Addr().IsLoopback()
	}
	resolve := func(_ context.Context, host string) ([]netip.Addr, error) {
		switch host {
		case "loop.example":
			return []netip.Addr{netip.MustParseAddr("::ffff:127.0.0.1"), netip.MustParseAddr("::1")}, nil
		case "mixed.example":
			return []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("192.0.2.9")}, nil
		}
		var many []netip.Addr
		for i := range 200 {
			many = append(many, netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}))
		}
		return many, nil
	}
	for _, x := range []struct {
		host  string
		asked int
		tried int
	}{
		{"127.0.0.1", 1, 0},
		{"[::1]", 1, 0},
		{"[::ffff:127.0.0.1]", 1, 0},
		{"loop.example", 2, 0},
		{"mixed.example", 2, 1},
		{"192.0.2.9", 1, 1},
		{"many.example", 16, 16},
		{"0.0.0.0", 0, 0},
		{"[::]", 0, 0},
		{"224.0.0.1", 0, 0},
		{"[ff02::1]", 0, 0},
	} {
		asked = nil
		inTime(t, "D-024/"+x.host, msrp.Config{MayConnect: deny, Resolve: resolve}, func(t *testing.T, c *crowd) {
			err := c.connect("msrp://" + x.host + ":25/x;tcp")
			if len(asked) != x.asked || len(c.dialed) != x.tried || errors.Is(err, msrp.ErrConnectDenied) != (x.tried == 0) {
				t.Errorf("%v; asked about %v, dialled %v", err, asked, c.dialed)
			}
		})
	}
}
