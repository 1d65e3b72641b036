package ua_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/parley-msrp/parley/msrp"
	"github.com/parley-msrp/parley/test/peer"
	"github.com/parley-msrp/parley/ua"
)

func TestStart(t *testing.T) {
	h, p := newRecorder(), newCalled(t)
	a := newAgent(t, ua.Config{})
	s, invite, d := p.start(t, a, h)
	if s.State() != ua.Inviting || s.PeerPath() != nil || s.Lifetime() <= 59*time.Second {
		t.Errorf("before the answer: state %d, path %v, lifetime %v", s.State(), s.PeerPath(), s.Lifetime())
	}
	if _, err := s.Send(t.Context(), ua.Outgoing{ContentType: "text/plain", Body: []byte("x")}); !errors.Is(err, ua.ErrNotEstablished) {
		t.Errorf("Send before the answer: %v", err)
	}
	remote := p.accept(t, invite, d)
	h.want(t, "established INVITE")
	conn := p.msrp.Accept(t, limit)
	bind := conn.Request(t, limit, "SEND")
	if bind.HasBody || bind.Get("From-Path") != remote.Remote || bind.Get("To-Path") != remote.Own {
		t.Errorf("the first SEND is no binding one: %q", bind.Head)
	}
	conn.Answer(bind, 200, "OK")
	if s.State() != ua.Established || a.Session(s.ID()) != s || s.Call().Key() == "" || !s.Call().Caller() {
		t.Errorf("established: state %d, key %q", s.State(), s.Call().Key())
	}
	if _, err := s.Send(t.Context(), ua.Outgoing{ContentType: "text/plain", Body: []byte("hello")}); err != nil {
		t.Fatal(err)
	}
	send := conn.Request(t, limit, "SEND")
	conn.Answer(send, 200, "OK")
	h.want(t, "fate delivered")

	s.End()
	if s.State() != ua.Terminated {
		t.Errorf("after End: state %d", s.State())
	}
	if _, err := s.Send(t.Context(), ua.Outgoing{ContentType: "text/plain", Body: []byte("x")}); !errors.Is(err, ua.ErrNotEstablished) {
		t.Errorf("Send after End: %v", err)
	}
	h.want(t, "ended: by application, 200 ended here")
	s.End()
	if reason := bye(t, p.sip, d); reason != "" {
		t.Errorf("Reason %q for a regular end", reason)
	}
	forgotten(t, a)
	h.nothing(t)
}

// TestStartFails: whatever the peer does, the set-up fails once, and nothing is left.
func TestStartFails(t *testing.T) {
	answer := func(change func(*rawCalled, *peer.Message, string) string) func(*testing.T, *rawCalled, *peer.Message, *peer.Dialog) {
		return func(t *testing.T, p *rawCalled, invite *peer.Message, d *peer.Dialog) {
			r := d.Response(invite, 200, "OK")
			if sdp := change(p, r, peer.Offer("text/plain", p.msrp.Path(peer.Ident()))); sdp != "" {
				r.WithSDP(sdp)
			}
			p.sip.Respond(t, invite, r)
			p.sip.Request(t, limit, "ACK")
			if reason := bye(t, p.sip, d); reason != "SIP;cause=488" {
				t.Errorf("Reason %q", reason)
			}
		}
	}
	for _, c := range []struct {
		name string
		do   func(*testing.T, *rawCalled, *peer.Message, *peer.Dialog)
		want string
	}{
		{
			name: "refused", want: "failed: refused, 486 Busy Here",
			do: func(t *testing.T, p *rawCalled, invite *peer.Message, d *peer.Dialog) {
				d.Answer(t, invite, 486, "Busy Here")
				p.sip.Request(t, limit, "ACK")
			},
		},
		{
			name: "D-004/answer without session description", want: "failed: bad answer, 488 …",
			do: answer(func(*rawCalled, *peer.Message, string) string { return "" }),
		},
		{
			name: "D-004/unreadable answer", want: "failed: bad answer, 488 …",
			do: answer(func(*rawCalled, *peer.Message, string) string { return "nonsense" }),
		},
		{
			name: "D-004/too many lines", want: "failed: bad answer, 488 …",
			do: answer(func(_ *rawCalled, _ *peer.Message, sdp string) string { return sdp + audio }),
		},
		{
			name: "D-004/the line refused", want: "failed: bad answer, 488 …",
			do: answer(func(_ *rawCalled, _ *peer.Message, _ string) string {
				return peer.SDPHead("127.0.0.1") + "m=message 0 TCP/MSRP *\r\n"
			}),
		},
		{
			name: "D-001/TLS, which is not spoken", want: "failed: bad answer, 488 …",
			do: answer(func(_ *rawCalled, _ *peer.Message, sdp string) string {
				return strings.ReplaceAll(strings.ReplaceAll(sdp, "TCP/MSRP", "TCP/TLS/MSRP"), "msrp:", "msrps:")
			}),
		},
		{
			name: "no answer in time", want: "failed: timed out, 408 …",
			do: func(t *testing.T, p *rawCalled, invite *peer.Message, d *peer.Dialog) {
				d.Answer(t, invite, 180, "Ringing")
				cancelled(t, p, invite, d)
			},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			h, p := newRecorder(), newCalled(t)
			config := ua.Config{}
			if c.name == "no answer in time" {
				config.SetupTimeout = 200 * time.Millisecond
			}
			a := newAgent(t, config)
			s, invite, d := p.start(t, a, h)
			c.do(t, p, invite, d)
			got := h.next(t)
			if prefix, cut := strings.CutSuffix(c.want, "…"); got != c.want && !(cut && strings.HasPrefix(got, prefix)) {
				t.Errorf("the Handler was told %q, want %q", got, c.want)
			}
			if s.State() != ua.Terminated {
				t.Errorf("state %d", s.State())
			}
			forgotten(t, a)
			h.nothing(t)
			p.msrp.None(t, time.Millisecond)
		})
	}
	t.Run("unreachable", func(t *testing.T) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		l.Close()
		h, a := newRecorder(), newAgent(t, ua.Config{})
		if _, err := a.Start(ua.StartConfig{From: "sip:alice@127.0.0.1", To: "sip:bob@" + l.Addr().String() + ";transport=tcp", Handler: h}); err != nil {
			t.Fatal(err)
		}
		if got := h.next(t); !strings.HasPrefix(got, "failed: unreachable, 503 ") {
			t.Errorf("the Handler was told %q", got)
		}
		forgotten(t, a)
		h.nothing(t)
	})
}

// cancelled takes the CANCEL of an INVITE, and ends it as asked.
func cancelled(t *testing.T, p *rawCalled, invite *peer.Message, d *peer.Dialog) {
	t.Helper()
	d.Answer(t, p.sip.Request(t, limit, "CANCEL"), 200, "OK")
	d.Answer(t, invite, 487, "Request Terminated")
	p.sip.Request(t, limit, "ACK")
}

func TestEndBeforeAnswer(t *testing.T) {
	const want = "failed: by application, 487 Request Terminated"
	t.Run("while it rings", func(t *testing.T) {
		h, p := newRecorder(), newCalled(t)
		a := newAgent(t, ua.Config{})
		s, invite, d := p.start(t, a, h)
		d.Answer(t, invite, 180, "Ringing")
		s.End()
		h.want(t, want)
		cancelled(t, p, invite, d)
		forgotten(t, a)
		h.nothing(t)
	})
	t.Run("the 200 crosses the CANCEL", func(t *testing.T) {
		h, p := newRecorder(), newCalled(t)
		a := newAgent(t, ua.Config{})
		s, invite, d := p.start(t, a, h)
		d.Answer(t, invite, 180, "Ringing")
		s.End()
		h.want(t, want)
		d.Answer(t, p.sip.Request(t, limit, "CANCEL"), 200, "OK")
		p.accept(t, invite, d)
		bye(t, p.sip, d)
		forgotten(t, a)
		h.nothing(t)
	})
	t.Run("at once", func(t *testing.T) {
		h, p := newRecorder(), newCalled(t)
		a := newAgent(t, ua.Config{})
		s, err := a.Start(ua.StartConfig{From: "sip:alice@127.0.0.1", To: p.uri(), Handler: h})
		if err != nil {
			t.Fatal(err)
		}
		s.End()
		h.want(t, want)
	})
}

func TestStartFields(t *testing.T) {
	good := ua.StartConfig{From: "sip:a@127.0.0.1", To: "sip:b@127.0.0.1:9", Handler: ua.Quiet{}}
	for _, c := range []struct {
		field  string
		change func(*ua.StartConfig)
	}{
		{"From", func(c *ua.StartConfig) { c.From = "" }},
		{"From", func(c *ua.StartConfig) { c.From = "<sip:a@b>;tag=x" }},
		{"To", func(c *ua.StartConfig) { c.To, c.RequestURI = "no uri", "sip:b@127.0.0.1:9" }},
		{"RequestURI", func(c *ua.StartConfig) { c.RequestURI = "tel:1" }},
		{"RequestURI", func(c *ua.StartConfig) { c.RequestURI = "sips:b@127.0.0.1" }},
		{"Types", func(c *ua.StartConfig) { c.Types = []string{"text"} }},
		{"Profile", func(c *ua.StartConfig) { c.Profile = "nobody" }},
		{"Handler", func(c *ua.StartConfig) { c.Handler = nil }},
	} {
		t.Run(c.field, func(t *testing.T) {
			a, config := newAgent(t, ua.Config{}), good
			c.change(&config)
			s, err := a.Start(config)
			var field *ua.FieldError
			if s != nil || !errors.As(err, &field) || field.Field != c.field {
				t.Errorf("%v, want a FieldError of %s", err, c.field)
			}
			if len(a.Sessions()) != 0 {
				t.Error("a session is left")
			}
		})
	}
}

// TestNotConnected: a started session whose MSRP connection cannot be opened ends.
func TestNotConnected(t *testing.T) {
	t.Run("refused", func(t *testing.T) {
		h, p := newRecorder(), newCalled(t)
		a := newAgent(t, ua.Config{})
		_, invite, d := p.start(t, a, h)
		p.msrp.Close()
		p.accept(t, invite, d)
		h.want(t, "established INVITE", "ended: connection lost, 503 the MSRP connection could not be opened")
		if reason := bye(t, p.sip, d); reason != `SIP;cause=503;text="the MSRP connection could not be opened"` {
			t.Errorf("Reason %q", reason)
		}
		forgotten(t, a)
		h.nothing(t)
	})
	t.Run("481", func(t *testing.T) {
		h, p := newRecorder(), newCalled(t)
		a := newAgent(t, ua.Config{})
		_, invite, d := p.start(t, a, h)
		p.accept(t, invite, d)
		conn := p.msrp.Accept(t, limit)
		conn.Answer(conn.Request(t, limit, "SEND"), 481, "unknown")
		h.want(t, "established INVITE", "ended: connection lost, 503 the peer does not know the MSRP session")
		bye(t, p.sip, d)
		forgotten(t, a)
		h.nothing(t)
	})
	t.Run("the call ends meanwhile", func(t *testing.T) {
		h, p := newRecorder(), newCalled(t)
		dialling, gaveUp := make(chan struct{}), make(chan struct{})
		a := newAgent(t, ua.Config{MSRP: msrp.Config{Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
			close(dialling)
			<-ctx.Done()
			close(gaveUp)
			return nil, ctx.Err()
		}}})
		s, invite, d := p.start(t, a, h)
		p.accept(t, invite, d)
		<-dialling
		s.End()
		select {
		case <-gaveUp:
		case <-time.After(limit / 2): // Config.MSRP.DialTimeout is 10 s
			t.Error("the connection is still being opened")
		}
		h.want(t, "established INVITE", "ended: by application, 200 ended here")
		bye(t, p.sip, d)
		forgotten(t, a)
		h.nothing(t)
	})
}
