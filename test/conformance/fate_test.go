package conformance

import (
	"fmt"
	"testing"

	"github.com/parley-msrp/parley/test/conformance/node"
	"github.com/parley-msrp/parley/test/peer"
)

// TestFate is about what becomes of messages that are sent.
func TestFate(t *testing.T) {
	t.Parallel()
	n := start(t, node.Config{})

	row(t, "M-078/defaults on receipt", func(t *testing.T) {
		c := answered(t, n, setup{})
		c.ok(t, c.s.Send("hello"))
		c.received(t, "hello")
		if p := c.c.Pending(); len(p) != 0 {
			t.Errorf("%s was sent", p[0].Method)
		}
		c.want(t, c.s.Send("hello").Set("Byte-Range", "x"), 400)
		c.ok(t, c.s.Send("again").Add("Success-Report", "yes"))
		c.c.Request(t, patience(), "REPORT")
	})

	row(t, "M-080/partial tells an error", func(t *testing.T) {
		c := started(t, n, setup{})
		id := n.SendMessage(t, c.id, "text/plain", "hello", "failure_report", "partial")
		f := c.c.Request(t, patience(), "SEND")
		c.fate(t, id, "written")
		c.c.Answer(f, 415, "Unsupported Media Type")
		c.failed(t, id, "415")
	})

	row(t, "M-080/no expects nothing", func(t *testing.T) {
		c := started(t, n, setup{})
		id := n.SendMessage(t, c.id, "text/plain", "hello", "failure_report", "no")
		if f := c.c.Request(t, patience(), "SEND"); f.Get("Failure-Report") != "no" {
			t.Errorf("%q", f.Head)
		}
		c.fate(t, id, "written")
		c.received(t)
		if e := n.Events(c.id, "E_MSRP_REPORT_RECEIVED"); len(e) != 0 {
			t.Errorf("%v", e)
		}
	})

	row(t, "M-081/no success report before the end", func(t *testing.T) {
		c := started(t, n, setup{})
		id := n.SendMessage(t, c.id, "text/plain", "hello", "success_report", "yes")
		c.read(t, 200)
		c.received(t)
		if e := n.Events(c.id, "E_MSRP_MSG_SENT"); len(e) != 0 {
			t.Errorf("a fate before its time: %v", e)
		}
		c.bye(t)
		c.fate(t, id, "unconfirmed")
	})

	row(t, "M-081/reports that cover a part", func(t *testing.T) {
		c := started(t, n, setup{})
		id := n.SendMessage(t, c.id, "text/plain", numbered(5000), "success_report", "yes")
		c.read(t, 200)
		c.c.Put(c.s.Report(id, "1-2048/5000", "000 200 OK").Bytes())
		c.received(t)
		c.bye(t)
		c.fate(t, id, "unconfirmed")
	})

	row(t, "M-081/reports that cover the whole", func(t *testing.T) {
		c := started(t, n, setup{})
		id := n.SendMessage(t, c.id, "text/plain", numbered(5000), "success_report", "yes")
		c.read(t, 200)
		c.c.Put(c.s.Report(id, "2001-5000/5000", "000 200 OK").Bytes())
		c.c.Put(c.s.Report(id, "1-2000/5000", "000 200 OK").Bytes())
		c.received(t)
		c.bye(t)
		n.Await(t, c.id, "E_MSRP_SESSION_END", 1)
		for _, e := range n.Events(c.id, "E_MSRP_MSG_SENT") {
			if e.Text("message_id") == id && e.Text("fate") != "reported" {
				t.Errorf("%s", e.Raw)
			}
		}
	})

	for _, how := range []string{"response", "REPORT"} {
		row(t, "M-082/"+how+" aborts", func(t *testing.T) { aborted(t, n, how, 400, "400") })
		row(t, "M-083/413 as "+how, func(t *testing.T) { aborted(t, n, how, 413, "413") })
	}

	row(t, "M-084/type refused by 415", func(t *testing.T) {
		c := started(t, n, setup{own: "*"})
		id := n.SendMessage(t, c.id, "image/png", "no picture")
		c.c.Answer(c.c.Request(t, patience(), "SEND"), 415, "Unsupported Media Type")
		c.failed(t, id, "415")
		n.SendRefused(t, c.id, "image/png", "again")
		n.SendRefused(t, c.id, "Image/PNG;x=y", "again")
		n.SendMessage(t, c.id, "text/plain", "text still goes")
		if f := c.c.Request(t, patience(), "SEND"); string(f.Body) != "text still goes" {
			t.Errorf("%q", f.Body)
		}
	})

	row(t, "M-084/a container is refused with what it holds", func(t *testing.T) {
		c := started(t, n, setup{own: "*"})
		cpim := func(inner string) string {
			return "From: <sip:a@example.invalid>\r\nTo: <sip:b@example.invalid>\r\n\r\nContent-Type: " + inner + "\r\n\r\nx"
		}
		id := n.SendMessage(t, c.id, "message/cpim", cpim("image/png"))
		c.c.Answer(c.c.Request(t, patience(), "SEND"), 415, "Unsupported Media Type")
		c.failed(t, id, "415")
		n.SendMessage(t, c.id, "message/cpim", cpim("text/plain"))
		if f := c.c.Request(t, patience(), "SEND"); f.Get("Content-Type") != "message/cpim" {
			t.Errorf("%q", f.Head)
		}
		n.SendRefused(t, c.id, "message/cpim", cpim("image/png"))
	})

	row(t, "M-084/another session is free", func(t *testing.T) {
		l := peer.ListenMSRP(t)
		c := started(t, n, setup{own: "*", listen: l})
		other := started(t, n, setup{own: "*", listen: l, conn: c.c})
		id := n.SendMessage(t, c.id, "image/png", "no picture")
		c.c.Answer(c.c.Request(t, patience(), "SEND"), 415, "Unsupported Media Type")
		c.failed(t, id, "415")
		n.SendRefused(t, c.id, "image/png", "again")
		n.SendMessage(t, other.id, "image/png", "a picture")
		c.c.Request(t, patience(), "SEND")
	})

	row(t, "M-085/403 is not repeated", func(t *testing.T) {
		c := started(t, n, setup{})
		id := n.SendMessage(t, c.id, "text/plain", "forbidden")
		c.c.Answer(c.c.Request(t, patience(), "SEND"), 403, "Forbidden")
		c.failed(t, id, "403")
		n.SendMessage(t, c.id, "text/plain", "next")
		if f := c.c.Request(t, patience(), "SEND"); string(f.Body) != "next" {
			t.Errorf("%q", f.Body)
		}
	})

	row(t, "M-085/481 ends the session", func(t *testing.T) {
		c := started(t, n, setup{})
		id := n.SendMessage(t, c.id, "text/plain", "hello")
		c.c.Answer(c.c.Request(t, patience(), "SEND"), 481, "No session")
		c.failed(t, id, "481")
		n.Await(t, c.id, "E_MSRP_SESSION_END", 1)
		c.byeCame(t)
		c.gone(t)
	})

	row(t, "M-085/506 is not repeated", func(t *testing.T) {
		c := started(t, n, setup{})
		id := n.SendMessage(t, c.id, "text/plain", "hello")
		c.c.Answer(c.c.Request(t, patience(), "SEND"), 506, "Bound elsewhere")
		c.failed(t, id, "506")
		n.Await(t, c.id, "E_MSRP_SESSION_END", 1)
		c.byeCame(t)
		if f, err := c.c.Read(patience()); err == nil || !peer.IsClosed(err) {
			t.Errorf("%v %v", f, err)
		}
	})

	row(t, "M-086/408", func(t *testing.T) {
		c := started(t, n, setup{})
		id := n.SendMessage(t, c.id, "text/plain", "hello")
		c.c.Answer(c.c.Request(t, patience(), "SEND"), 408, "Timeout")
		if e := c.failed(t, id, "408"); e.Text("byte_range") != "1-5/5" {
			t.Errorf("%s", e.Raw)
		}
	})

	row(t, "M-087/unknown codes", func(t *testing.T) {
		c := started(t, n, setup{})
		for _, code := range []int{299, 499, 777} {
			id := n.SendMessage(t, c.id, "text/plain", "hello")
			c.c.Answer(c.c.Request(t, patience(), "SEND"), code, "Odd")
			if code == 299 {
				c.fate(t, id, "delivered")
			} else {
				c.failed(t, id, fmt.Sprint(code))
			}
		}
		c.received(t)
	})
}
