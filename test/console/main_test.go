// Package console drives the web console of the built program in Chromium, with a peer that is scripted down to its octets on the other side.
package console

import (
	"context"
	"fmt"
	"math"
	"os"
	"testing"
	"time"

	"github.com/parley-msrp/parley/test/daemon"
	"github.com/parley-msrp/parley/test/peer"
)

// limit is how long anything may take that is due at once, on a machine that has much else to do.
const limit = 30 * time.Second

var binary string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "parley-console")
	if err == nil {
		binary, err = daemon.Build(context.Background(), daemon.Program, dir, false)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// serve starts a daemon.
func serve(t *testing.T) *daemon.Daemon {
	t.Helper()
	return serveWith(t, "")
}

// serveWith has further lines of the configuration's http section.
func serveWith(t *testing.T, more string) *daemon.Daemon {
	t.Helper()
	addr, err := daemon.Address()
	if err != nil {
		t.Fatal(err)
	}
	d, err := daemon.Start(t.Context(), binary, t.TempDir(), addr, daemon.Config(addr, more))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), limit)
		defer cancel()
		if err := d.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	return d
}

// called is a scripted peer that a session was started with.
type called struct {
	*peer.Dialog
	agent   *peer.Agent
	conn    *peer.Conn
	session peer.Session
}

// answer takes the call that comes to an agent.
func answer(t *testing.T, a *peer.Agent, types string) *called {
	t.Helper()
	invite := a.Request(t, limit, "INVITE")
	c := &called{Dialog: a.Answering(invite), agent: a}
	l := peer.ListenMSRP(t)
	own := l.Path(peer.Ident())
	a.Respond(t, invite, c.Response(invite, 200, "OK").WithSDP(peer.Offer(types, own)))
	a.Request(t, limit, "ACK")
	c.session = peer.Session{Own: own, Remote: peer.ParseSDP(invite.Body).Media[0].Path()}
	c.conn = l.Accept(t, limit)
	bind := c.conn.Request(t, limit, "SEND")
	c.conn.Answer(bind, 200, "OK")
	return c
}

// say sends a message and waits for its 200.
func (c *called) say(t *testing.T, contentType, body string) {
	t.Helper()
	send := c.session.Send(body).Set("Content-Type", contentType)
	c.conn.Put(send.Bytes())
	if f := c.conn.Response(t, limit, send.ID); f.Code != 200 {
		t.Fatalf("the SEND was answered %d", f.Code)
	}
}

// dial calls a daemon, and talks.
func dial(t *testing.T, d *daemon.Daemon, from string) *called {
	t.Helper()
	a := peer.NewAgent(t, "udp", d.SIP().String())
	c := &called{Dialog: a.NewDialog("support"), agent: a}
	c.Local = "sip:" + from
	own := "msrp://127.0.0.1:9/" + peer.Ident() + ";tcp"
	if _, r := c.Call(t, limit, peer.Offer("*", own)); r.Code() != 200 {
		t.Fatalf("the INVITE was answered %s", r.Start)
	} else {
		c.Ack(t)
		line := peer.ParseSDP(r.Body).Media[0]
		c.session = peer.Session{Own: own, Remote: line.Path()}
		c.conn = peer.DialMSRP(t, d.Addr.String()+":"+line.Port())
	}
	bind := c.session.Bodiless()
	c.conn.Put(bind.Bytes())
	c.conn.Response(t, limit, bind.ID)
	return c
}

// chat has messages go both ways for some seconds, now more and now fewer.
func (c *called) chat(t *testing.T, b *browser, seconds int) {
	t.Helper()
	path := b.page("evaluate", `async () => (await (await fetch("/v1/sessions")).json()).sessions[0].session_id`)
	for i := range seconds {
		for n := range 4 + int(3*math.Sin(float64(i)/4)+3) {
			c.say(t, "text/plain", "a line")
			if n%3 == 0 {
				b.page("evaluate", `async (id) => { await fetch("/v1/sessions/" + id + "/messages", {method: "POST", headers: {"Content-Type": "application/json"}, body: '{"body":"another"}'}) }`, path)
				c.conn.Answer(c.conn.Request(t, limit, "SEND"), 200, "OK")
			}
		}
		time.Sleep(time.Second)
	}
}
