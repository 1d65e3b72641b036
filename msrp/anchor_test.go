package msrp_test

import (
	"net"
	"strconv"
	"strings"
	"testing"

	"github.com/parley-msrp/parley/msrp"
)

// TestAnchor is about connections that go elsewhere than the path leads, and requests that name elsewhere.
func TestAnchor(t *testing.T) {
	at := func(t *testing.T, l *remote) msrp.Address {
		u, err := msrp.ParseURI(l.path)
		if err != nil {
			t.Fatal(err)
		}
		return msrp.Address{Host: u.Host, Port: u.Port}
	}
	t.Run("X-012/connected to where the peer says, spoken to by its path", func(t *testing.T) {
		if overTLS {
			t.Skip("the certificate of the other end is for where it listens, which the path does not name")
		}
		r := newRig(t, msrp.Config{})
		s, _ := r.session()
		there := newRemote(t)
		p := known(t, peerURI)
		p.At = at(t, there)
		s.SetPeer(p)
		if err := s.Connect(t.Context()); err != nil {
			t.Fatal(err)
		}
		q := there.accept(s)
		f := q.expectRequest("SEND")
		if f.header("To-Path") != peerURI {
			t.Errorf("got %q", f.text)
		}
		q.respond(f, 200, "OK")
		if s.PeerPath()[0].String() != peerURI {
			t.Errorf("path %v", s.PeerPath())
		}
	})
	t.Run("X-012/another place, the same path: another connection", func(t *testing.T) {
		if overTLS {
			t.Skip("as above")
		}
		r := newRig(t, msrp.Config{})
		s, _ := r.session()
		for range 3 {
			there := newRemote(t)
			p := known(t, peerURI)
			p.At = at(t, there)
			s.SetPeer(p)
			if err := s.Connect(t.Context()); err != nil {
				t.Fatal(err)
			}
			q := there.accept(s)
			q.respond(q.expectRequest("SEND"), 200, "OK")
		}
	})
	t.Run("X-020/the session-id alone", func(t *testing.T) {
		for match, code := range map[msrp.ToPathMatch]int{msrp.ToPathWhole: 481, msrp.ToPathSessionID: 200} {
			r := newRig(t, msrp.Config{ToPath: match})
			s, _, p := r.bound()
			own := net.JoinHostPort(s.URI().Host, strconv.Itoa(s.URI().Port))
			p.to = strings.Replace(p.to, own, "border.example:1", 1)
			p.say("hello", code)
			p.to = strings.Replace(p.to, s.URI().SessionID, "somebody", 1)
			p.say("hello", 481)
			p.to = strings.Replace(s.URI().String(), ";tcp", ";ws", 1)
			p.say("hello", 481)
		}
	})
	t.Run("unknown match", func(t *testing.T) {
		if _, err := msrp.NewEndpoint(msrp.Config{ToPath: msrp.ToPathSessionID + 1}); err == nil || !strings.Contains(err.Error(), "ToPath") {
			t.Errorf("%v", err)
		}
	})
}
