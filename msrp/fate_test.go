package msrp_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/parley-msrp/parley/msrp"
)

func TestFate(t *testing.T) {
	ctx := context.Background()

	t.Run("promise 2/each message has one final fate", func(t *testing.T) {
		type script = func(p *rawPeer, f *frame)
		reply := func(code int) script { return func(p *rawPeer, f *frame) { p.respond(f, code, "said so") } }
		report := func(status, byteRange string) script {
			return func(p *rawPeer, f *frame) { p.report(f, status, byteRange) }
		}
		both := func(a, b script) script { return func(p *rawPeer, f *frame) { a(p, f); b(p, f) } }
		none := func(*rawPeer, *frame) {}
		for _, c := range []struct {
			name    string
			success bool
			failure msrp.FailureReport
			peer    script
			want    []msrp.Fate // Kind, Why and Code count
		}{
			{"200", false, msrp.FailureYes, reply(200), []msrp.Fate{{Kind: msrp.Delivered}}},
			{"M-087/299", false, msrp.FailureYes, reply(299), []msrp.Fate{{Kind: msrp.Delivered}}},
			{"M-087/499", false, msrp.FailureYes, reply(499), []msrp.Fate{{Kind: msrp.Failed, Why: msrp.ByResponse, Code: 499}}},
			{"M-087/777", false, msrp.FailureYes, reply(777), []msrp.Fate{{Kind: msrp.Failed, Why: msrp.ByResponse, Code: 777}}},
			{"M-085/403", false, msrp.FailureYes, reply(403), []msrp.Fate{{Kind: msrp.Failed, Why: msrp.ByResponse, Code: 403}}},
			{"M-086/408", false, msrp.FailureYes, reply(408), []msrp.Fate{{Kind: msrp.Failed, Why: msrp.ByTimeout, Code: 408}}},
			{"M-113/second response", false, msrp.FailureYes, both(reply(200), reply(400)), []msrp.Fate{{Kind: msrp.Delivered}}},
			{"no", false, msrp.FailureNo, none, []msrp.Fate{{Kind: msrp.Written}}},
			{"no, answered all the same", false, msrp.FailureNo, reply(400), []msrp.Fate{{Kind: msrp.Written}}},
			{"partial", false, msrp.FailurePartial, none, []msrp.Fate{{Kind: msrp.Written}}},
			{"M-080/partial, then an error", false, msrp.FailurePartial, reply(415), []msrp.Fate{{Kind: msrp.Written}, {Kind: msrp.Failed, Why: msrp.ByResponse, Code: 415}}},
			{"partial, failure REPORT", false, msrp.FailurePartial, report("000 413 x", "1-5/5"), []msrp.Fate{{Kind: msrp.Written}, {Kind: msrp.Failed, Why: msrp.ByReport, Code: 413}}},
			{"success REPORT after 200", true, msrp.FailureYes, both(reply(200), report("000 200 OK", "1-5/5")), []msrp.Fate{{Kind: msrp.Reported}}},
			{"success REPORT before 200", true, msrp.FailureYes, both(report("000 200 OK", "1-5/5"), reply(200)), []msrp.Fate{{Kind: msrp.Reported}}},
			{"M-106/success REPORT without Byte-Range", true, msrp.FailureNo, report("000 200 OK", ""), []msrp.Fate{{Kind: msrp.Reported}}},
			{"success REPORTs of parts", true, msrp.FailureNo, both(report("000 200 OK", "4-5/5"), report("000 200 OK", "1-3/5")), []msrp.Fate{{Kind: msrp.Reported}}},
			{"success REPORT of a part only", true, msrp.FailureNo, report("000 200 OK", "1-3/5"), nil},
			{"M-029/REPORT of another namespace", true, msrp.FailureNo, report("001 200", "1-5/5"), nil},
			{"T-067/REPORT of an unknown code without range", true, msrp.FailureNo, report("000 999 x", ""), []msrp.Fate{{Kind: msrp.Failed, Why: msrp.ByReport, Code: 999}}},
			{"200 is no fate where a success REPORT was asked for", true, msrp.FailureYes, reply(200), nil},
			{"success REPORT and partial", true, msrp.FailurePartial, none, nil},
			{"error where a success REPORT was asked for", true, msrp.FailureYes, reply(400), []msrp.Fate{{Kind: msrp.Failed, Why: msrp.ByResponse, Code: 400}}},
		} {
			t.Run(c.name, func(t *testing.T) {
				r := newRig(t, msrp.Config{})
				s, h, p := r.bound()
				id := send(t, s, msrp.Outgoing{ContentType: "text/plain", Body: []byte("hello"), SuccessReport: c.success, FailureReport: c.failure})
				f := p.expectRequest("SEND")
				var got []msrp.Fate
				if c.failure != msrp.FailureYes && !c.success {
					got = append(got, next[msrp.Fate](h))
				}
				c.peer(p, f)
				// What the peer said has been handled when it gets an answer to a later request.
				marker := p.nextID()
				p.write(p.request(marker, "FOOB", nil, "$"))
				p.expect(marker, 501)
				for len(h.events) > 0 {
					switch e := (<-h.events).(type) {
					case msrp.Fate:
						got = append(got, e)
					case msrp.Report:
					default:
						t.Fatalf("got %T %+v", e, e)
					}
				}
				if len(got) != len(c.want) {
					t.Fatalf("got %+v, want %+v", got, c.want)
				}
				for i, w := range c.want {
					if g := got[i]; g.MessageID != id || g.Kind != w.Kind || g.Why != w.Why || g.Code != w.Code || g.Range.String() != "1-5/5" {
						t.Fatalf("got %+v, want %+v", got, c.want)
					}
				}
				s.Close()
				if len(c.want) == 0 {
					if f := next[msrp.Fate](h); f.Kind != msrp.Unconfirmed {
						t.Fatalf("M-081: got %+v", f)
					}
				}
				h.nothing()
			})
		}
	})

	t.Run("a message of many chunks is delivered by the last 200, in any order", func(t *testing.T) {
		r := newRig(t, msrp.Config{})
		s, h, p := r.bound()
		send(t, s, text(strings.Repeat("x", 10_000)))
		var sent []*frame
		for range 5 {
			sent = append(sent, p.expectRequest("SEND"))
		}
		for _, i := range []int{4, 2, 0, 3} {
			p.respond(sent[i], 200, "OK")
		}
		p.silence(20e6)
		h.nothing()
		p.respond(sent[1], 200, "OK")
		if f := next[msrp.Fate](h); f.Kind != msrp.Delivered || f.Range.String() != "1-10000/10000" {
			t.Fatalf("got %+v", f)
		}
	})

	t.Run("M-082/an error for a chunk stops the message", func(t *testing.T) {
		for _, code := range []int{400, 413, 403} {
			r := newRig(t, msrp.Config{Window: 2})
			s, h, p := r.bound()
			send(t, s, text(strings.Repeat("x", 20_000)))
			p.respond(p.expectRequest("SEND"), 200, "OK")
			second := p.expectRequest("SEND")
			p.expectRequest("SEND")
			p.respond(second, code, "")
			p.silence(20e6) // M-083: not even an empty chunk with #
			if f := next[msrp.Fate](h); f.Kind != msrp.Failed || f.Code != code || f.Range.String() != "2049-4096/20000" {
				t.Fatalf("got %+v", f)
			}
			send(t, s, text("next"))
			if f := p.expectRequest("SEND"); f.body != "next" {
				t.Fatalf("got %q", f.text)
			}
		}
	})

	t.Run("M-084/a type that got 415 is not sent again", func(t *testing.T) {
		r := newRig(t, msrp.Config{})
		s, h, p := r.bound()
		var te *msrp.TypeError
		refuse := func(contentType, body string) {
			t.Helper()
			send(t, s, msrp.Outgoing{ContentType: contentType, Body: []byte(body)})
			p.respond(p.expectRequest("SEND"), 415, "")
			if f := next[msrp.Fate](h); f.Code != 415 {
				t.Fatalf("got %+v", f)
			}
			if _, err := s.Send(ctx, msrp.Outgoing{ContentType: contentType, Body: []byte(body)}); !errors.As(err, &te) || !te.Refused {
				t.Fatalf("got %v", err)
			}
		}
		refuse("text/html;charset=utf-8", "x")
		if _, err := s.Send(ctx, msrp.Outgoing{ContentType: "TEXT/HTML", Body: []byte("x")}); !errors.As(err, &te) {
			t.Fatalf("got %v", err)
		}
		cpim := "From: <sip:a@b>\r\nTo: <sip:c@d>\r\n\r\nContent-ID: <1>\r\nContent-Type: %s\r\n\r\nx"
		refuse("message/cpim", fmt.Sprintf(cpim, "image/png"))
		send(t, s, msrp.Outgoing{ContentType: "message/cpim", Body: fmt.Appendf(nil, cpim, "text/plain")})
		send(t, s, text("plain"))
	})

	t.Run("M-085/481 ends the session", func(t *testing.T) {
		r := newRig(t, msrp.Config{})
		s, h, p := r.bound()
		a, b := send(t, s, text("a")), send(t, s, text("b"))
		p.respond(p.expectRequest("SEND"), 481, "gone")
		if f := next[msrp.Fate](h); f.MessageID != a || f.Code != 481 {
			t.Fatalf("got %+v", f)
		}
		if f := next[msrp.Fate](h); f.MessageID != b || f.Kind != msrp.Failed || f.Why != msrp.ByEnd {
			t.Fatalf("got %+v", f)
		}
		isClosed(t, h, msrp.ErrSessionUnknown)
		h.nothing()
	})

	t.Run("M-110/failure REPORTs", func(t *testing.T) {
		for _, c := range []struct {
			status, byteRange string
			ends              bool
		}{
			{"000 400 x", "1-5/5", false},
			{"000 403 x", "1-5/5", false},
			{"000 404 x", "1-5/5", false},
			{"000 413 x", "1-5/5", false},
			{"000 415 x", "1-5/5", false},
			{"000 428 x", "1-5/5", false},
			{"000 408 x", "1-5/5", true},
			{"000 408 x", "", false},
			{"000 481 x", "1-5/5", true},
			{"000 506 x", "1-5/5", true},
			{"000 999 x", "1-5/5", true},
			{"001 408 x", "1-5/5", false},
		} {
			r := newRig(t, msrp.Config{})
			s, h, p := r.bound()
			send(t, s, text("hello"))
			f := p.expectRequest("SEND")
			p.respond(f, 200, "OK")
			if f := next[msrp.Fate](h); f.Kind != msrp.Delivered {
				t.Fatalf("got %+v", f)
			}
			p.report(f, c.status, c.byteRange)
			rep := next[msrp.Report](h)
			if got := fmt.Sprintf("%03d %d %s", rep.Namespace, rep.Code, rep.Comment); got != c.status || rep.MessageID != f.header("Message-ID") || rep.HasRange != (c.byteRange != "") {
				t.Fatalf("got %+v", rep)
			}
			if c.ends {
				var pe *msrp.PeerError
				if err := next[error](h); !errors.As(err, &pe) || pe.Code != rep.Code {
					t.Fatalf("got %v", err)
				}
				continue
			}
			_, err := s.Send(ctx, text("next"))
			if err != nil {
				t.Fatalf("%s: %v", c.status, err)
			}
			p.expectRequest("SEND")
			h.nothing()
		}
	})

	t.Run("M-109/REPORTs about unknown messages are dropped", func(t *testing.T) {
		r := newRig(t, msrp.Config{})
		_, h, p := r.bound()
		for i := range 1000 {
			p.write(p.request(p.nextID(), "REPORT", nil, "$", fmt.Sprintf("Message-ID: unknown%d", i), "Status: 000 408 x", "Byte-Range: 1-5/5"))
		}
		id, req := p.text("m-109", "x")
		p.write(req)
		p.expect(id, 200)
		next[*msrp.Received](h)
		h.nothing()
	})

	t.Run("M-113/stray responses have no effect", func(t *testing.T) {
		r := newRig(t, msrp.Config{})
		s, h, p := r.bound()
		p.write("MSRP abcdabcdabcdabcd 200 OK\r\nTo-Path: " + s.URI().String() + "\r\nFrom-Path: " + peerURI + "\r\n-------abcdabcdabcdabcd$\r\n")
		p.write("MSRP zzzz 481\r\nTo-Path: " + s.URI().String() + "\r\nFrom-Path: " + peerURI + "\r\nMessage-ID: x\r\n-------zzzz$\r\n")
		send(t, s, text("x"))
		f := p.expectRequest("SEND")
		f.id = strings.ToUpper(f.id)
		p.write(response(f, 400, "not octet for octet"))
		f.id = strings.ToLower(f.id)
		p.write(response(f, 200, "OK")[:20])
		p.write(response(f, 200, "OK")[20:])
		if f := next[msrp.Fate](h); f.Kind != msrp.Delivered {
			t.Fatalf("got %+v", f)
		}
	})

	t.Run("M-020/a response with body or another flag completes nothing", func(t *testing.T) {
		r := newRig(t, msrp.Config{})
		s, h, p := r.bound()
		send(t, s, text("x"))
		f := p.expectRequest("SEND")
		p.write(strings.Replace(response(f, 200, "OK"), f.id+"$", f.id+"+", 1))
		p.write(strings.Replace(response(f, 200, "OK"), "-------", "Content-Type: text/plain\r\n\r\nbody\r\n-------", 1))
		p.respond(f, 400, "this one counts")
		if f := next[msrp.Fate](h); f.Code != 400 {
			t.Fatalf("got %+v", f)
		}
	})

	t.Run("memory for REPORTs is bounded", func(t *testing.T) {
		r := newRig(t, msrp.Config{AwaitedReports: 2})
		s, h, p := r.bound()
		m := msrp.Outgoing{ContentType: "text/plain", Body: []byte("x"), SuccessReport: true, FailureReport: msrp.FailureNo}
		first := send(t, s, m)
		p.expectRequest("SEND")
		send(t, s, m)
		send(t, s, m)
		if f := next[msrp.Fate](h); f.Kind != msrp.Unconfirmed || f.MessageID != first {
			t.Fatalf("got %+v", f)
		}
	})
}
