package conformance

import (
	"fmt"
	"strings"
	"testing"

	"github.com/parley-msrp/parley/test/conformance/node"
)

func TestValue(t *testing.T) {
	t.Parallel()
	n := start(t, node.Config{})

	row(t, "M-026/legal ranges", func(t *testing.T) {
		c := answered(t, n, setup{})
		for _, r := range []string{"1-*/*", "1-5/*", "1-*/5", "1-5/5", "0001-05/005"} {
			c.expect(t, withRange(c.s, r, "hello"), "200")
		}
		c.received(t, "hello", "hello", "hello", "hello", "hello")
	})

	for _, r := range []string{"*-5/5", "0-4/5", "1-5", "1 - 5/5", "-1-5/5", "1-5/", "a-b/c", "1-5/5 x", "0x1-5/5", "1--5/5", ""} {
		row(t, "M-026/"+or(r, "empty"), func(t *testing.T) {
			c := answered(t, n, setup{})
			c.expect(t, withRange(c.s, r, "hello"), "400")
			c.received(t)
		})
	}

	row(t, "M-028/values in any case", func(t *testing.T) {
		c := answered(t, n, setup{})
		f := c.s.Send("hello").Add("Success-Report", "YES")
		c.ok(t, f)
		if r := c.c.Request(t, patience(), "REPORT"); r.Get("Message-ID") != f.Get("Message-ID") {
			t.Errorf("REPORT on %s", r.Get("Message-ID"))
		}
		c.expect(t, c.s.Send("quiet").Add("Failure-Report", "NO").Bytes(), "IGNORE")
		c.received(t, "hello", "quiet")
	})

	row(t, "M-029/namespace 000", func(t *testing.T) {
		c := started(t, n, setup{})
		id := c.n.SendMessage(t, c.id, "text/plain", "hello", "success_report", "yes")
		c.read(t, 200)
		c.c.Put(c.s.Report(id, "1-5/5", "000 200 OK").Bytes())
		if e := c.failed(t, id, "200 OK"); e.Text("byte_range") != "1-5/5" {
			t.Errorf("%s", e.Raw)
		}
	})

	row(t, "M-029/another namespace is no success", func(t *testing.T) {
		c := started(t, n, setup{})
		id := c.n.SendMessage(t, c.id, "text/plain", "hello", "success_report", "yes")
		c.read(t, 200)
		c.c.Put(c.s.Report(id, "1-5/5", "001 200").Bytes())
		c.received(t)
		c.bye(t)
		c.fate(t, id, "unconfirmed")
	})

	row(t, "M-029/Status out of grammar", func(t *testing.T) {
		c := started(t, n, setup{})
		id := c.n.SendMessage(t, c.id, "text/plain", "hello", "success_report", "yes")
		c.read(t, 200)
		for _, status := range []string{"000", "000 20", "0 200", "200 OK", "000 2000"} {
			c.expect(t, c.s.Report(id, "1-5/5", status).Bytes(), "IGNORE")
		}
		c.received(t)
		c.bye(t)
		c.fate(t, id, "unconfirmed")
	})

	row(t, "M-030/Message-IDs of any visible form are repeated", func(t *testing.T) {
		c := answered(t, n, setup{})
		for _, id := range []string{"x", "f81d4fae-7dec-11d0-a765-00a0c91e6bf6", "<weird>@{id}", strings.Repeat("y", 255)} {
			c.ok(t, c.s.Send("hello").Set("Message-ID", id).Add("Success-Report", "yes"))
			if r := c.c.Request(t, patience(), "REPORT"); r.Rows[2].Value != id && r.Get("Message-ID") != id {
				t.Errorf("REPORT on %q, want %q", r.Get("Message-ID"), id)
			}
		}
	})

	row(t, "M-030/generated", func(t *testing.T) {
		c := started(t, n, setup{})
		id := c.n.SendMessage(t, c.id, "text/plain", "hello")
		f := c.c.Request(t, patience(), "SEND") // its form is checked there
		if f.Get("Message-ID") != id || len(id) < 4 || len(id) > 32 {
			t.Errorf("Message-ID %q on the wire, %q told", f.Get("Message-ID"), id)
		}
	})

	for _, id := range []string{strings.Repeat("y", 256), "a b", "caf\u00e9"} {
		row(t, fmt.Sprintf("M-030/refused %.8q", id), func(t *testing.T) {
			c := answered(t, n, setup{})
			c.expect(t, c.s.Send("hello").Set("Message-ID", id).Bytes(), "400")
			c.received(t)
		})
	}

	row(t, "M-031/bodiless without Message-ID", func(t *testing.T) {
		c := answered(t, n, setup{})
		c.ok(t, c.s.Bodiless().Del("Message-ID"))
		c.received(t)
	})

	row(t, "M-031/all that is sent", func(t *testing.T) { everyKind(t, n) })
}
