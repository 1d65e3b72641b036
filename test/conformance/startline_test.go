package conformance

import (
	"bytes"
	"regexp"
	"strings"
	"testing"

	"github.com/parley-msrp/parley/test/conformance/node"
	"github.com/parley-msrp/parley/test/peer"
)

func TestStartLine(t *testing.T) {
	t.Parallel()
	n := start(t, node.Config{})
	start := func(with string) func(peer.Session) []byte {
		return func(s peer.Session) []byte {
			f := s.Send("hello")
			b := f.Bytes()
			return append([]byte(strings.ReplaceAll(with, "ID", f.ID)+"\r\n"), b[bytes.Index(b, []byte("\r\n"))+2:]...)
		}
	}
	id := func(id string) func(peer.Session) []byte {
		return func(s peer.Session) []byte {
			f := s.Send("hello")
			f.ID = id
			return f.Bytes()
		}
	}

	row(t, "M-001/request and response", func(t *testing.T) {
		c := answered(t, n, setup{})
		if r := c.ok(t, c.s.Send("hello")); !regexp.MustCompile(`^[A-Z]`).MatchString(or(r.Comment, "OK")) {
			t.Errorf("comment %q", r.Comment)
		}
		c.received(t, "hello")
	})

	verdicts(t, n, []verdict{
		{"M-001/msrp in lower case", start("msrp ID SEND"), []string{"CLOSE"}, ""},
		{"M-001/method in lower case", start("MSRP ID send"), []string{"400", "501", "CLOSE", "400+CLOSE", "501+CLOSE"}, ""},
		{"M-001/two spaces", start("MSRP  ID SEND"), []string{"CLOSE", "400", "400+CLOSE"}, ""},
		{"M-002/33 characters", id(strings.Repeat("a", 33)), []string{"CLOSE", "400", "400+CLOSE"}, ""},
		{"M-002/3 characters", id("abc"), []string{"CLOSE", "400", "400+CLOSE"}, ""},
		{"M-002/hyphen first", id("-abc"), []string{"CLOSE", "400", "400+CLOSE"}, ""},
		{"M-002/underscore", id("ab_cd"), []string{"CLOSE", "400", "400+CLOSE"}, ""},
		{"M-002/blank", id("ab cd"), []string{"CLOSE", "400", "400+CLOSE"}, ""},
		{"M-004/paths swapped", func(s peer.Session) []byte {
			f := s.Send("hello")
			f.Rows[0], f.Rows[1] = f.Rows[1], f.Rows[0]
			return f.Bytes()
		}, []string{"400"}, ""},
		{"M-004/Message-ID in front", func(s peer.Session) []byte {
			f := s.Send("hello")
			f.Rows[0], f.Rows[1], f.Rows[2] = f.Rows[2], f.Rows[0], f.Rows[1]
			return f.Bytes()
		}, []string{"400"}, ""},
		{"M-007/folded line", func(s peer.Session) []byte { return withRow(s, "X-Foo: a\r\n b") }, []string{"400"}, ""},
		{"M-007/folded line with tab", func(s peer.Session) []byte { return withRow(s, "X-Foo: a\r\n\tb") }, []string{"400"}, ""},
		{"M-012/body without Content-Type", func(s peer.Session) []byte { return s.Send("hello").Del("Content-Type").Bytes() }, []string{"400"}, ""},
		{"M-031/body without Message-ID", func(s peer.Session) []byte { return s.Send("hello").Del("Message-ID").Bytes() }, []string{"400"}, ""},
		{"M-028/Failure-Report maybe", func(s peer.Session) []byte { return withRow(s, "Failure-Report: maybe") }, []string{"400"}, ""},
		{"M-028/Success-Report 1", func(s peer.Session) []byte { return withRow(s, "Success-Report: 1") }, []string{"400"}, ""},
		{"M-028/Success-Report partial", func(s peer.Session) []byte { return withRow(s, "Success-Report: partial") }, []string{"400"}, ""},
	})

	row(t, "M-002/ids of 4 and 32 characters are echoed", func(t *testing.T) {
		c := answered(t, n, setup{})
		for _, id := range []string{"a.-+", "9%=a", strings.Repeat("x", 32), "0.-+%=" + strings.Repeat("Z", 26)} {
			f := c.s.Send(id)
			f.ID = id
			c.ok(t, f)
		}
		c.received(t, "a.-+", "9%=a", strings.Repeat("x", 32), "0.-+%="+strings.Repeat("Z", 26))
	})

	row(t, "M-003/ids of generated requests", func(t *testing.T) {
		c := started(t, n, setup{})
		seen := map[string]bool{c.bind.ID: true}
		for range 10 {
			c.n.SendMessage(t, c.id, "text/plain", numbered(1<<20))
			for _, f := range c.read(t, 200) {
				if seen[f.ID] {
					t.Fatalf("transaction id %s twice", f.ID)
				}
				seen[f.ID] = true
				if hexOnly := regexp.MustCompile(`^[0-9a-f]+$`).MatchString(f.ID); hexOnly && len(f.ID) < 16 || len(f.ID) < 11 {
					t.Fatalf("transaction id %s holds fewer than 64 random bits", f.ID)
				}
			}
		}
		if len(seen) < 5000 {
			t.Errorf("only %d requests", len(seen))
		}
	})
}
