package conformance

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/parley-msrp/parley/test/conformance/node"
	"github.com/parley-msrp/parley/test/peer"
)

func TestBody(t *testing.T) {
	t.Parallel()
	n := start(t, node.Config{})

	row(t, "M-015/what looks like an end-line is body", func(t *testing.T) {
		c := answered(t, n, setup{})
		f := c.s.Send("")
		body := strings.Join([]string{
			"", "------" + f.ID + "$", "--------" + f.ID + "$", "-------" + peer.Ident() + "$", "-------" + f.ID + "*",
			"-------" + f.ID + "$ ", "-------" + f.ID, "-------" + f.ID + "x$", "-------" + strings.ToUpper(f.ID[:15]) + "Z$", "",
		}, "\r\n")
		f.Body = []byte(body)
		c.ok(t, f.Set("Byte-Range", fmt.Sprintf("1-%d/%d", len(body), len(body))))
		c.received(t, body)
	})

	row(t, "M-015/end-lines of all that is sent", func(t *testing.T) { everyKind(t, n) })

	row(t, "M-016/octets of the end-line's CRLF", func(t *testing.T) {
		c := answered(t, n, setup{})
		c.ok(t, c.s.Send("hello"))
		c.ok(t, c.s.Send("hello\r\n"))
		c.ok(t, c.s.Send("\r\nhello\r\n\r\n"))
		c.received(t, "hello", "hello\r\n", "\r\nhello\r\n\r\n")
	})

	row(t, "M-016/sender's count", func(t *testing.T) {
		c := started(t, n, setup{})
		for _, body := range []string{"hello", "hello\r\n", "h\u00e9llo"} {
			c.n.SendMessage(t, c.id, "text/plain", body)
			f := c.c.Request(t, patience(), "SEND")
			if string(f.Body) != body || f.Get("Byte-Range") != fmt.Sprintf("1-%d/%d", len(body), len(body)) {
				t.Errorf("%s for %q", f.Get("Byte-Range"), f.Body)
			}
			c.c.Answer(f, 200, "OK")
		}
	})

	row(t, "M-017/look-alikes are delivered unchanged", func(t *testing.T) {
		c := answered(t, n, setup{})
		f := c.s.Send("")
		f.Body = []byte("-------zzzz$\r\n-------" + f.ID + "\r\nx-------" + f.ID + "$\r\n-------" + f.ID + "$\n-------" + f.ID + "$ x\r\nend")
		c.ok(t, f.Set("Byte-Range", fmt.Sprintf("1-%d/%d", len(f.Body), len(f.Body))))
		c.received(t, string(f.Body))
	})

	row(t, "M-017/empty body", func(t *testing.T) {
		c := answered(t, n, setup{})
		b := edited(c.s, "\r\n\r\nhello\r\n", "\r\n\r\n")
		c.expect(t, bytes.Replace(b, []byte("1-5/5"), []byte("1-0/0"), 1), "200")
		c.received(t)
	})

	row(t, "M-019/flags of a message of three chunks", func(t *testing.T) {
		c := started(t, n, setup{})
		body := numbered(5000)
		c.n.SendMessage(t, c.id, "text/plain", body)
		chunks := c.read(t, 200)
		var flags []byte
		for _, f := range chunks {
			flags = append(flags, f.Flag)
		}
		if string(flags) != "++$" || join(chunks) != body {
			t.Errorf("flags %s, body equal: %v", flags, join(chunks) == body)
		}
	})

	row(t, "M-020/responses that are sent", func(t *testing.T) { everyKind(t, n) })

	row(t, "M-020/response with body or plus is not taken", func(t *testing.T) {
		c := started(t, n, setup{})
		id := c.n.SendMessage(t, c.id, "text/plain", "hello")
		f := c.c.Request(t, patience(), "SEND")
		odd := f.Reply(200, "OK")
		odd.HasBody, odd.Body = true, []byte("no body here")
		c.c.Put(odd.Bytes())
		odd = f.Reply(200, "OK")
		odd.Flag = '+'
		got := c.expect(t, odd.Bytes(), "IGNORE", "CLOSE")
		if got == "CLOSE" {
			c.n.Await(t, c.id, "E_MSRP_SESSION_END", 1)
			return
		}
		if e := c.n.Events(c.id, "E_MSRP_MSG_SENT"); len(e) != 0 {
			t.Fatalf("completed by a malformed response: %v", e)
		}
		c.c.Answer(f, 200, "OK")
		c.fate(t, id, "delivered")
	})

	row(t, "M-021/received octets", func(t *testing.T) {
		c := answered(t, n, setup{})
		var all []byte
		for i := range 256 {
			all = append(all, byte(i))
		}
		bodies := []string{string(all), strings.Repeat("\x00", 1<<20), "a\rb\nc\n\rd", "\n", "\r"}
		for _, b := range bodies {
			c.ok(t, c.s.Send(b).Set("Content-Type", "application/octet-stream"))
		}
		c.received(t, bodies...)
	})

	row(t, "M-021/sent octets", func(t *testing.T) {
		c := started(t, n, setup{own: "*"})
		var ascii []byte
		for i := range 128 {
			ascii = append(ascii, byte(i))
		}
		for _, b := range []string{string(ascii), strings.Repeat("\x00", 1<<20), "a\rb\nc\n\rd", "\n", "\r\n"} {
			c.n.SendMessage(t, c.id, "application/octet-stream", b)
			if got := join(c.read(t, 200)); got != b {
				t.Errorf("%.100q, want %.100q", got, b)
			}
		}
	})

	row(t, "M-022/a stream cut anywhere", func(t *testing.T) {
		c := answered(t, n, setup{})
		cutAnywhere(t, c)
	})

	row(t, "M-023/50 messages in one write", func(t *testing.T) {
		c := answered(t, n, setup{})
		var b []byte
		var ids, bodies []string
		for i := range 50 {
			f := c.s.Send("message " + strconv.Itoa(i))
			b = append(b, f.Bytes()...)
			ids, bodies = append(ids, f.ID), append(bodies, string(f.Body))
		}
		c.c.Put(b)
		var got []string
		for range ids {
			f := c.c.Next(t, patience())
			if f.Code != 200 {
				t.Fatalf("%d", f.Code)
			}
			got = append(got, f.ID)
		}
		slices.Sort(ids)
		slices.Sort(got)
		if !slices.Equal(ids, got) {
			t.Errorf("answered %v, want %v", got, ids)
		}
		c.received(t, bodies...)
	})

	row(t, "M-024/oversize body of a REPORT", func(t *testing.T) {
		c := answered(t, n, setup{})
		f := c.s.Report(peer.Ident(), "1-5/5", "000 200 OK").Add("Content-Type", "text/plain")
		f.HasBody, f.Body = true, []byte(numbered(200_000))
		c.judge(t, c.expect(t, f.Bytes(), "IGNORE", "CLOSE"), "")
	})

	row(t, "M-024/oversize body of another method", func(t *testing.T) {
		c := answered(t, n, setup{})
		f := c.s.Request("FOOB").Add("Content-Type", "text/plain")
		f.HasBody, f.Body = true, []byte(numbered(200_000))
		c.judge(t, c.expect(t, f.Bytes(), "400", "501", "CLOSE", "400+CLOSE", "501+CLOSE"), "")
	})
}

// cutAnywhere sends the same five messages whole, octet by octet, and cut at each offset in turn.
func cutAnywhere(t *testing.T, c *call) {
	t.Helper()
	var want []string
	stream := func() (b []byte, ids []string) {
		id := peer.Ident()
		for _, f := range []*peer.Frame{
			c.s.Send("one"), c.s.Send("two\r\n-------x$\r\n"), c.s.Bodiless(),
			c.s.Chunk(id, "1-4/8", "thre", '+'), c.s.Chunk(id, "5-8/8", "four", '$'),
		} {
			b, ids = append(b, f.Bytes()...), append(ids, f.ID)
		}
		want = append(want, "one", "two\r\n-------x$\r\n", "threfour")
		return b, ids
	}
	answers := func(ids []string) {
		t.Helper()
		var got []string
		for range ids {
			f := c.c.Next(t, patience())
			if f.Code != 200 {
				t.Fatalf("response %d", f.Code)
			}
			got = append(got, f.ID)
		}
		if slices.Sort(got); !slices.Equal(got, slices.Sorted(slices.Values(ids))) {
			t.Fatalf("answered %v, want %v", got, ids)
		}
	}
	b, ids := stream()
	c.c.Put(b)
	answers(ids)
	c.received(t, want...)
	b, ids = stream()
	c.c.PutSlowly(b)
	answers(ids)
	c.received(t, want...)
	for cut := 1; cut < len(b); cut++ {
		b, ids := stream()
		c.c.Put(b[:cut])
		if cut%8 == 0 {
			time.Sleep(time.Millisecond) // so that the first part is surely read alone, sometimes
		}
		c.c.Put(b[cut:])
		answers(ids)
	}
	c.received(t, want...)
}
