package msrp_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/parley-msrp/parley/msrp"
)

func TestReceive(t *testing.T) {
	t.Run("M-091/chunks are answered at once, the completing one after acceptance", func(t *testing.T) {
		r := newRig(t, msrp.Config{})
		_, h, p := r.bound()
		h.on(nil)
		id1, c1 := p.chunk("m-91", "1-4/12", "abcd", "+")
		id2, c2 := p.chunk("m-91", "5-8/12", "efgh", "+")
		id3, c3 := p.chunk("m-91", "9-12/12", "ijkl", "$")
		p.write(c1 + c2 + c3)
		p.expect(id1, 200)
		p.expect(id2, 200)
		m := next[*msrp.Received](h)
		if string(m.Body) != "abcdefghijkl" || m.ContentType != "text/plain" || m.MessageID != "m-91" {
			t.Fatalf("got %+v", m)
		}
		p.silence(50e6)
		m.Accept()
		p.expect(id3, 200)
	})

	t.Run("M-091/messages are completed in any order, from any goroutine", func(t *testing.T) {
		r := newRig(t, msrp.Config{})
		_, h, p := r.bound()
		h.on(nil)
		var ids []string
		var got []*msrp.Received
		for i := range 20 {
			id, req := p.text(fmt.Sprintf("m-%04d", i), "x")
			p.write(req)
			ids = append(ids, id)
			got = append(got, next[*msrp.Received](h))
		}
		for i := len(got) - 1; i >= 0; i-- {
			done := make(chan struct{})
			go func() { got[i].Accept(); close(done) }()
			<-done
			p.expect(ids[i], 200)
		}
		got[0].Reject(413, "") // the first call counts
		p.silence(20e6)
	})

	t.Run("M-092/Failure-Report decides who is answered", func(t *testing.T) {
		r := newRig(t, msrp.Config{})
		_, h, p := r.bound()
		for _, c := range []struct {
			header, contentType string
			code                int // 0: none
		}{
			{"", "text/plain", 200},
			{"Failure-Report: yes", "text/plain", 200},
			{"Failure-Report: partial", "text/plain", 0},
			{"Failure-Report: no", "text/plain", 0},
			{"", "image/png", 415},
			{"Failure-Report: yes", "image/png", 415},
			{"Failure-Report: partial", "image/png", 415},
			{"Failure-Report: no", "image/png", 0},
		} {
			id := p.nextID()
			headers := []string{"Message-ID: m" + id, "Byte-Range: 1-1/1"}
			if c.header != "" {
				headers = append(headers, c.header)
			}
			body := "x"
			p.write(p.request(id, "SEND", &body, "$", append(headers, "Content-Type: "+c.contentType)...))
			if c.code != 0 {
				p.expect(id, c.code)
			}
			if c.contentType == "text/plain" {
				if m := next[*msrp.Received](h); string(m.Body) != "x" {
					t.Fatalf("got %+v", m)
				}
			}
			// A request that is answered for certain shows that nothing came before its response.
			marker := p.nextID()
			p.write(p.request(marker, "FOOB", nil, "$"))
			p.expect(marker, 501)
		}
	})

	t.Run("M-092/an application's Reject follows Failure-Report", func(t *testing.T) {
		r := newRig(t, msrp.Config{})
		_, h, p := r.bound()
		h.on(func(m *msrp.Received) { m.Reject(413, "full up") })
		id, req := p.text("m-yes", "x")
		p.write(req)
		if f := p.expect(id, 413); !strings.Contains(f.text, "413 full up\r\n") {
			t.Fatalf("got %q", f.text)
		}
		id, req = p.text("m-part", "x", "Failure-Report: partial")
		p.write(req)
		p.expect(id, 413)
		_, req = p.text("m-no", "x", "Failure-Report: no")
		p.write(req)
		h.on(nil)
		p.silence(50e6)
		h.on(func(m *msrp.Received) { m.Reject(200, "a\r\nX: y") })
		id, req = p.text("m-odd", "x")
		p.write(req)
		if f := p.expect(id, 400); strings.Contains(f.text, "X: y") {
			t.Fatalf("got %q", f.text)
		}
	})

	t.Run("M-093/SEND answer goes to the first From-Path URI only", func(t *testing.T) {
		r := newRig(t, msrp.Config{})
		s, _, p := r.bound()
		p.uri = scheme + "://192.0.2.2:2;tcp msrp://192.0.2.1:1/r1;tcp " + peerURI
		id, req := p.text("m-93", "x")
		p.write(req)
		f := p.expect(id, 200)
		if got := f.header("To-Path"); got != scheme+"://192.0.2.2:2;tcp" {
			t.Errorf("To-Path %q", got)
		}
		if got := f.header("From-Path"); got != s.URI().String() {
			t.Errorf("From-Path %q", got)
		}
		if f.headers[0][:8] != "To-Path:" || f.headers[1][:10] != "From-Path:" || len(f.headers) != 2 || f.flag != "$" {
			t.Errorf("M-004: got %q", f.text)
		}
	})

	t.Run("M-093/any other method is answered along the whole From-Path", func(t *testing.T) {
		r := newRig(t, msrp.Config{})
		_, _, p := r.bound()
		p.uri = scheme + "://192.0.2.2:2;tcp msrp://192.0.2.1:1/r1;tcp " + peerURI
		id := p.nextID()
		p.write(p.request(id, "FOOB", nil, "$"))
		if f := p.expect(id, 501); f.header("To-Path") != p.uri {
			t.Fatalf("To-Path %q", f.header("To-Path"))
		}
	})

	t.Run("M-094/a response never shows another session's URI", func(t *testing.T) {
		r := newRig(t, msrp.Config{})
		s, _, p := r.bound()
		p.to = strings.Replace(p.to, s.ID(), strings.Repeat("ab", 16), 1)
		id, req := p.text("m-94", "x")
		p.write(req)
		f := p.expect(id, 481)
		if f.header("From-Path") != p.to || strings.Contains(f.text, s.ID()) {
			t.Fatalf("got %q", f.text)
		}
		p.to = "http://example.org/x"
		id, req = p.text("m-94", "x")
		p.write(req)
		f = p.expect(id, 400)
		if strings.Contains(f.text, s.ID()) || !strings.HasPrefix(f.header("From-Path"), scheme+"://127.0.0.1:") {
			t.Fatalf("got %q", f.text)
		}
	})

	t.Run("M-102/a message above the limit gets 413", func(t *testing.T) {
		r := newRig(t, msrp.Config{})
		_, h, p := r.bound(func(c *msrp.SessionConfig) { c.MaxSize = 1000 })
		big := strings.Repeat("b", 600)
		id, req := p.chunk("m-known", "1-600/1200", big, "+")
		p.write(req)
		p.expect(id, 413)
		id1, c1 := p.chunk("m-late", "1-600/*", big, "+")
		id2, c2 := p.chunk("m-late", "601-1200/*", big, "+")
		id3, c3 := p.chunk("m-late", "1201-1300/*", big[:100], "$")
		p.write(c1 + c2 + c3)
		p.expect(id1, 200)
		p.expect(id2, 413)
		p.expect(id3, 413)
		id, req = p.text("m-one", big+big)
		p.write(strings.Replace(req, "Byte-Range: 1-1200/1200\r\n", "", 1))
		p.expect(id, 413)
		id, req = p.text("m-ok", big)
		p.write(req)
		p.expect(id, 200)
		if m := next[*msrp.Received](h); len(m.Body) != 600 {
			t.Fatalf("got %d octets", len(m.Body))
		}
	})

	t.Run("M-102/half-received messages are limited in number and octets", func(t *testing.T) {
		r := newRig(t, msrp.Config{PartialMessages: 10, PartialOctets: 5000})
		_, _, p := r.bound()
		for i := range 20 {
			id, req := p.chunk(fmt.Sprintf("m-%04d", i), "1-2/9", "ab", "+")
			p.write(req)
			if i < 10 {
				p.expect(id, 200)
			} else {
				p.expect(id, 413)
			}
		}
		id, req := p.chunk("m-0000", "3-*/*", strings.Repeat("x", 5000), "+")
		p.write(req)
		p.expect(id, 413)
		// An aborted message makes room for another one.
		id, req = p.chunk("m-0001", "3-3/9", "x", "#")
		p.write(req)
		p.expect(id, 200)
		id, req = p.chunk("m-new1", "1-1/2", "x", "+")
		p.write(req)
		p.expect(id, 200)
	})

	t.Run("M-103/an unsupported type gets 415", func(t *testing.T) {
		r := newRig(t, msrp.Config{})
		_, h, p := r.bound()
		id, req := p.text("m-103", "x")
		p.write(strings.Replace(req, "text/plain", "application/x-foo", 1))
		p.expect(id, 415)
		h.nothing()
		id, req = p.text("m-103b", "x")
		p.write(strings.Replace(req, "text/plain", "TEXT/Plain; charset=utf-8", 1))
		p.expect(id, 200)
		if m := next[*msrp.Received](h); m.ContentType != "TEXT/Plain; charset=utf-8" {
			t.Fatalf("got %q", m.ContentType)
		}
	})

	t.Run("M-105/success REPORT covers all octets", func(t *testing.T) {
		r := newRig(t, msrp.Config{})
		s, h, p := r.bound()
		p.uri = scheme + "://192.0.2.2:2;tcp msrp://192.0.2.1:1/r1;tcp " + peerURI
		var ids []string
		for i, c := range []struct{ r, body, flag string }{{"1-3/8", "abc", "+"}, {"4-6/8", "def", "+"}, {"7-8/8", "gh", "$"}} {
			id, req := p.chunk("m-105", c.r, c.body, c.flag, "Success-Report: yes")
			p.write(req)
			ids = append(ids, id)
			p.expect(ids[i], 200)
		}
		f := p.expectRequest("REPORT")
		for name, want := range map[string]string{
			"To-Path": p.uri, "From-Path": s.URI().String(), "Message-ID": "m-105", "Byte-Range": "1-8/8", "Status": "000 200 OK",
		} {
			if got := f.header(name); got != want {
				t.Errorf("M-106: %s %q, want %q", name, got, want)
			}
		}
		if f.has("Success-Report") || f.has("Failure-Report") || f.hasBody || f.flag != "$" {
			t.Errorf("M-108: got %q", f.text)
		}
		next[*msrp.Received](h)
		_, req := p.text("m-105b", "x", "Success-Report: yes", "Failure-Report: no")
		p.write(req)
		p.expectRequest("REPORT") // independent of Failure-Report
		id, req := p.text("m-105c", "x", "Success-Report: no")
		p.write(req)
		p.expect(id, 200)
		p.silence(30e6)
	})

	t.Run("M-105/AcceptWithoutReport and Reject send none", func(t *testing.T) {
		r := newRig(t, msrp.Config{})
		_, h, p := r.bound()
		h.on((*msrp.Received).AcceptWithoutReport)
		id, req := p.text("m-105", "x", "Success-Report: yes")
		p.write(req)
		p.expect(id, 200)
		p.silence(30e6)
		next[*msrp.Received](h)
		h.on(func(m *msrp.Received) { m.Reject(400, "") })
		id, req = p.text("m-106", "x", "Success-Report: yes")
		p.write(req)
		p.expect(id, 400)
		p.silence(30e6)
	})

	t.Run("M-108/REPORT is never answered", func(t *testing.T) {
		r := newRig(t, msrp.Config{})
		_, h, p := r.bound()
		for _, headers := range [][]string{
			{"Message-ID: unknown1", "Status: 000 200 OK"},
			{"Message-ID: unknown1"},
			{"Message-ID: unknown1", "Byte-Range: 0-4/4", "Status: 000 200 OK"},
			{"Status: 000 200 OK"},
			{"Message-ID: unknown1", "Status: 000 200 OK", "Status: 000 200 OK"},
		} {
			p.write(p.request(p.nextID(), "REPORT", nil, "$", headers...))
		}
		to := p.to
		p.to = strings.Replace(to, "/", "/x", 3)
		p.write(p.request(p.nextID(), "REPORT", nil, "$", "Message-ID: unknown1", "Status: 000 200 OK"))
		p.to = to
		id, req := p.text("m-108", "x")
		p.write(req)
		p.expect(id, 200)
		next[*msrp.Received](h)
		h.nothing() // M-109
	})

	t.Run("M-111/unknown methods get 501 after the session check", func(t *testing.T) {
		r := newRig(t, msrp.Config{})
		_, _, p := r.bound()
		for _, method := range []string{"FOOB", "AUTH", "NICKNAME"} {
			id := p.nextID()
			p.write(p.request(id, method, nil, "$"))
			p.expect(id, 501)
		}
		p.to = strings.Replace(p.to, "/", "/x", 3)
		id := p.nextID()
		p.write(p.request(id, "FOOB", nil, "$"))
		p.expect(id, 400)
		p.to = scheme + "://127.0.0.1:2855/nosuchsession;tcp"
		id = p.nextID()
		p.write(p.request(id, "FOOB", nil, "$"))
		p.expect(id, 481)
	})

	t.Run("M-112/what is not understood gets 400, lost framing closes", func(t *testing.T) {
		r := newRig(t, msrp.Config{})
		_, h, p := r.bound()
		id := p.nextID()
		p.write(p.request(id, "SEND", nil, "$", "Message-ID: m-112", "no colon here"))
		p.expect(id, 400)
		id, req := p.text("m-112", "x")
		p.write(req + "garbage that is no MSRP\r\n")
		p.expect(id, 200) // what came before is answered
		next[*msrp.Received](h)
		isClosed(t, h, msrp.ErrFraming)
		p.closed()
	})

	t.Run("M-031/a body needs a Message-ID, a bodiless SEND does not", func(t *testing.T) {
		r := newRig(t, msrp.Config{})
		_, h, p := r.bound()
		body := "hello"
		id := p.nextID()
		p.write(p.request(id, "SEND", &body, "$", "Content-Type: text/plain"))
		p.expect(id, 400)
		id = p.nextID()
		p.write(p.request(id, "SEND", nil, "$"))
		p.expect(id, 200)
		if m := next[*msrp.Received](h); !m.Bodiless || m.MessageID != "" {
			t.Fatalf("got %+v", m)
		}
	})

	t.Run("M-030/long and short Message-IDs are taken and repeated", func(t *testing.T) {
		r := newRig(t, msrp.Config{})
		_, h, p := r.bound()
		for _, messageID := range []string{"1", "f81d4fae-7dec-11d0-a765-00a0c91e6bf6", strings.Repeat("~", 255)} {
			id, req := p.text(messageID, "x", "Success-Report: yes")
			p.write(req)
			p.expect(id, 200)
			if f := p.expectRequest("REPORT"); f.header("Message-ID") != messageID {
				t.Fatalf("got %q", f.text)
			}
			if m := next[*msrp.Received](h); m.MessageID != messageID {
				t.Fatalf("got %q", m.MessageID)
			}
		}
	})

	t.Run("M-024/bodies of other requests are not kept", func(t *testing.T) {
		r := newRig(t, msrp.Config{})
		_, h, p := r.bound()
		big := strings.Repeat("b", 1<<20)
		p.write(p.request(p.nextID(), "REPORT", &big, "$", "Message-ID: m-024", "Status: 000 200 OK", "Content-Type: text/plain"))
		id := p.nextID()
		p.write(p.request(id, "FOOB", &big, "$", "Content-Type: text/plain"))
		p.expect(id, 501)
		id, req := p.text("m-024", "x")
		p.write(req)
		p.expect(id, 200)
		next[*msrp.Received](h)
		h.nothing()
	})

	t.Run("M-014/no body and an empty body differ", func(t *testing.T) {
		r := newRig(t, msrp.Config{})
		_, h, p := r.bound()
		id, req := p.text("m-014", "")
		p.write(strings.Replace(req, "1-0/0", "1-0/0", 1))
		p.expect(id, 200)
		if m := next[*msrp.Received](h); m.Bodiless || m.Body == nil || len(m.Body) != 0 {
			t.Fatalf("got %+v", m)
		}
	})

	t.Run("M-055/a message that was whole before is a duplicate", func(t *testing.T) {
		r := newRig(t, msrp.Config{Duplicates: 3})
		_, h, p := r.bound()
		say := func(messageID string) *msrp.Received {
			id, req := p.text(messageID, "x", "Success-Report: yes")
			p.write(req)
			p.expect(id, 200)
			p.expectRequest("REPORT")
			return next[*msrp.Received](h)
		}
		if say("m-0001").Duplicate || !say("m-0001").Duplicate || say("m-0002").Duplicate {
			t.Fatal("duplicates are not told from new messages")
		}
		say("m-0003")
		say("m-0004")
		if say("m-0001").Duplicate {
			t.Fatal("the bound on the memory of Message-IDs is not kept")
		}
		h.on(func(m *msrp.Received) { m.Reject(413, "") })
		id, req := p.text("m-0005", "x")
		p.write(req)
		p.expect(id, 413)
		next[*msrp.Received](h)
		h.on((*msrp.Received).Accept)
		if say("m-0005").Duplicate {
			t.Fatal("a message that was rejected is no duplicate")
		}
	})

	t.Run("M-011/MIME headers come with the message", func(t *testing.T) {
		r := newRig(t, msrp.Config{})
		_, h, p := r.bound()
		id, req := p.text("m-011", "x", "X-Foo: bar", "Content-Disposition: render", "Content-ID: <a@b>")
		p.write(req)
		p.expect(id, 200)
		m := next[*msrp.Received](h)
		if len(m.Headers) != 2 || m.Headers[0] != (msrp.Header{Name: "Content-Disposition", Value: "render"}) ||
			m.Headers[1] != (msrp.Header{Name: "Content-ID", Value: "<a@b>"}) {
			t.Fatalf("got %+v", m.Headers)
		}
	})
}

func TestReassembly(t *testing.T) {
	type chunk struct{ byteRange, body, flag string }
	as, bs := strings.Repeat("A", 100), strings.Repeat("B", 101)
	for _, c := range []struct {
		name   string
		chunks []chunk
		want   string
		none   bool
	}{
		{name: "M-095/one chunk without Byte-Range", chunks: []chunk{{"", "hello", "$"}}, want: "hello"},
		{name: "M-096/any order", chunks: []chunk{{"7-9/9", "ghi", "$"}, {"1-3/9", "abc", "+"}, {"4-6/9", "def", "+"}}, want: "abcdefghi"},
		{name: "M-097/the end of the last chunk decides", chunks: []chunk{{"1-3/*", "abc", "+"}, {"4-6/77", "def", "+"}, {"7-9/5", "ghi", "$"}}, none: true},
		{name: "M-097/totals that are wrong", chunks: []chunk{{"1-3/*", "abc", "+"}, {"4-6/77", "def", "+"}, {"7-*/*", "ghi", "$"}}, want: "abcdefghi"},
		{name: "M-098/later octets replace earlier ones", chunks: []chunk{{"1-100/150", as, "+"}, {"50-150/150", bs, "$"}}, want: as[:49] + bs},
		{name: "M-099/length is counted from the body", chunks: []chunk{{"1-100/200", as[:40], "+"}, {"41-200/200", strings.Repeat("C", 160), "$"}}, want: as[:40] + strings.Repeat("C", 160)},
		{name: "M-100/empty chunk in between", chunks: []chunk{{"1-2/4", "ab", "+"}, {"1-0/*", "", "+"}, {"3-4/4", "cd", "$"}}, want: "abcd"},
		{name: "M-100/empty last chunk", chunks: []chunk{{"1-10/10", "0123456789", "+"}, {"11-10/10", "", "$"}}, want: "0123456789"},
		{name: "M-100/empty last chunk at 1 is a whole message", chunks: []chunk{{"1-2/4", "ab", "+"}, {"1-0/0", "", "$"}}, want: ""},
		{name: "M-101/aborted", chunks: []chunk{{"1-2/4", "ab", "+"}, {"3-4/4", "cd", "#"}}, none: true},
		{name: "M-101/aborted, then the rest", chunks: []chunk{{"1-2/4", "ab", "+"}, {"3-3/4", "c", "#"}, {"4-4/4", "d", "$"}}, none: true},
		{name: "T-060/aborted at once", chunks: []chunk{{"1-2/4", "ab", "#"}}, none: true},
		{name: "T-044/gap", chunks: []chunk{{"1-2/9", "ab", "+"}, {"4-5/5", "de", "$"}}, none: true},
		{name: "T-039/shorter than declared", chunks: []chunk{{"1-100/100", "hello", "$"}}, want: "hello"},
		{name: "T-040/longer than declared", chunks: []chunk{{"1-3/3", "hello", "$"}}, want: "hello"},
		{name: "T-043/totals that differ", chunks: []chunk{{"1-2/5", "ab", "+"}, {"3-4/9", "cd", "$"}}, want: "abcd"},
		{name: "M-100/a whole message replaces its parts", chunks: []chunk{{"1-2/9", "ab", "+"}, {"1-3/3", "xyz", "$"}}, want: "xyz"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, msrp.Config{})
			_, h, p := r.bound()
			for _, part := range c.chunks {
				id, req := p.chunk("m-chunks", part.byteRange, part.body, part.flag)
				if part.byteRange == "" {
					req = strings.Replace(req, "Byte-Range: \r\n", "", 1)
				}
				p.write(req)
				if f := p.next(); f.id != id || f.code != 200 && !c.none {
					t.Fatalf("got %q", f.text)
				}
			}
			if c.none {
				h.nothing()
				return
			}
			if m := next[*msrp.Received](h); string(m.Body) != c.want || m.Bodiless {
				t.Fatalf("got %q, want %q", m.Body, c.want)
			}
			h.nothing()
		})
	}

	t.Run("M-101/bodiless # ends a message", func(t *testing.T) {
		r := newRig(t, msrp.Config{PartialMessages: 1})
		_, h, p := r.bound()
		for range 3 {
			id, req := p.chunk("m-101", "1-2/4", "ab", "+")
			p.write(req)
			p.expect(id, 200)
			id = p.nextID()
			p.write(p.request(id, "SEND", nil, "#", "Message-ID: m-101", "Byte-Range: 3-2/4"))
			p.expect(id, 200)
		}
		h.nothing()
		id, req := p.chunk("m-other", "1-2/4", "ab", "+")
		p.write(req)
		p.expect(id, 200)
	})

	t.Run("M-100/a thousand chunks of one octet", func(t *testing.T) {
		r := newRig(t, msrp.Config{})
		_, h, p := r.bound()
		var want strings.Builder
		for i := range 1000 {
			want.WriteByte(byte('a' + i%26))
		}
		for i := 999; i >= 0; i-- {
			flag := "+"
			if i == 999 {
				flag = "$"
			}
			_, req := p.chunk("m-1000", fmt.Sprintf("%d-%d/1000", i+1, i+1), want.String()[i:i+1], flag, "Failure-Report: no")
			p.write(req)
		}
		if m := next[*msrp.Received](h); string(m.Body) != want.String() {
			t.Fatalf("got %q", m.Body)
		}
	})

	t.Run("M-027/an announced size sets no memory aside", func(t *testing.T) {
		r := newRig(t, msrp.Config{MaxMessage: 1 << 40, PartialOctets: 1 << 41})
		_, _, p := r.bound()
		for i := range 200 {
			id, req := p.chunk(fmt.Sprintf("m-%04d", i), "1000000000-*/100000000000", "x", "+")
			p.write(req)
			p.expect(id, 200)
		}
	})

	t.Run("M-021/binary body of a mebibyte in one chunk", func(t *testing.T) {
		r := newRig(t, msrp.Config{})
		_, h, p := r.bound()
		body := make([]byte, 1<<20)
		for i := range body {
			body[i] = byte(i * 7 >> (i % 5))
		}
		id, req := p.text("m-binary", string(body))
		p.write(req)
		p.expect(id, 200)
		if m := next[*msrp.Received](h); string(m.Body) != string(body) {
			t.Fatal("body differs")
		}
	})
}
