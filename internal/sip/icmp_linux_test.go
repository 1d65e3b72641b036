package sip

import (
	"errors"
	"net"
	"syscall"
	"testing"
	"time"
)

func TestICMP(t *testing.T) {
	for _, host := range []string{"127.0.0.1", "[::1]"} {
		t.Run("S-036/nobody listens at "+host+": failure at once, other transactions go on", func(t *testing.T) {
			s, at := openStack(t, &answerer{}, host+":0")
			closed, err := net.ListenPacket("udp", host+":0")
			if err != nil {
				t.Fatal(err)
			}
			nobody := addrPortOf(closed.LocalAddr())
			closed.Close()
			ended, answered := make(chan Event, 1), make(chan Event, 1)
			if _, err := s.Start(outgoing("INVITE"), Target{Proto: UDP, Addr: nobody}, func(e Event) { ended <- e }); err != nil {
				t.Fatal(err)
			}
			if _, err := s.Start(outgoing("OPTIONS"), Target{Proto: UDP, Addr: at}, func(e Event) { answered <- e }); err != nil {
				t.Fatal(err)
			}
			for _, c := range []struct {
				name string
				ch   chan Event
				ok   func(Event) bool
			}{
				{"INVITE to nobody", ended, func(e Event) bool { return errors.Is(e.Err, syscall.ECONNREFUSED) }},
				{"OPTIONS to somebody", answered, func(e Event) bool { return e.Response != nil && e.Response.Status == 200 }},
			} {
				select {
				case e := <-c.ch:
					if !c.ok(e) {
						t.Errorf("%s: %+v", c.name, e)
					}
				case <-time.After(10 * time.Second):
					t.Errorf("%s: nothing told", c.name)
				}
			}
		})
	}
}
