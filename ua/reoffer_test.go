package ua_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/parley-msrp/parley/msrp"
	"github.com/parley-msrp/parley/test/peer"
	"github.com/parley-msrp/parley/ua"
)

// ackWith acknowledges a 2xx with a session description.
func ackWith(t testing.TB, d *peer.Dialog, sdp string) {
	t.Helper()
	ack := d.Request("ACK").Del("Contact")
	if sdp != "" {
		ack.WithSDP(sdp)
	}
	d.Agent.Send(t, ack)
}

// chat sends a message in each direction.
func chat(t testing.TB, s *ua.Session, h *recorder, c *peer.Conn, p peer.Session) {
	t.Helper()
	send := p.Send("from the peer")
	c.Put(send.Bytes())
	h.message(t).Accept()
	if f := c.Response(t, limit, send.ID); f.Code != 200 {
		t.Fatalf("the SEND was answered %d", f.Code)
	}
	if _, err := s.Send(context.Background(), ua.Outgoing{ContentType: "text/plain", Body: []byte("to the peer")}); err != nil {
		t.Fatal(err)
	}
	f := c.Request(t, limit, "SEND")
	if got := f.Get("To-Path"); got != p.Own {
		t.Errorf("To-Path %q, want %q", got, p.Own)
	}
	c.Answer(f, 200, "OK")
	h.want(t, "fate delivered")
}

// bind ties a new connection to the session.
func bind(t testing.TB, p peer.Session, port string) *peer.Conn {
	t.Helper()
	c := peer.DialMSRP(t, "127.0.0.1:"+port)
	send := p.Bodiless()
	c.Put(send.Bytes())
	if f := c.Response(t, limit, send.ID); f.Code != 200 {
		t.Fatalf("the binding SEND was answered %d", f.Code)
	}
	return c
}

// standing is a call of one session that a raw peer made.
type standing struct {
	*rawCaller
	a    *ua.Agent
	h    *recorder
	s    *ua.Session
	port string // of the agent's MSRP listener
	p    peer.Session
	c    *peer.Conn
	own  peer.SDP // the agent's last description
}

func stand(t testing.TB, h ua.Handler, r *recorder) *standing {
	t.Helper()
	a := newAgent(t, answering(h, "text/plain"))
	c := &standing{rawCaller: newCaller(t, a, "text/plain", 1), a: a, h: r}
	answer, conns, sessions := c.call(t)
	c.own, c.c, c.p, c.port = answer, conns[0], sessions[0], answer.Media[0].Port()
	r.want(t, "established ACK")
	c.s = r.session(t)
	return c
}

// reoffer sends a re-INVITE, and acknowledges its 200.
func (c *standing) reoffer(t testing.TB, sdp string) *peer.Message {
	t.Helper()
	_, r := c.Call(t, limit, sdp)
	if r.Code() == 200 {
		c.Ack(t)
	}
	return r
}

func (c *standing) end(t testing.TB) {
	t.Helper()
	if got := c.Bye(t, limit); got.Code() != 200 {
		t.Error(got.Start)
	}
	c.h.want(t, "ended: by peer, 200 BYE")
	forgotten(t, c.a)
	c.h.nothing(t)
}

func version(d peer.SDP) string { return strings.Fields(d.Line("o="))[2] }

func TestLateOffer(t *testing.T) {
	t.Run("S-023/this side offers, and connects once the ACK has answered", func(t *testing.T) {
		h := newRecorder()
		late := make(chan bool, 1)
		a := newAgent(t, ua.Config{OnInvite: func(inv *ua.Invitation) {
			late <- inv.Late() && inv.Types().String() == "*"
			if _, err := inv.Answer(h, "text/plain"); err != nil {
				t.Error(err)
			}
		}})
		d, l := peer.NewAgent(t, "udp", address(a)).NewDialog("bob"), peer.ListenMSRP(t)
		_, r := d.Call(t, limit, "")
		offer := peer.ParseSDP(r.Body)
		if r.Code() != 200 || len(offer.Media) != 1 || !<-late {
			t.Fatalf("answered\n%s", r.Raw)
		}
		p := peer.Session{Own: l.Path(peer.Ident()), Remote: offer.Media[0].Path()}
		ackWith(t, d, peer.Offer("text/plain", p.Own))
		h.want(t, "established ACK")
		c := l.Accept(t, limit)
		c.Answer(c.Request(t, limit, "SEND"), 200, "OK")
		chat(t, h.session(t), h, c, p)
		d.Bye(t, limit)
		h.want(t, "ended: by peer, 200 BYE")
		forgotten(t, a)
	})

	for name, answer := range map[string]string{
		"none":                    "",
		"nonsense":                "nonsense",
		"every line refused":      peer.SDPHead("127.0.0.1") + "m=message 0 TCP/MSRP *\r\n",
		"no path":                 peer.SDPHead("127.0.0.1") + "m=message 9 TCP/MSRP *\r\na=accept-types:*\r\n",
		"another number of lines": peer.Offer("*", "msrp://127.0.0.1:9/abcd;tcp", "msrp://127.0.0.1:9/efgh;tcp"),
	} {
		t.Run("S-023/answer that cannot be used: "+name, func(t *testing.T) {
			h := newRecorder()
			a := newAgent(t, answering(h, "text/plain"))
			d := peer.NewAgent(t, "udp", address(a)).NewDialog("bob")
			d.Call(t, limit, "")
			ackWith(t, d, answer)
			bye(t, d.Agent, d)
			if got := h.next(t); !strings.HasPrefix(got, "failed: bad answer, 488 ") {
				t.Error(got)
			}
			forgotten(t, a)
			h.nothing(t)
		})
	}

	t.Run("S-024/re-INVITE without offer: what stands is offered, o= and connection stay", func(t *testing.T) {
		h := newRecorder()
		c := stand(t, h, h)
		for range 2 {
			_, r := c.Call(t, limit, "")
			if r.Code() != 200 {
				t.Fatal(r.Start)
			}
			offer := peer.ParseSDP(r.Body)
			if version(offer) != version(c.own) || len(offer.Media) != 1 || offer.Media[0].Path() != c.p.Remote {
				t.Errorf("offered\n%s", r.Body)
			}
			ackWith(t, c.Dialog, c.offer)
		}
		chat(t, c.s, h, c.c, c.p)
		c.end(t)
	})

	t.Run("S-024/on hold by the peer, what is wished here is offered: it may resume so", func(t *testing.T) {
		h := newRecorder()
		c := stand(t, h, h)
		c.reoffer(t, c.offer+"a=sendonly\r\n")
		if got := c.s.Direction(); got != msrp.RecvOnly {
			t.Errorf("direction %v", got)
		}
		_, r := c.Call(t, limit, "")
		if _, held := peer.ParseSDP(r.Body).Media[0].Attr("recvonly"); r.Code() != 200 || held {
			t.Errorf("offered\n%s", r.Raw)
		}
		ackWith(t, c.Dialog, c.offer)
		eventually(t, "resumed", func() bool { return c.s.Direction() == msrp.SendRecv })
		chat(t, c.s, h, c.c, c.p)
		c.end(t)
	})
}

// reviewing is a recorder that is asked.
type reviewing struct {
	*recorder
	asked   chan ua.Reoffer
	answers chan error
}

func (r *reviewing) Review(_ *ua.Session, o ua.Reoffer) error {
	r.asked <- o
	return <-r.answers
}

func TestPeerReoffer(t *testing.T) {
	for _, method := range []string{"INVITE", "UPDATE"} {
		t.Run("D-016/"+method+" with another path: SENDs go there, the session moves with the peer's first request", func(t *testing.T) {
			h := newRecorder()
			c := stand(t, h, h)
			moved := peer.Session{Own: "msrp://127.0.0.1:10/" + peer.Ident() + ";tcp", Remote: c.p.Remote}
			m := c.Request(method).WithSDP(peer.Offer("text/plain", moved.Own))
			r := c.Agent.Ask(t, limit, m)
			if r.Code() != 200 || peer.ParseSDP(r.Body).Media[0].Path() != c.p.Remote {
				t.Fatalf("answered\n%s", r.Raw)
			}
			if method == "INVITE" {
				c.Ack(t)
			}
			flight := c.p.Send("in flight")
			c.c.Put(flight.Bytes())
			h.message(t).Accept()
			if f := c.c.Response(t, limit, flight.ID); f.Code != 200 {
				t.Errorf("in flight: %d", f.Code)
			}
			conn := bind(t, moved, c.port)
			chat(t, c.s, h, conn, moved)
			if got := c.s.PeerPath(); len(got) != 1 || got[0].String() != moved.Own {
				t.Errorf("peer path %v", got)
			}
			c.end(t)
		})
	}

	t.Run("D-018/hold and resume", func(t *testing.T) {
		h := newRecorder()
		c := stand(t, h, h)
		last := version(c.own)
		for _, x := range []struct {
			offered, answered string
			may               msrp.Direction
		}{
			{"sendonly", "recvonly", msrp.RecvOnly}, {"inactive", "inactive", msrp.Inactive}, {"recvonly", "sendonly", msrp.SendOnly}, {"sendrecv", "", msrp.SendRecv},
		} {
			r := c.reoffer(t, c.offer+"a="+x.offered+"\r\n")
			answer := peer.ParseSDP(r.Body)
			got := ""
			for _, d := range []string{"sendrecv", "sendonly", "recvonly", "inactive"} {
				if _, has := answer.Media[0].Attr(d); has {
					got = d
				}
			}
			if got != x.answered || c.s.Direction() != x.may || version(answer) <= last {
				t.Errorf("%s: answered %q, o= version %s after %s, direction %v", x.offered, got, version(answer), last, c.s.Direction())
			}
			last = version(answer)
			_, err := c.s.Send(context.Background(), ua.Outgoing{ContentType: "text/plain", Body: []byte("x")})
			if may := x.may == msrp.SendRecv || x.may == msrp.SendOnly; may != (err == nil) {
				t.Errorf("%s: Send returns %v", x.offered, err)
			} else if may {
				c.c.Answer(c.c.Request(t, limit, "SEND"), 200, "OK")
				h.want(t, "fate delivered")
			}
		}
		c.end(t)
	})

	t.Run("other types", func(t *testing.T) {
		h := newRecorder()
		c := stand(t, h, h)
		c.reoffer(t, strings.Replace(c.offer, "text/plain", "text/html text/plain", 1))
		if got := c.s.PeerTypes().String(); got != "text/html text/plain" {
			t.Errorf("types %q", got)
		}
		chat(t, c.s, h, c.c, c.p)
		c.end(t)
	})

	t.Run("a Handler that reviews is asked, and may refuse", func(t *testing.T) {
		h := &reviewing{recorder: newRecorder(), asked: make(chan ua.Reoffer, 10), answers: make(chan error, 10)}
		h.answers <- errors.New("not here")
		c := stand(t, h, h.recorder)
		r := c.reoffer(t, strings.Replace(c.offer, ":9/", ":10/", 1))
		if r.Code() != 488 || !strings.Contains(r.Get("Warning"), "not here") {
			t.Errorf("answered\n%s", r.Raw)
		}
		if o := <-h.asked; !o.PathChanged || o.TypesChanged || o.DirectionChanged {
			t.Errorf("asked %+v", o)
		}
		if c.s.PeerPath()[0].Port != 9 {
			t.Error("the refused path is in use")
		}
		h.answers <- nil
		if r := c.reoffer(t, strings.Replace(c.offer, "text/plain", "text/*", 1)+"a=sendonly\r\n"); r.Code() != 200 {
			t.Error(r.Start)
		}
		if o := <-h.asked; o.PathChanged || !o.TypesChanged || !o.DirectionChanged || o.Types.String() != "text/*" || o.Direction != msrp.RecvOnly {
			t.Errorf("asked %+v", o)
		}
		c.end(t)
	})

	t.Run("D-023/port 0 ends the session, and the call with the last one", func(t *testing.T) {
		h := newRecorder()
		a := newAgent(t, answering(h, "text/plain"))
		d := newCaller(t, a, "text/plain", 2)
		_, conns, sessions := d.call(t)
		h.want(t, "established ACK", "established ACK")
		const over = "ended: by peer, 200 the peer ended the session's m-line"
		port := func(s string, i int) string {
			parts := strings.SplitAfter(s, "m=message ")
			_, rest, _ := strings.Cut(parts[i], " ")
			parts[i] = "0 " + rest
			return strings.Join(parts, "")
		}
		offer := port(d.offer, 1)
		_, r := d.Call(t, limit, offer)
		if m := peer.ParseSDP(r.Body).Media; r.Code() != 200 || len(m) != 2 || m[0].Port() != "0" || m[1].Port() == "0" {
			t.Fatalf("answered\n%s", r.Raw)
		}
		d.Ack(t)
		h.want(t, over)
		send := sessions[1].Bodiless()
		conns[1].Put(send.Bytes())
		if f := conns[1].Response(t, limit, send.ID); f.Code != 200 {
			t.Errorf("the other session answered %d", f.Code)
		}
		_, r = d.Call(t, limit, port(offer, 2))
		if r.Code() != 200 {
			t.Fatal(r.Start)
		}
		d.Ack(t)
		h.want(t, over)
		bye(t, d.Agent, d.Dialog)
		forgotten(t, a)
		h.nothing(t)
	})
}

func TestUpdate(t *testing.T) {
	ctx := context.Background()
	update := func(c *standing, ch ua.Change) chan error {
		done := make(chan error, 1)
		go func() { done <- c.s.Call().Update(ctx, ch) }()
		return done
	}
	// answer answers an own offer of the agent's.
	answer := func(t *testing.T, c *standing, m *peer.Message, sdp string) {
		t.Helper()
		c.Agent.Respond(t, m, c.Response(m, 200, "OK").WithSDP(sdp))
		if m.Method() == "INVITE" {
			c.Agent.Request(t, limit, "ACK")
		}
	}

	t.Run("D-018/own hold and resume, by re-INVITE and UPDATE", func(t *testing.T) {
		h := newRecorder()
		c := stand(t, h, h)
		last := version(c.own)
		for _, x := range []struct {
			direction, answer string
			byUPDATE          bool
			method            string
			may               msrp.Direction
		}{
			{"sendonly", "recvonly", false, "INVITE", msrp.SendOnly},
			{"inactive", "inactive", true, "INVITE", msrp.Inactive},
			{"sendrecv", "sendrecv", false, "INVITE", msrp.SendRecv},
		} {
			done := update(c, ua.Change{Direction: x.direction, ByUPDATE: x.byUPDATE})
			m := c.Agent.Request(t, limit, x.method)
			offer := peer.ParseSDP(m.Body)
			if _, has := offer.Media[0].Attr(x.direction); !has && x.direction != "sendrecv" || version(offer) <= last {
				t.Errorf("offered\n%s", m.Body)
			}
			last = version(offer)
			answer(t, c, m, c.offer+"a="+x.answer+"\r\n")
			if err := <-done; err != nil || c.s.Direction() != x.may {
				t.Errorf("%v, direction %v", err, c.s.Direction())
			}
		}
		chat(t, c.s, h, c.c, c.p)
		c.end(t)
	})

	t.Run("S-026/UPDATE where the peer allows it", func(t *testing.T) {
		h := newRecorder()
		c := stand(t, h, h)
		if r := c.Agent.Ask(t, limit, c.Request("UPDATE").Add("Allow", "INVITE, UPDATE")); r.Code() != 200 {
			t.Fatal(r.Start)
		}
		done := update(c, ua.Change{Direction: "recvonly", ByUPDATE: true})
		answer(t, c, c.Agent.Request(t, limit, "UPDATE"), c.offer+"a=sendonly\r\n")
		if err := <-done; err != nil || c.s.Direction() != msrp.RecvOnly {
			t.Errorf("%v, direction %v", err, c.s.Direction())
		}
		c.end(t)
	})

	t.Run("S-009/refused: everything stays, and the next offer has a version of its own (D-017)", func(t *testing.T) {
		h := newRecorder()
		c := stand(t, h, h)
		versions := map[string]bool{version(c.own): true}
		for range 3 {
			done := update(c, ua.Change{Direction: "inactive"})
			m := c.Agent.Request(t, limit, "INVITE")
			versions[version(peer.ParseSDP(m.Body))] = true
			c.Answer(t, m, 488, "No")
			c.Agent.Request(t, limit, "ACK")
			var refused *ua.UpdateRefusedError
			if err := <-done; !errors.As(err, &refused) || refused.Code != 488 {
				t.Errorf("got %v", err)
			}
		}
		if len(versions) != 4 {
			t.Errorf("versions %v", versions)
		}
		if r := c.reoffer(t, c.offer); r.Code() != 200 || version(peer.ParseSDP(r.Body)) != version(c.own) {
			t.Errorf("answered\n%s", r.Raw)
		}
		chat(t, c.s, h, c.c, c.p)
		c.end(t)
	})

	t.Run("other types", func(t *testing.T) {
		h := newRecorder()
		c := stand(t, h, h)
		done := update(c, ua.Change{Types: []string{"text/html"}})
		m := c.Agent.Request(t, limit, "INVITE")
		if got, _ := peer.ParseSDP(m.Body).Media[0].Attr("accept-types"); got != "text/html" {
			t.Errorf("offered %q", got)
		}
		chat(t, c.s, h, c.c, c.p) // what stood before is taken until the answer
		answer(t, c, m, c.offer)
		if err := <-done; err != nil {
			t.Error(err)
		}
		send := c.p.Send("no more")
		c.c.Put(send.Bytes())
		if f := c.c.Response(t, limit, send.ID); f.Code != 415 {
			t.Errorf("text/plain: %d", f.Code)
		}
		c.end(t)
	})

	t.Run("D-016/the answer has another path: this side connects to it", func(t *testing.T) {
		h := newRecorder()
		c := stand(t, h, h)
		l := peer.ListenMSRP(t)
		moved := peer.Session{Own: l.Path(peer.Ident()), Remote: c.p.Remote}
		done := update(c, ua.Change{})
		m := c.Agent.Request(t, limit, "INVITE")
		if version(peer.ParseSDP(m.Body)) != version(c.own) {
			t.Errorf("a change of nothing offered\n%s", m.Body)
		}
		answer(t, c, m, peer.Offer("text/plain", moved.Own))
		if err := <-done; err != nil {
			t.Error(err)
		}
		conn := l.Accept(t, limit)
		f := conn.Request(t, limit, "SEND")
		if f.Get("To-Path") != moved.Own {
			t.Errorf("To-Path %q", f.Get("To-Path"))
		}
		conn.Answer(f, 200, "OK")
		chat(t, c.s, h, conn, moved)
		c.end(t)
	})

	t.Run("D-004/an answer that cannot be used: BYE", func(t *testing.T) {
		h := newRecorder()
		c := stand(t, h, h)
		done := update(c, ua.Change{})
		answer(t, c, c.Agent.Request(t, limit, "INVITE"), strings.Replace(c.offer, "a=path", "a=no-path", 1))
		var refused *ua.UpdateRefusedError
		if err := <-done; !errors.As(err, &refused) {
			t.Errorf("got %v", err)
		}
		bye(t, c.Agent, c.Dialog)
		if got := h.next(t); !strings.HasPrefix(got, "ended: bad answer, 488 ") {
			t.Error(got)
		}
		forgotten(t, c.a)
	})

	t.Run("S-007/481: BYE, one end event", func(t *testing.T) {
		h := newRecorder()
		c := stand(t, h, h)
		done := update(c, ua.Change{})
		c.Answer(t, c.Agent.Request(t, limit, "INVITE"), 481, "Gone")
		c.Agent.Request(t, limit, "ACK")
		if err := <-done; !errors.Is(err, ua.ErrOver) {
			t.Errorf("got %v", err)
		}
		h.want(t, "ended: dialog lost, 481 Gone")
		bye(t, c.Agent, c.Dialog)
		forgotten(t, c.a)
		h.nothing(t)
	})

	t.Run("what cannot be offered", func(t *testing.T) {
		h := newRecorder()
		c := stand(t, h, h)
		var field *ua.FieldError
		if err := c.s.Call().Update(ctx, ua.Change{Direction: "both"}); !errors.As(err, &field) || field.Field != "Direction" {
			t.Errorf("got %v", err)
		}
		if err := c.s.Call().Update(ctx, ua.Change{Types: []string{"no type"}}); !errors.As(err, &field) || field.Field != "Types" {
			t.Errorf("got %v", err)
		}
		c.end(t)
		if err := c.s.Call().Update(ctx, ua.Change{}); !errors.Is(err, ua.ErrNotEstablished) {
			t.Errorf("got %v", err)
		}
	})
}

// TestCrossingUpdates has both sides of a call offer at the same time, again and again: glare is overcome (S-009), and both agree in the end.
func TestCrossingUpdates(t *testing.T) {
	h, g := newRecorder(), newRecorder()
	called := newAgent(t, answering(h, "text/plain"))
	caller := newAgent(t, ua.Config{})
	s, err := caller.Start(ua.StartConfig{From: "sip:alice@127.0.0.1", To: "sip:bob@" + address(called), Handler: g})
	if err != nil {
		t.Fatal(err)
	}
	h.want(t, "established ACK")
	g.want(t, "established INVITE")
	p := h.session(t)
	offer := func(s *ua.Session, directions ...string) chan error {
		done := make(chan error, 1)
		go func() {
			var errs []error
			for i, d := range directions {
				errs = append(errs, s.Call().Update(context.Background(), ua.Change{Direction: d, ByUPDATE: i%2 == 1}))
			}
			done <- errors.Join(errs...)
		}()
		return done
	}
	one, two := offer(s, "sendonly", "sendrecv"), offer(p, "inactive", "sendrecv")
	for _, done := range []chan error{one, two} {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	for _, s := range []*ua.Session{s, p} {
		if got := s.Direction(); got != msrp.SendRecv {
			t.Errorf("direction %v", got)
		}
	}
	if _, err := s.Send(context.Background(), ua.Outgoing{ContentType: "text/plain", Body: []byte("x")}); err != nil {
		t.Fatal(err)
	}
	h.message(t).Accept()
	g.want(t, "fate delivered")
}
