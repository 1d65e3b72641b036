package ua_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-msrp/parley/test/peer"
	"github.com/parley-msrp/parley/ua"
)

const audio = "m=audio 4000 RTP/AVP 0\r\n"

func message(types string) string {
	return peer.MessageLine("9", types, "msrp://127.0.0.1:9/"+peer.Ident()+";tcp")
}

func TestAnswer(t *testing.T) {
	head := peer.SDPHead("127.0.0.1")
	for _, c := range []struct {
		name    string
		offer   string
		types   string
		code    int
		warning string
		lines   []string // of the answer: media, "0" or "port", types
	}{
		{
			name: "D-013/each m-line by itself", offer: head + audio + message("text/plain") + message("image/png"), types: "text/plain",
			code: 200, lines: []string{"audio 0", "message port text/plain", "message 0"},
		},
		{
			name: "audio and two message lines: two sessions", offer: head + audio + message("text/plain text/html") + message("*"), types: "text/plain",
			code: 200, lines: []string{"audio 0", "message port text/plain", "message port text/plain"},
		},
		{name: "D-007/no type in common", offer: head + message("image/png"), types: "text/plain", code: 488, warning: "305"},
		{name: "unreadable session description", offer: "nonsense", types: "text/plain", code: 488, warning: "399"},
		{name: "no message line", offer: head + audio, types: "text/plain", code: 488, warning: "304"},
		{
			name: "TLS alone", offer: head + strings.ReplaceAll(strings.ReplaceAll(message("*"), "TCP/MSRP", "TCP/TLS/MSRP"), "msrp:", "msrps:"),
			types: "text/plain", code: 488, warning: "302",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			h, answered := newRecorder(), make(chan error, 1)
			var sessions []*ua.Session
			a := newAgent(t, ua.Config{OnInvite: func(inv *ua.Invitation) {
				var err error
				sessions, err = inv.Answer(h, c.types)
				answered <- err
			}})
			d := peer.NewAgent(t, "udp", address(a)).NewDialog("bob")
			_, r := d.Call(t, limit, c.offer)
			err := <-answered
			if r.Code() != c.code || !strings.HasPrefix(r.Get("Warning"), c.warning) {
				t.Fatalf("answered %s, Warning %q", r.Start, r.Get("Warning"))
			}
			if c.code != 200 {
				var refused *ua.RefusedError
				if !errors.As(err, &refused) || refused.Code != c.code {
					t.Errorf("Answer returned %v", err)
				}
				h.nothing(t)
				forgotten(t, a)
				return
			}
			d.Ack(t)
			if diff := cmp.Diff(c.lines, lines(r.Body)); diff != "" {
				t.Error(diff)
			}
			want := len(strings.Split(strings.Join(c.lines, ""), " port ")) - 1
			if err != nil || len(sessions) != want || len(a.Sessions()) != want {
				t.Fatalf("%d sessions, %d in the table, %v; want %d", len(sessions), len(a.Sessions()), err, want)
			}
			for range sessions {
				h.want(t, "established ACK")
			}
			if got := d.Bye(t, limit); got.Code() != 200 {
				t.Fatal(got.Start)
			}
			for range sessions {
				h.want(t, "ended: by peer, 200 BYE")
			}
			forgotten(t, a)
			h.nothing(t)
		})
	}
}

// lines sums up the m-lines of a description.
func lines(body []byte) []string {
	var all []string
	for _, l := range peer.ParseSDP(body).Media {
		s := strings.Fields(l.Line)[0]
		if l.Port() == "0" {
			s += " 0"
		} else {
			types, _ := l.Attr("accept-types")
			s += " port " + types
		}
		all = append(all, s)
	}
	return all
}

// TestUndecided has a call end before it is decided: whoever decides later is told so, and the Handler hears nothing.
func TestUndecided(t *testing.T) {
	for _, c := range []struct {
		name    string
		timeout time.Duration
		end     func(t *testing.T, d *peer.Dialog, invite *peer.Message)
		code    int
		want    string
	}{
		{
			name: "CANCEL", code: 487, want: "over: by peer, 487 cancelled",
			end: func(t *testing.T, d *peer.Dialog, invite *peer.Message) {
				if r := d.Agent.Ask(t, limit, peer.Cancel(invite)); r.Code() != 200 {
					t.Errorf("the CANCEL was answered %s", r.Start)
				}
			},
		},
		{name: "set-up time over", timeout: 50 * time.Millisecond, code: 480, want: "over: timed out, 480 not answered in time", end: func(*testing.T, *peer.Dialog, *peer.Message) {}},
	} {
		for _, decide := range []string{"Answer", "Reject", "Ring"} {
			t.Run(c.name+", then "+decide, func(t *testing.T) {
				h, invited, over := newRecorder(), make(chan *ua.Invitation, 1), make(chan string, 1)
				a := newAgent(t, ua.Config{SetupTimeout: c.timeout, OnInvite: func(inv *ua.Invitation) {
					inv.OnCancel(func(e ua.End) { over <- ended("over", e) })
					invited <- inv
				}})
				d := newCaller(t, a, "text/plain", 1)
				invite := d.Invite(d.offer)
				d.Agent.Send(t, invite)
				inv := <-invited
				c.end(t, d.Dialog, invite)
				if r := d.Agent.Final(t, limit, invite); r.Code() != c.code {
					t.Errorf("the INVITE was answered %s", r.Start)
				} else {
					d.Agent.Send(t, peer.AckRefusal(invite, r))
				}
				if got := <-over; got != c.want {
					t.Errorf("OnCancel was told %q, want %q", got, c.want)
				}
				var err error
				switch decide {
				case "Answer":
					_, err = inv.Answer(h, "text/plain")
				case "Reject":
					err = inv.Reject(486, "")
				case "Ring":
					err = inv.Ring(180, "Ringing")
				}
				if !errors.Is(err, ua.ErrOver) {
					t.Errorf("%s returned %v, want ErrOver", decide, err)
				}
				if n := len(a.Sessions()); n != 0 {
					t.Errorf("%d sessions are left", n)
				}
				h.nothing(t)
			})
		}
	}
}

func TestDecidedOnce(t *testing.T) {
	errs := make(chan error, 3)
	a := newAgent(t, ua.Config{OnInvite: func(inv *ua.Invitation) {
		_, err := inv.Answer(ua.Quiet{}, "no type")
		errs <- err
		errs <- inv.Reject(486, "")
		_, err = inv.Answer(ua.Quiet{})
		errs <- err
	}})
	d := newCaller(t, a, "text/plain", 1)
	if _, r := d.Call(t, limit, d.offer); r.Code() != 486 {
		t.Errorf("answered %s", r.Start)
	}
	var field *ua.FieldError
	if err := <-errs; !errors.As(err, &field) || field.Field != "Types" {
		t.Errorf("Answer with what is no type: %v", err)
	}
	if err := <-errs; err != nil {
		t.Errorf("Reject: %v", err)
	}
	if err := <-errs; !errors.Is(err, ua.ErrDecided) {
		t.Errorf("Answer after Reject: %v", err)
	}
}

// TestBeforeACK: MSRP works from the 200 on.
func TestBeforeACK(t *testing.T) {
	h := newRecorder()
	a := newAgent(t, answering(h, "text/plain"))
	d := newCaller(t, a, "text/plain", 1)
	_, r := d.Call(t, limit, d.offer)
	l := peer.ParseSDP(r.Body).Media[0]
	s := peer.Session{Own: d.paths[0], Remote: l.Path()}
	conn := peer.DialMSRP(t, "127.0.0.1:"+l.Port())
	send := s.Send("early")
	conn.Put(send.Bytes())
	m := h.message(t)
	if string(m.Body) != "early" {
		t.Errorf("body %q", m.Body)
	}
	m.Accept()
	if f := conn.Response(t, limit, send.ID); f.Code != 200 {
		t.Errorf("the SEND was answered %d", f.Code)
	}
	h.nothing(t)
	d.Ack(t)
	h.want(t, "established ACK")
}

// TestReinvite: an offer in mid-call is answered or refused, and the session lives on.
func TestReinvite(t *testing.T) {
	const otherTypes = "a=accept-types:text/plain text/html\r\n"
	for _, c := range []struct {
		name   string
		change func(offer string) string
		code   int
		lines  []string
		same   bool // the answer is the first one again
	}{
		{name: "D-015/nothing", change: func(s string) string { return s }, code: 200, same: true},
		{name: "D-015/o= version alone", change: func(s string) string { return strings.Replace(s, " 1 IN", " 2 IN", 1) }, code: 200, same: true},
		{
			name: "a refused line ends", change: func(s string) string { return strings.Replace(s, "audio 4000", "audio 0", 1) },
			code: 200, same: true,
		},
		{
			name: "a new line is refused", change: func(s string) string { return s + audio },
			code: 200, lines: []string{"message port text/plain", "audio 0", "audio 0"},
		},
		{name: "D-016/another path", change: func(s string) string { return strings.Replace(s, "/127.0.0.1:9/", "/127.0.0.1:10/", 1) }, code: 200, same: true},
		{name: "D-016/another path under the old o=", change: func(s string) string { return strings.Replace(s, ";tcp", ";tcp;x=y", 1) }, code: 200, same: true},
		{name: "other types", change: func(s string) string { return strings.Replace(s, "a=accept-types:text/plain\r\n", otherTypes, 1) }, code: 200, same: true},
		{
			name: "no type in common", change: func(s string) string {
				return strings.Replace(s, "a=accept-types:text/plain", "a=accept-types:image/png", 1)
			},
			code: 488,
		},
		{name: "no path", change: func(s string) string { return strings.Replace(s, "a=path", "a=no-path", 1) }, code: 488},
		{name: "a line less", change: func(s string) string { return strings.TrimSuffix(s, audio) }, code: 488},
		{name: "nonsense", change: func(string) string { return "nonsense" }, code: 488},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newRecorder()
			a := newAgent(t, answering(h, "text/plain"))
			d := newCaller(t, a, "text/plain", 1)
			d.offer += audio
			_, first := d.Call(t, limit, d.offer)
			d.Ack(t)
			h.want(t, "established ACK")
			_, r := d.Call(t, limit, c.change(d.offer))
			if r.Code() != c.code {
				t.Fatalf("answered %s, want %d", r.Start, c.code)
			}
			if c.code == 200 {
				d.Ack(t)
			}
			if c.same {
				if diff := cmp.Diff(string(first.Body), string(r.Body)); diff != "" {
					t.Error("the answer changed:", diff)
				}
			}
			if diff := cmp.Diff(c.lines, lines(r.Body)); c.lines != nil && diff != "" {
				t.Error(diff)
			}
			l := peer.ParseSDP(first.Body).Media[0]
			s, conn := peer.Session{Own: d.paths[0], Remote: l.Path()}, peer.DialMSRP(t, "127.0.0.1:"+l.Port())
			bind := s.Bodiless()
			conn.Put(bind.Bytes())
			if f := conn.Response(t, limit, bind.ID); f.Code != 200 {
				t.Errorf("after that a SEND was answered %d", f.Code)
			}
			h.nothing(t)
			d.Bye(t, limit)
			h.want(t, "ended: by peer, 200 BYE")
		})
	}
}

// TestConnectionLost: without recovery a session without connection ends by itself, and takes the call with it if it was the last one.
func TestConnectionLost(t *testing.T) {
	const over = "ended: connection lost, 503 MSRP connection lost"
	t.Run("one after the other", func(t *testing.T) {
		h := newRecorder()
		c := answering(h, "text/plain")
		c.Recovery.Off = true
		a := newAgent(t, c)
		d := newCaller(t, a, "text/plain", 2)
		_, conns, sessions := d.call(t)
		h.want(t, "established ACK", "established ACK")
		conns[0].Reset()
		h.want(t, over)
		if n := len(a.Sessions()); n != 1 {
			t.Errorf("%d sessions are listed, want the one that lives", n)
		}
		send := sessions[1].Bodiless()
		conns[1].Put(send.Bytes())
		if f := conns[1].Response(t, limit, send.ID); f.Code != 200 {
			t.Errorf("the session that is left answered %d", f.Code)
		}
		if got := d.Agent.Waiting(); got != "nothing" {
			t.Errorf("the peer was sent %s", got)
		}
		conns[1].Reset()
		h.want(t, over)
		if reason := bye(t, d.Agent, d.Dialog); reason != `SIP;cause=503;text="MSRP connection lost"` {
			t.Errorf("Reason %q", reason)
		}
		forgotten(t, a)
		h.nothing(t)
	})
	t.Run("the BYE comes after", func(t *testing.T) {
		h := newRecorder()
		c := answering(h, "text/plain")
		c.Recovery.Off = true
		a := newAgent(t, c)
		d := newCaller(t, a, "text/plain", 1)
		_, conns, _ := d.call(t)
		h.want(t, "established ACK")
		conns[0].Close()
		if r := d.Bye(t, limit); r.Code() != 200 {
			t.Errorf("the BYE was answered %s", r.Start)
		}
		h.want(t, "ended: by peer, 200 BYE")
		forgotten(t, a)
		h.nothing(t)
	})
	t.Run("both at the same time", func(t *testing.T) {
		for range 5 {
			h := newRecorder()
			c := answering(h, "text/plain")
			c.Recovery.Off = true
			a := newAgent(t, c)
			d := newCaller(t, a, "text/plain", 2)
			_, conns, _ := d.call(t)
			h.want(t, "established ACK", "established ACK")
			var wg sync.WaitGroup
			for _, conn := range conns {
				wg.Go(conn.Reset)
			}
			wg.Wait()
			h.want(t, over, over)
			bye(t, d.Agent, d.Dialog)
			forgotten(t, a)
			h.nothing(t)
		}
	})
}

// TestACKAndBYE: a call that ends as soon as it stands is told in order.
func TestACKAndBYE(t *testing.T) {
	for i := range 50 {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			h := newRecorder()
			h.onBegin = func(s *ua.Session) { s.End() } // both sides at the same time
			a := newAgent(t, answering(h, "text/plain"))
			d := newCaller(t, a, "text/plain", 1)
			d.Call(t, limit, d.offer)
			d.Ack(t)
			d.Agent.Send(t, d.Request("BYE").Del("Contact"))
			h.want(t, "established ACK")
			if got := h.next(t); got != "ended: by peer, 200 BYE" && got != "ended: by application, 200 ended here" {
				t.Error(got)
			}
			h.nothing(t)
		})
	}
}
