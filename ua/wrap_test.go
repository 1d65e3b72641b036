package ua_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/parley-msrp/parley/cpim"
	"github.com/parley-msrp/parley/msrp"
	"github.com/parley-msrp/parley/ua"
)

// closing is a stream that counts how often it is closed.
type closing struct {
	io.Reader
	closed atomic.Int32
}

func (c *closing) Close() error {
	c.closed.Add(1)
	return nil
}

// talking has alice call bob, who answers with these types, and returns her session and what each is told.
func talking(t *testing.T, bobs ua.Handler, types ...string) (s *ua.Session, alices *recorder) {
	t.Helper()
	bob := newAgent(t, answering(bobs, types...))
	alices = newRecorder()
	s, err := newAgent(t, ua.Config{}).Start(ua.StartConfig{From: "sip:alice@127.0.0.1", To: "sip:bob@" + address(bob), Handler: alices})
	if err != nil {
		t.Fatal(err)
	}
	alices.session(t)
	alices.want(t, "established INVITE")
	return s, alices
}

func TestWrap(t *testing.T) {
	file := strings.Repeat("0123456789", 5000)
	disposition := []msrp.Header{{Name: "Content-Disposition", Value: `attachment; filename="a"`}}
	for name, m := range map[string]ua.Outgoing{
		"body":                   {Body: []byte(file)},
		"body, asked before":     {Body: []byte(file)},
		"stream of known size":   {Stream: strings.NewReader(file), Size: int64(len(file))},
		"stream of unknown size": {Stream: strings.NewReader(file)},
		"stream to close":        {Stream: &closing{Reader: strings.NewReader(file)}},
	} {
		t.Run("D-010/"+name, func(t *testing.T) {
			bob := newRecorder()
			s, alice := talking(t, bob, "message/cpim", "text/plain")
			m.ContentType, m.Headers = "text/plain", disposition
			if strings.HasSuffix(name, "asked before") {
				if err := s.MaySend(&m); err != nil || m.ContentType != "message/cpim" {
					t.Fatalf("%s, %v", m.ContentType, err)
				}
			}
			if _, err := s.Send(context.Background(), m); err != nil {
				t.Fatal(err)
			}
			got := bob.message(t)
			if got.ContentType != "message/cpim" || len(got.Headers) != 0 || len(got.CPIM) != 1 {
				t.Fatalf("%+v", got)
			}
			wrapper := got.CPIM.Innermost()
			if _, ok := wrapper.DateTime(); !ok || wrapper.From().URI != s.Call().From() || !bytes.Equal(wrapper.AppendTo(nil), got.Body) {
				t.Errorf("%q", wrapper.Headers)
			}
			for a := range wrapper.To() {
				if a.URI != s.Call().To() {
					t.Errorf("to %s, want %s", a, s.Call().To())
				}
			}
			c := got.Content()
			if c.ContentType != "text/plain" || string(c.Body) != file || len(c.Headers) != 1 || c.Headers[0] != disposition[0] {
				t.Errorf("%s %v %d octets", c.ContentType, c.Headers, len(c.Body))
			}
			got.Accept()
			alice.want(t, "fate delivered")
			if stream, ok := m.Stream.(*closing); ok {
				eventually(t, "the stream is closed", func() bool { return stream.closed.Load() == 1 })
			}
		})
	}

	t.Run("D-010/what is wrong is wrong wrapped or not", func(t *testing.T) {
		for _, types := range [][]string{{"message/cpim", "text/plain"}, {"text/plain"}} {
			s, _ := talking(t, ua.Quiet{}, types...)
			for _, m := range []ua.Outgoing{
				{ContentType: "text/plain\r\nX: y"},
				{ContentType: "text/plain", Headers: []msrp.Header{{Name: "From", Value: "x"}}},
				{ContentType: "text/plain", Headers: []msrp.Header{{Name: "Content-ID", Value: "x\r\nX: y"}}},
			} {
				m.Body = []byte("hello")
				_, err := s.Send(context.Background(), m)
				if _, ok := errors.AsType[*msrp.HeaderError](err); !ok {
					t.Errorf("%v: %q: %v", types, m.ContentType, err)
				}
			}
			_, err := s.Send(context.Background(), ua.Outgoing{ContentType: "image/png", Body: []byte("x")})
			if e, ok := errors.AsType[*msrp.TypeError](err); !ok || e.ContentType != "image/png" {
				t.Errorf("%v: %v", types, err)
			}
		}
	})

	t.Run("M-054/a stream that is wrapped is read again when the connection is lost", func(t *testing.T) {
		dialled := make(chan net.Conn, 10)
		bob := streamed{newRecorder(), make(chan *ua.Incoming, 1)}
		c := answering(bob, "message/cpim", "text/plain")
		c.MSRP.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
			nc, err := new(net.Dialer).DialContext(ctx, network, addr)
			if err == nil {
				dialled <- nc
			}
			return nc, err
		}
		told := newRecorder()
		s, err := newAgent(t, ua.Config{MSRP: c.MSRP}).Start(ua.StartConfig{From: "sip:alice@127.0.0.1", To: "sip:bob@" + address(newAgent(t, c)), Handler: told})
		if err != nil {
			t.Fatal(err)
		}
		told.session(t)
		told.want(t, "established INVITE")
		if _, err := s.Send(context.Background(), ua.Outgoing{ContentType: "text/plain", Body: []byte("the connection is good")}); err != nil {
			t.Fatal(err)
		}
		bob.message(t).Accept()
		told.want(t, "fate delivered")
		text := strings.Repeat(file, 100) // more than waits anywhere
		if _, err := s.Send(context.Background(), ua.Outgoing{ContentType: "text/plain", Stream: strings.NewReader(text)}); err != nil {
			t.Fatal(err)
		}
		in := <-bob.streams
		(<-dialled).Close()
		in.Accept()
		m, content, err := cpim.Read(in)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(content)
		if err != nil || m.ContentType() != "text/plain" || string(got) != text {
			t.Errorf("%v %s %d octets of %d", err, m.ContentType(), len(got), len(text))
		}
		told.want(t, "fate delivered")
	})

	t.Run("M-084/a type that is refused wrapped", func(t *testing.T) {
		bob := newRecorder()
		s, alice := talking(t, bob, "message/cpim", "*")
		send := func(contentType string) error {
			_, err := s.Send(context.Background(), ua.Outgoing{ContentType: contentType, Body: []byte("x")})
			return err
		}
		if err := send("image/png"); err != nil {
			t.Fatal(err)
		}
		bob.message(t).Reject(415, "")
		alice.want(t, "fate failed")
		if e, ok := errors.AsType[*msrp.TypeError](send("image/png")); !ok || !e.Refused {
			t.Error("image/png goes again")
		}
		if err := send("text/plain"); err != nil {
			t.Error(err)
		}
	})
}

func TestUnwrap(t *testing.T) {
	const head = "From: <sip:a@x.test>\r\nTo: <sip:b@x.test>\r\n"
	for _, c := range []struct{ name, body, fate string }{
		{"P-001/malformed", "hello", "fate failed"},
		{"P-008/requires what is not understood", head + "Require: X\r\n\r\nContent-Type: text/plain\r\n\r\nhello", "fate failed"},
		{"P-001/as it should be", head + "\r\nContent-Type: text/plain\r\n\r\nhello", "fate delivered"},
	} {
		t.Run(c.name, func(t *testing.T) {
			bob := newRecorder()
			s, alice := talking(t, bob)
			if _, err := s.Send(context.Background(), ua.Outgoing{ContentType: "Message/CPIM;x=y", Body: []byte(c.body)}); err != nil {
				t.Fatal(err)
			}
			if c.fate == "fate delivered" {
				m := bob.message(t)
				if got := m.Content(); got.ContentType != "text/plain" || string(got.Body) != "hello" || string(m.Body) != c.body {
					t.Errorf("%+v", got)
				}
				m.Accept()
			}
			alice.want(t, c.fate)
			if len(bob.messages) > 0 {
				t.Error("the message was handed over")
			}
		})
	}

	t.Run("P-001/a message that is not wrapped", func(t *testing.T) {
		bob := newRecorder()
		s, _ := talking(t, bob)
		if _, err := s.Send(context.Background(), ua.Outgoing{ContentType: "text/plain", Body: []byte("hello")}); err != nil {
			t.Fatal(err)
		}
		m := bob.message(t)
		if c := m.Content(); m.CPIM != nil || c.ContentType != "text/plain" || string(c.Body) != "hello" {
			t.Errorf("%+v", m)
		}
	})

	t.Run("P-001/a stream", func(t *testing.T) {
		h := streamed{newRecorder(), make(chan *ua.Incoming, 1)}
		s, alice := talking(t, h, "message/cpim", "text/plain")
		text := strings.Repeat("0123456789", 10_000)
		if _, err := s.Send(context.Background(), ua.Outgoing{ContentType: "text/plain", Stream: strings.NewReader(text)}); err != nil {
			t.Fatal(err)
		}
		in := <-h.streams
		m, content, err := cpim.Read(in)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(content)
		if err != nil || m.ContentType() != "text/plain" || string(got) != text {
			t.Errorf("%v %s %d octets", err, m.ContentType(), len(got))
		}
		in.Accept()
		alice.want(t, "fate delivered")
	})
}

// inbox is a handler that shows who sent what.
type inbox struct {
	ua.Quiet
	lines chan string
}

func (i inbox) Message(s *ua.Session, m *ua.Message) {
	if m.Bodiless {
		return // it ties the connection to the session
	}
	c := m.Content()
	from := s.Call().From() // known from the session
	if m.CPIM != nil {
		from = fmt.Sprintf("%s (says %s)", from, m.CPIM.Innermost().From()) // claimed by the message
	}
	i.lines <- fmt.Sprintf("%s: %s %s", from, c.ContentType, c.Body)
	m.Accept()
}

func ExampleMessage_Content() {
	h := inbox{lines: make(chan string, 1)}
	bob, err := ua.New(ua.Config{
		SIPListen: []string{"udp:127.0.0.1:0"}, MSRPListen: []string{"tcp:127.0.0.1:0"},
		OnInvite: func(inv *ua.Invitation) { _, _ = inv.Answer(h, "message/cpim", "text/plain") },
	})
	if err != nil {
		panic(err)
	}
	defer bob.Close(context.Background())
	alice, err := ua.New(ua.Config{SIPListen: []string{"udp:127.0.0.1:0"}, MSRPListen: []string{"tcp:127.0.0.1:0"}})
	if err != nil {
		panic(err)
	}
	defer alice.Close(context.Background())
	done := make(chan *ua.Session, 1)
	if _, err := alice.Start(ua.StartConfig{From: "sip:alice@example.com", To: "sip:bob@" + address(bob), Handler: begins{done: done}}); err != nil {
		panic(err)
	}
	// Bob names message/cpim first, so what Alice sends is wrapped.
	if _, err := (<-done).Send(context.Background(), ua.Outgoing{ContentType: "text/plain", Body: []byte("hello")}); err != nil {
		panic(err)
	}
	fmt.Println(<-h.lines)
	// Output: sip:alice@example.com (says <sip:alice@example.com>): text/plain hello
}

// begins is a handler that passes the session on when it is established.
type begins struct {
	ua.Quiet
	done chan *ua.Session
}

func (b begins) Established(s *ua.Session, _ *ua.SIPMessage) { b.done <- s }
