package ua_test

import (
	"context"
	"fmt"
	"log"
	"strings"

	"github.com/parley-msrp/parley/ua"
)

// echo answers each message with the same one.
type echo struct{ ua.Quiet }

func (echo) Message(s *ua.Session, m *ua.Message) {
	m.Accept()
	if m.Bodiless {
		return
	}
	if _, err := s.Send(context.Background(), ua.Outgoing{ContentType: m.ContentType, Body: m.Body}); err != nil {
		log.Println(err)
	}
}

// caller says hello as soon as it can, and tells what came back.
type caller struct {
	ua.Quiet
	heard chan string
}

func (c caller) Established(s *ua.Session, _ *ua.SIPMessage) {
	if _, err := s.Send(context.Background(), ua.Outgoing{ContentType: "text/plain", Body: []byte("hello")}); err != nil {
		log.Println(err)
	}
}

func (c caller) Message(_ *ua.Session, m *ua.Message) {
	m.Accept()
	if !m.Bodiless {
		c.heard <- string(m.Body)
	}
}

// Two agents on loopback: one answers and echoes, the other calls.
func Example() {
	ctx := context.Background()
	bob, err := ua.New(ua.Config{
		SIPListen:  []string{"udp:127.0.0.1:0"},
		MSRPListen: []string{"tcp:127.0.0.1:0"},
		OnInvite: func(inv *ua.Invitation) {
			if _, err := inv.Answer(echo{}, "text/plain"); err != nil {
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

	address := strings.TrimPrefix(bob.SIPAddrs()[0], "udp:")
	c := caller{heard: make(chan string, 1)}
	session, err := alice.Start(ua.StartConfig{From: "sip:alice@127.0.0.1", To: "sip:bob@" + address, Handler: c})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(<-c.heard)
	session.End()
	// Output: hello
}

// An Invitation may be looked at and refused.
func ExampleInvitation_Reject() {
	onInvite := func(inv *ua.Invitation) {
		if !inv.Types().Accepts("text/plain") {
			_ = inv.Reject(488, "Not Acceptable Here")
			return
		}
		_, _ = inv.Answer(ua.Quiet{}, "text/plain")
	}
	agent, err := ua.New(ua.Config{SIPListen: []string{"udp:127.0.0.1:0"}, MSRPListen: []string{"tcp:127.0.0.1:0"}, OnInvite: onInvite})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(agent.Close(context.Background()))
	// Output: <nil>
}
