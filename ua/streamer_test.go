package ua_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log"
	"strings"
	"testing"
	"time"

	"github.com/parley-msrp/parley/ua"
)

// streamed is a recorder that takes streams.
type streamed struct {
	*recorder
	streams chan *ua.Incoming
}

func (s streamed) Stream(_ *ua.Session, in *ua.Incoming) { s.streams <- in }

// beginning is a Handler that is told what begins, and takes messages whole.
type beginning struct {
	*recorder
	begun chan string
}

func (b beginning) Begun(_ *ua.Session, messageID string) { b.begun <- messageID }

func (b beginning) Unfinished(_ *ua.Session, messageID string, octets int64) {
	b.begun <- fmt.Sprintf("%s: %d octets", messageID, octets)
}

func TestBeginner(t *testing.T) {
	bob := beginning{newRecorder(), make(chan string, 1)}
	s, alice := talking(t, bob, "text/plain")
	id, err := s.Send(context.Background(), ua.Outgoing{ContentType: "text/plain", Body: make([]byte, 100_000)})
	if err != nil {
		t.Fatal(err)
	}
	m := bob.message(t)
	if got := <-bob.begun; got != id || m.MessageID != id {
		t.Errorf("%s began, %s came, want %s", got, m.MessageID, id)
	}
	m.Accept()
	alice.want(t, "fate delivered")
}

func TestStreamer(t *testing.T) {
	body := strings.Repeat("0123456789", 10_000)
	talk := func(t *testing.T, h ua.Handler) (*recorder, string) {
		t.Helper()
		bob := newAgent(t, answering(h, "text/plain"))
		alice := newAgent(t, ua.Config{})
		told := newRecorder()
		s, err := alice.Start(ua.StartConfig{From: "sip:alice@127.0.0.1", To: "sip:bob@" + address(bob), Handler: told})
		if err != nil {
			t.Fatal(err)
		}
		told.session(t)
		told.want(t, "established INVITE")
		for _, m := range []ua.Outgoing{{Body: []byte("short")}, {Stream: strings.NewReader(body)}} {
			m.ContentType = "text/plain"
			if _, err := s.Send(context.Background(), m); err != nil {
				t.Fatal(err)
			}
		}
		return told, "fate delivered"
	}

	t.Run("M-091/a Handler that is one reads messages as they arrive", func(t *testing.T) {
		h := streamed{newRecorder(), make(chan *ua.Incoming, 1)}
		told, delivered := talk(t, h)
		m := h.message(t)
		if string(m.Body) != "short" {
			t.Fatalf("got %q", m.Body)
		}
		m.Accept()
		told.want(t, delivered)
		select {
		case in := <-h.streams:
			got, err := io.ReadAll(in)
			if err != nil || string(got) != body {
				t.Fatalf("%d octets, %v", len(got), err)
			}
			in.Accept()
		case <-time.After(limit):
			t.Fatal("no stream came")
		}
		told.want(t, delivered)
	})

	t.Run("any other Handler gets whole messages", func(t *testing.T) {
		h := newRecorder()
		told, delivered := talk(t, h)
		for _, want := range []string{"short", body} {
			m := h.message(t)
			if string(m.Body) != want {
				t.Fatalf("%d octets", len(m.Body))
			}
			m.Accept()
			told.want(t, delivered)
		}
	})
}

// upload counts what comes without keeping it.
type upload struct {
	ua.Quiet
	done chan int64
}

func (u upload) Stream(_ *ua.Session, in *ua.Incoming) {
	go func() { // Stream must not block
		n, err := in.WriteTo(io.Discard)
		if err != nil {
			log.Println(err)
			in.Reject(413, "")
			return
		}
		in.Accept()
		u.done <- n
	}()
}

// sending sends a mebibyte from a reader once the session stands.
type sending struct{ ua.Quiet }

func (sending) Established(s *ua.Session, _ *ua.SIPMessage) {
	m := ua.Outgoing{ContentType: "application/octet-stream", Stream: bytes.NewReader(make([]byte, 1<<20)), Size: 1 << 20}
	if _, err := s.Send(context.Background(), m); err != nil {
		log.Println(err)
	}
}

// A message of any size goes from a reader at one end to a writer at the other.
func ExampleStreamer() {
	ctx := context.Background()
	receiver := upload{done: make(chan int64, 1)}
	bob, err := ua.New(ua.Config{
		SIPListen:  []string{"udp:127.0.0.1:0"},
		MSRPListen: []string{"tcp:127.0.0.1:0"},
		OnInvite: func(inv *ua.Invitation) {
			if _, err := inv.Answer(receiver); err != nil {
				log.Println(err)
			}
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer bob.Close(ctx)

	alice, err := ua.New(ua.Config{SIPListen: []string{"udp:127.0.0.1:0"}, MSRPListen: []string{"tcp:127.0.0.1:0"}})
	if err != nil {
		log.Fatal(err)
	}
	defer alice.Close(ctx)

	to := "sip:bob@" + strings.TrimPrefix(bob.SIPAddrs()[0], "udp:")
	session, err := alice.Start(ua.StartConfig{From: "sip:alice@127.0.0.1", To: to, Handler: sending{}})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(<-receiver.done, "octets")
	session.End()
	// Output: 1048576 octets
}
