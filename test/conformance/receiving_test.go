package conformance

import (
	"fmt"
	"strings"
	"testing"

	"github.com/parley-msrp/parley/test/conformance/node"
	"github.com/parley-msrp/parley/test/peer"
)

// plainRoute takes text/plain and nothing else.
const plainRoute = "def request(msg):\n    msrp_ua_answer(\"text/plain\")\n"

// TestResponse is about the answers to requests.
func TestResponse(t *testing.T) {
	t.Parallel()
	n := start(t, node.Config{})
	plain := start(t, node.Config{Route: plainRoute})

	row(t, "M-091/each chunk is answered", func(t *testing.T) {
		c := answered(t, n, setup{})
		id := peer.Ident()
		c.ok(t, c.s.Chunk(id, "1-3/9", "abc", '+')) // at once: the next one is not sent before
		c.ok(t, c.s.Chunk(id, "4-6/9", "def", '+'))
		c.told(t)
		c.ok(t, c.s.Chunk(id, "7-9/9", "ghi", '$').Add("Failure-Report", "yes"))
		c.received(t, "abcdefghi")
	})

	for _, fr := range []string{"", "yes", "partial", "no"} {
		answer := map[string]string{"": "200", "yes": "200", "partial": "IGNORE", "no": "IGNORE"}[fr]
		refusal := map[string]string{"": "415", "yes": "415", "partial": "415", "no": "IGNORE"}[fr]
		row(t, "M-092/"+or(fr, "absent"), func(t *testing.T) {
			c := answered(t, plain, setup{})
			with := func(f *peer.Frame) *peer.Frame {
				if fr != "" {
					f.Add("Failure-Report", fr)
				}
				return f
			}
			c.expect(t, with(c.s.Send("good")).Bytes(), answer)
			c.expect(t, with(c.s.Send("bad")).Set("Content-Type", "application/x-foo").Bytes(), refusal)
			c.received(t, "good")
		})
	}

	row(t, "M-093/SEND answer goes to the first From-Path URI only", func(t *testing.T) {
		c := answered(t, n, setup{})
		from := "msrp://r2.example.invalid:2855/tok2;tcp msrp://r1.example.invalid:2855/tok1;tcp " + c.s.Own
		r := c.ok(t, c.s.Send("hello").Set("From-Path", from))
		if r.Get("To-Path") != "msrp://r2.example.invalid:2855/tok2;tcp" {
			t.Errorf("To-Path %q", r.Get("To-Path"))
		}
		r = c.want(t, c.s.Send("hello").Set("From-Path", from).Set("Byte-Range", "x"), 400)
		if r.Get("To-Path") != "msrp://r2.example.invalid:2855/tok2;tcp" {
			t.Errorf("To-Path %q", r.Get("To-Path"))
		}
	})

	row(t, "M-093/answer to another method goes to them all", func(t *testing.T) {
		c := answered(t, n, setup{})
		from := "msrp://r2.example.invalid:2855/tok2;tcp msrp://r1.example.invalid:2855/tok1;tcp " + c.s.Own
		if r := c.want(t, c.s.Request("FOOB").Set("From-Path", from), 501); r.Get("To-Path") != from {
			t.Errorf("To-Path %q", r.Get("To-Path"))
		}
	})

	row(t, "M-094/own session URI", func(t *testing.T) {
		c := answered(t, n, setup{})
		if r := c.ok(t, toPath(c.s, strings.Replace(c.s.Remote, "msrp:", "MSRP:", 1)+";x=1")); !strings.EqualFold(strings.TrimSuffix(r.Get("From-Path"), ";x=1"), c.s.Remote) || !strings.Contains(r.Get("From-Path"), c.id) {
			t.Errorf("From-Path %q, want %q", r.Get("From-Path"), c.s.Remote)
		}
	})

	row(t, "M-094/481 shows no session", func(t *testing.T) {
		c := answered(t, n, setup{})
		invented := strings.Replace(c.s.Remote, c.id, "invented0123456789", 1)
		r := c.want(t, c.s.Send("hello").Set("To-Path", invented), 481)
		if r.Get("From-Path") != invented {
			t.Errorf("From-Path %q", r.Get("From-Path"))
		}
		r = c.want(t, c.s.Send("hello").Set("To-Path", invented+" "+c.s.Own), 481)
		if r.Get("From-Path") != invented {
			t.Errorf("From-Path %q", r.Get("From-Path"))
		}
		c.c.Put(c.s.Send("hello").Set("To-Path", "http://nonsense").Bytes())
		r = c.c.Next(t, patience())
		if (r.Code != 400 && r.Code != 481) || strings.Contains(r.Get("From-Path"), c.id) {
			t.Errorf("%d, From-Path %q", r.Code, r.Get("From-Path"))
		}
	})
}

// TestReassembly is about messages in several chunks.
func TestReassembly(t *testing.T) {
	t.Parallel()
	n := start(t, node.Config{})

	row(t, "M-095/no Byte-Range", func(t *testing.T) {
		c := answered(t, n, setup{})
		c.ok(t, c.s.Send("whole").Del("Byte-Range"))
		c.received(t, "whole")
	})

	row(t, "M-095/joined by Message-ID", func(t *testing.T) {
		c := answered(t, n, setup{})
		one, two := peer.Ident(), peer.Ident()
		c.ok(t, c.s.Chunk(one, "1-3/6", "one", '+'))
		c.ok(t, c.s.Chunk(two, "1-3/6", "two", '+'))
		c.ok(t, c.s.Send("between"))
		c.ok(t, c.s.Chunk(two, "4-6/6", "TWO", '$'))
		c.ok(t, c.s.Chunk(one, "4-6/6", "ONE", '$'))
		c.received(t, "between", "twoTWO", "oneONE")
	})

	row(t, "M-095/joined within the session only", func(t *testing.T) {
		first, second := bound(t, n)
		id := peer.Ident()
		first.ok(t, first.s.Chunk(id, "1-3/6", "abc", '+'))
		second.ok(t, second.s.Chunk(id, "4-6/6", "DEF", '$'))
		first.ok(t, first.s.Chunk(id, "4-6/6", "def", '$'))
		first.received(t, "abcdef")
		second.received(t)
	})

	row(t, "M-096/any order", func(t *testing.T) {
		c := answered(t, n, setup{})
		for _, order := range [][]int{{2, 0, 1}, {2, 1, 0}, {1, 2, 0}, {1, 0, 2}, {0, 2, 1}} {
			id, parts := peer.Ident(), []string{"abc", "def", "gh"}
			for _, k := range order {
				flag := byte('+')
				if k == 2 {
					flag = '$'
				}
				c.ok(t, c.s.Chunk(id, fmt.Sprintf("%d-%d/8", 3*k+1, 3*k+len(parts[k])), parts[k], flag))
			}
		}
		c.received(t, "abcdefgh", "abcdefgh", "abcdefgh", "abcdefgh", "abcdefgh")
	})

	row(t, "M-096/a gap is never told", func(t *testing.T) {
		c := answered(t, n, setup{})
		id := peer.Ident()
		c.ok(t, c.s.Chunk(id, "1-3/9", "abc", '+'))
		c.ok(t, c.s.Chunk(id, "7-9/9", "ghi", '$'))
		c.received(t)
		c.ok(t, c.s.Chunk(id, "4-6/9", "def", '+'))
		c.received(t, "abcdefghi")
	})

	row(t, "M-097/the last chunk fixes the length", func(t *testing.T) {
		c := answered(t, n, setup{})
		for _, totals := range [][2]string{{"*", "*"}, {"1000", "6"}, {"4", "6"}, {"1000", "*"}, {"*", "6"}} {
			id := peer.Ident()
			c.ok(t, c.s.Chunk(id, "1-3/"+totals[0], "abc", '+'))
			c.ok(t, c.s.Chunk(id, "4-6/"+totals[1], "def", '$'))
		}
		c.received(t, "abcdef", "abcdef", "abcdef", "abcdef", "abcdef")
	})

	row(t, "M-098/later octets replace earlier ones", func(t *testing.T) {
		c := answered(t, n, setup{})
		id := peer.Ident()
		c.ok(t, c.s.Chunk(id, "1-100/150", strings.Repeat("A", 100), '+'))
		c.ok(t, c.s.Chunk(id, "50-150/150", strings.Repeat("B", 101), '$'))
		c.received(t, strings.Repeat("A", 49)+strings.Repeat("B", 101))
	})

	row(t, "M-099/length by the body", func(t *testing.T) {
		c := answered(t, n, setup{})
		id, body := peer.Ident(), numbered(200)
		c.ok(t, c.s.Chunk(id, "1-100/200", body[:40], '+'))
		c.ok(t, c.s.Chunk(id, "41-200/200", body[40:], '$'))
		id = peer.Ident()
		c.ok(t, c.s.Chunk(id, "1-*/200", body[:100], '+'))
		c.ok(t, c.s.Chunk(id, "101-*/*", body[100:], '$'))
		c.received(t, body, body)
	})

	row(t, "M-100/a thousand chunks of one octet", func(t *testing.T) {
		c := answered(t, n, setup{})
		id, body := peer.Ident(), numbered(1000)
		var b []byte
		for i := range body {
			flag := byte('+')
			if i == len(body)-1 {
				flag = '$'
			}
			b = append(b, c.s.Chunk(id, fmt.Sprintf("%d-%d/%d", i+1, i+1, len(body)), body[i:i+1], flag).Bytes()...)
		}
		c.c.Put(b)
		for range body {
			if f := c.c.Next(t, patience()); f.Code != 200 {
				t.Fatalf("%d", f.Code)
			}
		}
		c.received(t, body)
	})

	row(t, "M-100/empty chunks", func(t *testing.T) {
		c := answered(t, n, setup{})
		id := peer.Ident()
		c.ok(t, c.s.Chunk(id, "1-5/*", "01234", '+'))
		c.ok(t, c.s.Chunk(id, "1-0/*", "", '+'))
		c.ok(t, c.s.Chunk(id, "6-5/*", "", '+'))
		c.ok(t, c.s.Chunk(id, "6-10/*", "56789", '+'))
		c.told(t)
		c.ok(t, c.s.Chunk(id, "11-10/10", "", '$'))
		c.received(t, "0123456789")
	})

	row(t, "M-100/empty last chunk that starts at 1", func(t *testing.T) {
		c := answered(t, n, setup{})
		id := peer.Ident()
		c.ok(t, c.s.Chunk(id, "1-5/*", "01234", '+'))
		c.ok(t, c.s.Chunk(id, "1-0/0", "", '$'))
		c.received(t) // an empty message, which the daemon does not tell
	})

	row(t, "M-100/one chunk of 4 MiB", func(t *testing.T) {
		c := answered(t, n, setup{})
		body := strings.Repeat(numbered(1<<20), 4)
		c.ok(t, c.s.Send(body))
		c.received(t, body)
	})

	row(t, "M-101/given up", func(t *testing.T) {
		c := answered(t, n, setup{})
		id := peer.Ident()
		c.ok(t, c.s.Chunk(id, "1-5/10", "01234", '+'))
		c.ok(t, c.s.Chunk(id, "6-10/10", "56789", '#'))
		c.ok(t, c.s.Chunk(peer.Ident(), "1-5/5", "hello", '#'))
		c.received(t)
	})

	row(t, "M-101/what was given up is forgotten", func(t *testing.T) {
		c := answered(t, n, setup{})
		id := peer.Ident()
		c.ok(t, c.s.Chunk(id, "1-5/10", "01234", '+'))
		c.ok(t, c.s.Chunk(id, "6-8/10", "567", '#'))
		c.answer(t, c.s.Chunk(id, "6-10/10", "56789", '$')) // whatever the answer is
		c.received(t)
	})

	for name, ranges := range map[string]func(i int) string{
		"M-102/too large by its total":    func(i int) string { return fmt.Sprintf("%d-%d/%d", i<<20+1, (i+1)<<20, 40<<20) },
		"M-102/too large without a total": func(i int) string { return fmt.Sprintf("%d-*/*", i<<20+1) },
	} {
		row(t, name, func(t *testing.T) {
			c := answered(t, n, setup{})
			id := peer.Ident()
			piece := strings.Repeat("x", 1<<20)
			for i := range 40 {
				r := c.answer(t, c.s.Chunk(id, ranges(i), piece, '+'))
				if r.Code == 413 {
					c.received(t)
					return
				}
				if r.Code != 200 {
					t.Fatalf("%d", r.Code)
				}
			}
			t.Error("40 MiB were taken")
		})
	}

	row(t, "M-102/many half-received messages", func(t *testing.T) {
		n := start(t, node.Config{})
		c := answered(t, n, setup{})
		before, refused := resident(t, n), 0
		piece := strings.Repeat("x", 2048)
		for range 100 {
			var b []byte
			for range 100 {
				b = append(b, c.s.Chunk(peer.Ident(), "1-2048/1000000", piece, '+').Bytes()...)
			}
			go c.c.Put(b)
			for range 100 {
				switch f := c.c.Next(t, patience()); f.Code {
				case 200:
				case 413:
					refused++
				default:
					t.Fatalf("%d", f.Code)
				}
			}
		}
		if grown := resident(t, n) - before; refused == 0 && grown > 32<<20 || grown > 64<<20 {
			t.Errorf("memory grew by %d kB; %d refused", grown>>10, refused)
		}
		c.received(t)
	})
}

// TestUnknown is about methods and responses that nobody waits for.
func TestUnknown(t *testing.T) {
	t.Parallel()
	n := start(t, node.Config{})

	for _, method := range []string{"FOOB", "AUTH", "NICKNAME"} {
		row(t, "M-111/"+method, func(t *testing.T) {
			c := answered(t, n, setup{})
			c.want(t, c.s.Request(method), 501)
			c.want(t, c.s.Request(method).Set("To-Path", strings.Replace(c.s.Remote, c.id, peer.Ident(), 1)), 481)
			c.received(t)
		})
	}

	row(t, "M-113/response to nothing", func(t *testing.T) {
		c := started(t, n, setup{})
		id := n.SendMessage(t, c.id, "text/plain", "hello")
		f := c.c.Request(t, patience(), "SEND")
		stray := f.Reply(200, "OK")
		stray.ID = peer.Ident()
		c.expect(t, stray.Bytes(), "IGNORE")
		stray = f.Reply(413, "No")
		stray.ID = peer.Ident()
		c.expect(t, stray.Bytes(), "IGNORE")
		c.received(t)
		if e := append(n.Events(c.id, "E_MSRP_MSG_SENT"), n.Events(c.id, "E_MSRP_REPORT_RECEIVED")...); len(e) != 0 {
			t.Errorf("%v", e)
		}
		c.c.Answer(f, 200, "OK")
		c.fate(t, id, "delivered")
	})

	row(t, "M-113/on another connection", func(t *testing.T) {
		c, other := started(t, n, setup{}), started(t, n, setup{})
		id := n.SendMessage(t, c.id, "text/plain", "hello")
		f := c.c.Request(t, patience(), "SEND")
		other.expect(t, f.Reply(413, "No").Bytes(), "IGNORE")
		other.received(t)
		c.c.Answer(f, 200, "OK")
		c.fate(t, id, "delivered")
	})

	row(t, "M-113/second and late ones", func(t *testing.T) {
		c := started(t, n, setup{})
		id := n.SendMessage(t, c.id, "text/plain", "hello")
		f := c.c.Request(t, patience(), "SEND")
		c.c.Answer(f, 413, "No")
		c.failed(t, id, "413")
		c.expect(t, f.Reply(200, "OK").Bytes(), "IGNORE")
		c.received(t)
		for _, e := range n.Events(c.id, "E_MSRP_MSG_SENT") {
			if e.Text("fate") == "delivered" {
				t.Errorf("%s", e.Raw)
			}
		}
	})
}
