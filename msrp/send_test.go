package msrp_test

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/parley-msrp/parley/msrp"
)

func TestSend(t *testing.T) {
	ctx := context.Background()

	t.Run("M-068/chunks of a message share Message-ID and report headers", func(t *testing.T) {
		r := newRig(t, msrp.Config{})
		s, _, p := r.connected()
		body := strings.Repeat("0123456789", 500)
		id := send(t, s, msrp.Outgoing{ContentType: "text/plain", Body: []byte(body), FailureReport: msrp.FailurePartial, SuccessReport: true})
		var got strings.Builder
		for i, want := range []struct{ byteRange, flag string }{{"1-2048/5000", "+"}, {"2049-4096/5000", "+"}, {"4097-5000/5000", "$"}} {
			f := p.expectRequest("SEND")
			if f.header("Byte-Range") != want.byteRange || f.flag != want.flag { // M-019, M-069, M-070, M-071, M-072, M-073
				t.Fatalf("chunk %d: got %q %q", i, f.header("Byte-Range"), f.flag)
			}
			if f.header("Message-ID") != id || f.header("Success-Report") != "yes" || f.header("Failure-Report") != "partial" {
				t.Fatalf("got %q", f.text)
			}
			got.WriteString(f.body)
		}
		if got.String() != body {
			t.Fatal("body differs")
		}
		if other := send(t, s, text("x")); other == id || len(other) < 4 || len(other) > 32 {
			t.Fatalf("got %q", other)
		}
	})

	t.Run("M-019/cancelled between chunks, a message ends with #", func(t *testing.T) {
		r := newRig(t, msrp.Config{Window: 1})
		s, h, p := r.bound()
		id, after := send(t, s, text(strings.Repeat("x", 10_000))), send(t, s, text("after"))
		f := p.expectRequest("SEND")
		if !s.Cancel(id) || s.Cancel(id) || s.Cancel("unknown") {
			t.Fatal("Cancel")
		}
		if f := next[msrp.Fate](h); f.MessageID != id || f.Kind != msrp.Failed || f.Why != msrp.ByCancel {
			t.Fatalf("got %+v", f)
		}
		p.respond(f, 200, "OK")
		if f := p.expectRequest("SEND"); f.header("Message-ID") != id || f.flag != "#" || f.body != "" || f.header("Byte-Range") != "1-0/10000" {
			t.Fatalf("got %q", f.text)
		}
		if f := p.expectRequest("SEND"); f.header("Message-ID") != after || s.Cancel(after) {
			t.Fatalf("got %q", f.text)
		}
		// A message that was not begun leaves no trace.
		late := send(t, s, text("late"))
		s.Cancel(late)
		if f := next[msrp.Fate](h); f.MessageID != late || f.Why != msrp.ByCancel {
			t.Fatalf("got %+v", f)
		}
		p.silence(20e6)
	})

	t.Run("M-083/cancelled, then 413: nothing more of the message", func(t *testing.T) {
		r := newRig(t, msrp.Config{Window: 1})
		s, h, p := r.bound()
		id := send(t, s, text(strings.Repeat("x", 10_000)))
		f := p.expectRequest("SEND")
		s.Cancel(id)
		next[msrp.Fate](h)
		p.respond(f, 413, "")
		p.silence(20e6)
		h.nothing()
	})

	t.Run("Content-Type goes out without blanks", func(t *testing.T) {
		r := newRig(t, msrp.Config{})
		s, _, p := r.bound()
		send(t, s, msrp.Outgoing{ContentType: `text/plain ; charset=utf-8; x="a; \"b"`, Body: []byte("x")})
		if f := p.expectRequest("SEND"); f.header("Content-Type") != `text/plain;charset=utf-8;x="a; \"b"` {
			t.Fatalf("got %q", f.text)
		}
	})

	t.Run("M-003/transaction ids are random and never repeat", func(t *testing.T) {
		r := newRig(t, msrp.Config{})
		s, _, p := r.bound()
		form := regexp.MustCompile(`^[0-9a-f]{16}$`)
		seen := map[string]bool{}
		go func() {
			for range 2000 {
				s.Send(ctx, msrp.Outgoing{ContentType: "text/plain", Body: []byte("x"), FailureReport: msrp.FailureNo})
			}
		}()
		for range 2000 {
			f := p.expectRequest("SEND")
			if seen[f.id] || !form.MatchString(f.id) {
				t.Fatalf("id %q", f.id)
			}
			seen[f.id] = true
		}
	})

	t.Run("M-078/absent report headers", func(t *testing.T) {
		r := newRig(t, msrp.Config{})
		s, _, p := r.bound()
		send(t, s, text("x"))
		f := p.expectRequest("SEND")
		if f.has("Success-Report") || f.has("Failure-Report") || f.has("Content-Transfer-Encoding") { // M-077
			t.Fatalf("got %q", f.text)
		}
		if want := []string{"To-Path", "From-Path", "Message-ID", "Byte-Range", "Content-Type"}; !inOrder(f, want) {
			t.Fatalf("got %q", f.text)
		}
		if f.header("Byte-Range") != "1-1/1" {
			t.Fatalf("M-071: got %q", f.text)
		}
	})

	t.Run("M-011/further MIME headers stand before Content-Type", func(t *testing.T) {
		r := newRig(t, msrp.Config{})
		s, _, p := r.bound()
		m := text("x")
		m.Headers = []msrp.Header{{Name: "Content-Disposition", Value: "render"}, {Name: "Content-ID", Value: "<a@b>"}}
		send(t, s, m)
		f := p.expectRequest("SEND")
		if !inOrder(f, []string{"To-Path", "From-Path", "Message-ID", "Byte-Range", "Content-Disposition", "Content-ID", "Content-Type"}) {
			t.Fatalf("got %q", f.text)
		}
	})

	t.Run("M-014/bodiless and empty messages", func(t *testing.T) {
		r := newRig(t, msrp.Config{})
		s, h, p := r.bound()
		send(t, s, msrp.Outgoing{})
		f := p.expectRequest("SEND")
		if f.hasBody || f.has("Content-Type") || f.header("Byte-Range") != "1-0/0" { // M-013, M-045
			t.Fatalf("got %q", f.text)
		}
		p.respond(f, 200, "OK")
		if f := next[msrp.Fate](h); f.Kind != msrp.Delivered || f.Range.String() != "1-0/0" {
			t.Fatalf("got %+v", f)
		}
		send(t, s, text(""))
		if f := p.expectRequest("SEND"); !f.hasBody || f.body != "" || !f.has("Content-Type") {
			t.Fatalf("got %q", f.text)
		}
	})

	t.Run("M-076/later requests do not wait for responses", func(t *testing.T) {
		r := newRig(t, msrp.Config{Window: 3})
		s, h, p := r.bound()
		for i := range 5 {
			send(t, s, text(fmt.Sprint(i)))
		}
		var sent []*frame
		for range 3 {
			sent = append(sent, p.expectRequest("SEND"))
		}
		p.silence(30e6) // the window
		p.respond(sent[1], 200, "OK")
		sent = append(sent, p.expectRequest("SEND"))
		p.silence(20e6)
		if f := next[msrp.Fate](h); f.Kind != msrp.Delivered || f.MessageID != sent[1].header("Message-ID") {
			t.Fatalf("got %+v", f)
		}
	})

	t.Run("M-075/large messages of two sessions alternate", func(t *testing.T) {
		r := newRig(t, msrp.Config{})
		s1, _, p := r.bound()
		s2, h2 := r.session()
		s2.SetPeer(known(t, peerURI))
		p.to = s2.URI().String()
		p.bind()
		next[*msrp.Received](h2)
		const size = 16 << 20 // more than the sockets take before the second message is queued
		big := func(c string) msrp.Outgoing {
			return msrp.Outgoing{ContentType: "text/plain", Body: []byte(strings.Repeat(c, size)), FailureReport: msrp.FailureNo}
		}
		send(t, s1, big("a"))
		send(t, s2, big("b"))
		var got [2]int
		alone := 0 // of the first message, before the second was there
		for got[0]+got[1] < 2*size {
			f := p.expectRequest("SEND")
			got[f.body[0]-'a'] += len(f.body)
			if got[1] == 0 {
				alone = got[0]
			}
			if ahead := got[0] - alone - got[1]; got[0] < size && got[1] < size && (ahead > 64<<10 || ahead < -(64<<10)) {
				t.Fatalf("progress %v, %d of it alone", got, alone)
			}
		}
		if alone == size {
			t.Fatal("the second message came last")
		}
	})

	t.Run("M-018/an id that would end the chunk is not taken", func(t *testing.T) {
		r := newRig(t, msrp.Config{})
		s, _, p := r.bound()
		body := "-------0123456789abcdef$\r\n-------" + strings.Repeat("-------a$", 500)
		send(t, s, text(body))
		var got string
		for len(got) < len(body) {
			f := p.expectRequest("SEND")
			if strings.Contains(f.body, "-------"+f.id) {
				t.Fatalf("got %q", f.text)
			}
			got += f.body
		}
		if got != body {
			t.Fatal("body differs")
		}
	})

	t.Run("M-088/types that the peer does not take are refused", func(t *testing.T) {
		r := newRig(t, msrp.Config{})
		s, _, p := r.bound()
		var te *msrp.TypeError
		if _, err := s.Send(ctx, msrp.Outgoing{ContentType: "image/png", Body: []byte("x")}); !errors.As(err, &te) || te.Refused {
			t.Fatalf("got %v", err)
		}
		p.silence(20e6)
	})

	t.Run("M-089/messages above max-size are refused", func(t *testing.T) {
		r := newRig(t, msrp.Config{})
		s, _, p := r.connected(func(k *msrp.Peer) { k.MaxSize = 100 })
		var se *msrp.SizeError
		if _, err := s.Send(ctx, text(strings.Repeat("x", 101))); !errors.As(err, &se) || se.Size != 101 || se.Max != 100 {
			t.Fatalf("got %v", err)
		}
		send(t, s, text(strings.Repeat("x", 100)))
		p.expectRequest("SEND")
	})

	t.Run("M-090/direction", func(t *testing.T) {
		for d, refused := range map[msrp.Direction]bool{msrp.SendRecv: false, msrp.SendOnly: false, msrp.RecvOnly: true, msrp.Inactive: true} {
			r := newRig(t, msrp.Config{})
			s, h, p := r.connected(func(k *msrp.Peer) { k.Direction = d })
			if _, err := s.Send(ctx, text("x")); errors.Is(err, msrp.ErrDirection) != refused {
				t.Fatalf("%v: got %v", d, err)
			}
			if !refused {
				p.expectRequest("SEND")
			}
			m := text("control")
			m.Control = true
			send(t, s, m)
			p.expectRequest("SEND")
			id, req := p.text("m-090", "x", "Success-Report: yes")
			p.write(req)
			p.expect(id, 200)
			p.expectRequest("REPORT")
			next[*msrp.Received](h)
		}
	})

	t.Run("header injection is refused", func(t *testing.T) {
		r := newRig(t, msrp.Config{})
		s, _, p := r.bound()
		for _, m := range []msrp.Outgoing{
			{ContentType: "text/plain\r\nX-Evil: yes", Body: []byte("x")},
			{ContentType: "text/plain;a=\"\x00\"", Body: []byte("x")},
			{ContentType: "text", Body: []byte("x")},
			{ContentType: "text/*", Body: []byte("x")},
			{Body: []byte("x")},
			{Headers: []msrp.Header{{Name: "Content-ID", Value: "x"}}},
			{ContentType: "text/plain", Headers: []msrp.Header{{Name: "Content-ID", Value: "a\r\nb"}}},
			{ContentType: "text/plain", Headers: []msrp.Header{{Name: "Content-ID: x\r\nFoo", Value: "a"}}},
			{ContentType: "text/plain", Headers: []msrp.Header{{Name: "To-Path", Value: "a"}}},
			{ContentType: "text/plain", Headers: []msrp.Header{{Name: "content-type", Value: "a/b"}}},
			{ContentType: "text/plain", Headers: []msrp.Header{{Name: "Content-Transfer-Encoding", Value: "base64"}}}, // M-077
			{ContentType: "text/plain", Headers: make([]msrp.Header, 1000)},
			{ContentType: "text/plain", MessageID: "a b c d"},
			{ContentType: "text/plain", MessageID: strings.Repeat("x", 36)}, // M-030
			{ContentType: "text/plain", FailureReport: 9},
		} {
			var he *msrp.HeaderError
			if _, err := s.Send(ctx, m); !errors.As(err, &he) {
				t.Errorf("%+v: got %v", m, err)
			}
		}
		p.silence(20e6)
		m := text("x")
		m.MessageID = "mine-0001"
		send(t, s, m)
		if f := p.expectRequest("SEND"); f.header("Message-ID") != "mine-0001" {
			t.Fatalf("got %q", f.text)
		}
		var he *msrp.HeaderError
		if _, err := s.Send(ctx, m); !errors.As(err, &he) {
			t.Fatalf("an id under way is taken twice: %v", err)
		}
	})

	t.Run("queue/full refuses or waits", func(t *testing.T) {
		r := newRig(t, msrp.Config{QueuedMessages: 2, Window: 1})
		s, _, p := r.bound()
		send(t, s, text("0"))
		f := p.expectRequest("SEND")
		send(t, s, text("1"))
		send(t, s, text("2"))
		if _, err := s.Send(contextFor(t, 20e6), text("3")); !errors.Is(err, msrp.ErrQueueFull) || !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("got %v", err)
		}
		sent := make(chan error)
		go func() { _, err := s.Send(ctx, text("3")); sent <- err }()
		p.respond(f, 200, "OK")
		if err := <-sent; err != nil {
			t.Fatal(err)
		}
		go func() { _, err := s.Send(ctx, text("4")); sent <- err }()
		s.Close()
		if err := <-sent; !errors.Is(err, msrp.ErrClosed) {
			t.Fatalf("got %v", err)
		}
		r = newRig(t, msrp.Config{QueuedOctets: 10, RefuseWhenFull: true})
		s, _ = r.session()
		s.SetPeer(known(t, peerURI))
		send(t, s, text("a single message may be larger"))
		if _, err := s.Send(ctx, text("x")); !errors.Is(err, msrp.ErrQueueFull) {
			t.Fatalf("got %v", err)
		}
		r = newRig(t, msrp.Config{QueuedOctets: 10, RefuseWhenFull: true})
		s, _ = r.session()
		s.SetPeer(known(t, peerURI))
		send(t, s, text("12345"))
		for _, m := range []msrp.Outgoing{
			text("123456"), stream(strings.NewReader("123456"), 6), stream(strings.NewReader("?"), 0), stream(strings.NewReader("12345"), 5),
		} {
			may := s.MaySend(m)
			if _, does := s.Send(ctx, m); !errors.Is(may, does) {
				t.Errorf("MaySend says %v, Send does %v", may, does)
			}
		}
	})

	t.Run("Flush waits for answers", func(t *testing.T) {
		r := newRig(t, msrp.Config{})
		s, _, p := r.bound()
		if err := s.Flush(ctx); err != nil {
			t.Fatal(err)
		}
		send(t, s, text("x"))
		flushed := make(chan error)
		go func() { flushed <- s.Flush(ctx) }()
		f := p.expectRequest("SEND")
		select {
		case err := <-flushed:
			t.Fatalf("flushed too early: %v", err)
		default:
		}
		p.respond(f, 200, "OK")
		if err := <-flushed; err != nil {
			t.Fatal(err)
		}
		send(t, s, text("y"))
		go func() { flushed <- s.Flush(ctx) }()
		p.expectRequest("SEND")
		s.Close()
		if err := <-flushed; !errors.Is(err, msrp.ErrClosed) {
			t.Fatalf("got %v", err)
		}
	})
}

func inOrder(f *frame, names []string) bool {
	if len(f.headers) != len(names) {
		return false
	}
	for i, n := range names {
		if !strings.HasPrefix(f.headers[i], n+": ") {
			return false
		}
	}
	return true
}

func TestInterruptible(t *testing.T) {
	ctx := context.Background()
	cfg := msrp.Config{ChunkSize: 1 << 30, Interruptible: true}

	t.Run("M-070/a chunk above 2048 octets has range-end *", func(t *testing.T) {
		r := newRig(t, cfg)
		s, h, p := r.bound()
		body := strings.Repeat("0123456789", 100_000)
		send(t, s, text(body))
		f := p.expectRequest("SEND")
		if f.header("Byte-Range") != "1-*/1000000" || f.flag != "$" || f.body != body {
			t.Fatalf("got %q, %d octets, %q", f.header("Byte-Range"), len(f.body), f.flag)
		}
		p.respond(f, 200, "OK")
		if f := next[msrp.Fate](h); f.Kind != msrp.Delivered {
			t.Fatalf("got %+v", f)
		}
		send(t, s, text("short"))
		if f := p.expectRequest("SEND"); f.header("Byte-Range") != "1-5/5" {
			t.Fatalf("got %q", f.text)
		}
	})

	t.Run("M-074/a response interrupts a chunk", func(t *testing.T) {
		r := newRig(t, cfg)
		s, h, p := r.bound()
		body := strings.Repeat("0123456789", 3_000_000)
		send(t, s, msrp.Outgoing{ContentType: "text/plain", Body: []byte(body), FailureReport: msrp.FailureNo})
		id, req := p.text("m-074", "x")
		p.write(req) // the long message fills the kernel's buffers meanwhile
		next[*msrp.Received](h)
		var got strings.Builder
		answered := false
		for got.Len() < len(body) {
			f := p.next()
			if f.id == id {
				answered = true
				continue
			}
			if want := fmt.Sprintf("%d-", got.Len()+1); !strings.HasPrefix(f.header("Byte-Range"), want) {
				t.Fatalf("got %q, want %s", f.header("Byte-Range"), want)
			}
			if f.flag == "+" && len(f.body) < 2048 { // M-072
				t.Fatalf("a chunk of %d octets", len(f.body))
			}
			got.WriteString(f.body)
		}
		if !answered || got.String() != body {
			t.Fatalf("answered before the end: %v, %d octets", answered, got.Len())
		}
	})

	t.Run("M-075/another session's message interrupts a chunk", func(t *testing.T) {
		r := newRig(t, cfg)
		s1, _, p := r.bound()
		s2, h2 := r.session()
		s2.SetPeer(known(t, peerURI))
		p.to = s2.URI().String()
		p.bind()
		next[*msrp.Received](h2)
		send(t, s1, msrp.Outgoing{ContentType: "text/plain", Body: make([]byte, 30_000_000), FailureReport: msrp.FailureNo})
		send(t, s2, text("urgent"))
		for seen := 0; ; {
			f := p.expectRequest("SEND")
			if f.body == "urgent" {
				if seen == 30_000_000 {
					t.Fatal("it came last")
				}
				return
			}
			seen += len(f.body)
		}
	})

	t.Run("M-082/an error cuts the chunk in progress", func(t *testing.T) {
		for _, code := range []int{400, 413} {
			r := newRig(t, cfg)
			s, h, p := r.bound()
			id := send(t, s, text(strings.Repeat("x", 30_000_000)))
			// The start of the chunk is enough to answer it.
			head := &frame{id: "", headers: []string{"From-Path: " + s.URI().String(), "To-Path: " + peerURI}}
			b, err := p.in.Peek(21)
			if err != nil {
				t.Fatal(err)
			}
			head.id = string(b[5:21])
			p.respond(head, code, "stop")
			f := p.expectRequest("SEND") // M-114: the response came before the end
			if f.flag != "#" || len(f.body) == 30_000_000 {
				t.Fatalf("got flag %q after %d octets", f.flag, len(f.body))
			}
			if f := next[msrp.Fate](h); f.MessageID != id || f.Kind != msrp.Failed || f.Why != msrp.ByResponse || f.Code != code || f.Comment != "stop" {
				t.Fatalf("got %+v", f)
			}
			next1 := send(t, s, text("next"))
			if f := p.expectRequest("SEND"); f.header("Message-ID") != next1 {
				t.Fatalf("got %q", f.text)
			}
		}
	})

	t.Run("M-019/closing the session cuts the chunk, the connection goes on", func(t *testing.T) {
		r := newRig(t, cfg)
		s1, h1, p := r.bound()
		s2, h2 := r.session()
		s2.SetPeer(known(t, peerURI))
		p.to = s2.URI().String()
		p.bind()
		next[*msrp.Received](h2)
		send(t, s1, text(strings.Repeat("x", 30_000_000)))
		p.in.Peek(1)
		s1.Close()
		if f := next[msrp.Fate](h1); f.Kind != msrp.Failed || f.Why != msrp.ByEnd {
			t.Fatalf("got %+v", f)
		}
		if f := p.expectRequest("SEND"); f.flag != "#" {
			t.Fatalf("got flag %q", f.flag)
		}
		if _, err := s2.Send(ctx, text("alive")); err != nil {
			t.Fatal(err)
		}
		if f := p.expectRequest("SEND"); f.body != "alive" {
			t.Fatalf("got %q", f.text)
		}
	})

	t.Run("M-070/larger chunks must be interruptible", func(t *testing.T) {
		var ce *msrp.ConfigError
		if _, err := msrp.NewEndpoint(msrp.Config{ChunkSize: 2049}); !errors.As(err, &ce) || ce.Field != "ChunkSize" {
			t.Fatalf("got %v", err)
		}
	})
}
