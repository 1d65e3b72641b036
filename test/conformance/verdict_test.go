package conformance

import (
	"bytes"
	"strings"
	"testing"

	"github.com/parley-msrp/parley/test/conformance/node"
	"github.com/parley-msrp/parley/test/peer"
)

// edited is a valid SEND of "hello" with one piece of its text replaced.
func edited(s peer.Session, old, replacement string) []byte {
	b := s.Send("hello").Bytes()
	if !bytes.Contains(b, []byte(old)) {
		panic("nothing to edit: " + old)
	}
	return bytes.Replace(b, []byte(old), []byte(replacement), 1)
}

// withRow is a valid SEND of "hello" with one more line in front of Content-Type.
func withRow(s peer.Session, line string) []byte {
	return edited(s, "Content-Type:", line+"\r\nContent-Type:")
}

// withRange is a valid SEND of a body with that Byte-Range.
func withRange(s peer.Session, byteRange, body string) []byte {
	return s.Send(body).Set("Byte-Range", byteRange).Bytes()
}

// verdict is one input and what may come back. Delivered is told as a message where the verdict is "200".
type verdict struct {
	name      string
	input     func(s peer.Session) []byte
	want      []string
	delivered string
}

// verdicts runs each case on a call of its own.
func verdicts(t *testing.T, n *node.Node, cases []verdict) {
	for _, v := range cases {
		row(t, v.name, func(t *testing.T) {
			c := answered(t, n, setup{})
			c.judge(t, c.expect(t, v.input(c.s), v.want...), v.delivered)
		})
	}
}

// judge checks what was told after an outcome, and that the program lives on.
func (c *call) judge(t *testing.T, got, delivered string) {
	t.Helper()
	if strings.Contains(got, "CLOSE") {
		c.n.Await(t, c.id, "E_MSRP_SESSION_END", 1)
		c.told(t)
		answered(t, c.n, setup{}).received(t)
		return
	}
	if got == "200" && delivered != "" {
		c.received(t, delivered)
		return
	}
	c.received(t)
}

// everyKind makes the program send one frame of each kind, which Frame.Check looks at: 200, 4xx, 5xx, REPORT, binding SEND, SEND
// with all headers in one chunk and in several.
func everyKind(t *testing.T, n *node.Node) {
	t.Helper()
	c := started(t, n, setup{})
	c.ok(t, c.s.Send("hello").Add("Success-Report", "yes"))
	report := c.c.Request(t, patience(), "REPORT")
	c.want(t, c.s.Send("hello").Del("Message-ID"), 400)
	c.want(t, peer.Session{Own: c.s.Own, Remote: strings.Replace(c.s.Remote, c.id, peer.Ident(), 1)}.Send("x"), 481)
	c.want(t, c.s.Request("FOOB"), 501)
	c.n.SendMessage(t, c.id, "text/plain", numbered(5000), "success_report", "yes", "failure_report", "partial")
	chunks := c.read(t, 0)
	for _, f := range append(chunks, report, c.bind) {
		for _, w := range f.Check() {
			t.Error(w)
		}
	}
	if len(chunks) < 2 || chunks[0].Get("Success-Report") != "yes" || chunks[0].Get("Failure-Report") != "partial" {
		t.Errorf("%d chunks, %q", len(chunks), chunks[0].Head)
	}
}
