package conformance

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/parley-msrp/parley/test/conformance/node"
	"github.com/parley-msrp/parley/test/peer"
)

func TestHeader(t *testing.T) {
	t.Parallel()
	n := start(t, node.Config{})

	row(t, "M-004/order of all that is sent", func(t *testing.T) { everyKind(t, n) })

	row(t, "M-005/canonical names in all that is sent", func(t *testing.T) { everyKind(t, n) })

	row(t, "M-006/one blank behind the colon in all that is sent", func(t *testing.T) { everyKind(t, n) })

	row(t, "M-005/names in any case", func(t *testing.T) {
		c := answered(t, n, setup{})
		f := c.s.Send("hello")
		b := string(f.Bytes())
		for _, name := range []string{"To-Path", "Message-ID"} {
			b = strings.Replace(b, name, strings.ToLower(name), 1)
		}
		for _, name := range []string{"From-Path", "Content-Type"} {
			b = strings.Replace(b, name, strings.ToUpper(name), 1)
		}
		b = strings.Replace(b, "Byte-Range", "byte-RANGE", 1)
		if got := c.expect(t, []byte(b), "200"); got != "200" {
			t.Fatal(got)
		}
		c.received(t, "hello")
	})

	row(t, "M-006/blanks behind the colon are tolerated", func(t *testing.T) {
		c := answered(t, n, setup{})
		c.expect(t, edited(c.s, "Message-ID: ", "Message-ID:"), "200")
		c.expect(t, edited(c.s, "To-Path: ", "To-Path:   "), "200")
		c.expect(t, edited(c.s, "Content-Type: ", "Content-Type:"), "200")
		c.received(t, "hello", "hello", "hello")
	})

	row(t, "M-007/a long To-Path is one line", func(t *testing.T) {
		l := peer.ListenMSRP(t)
		path := l.Path("first")
		for i := range 40 {
			path += fmt.Sprintf(" msrp://hop%d.example.invalid:2855/s%d;tcp", i, i)
		}
		c := started(t, n, setup{listen: l, path: path})
		if got := c.bind.Get("To-Path"); got != path {
			t.Errorf("To-Path %q", got)
		}
	})

	row(t, "M-008/unknown header in a request", func(t *testing.T) {
		c := answered(t, n, setup{})
		c.expect(t, withRow(c.s, "X-Foo: bar"), "200")
		c.expect(t, withRow(c.s, "Success-Reports: yes"), "200")
		c.received(t, "hello", "hello")
	})

	row(t, "M-008/unknown header in a response", func(t *testing.T) {
		c := started(t, n, setup{})
		id := c.n.SendMessage(t, c.id, "text/plain", "hello")
		f := c.c.Request(t, patience(), "SEND")
		c.c.Put(f.Reply(200, "OK").Add("Message-ID", id).Add("X-Foo", "bar").Bytes())
		c.fate(t, id, "delivered")
	})

	row(t, "M-009/response with nothing but the paths", func(t *testing.T) {
		c := started(t, n, setup{})
		id := c.n.SendMessage(t, c.id, "text/plain", "hello")
		f := c.c.Request(t, patience(), "SEND")
		r := f.Reply(200, "")
		if len(r.Rows) != 2 {
			t.Fatal(r.Rows)
		}
		c.c.Put(r.Bytes())
		c.fate(t, id, "delivered")
	})

	row(t, "M-009/request with nothing but the paths", func(t *testing.T) {
		c := answered(t, n, setup{})
		c.ok(t, c.s.Request("SEND"))
		c.received(t)
	})

	for _, line := range []string{"To-Path", "From-Path", "Byte-Range", "Message-ID", "Success-Report", "Failure-Report"} {
		row(t, "M-010/"+line+" twice", func(t *testing.T) {
			c := answered(t, n, setup{})
			f := c.s.Send("hello")
			value := f.Get(line)
			if value == "" {
				value = "yes"
				f.Add(line, value)
			}
			b := strings.Replace(string(f.Bytes()), "Content-Type:", line+": "+value+"\r\nContent-Type:", 1)
			c.expect(t, []byte(b), "400")
			c.received(t)
		})
	}

	row(t, "M-010/Status twice", func(t *testing.T) {
		c := started(t, n, setup{})
		id := c.n.SendMessage(t, c.id, "text/plain", "hello", "success_report", "yes")
		c.read(t, 200)
		c.expect(t, c.s.Report(id, "1-5/5", "000 200 OK").Add("Status", "000 200 OK").Bytes(), "IGNORE")
		c.received(t)
		if got := c.n.Events(c.id, "E_MSRP_REPORT_RECEIVED"); len(got) != 0 {
			t.Errorf("a malformed REPORT was told: %v", got)
		}
	})

	row(t, "M-011/Content-Type is the last line", func(t *testing.T) {
		c := started(t, n, setup{})
		c.n.SendMessage(t, c.id, "text/plain", "hello", "success_report", "yes", "failure_report", "partial")
		f := c.c.Request(t, patience(), "SEND")
		if last := f.Rows[len(f.Rows)-1]; last.Name != "Content-Type" || !f.HasBody || !f.Has("Success-Report") || !f.Has("Failure-Report") {
			t.Errorf("%q", f.Head)
		}
	})

	row(t, "M-011/lines behind Content-Type are tolerated", func(t *testing.T) {
		c := answered(t, n, setup{})
		c.expect(t, edited(c.s, "Content-Type: text/plain", "Content-Type: text/plain\r\nContent-Disposition: render"), "200")
		c.expect(t, edited(c.s, "Content-Type: text/plain", "Content-Disposition: render\r\nContent-Type: text/plain"), "200")
		c.received(t, "hello", "hello")
	})

	row(t, "M-013/binding SEND", func(t *testing.T) {
		c := started(t, n, setup{})
		if c.bind.HasBody || c.bind.Has("Content-Type") {
			t.Errorf("%q", c.bind.Head)
		}
	})

	row(t, "M-013/bodiless message", func(t *testing.T) {
		c := started(t, n, setup{})
		c.n.SendMessage(t, c.id, "", "")
		f := c.c.Request(t, patience(), "SEND")
		if f.HasBody || f.Has("Content-Type") || f.Flag != '$' {
			t.Errorf("%q", f.Head)
		}
	})

	row(t, "M-013/blank line and nothing else", func(t *testing.T) {
		c := answered(t, n, setup{})
		c.expect(t, edited(c.s, "Content-Type: text/plain\r\n\r\nhello\r\n", "\r\n"), "200", "400")
		c.received(t)
	})

	row(t, "M-014/neither no body nor an empty one is told", func(t *testing.T) {
		c := answered(t, n, setup{})
		c.ok(t, c.s.Bodiless())
		c.ok(t, c.s.Send("").Set("Byte-Range", "1-0/0"))
		c.ok(t, c.s.Send("").Del("Byte-Range"))
		c.received(t)
	})

	row(t, "M-014/empty body in its short form", func(t *testing.T) {
		c := answered(t, n, setup{})
		b := edited(c.s, "\r\n\r\nhello\r\n", "\r\n\r\n")
		c.expect(t, bytes.Replace(b, []byte("1-5/5"), []byte("1-0/0"), 1), "200")
		c.received(t)
	})
}
