package conformance

import (
	"slices"
	"strings"
	"testing"

	"github.com/parley-msrp/parley/test/conformance/node"
	"github.com/parley-msrp/parley/test/peer"
)

// TestAccepted is about types.
func TestAccepted(t *testing.T) {
	t.Parallel()
	n := start(t, node.Config{})
	plain := start(t, node.Config{Route: plainRoute})
	containers := []string{"multipart/mixed", "multipart/alternative", "multipart/signed", "message/cpim"}

	row(t, "M-103/unsupported type", func(t *testing.T) {
		c := answered(t, plain, setup{})
		c.want(t, c.s.Send("hello").Set("Content-Type", "application/x-foo"), 415)
		c.expect(t, c.s.Send("hello").Set("Content-Type", "application/x-foo").Add("Failure-Report", "no").Bytes(), "IGNORE")
		c.ok(t, c.s.Send("hello").Set("Content-Type", "TEXT/plain; charset=utf-8"))
		c.received(t, "hello")
	})

	row(t, "M-104/default types", func(t *testing.T) {
		c := answered(t, n, setup{})
		types, _ := c.sdp.Media[0].Attr("accept-types")
		list := strings.Fields(types)
		var bodies []string
		for _, ct := range containers {
			if !slices.Contains(list, "*") && !slices.Contains(list, ct) {
				t.Errorf("accept-types %q do not cover %s", types, ct)
			}
			body := ct + " body"
			if ct == "message/cpim" {
				body = cpimText("a body")
			}
			c.ok(t, c.s.Send(body).Set("Content-Type", ct+";boundary=x"))
			bodies = append(bodies, body)
		}
		c.received(t, bodies...)
		for i, e := range n.Await(t, c.id, "E_MSRP_MSG_RECEIVED", 4)[:4] {
			if !strings.HasPrefix(e.Text("content_type"), containers[i]) {
				t.Errorf("%s", e.Raw)
			}
		}
	})

	row(t, "M-104/explicit types go out verbatim", func(t *testing.T) {
		c := answered(t, plain, setup{})
		if types, _ := c.sdp.Media[0].Attr("accept-types"); types != "text/plain" {
			t.Errorf("accept-types %q", types)
		}
		for _, ct := range containers {
			c.want(t, c.s.Send("x").Set("Content-Type", ct+";boundary=x"), 415)
		}
		c.received(t)
	})
}

func TestReport(t *testing.T) {
	t.Parallel()
	n := start(t, node.Config{})
	plain := start(t, node.Config{Route: plainRoute})

	row(t, "M-105/a report for all octets", func(t *testing.T) {
		c := answered(t, n, setup{})
		id := peer.Ident()
		for _, part := range []struct {
			r, body string
			flag    byte
		}{{"1-3/8", "abc", '+'}, {"4-6/8", "def", '+'}, {"7-8/8", "gh", '$'}} {
			c.ok(t, c.s.Chunk(id, part.r, part.body, part.flag).Add("Success-Report", "yes"))
		}
		covered := make([]bool, 9)
		for left := 8; left > 0; {
			f := c.c.Request(t, patience(), "REPORT")
			r, ok := f.Range()
			if !ok || r.End < r.Start || r.End > 8 || f.Get("Message-ID") != id || !strings.HasPrefix(f.Get("Status"), "000 200") {
				t.Fatalf("%q", f.Head)
			}
			for i := r.Start; i <= r.End; i++ {
				if !covered[i] {
					covered[i] = true
					left--
				}
			}
		}
	})

	row(t, "M-105/independent of Failure-Report", func(t *testing.T) {
		c := answered(t, n, setup{})
		for _, fr := range []string{"partial", "no"} {
			f := c.s.Send("hello").Add("Success-Report", "yes").Add("Failure-Report", fr)
			c.c.Put(f.Bytes())
			if r := c.c.Request(t, patience(), "REPORT"); r.Get("Message-ID") != f.Get("Message-ID") {
				t.Errorf("%q", r.Head)
			}
		}
	})

	row(t, "M-105/none unless asked for", func(t *testing.T) {
		c := answered(t, n, setup{})
		c.ok(t, c.s.Send("one"))
		c.ok(t, c.s.Send("two").Add("Success-Report", "no"))
		c.ok(t, c.s.Send("three").Set("Content-Type", "text/plain").Add("Success-Report", "yes"))
		if r := c.c.Request(t, patience(), "REPORT"); r.Get("Byte-Range") != "1-5/5" {
			t.Errorf("%q", r.Head)
		}
		c.received(t, "one", "two", "three")
		if p := c.c.Pending(); len(p) != 0 {
			t.Errorf("%q", p[0].Head)
		}
	})

	row(t, "M-105/none for what was refused", func(t *testing.T) {
		c := answered(t, plain, setup{})
		c.want(t, c.s.Send("x").Set("Content-Type", "a/b").Add("Success-Report", "yes"), 415)
		c.received(t)
		if p := c.c.Pending(); len(p) != 0 {
			t.Errorf("%q", p[0].Head)
		}
	})

	row(t, "M-106/paths of a REPORT", func(t *testing.T) {
		c := answered(t, n, setup{})
		from := "msrp://r2.example.invalid:2855/tok2;tcp msrp://r1.example.invalid:2855/tok1;tcp " + c.s.Own
		f := c.s.Send("hello").Set("From-Path", from).Add("Success-Report", "yes")
		c.ok(t, f)
		r := c.c.Request(t, patience(), "REPORT")
		if r.Get("To-Path") != from || r.Get("From-Path") != c.s.Remote || r.Get("Message-ID") != f.Get("Message-ID") || r.Get("Byte-Range") != "1-5/5" {
			t.Errorf("%q", r.Head)
		}
	})

	row(t, "M-106/success REPORT without Byte-Range", func(t *testing.T) {
		c := started(t, n, setup{})
		id := n.SendMessage(t, c.id, "text/plain", numbered(5000), "success_report", "yes")
		c.read(t, 200)
		c.c.Put(c.s.Report(id, "", "000 200 OK").Bytes())
		c.failed(t, id, "200 OK")
		c.bye(t)
		n.Await(t, c.id, "E_MSRP_SESSION_END", 1)
		for _, e := range n.Events(c.id, "E_MSRP_MSG_SENT") {
			if e.Text("fate") == "unconfirmed" {
				t.Errorf("%s", e.Raw)
			}
		}
	})

	row(t, "M-108/REPORTs are never answered", func(t *testing.T) {
		c := started(t, n, setup{})
		id := n.SendMessage(t, c.id, "text/plain", "hello", "success_report", "yes")
		c.read(t, 200)
		good := c.s.Report(id, "1-5/5", "000 200 OK")
		stranger := peer.Session{Own: c.s.Own, Remote: strings.Replace(c.s.Remote, c.id, peer.Ident(), 1)}
		for name, f := range map[string]*peer.Frame{
			"good":                good,
			"again":               c.s.Report(id, "1-5/5", "000 200 OK"),
			"unknown message":     c.s.Report(peer.Ident(), "1-5/5", "000 200 OK"),
			"unknown session":     stranger.Report(id, "1-5/5", "000 200 OK"),
			"no Status":           c.s.Report(id, "1-5/5", "000 200 OK").Del("Status"),
			"no Message-ID":       c.s.Report(id, "1-5/5", "000 200 OK").Del("Message-ID"),
			"bad Byte-Range":      c.s.Report(id, "5", "000 200 OK"),
			"bad Status":          c.s.Report(id, "1-5/5", "x"),
			"with Success-Report": c.s.Report(id, "1-5/5", "000 200 OK").Add("Success-Report", "yes"),
			"with Failure-Report": c.s.Report(id, "1-5/5", "000 400 x").Set("Message-ID", peer.Ident()).Add("Failure-Report", "yes"),
		} {
			if got := c.outcome(t, c.c.Put, f.Bytes()); got != "IGNORE" {
				t.Errorf("%s: %s", name, got)
			}
		}
		c.received(t)
		if got := n.Events(c.id, "E_MSRP_REPORT_RECEIVED"); len(got) == 0 {
			t.Error("the good one was not told")
		}
	})

	row(t, "M-109/unknown Message-ID", func(t *testing.T) {
		c := started(t, n, setup{})
		for range 1000 {
			c.c.Put(c.s.Report(peer.Ident(), "1-5/5", "000 413 No").Bytes())
		}
		c.received(t)
		if got := n.Events(c.id, "E_MSRP_REPORT_RECEIVED"); len(got) != 0 {
			t.Errorf("%v", got[0])
		}
		if lines := strings.Count(n.Log(), c.id); lines > 200 {
			t.Errorf("%d lines were logged for this session", lines)
		}
		n.SendMessage(t, c.id, "text/plain", "goes on")
		c.c.Request(t, patience(), "SEND")
	})

	row(t, "M-109/no REPORT into a session that is over", func(t *testing.T) {
		first, second := bound(t, n)
		id := peer.Ident()
		first.ok(t, first.s.Chunk(id, "1-3/6", "abc", '+').Add("Success-Report", "yes"))
		first.bye(t)
		n.Await(t, first.id, "E_MSRP_SESSION_END", 1)
		first.want(t, first.s.Chunk(id, "4-6/6", "def", '$').Add("Success-Report", "yes"), 481)
		second.received(t)
		for _, f := range second.c.Pending() {
			t.Errorf("%q", f.Head)
		}
	})

	for _, code := range []string{"400", "403", "404", "413", "415", "428"} {
		row(t, "M-110/"+code+" ends the message only", func(t *testing.T) {
			c := started(t, n, setup{own: "*"})
			id := n.SendMessage(t, c.id, "text/x-"+code, "hello")
			c.read(t, 200)
			c.c.Put(c.s.Report(id, "1-5/5", "000 "+code+" No").Bytes())
			c.failed(t, id, code+" No")
			n.SendMessage(t, c.id, "text/plain", "next")
			c.c.Answer(c.c.Request(t, patience(), "SEND"), 200, "OK")
			c.received(t)
			if e := n.Events(c.id, "E_MSRP_SESSION_END"); len(e) != 0 {
				t.Errorf("%v", e)
			}
		})
	}

	for _, code := range []string{"408", "481", "506", "599"} {
		row(t, "M-110/"+code+" with Byte-Range ends the session", func(t *testing.T) {
			c := started(t, n, setup{})
			id := n.SendMessage(t, c.id, "text/plain", "hello")
			c.read(t, 200)
			c.c.Put(c.s.Report(id, "1-5/5", "000 "+code+" No").Bytes())
			c.failed(t, id, code+" No")
			n.Await(t, c.id, "E_MSRP_SESSION_END", 1)
			c.byeCame(t)
		})
	}

	row(t, "M-110/408 without Byte-Range", func(t *testing.T) {
		c := started(t, n, setup{})
		id := n.SendMessage(t, c.id, "text/plain", "hello")
		c.read(t, 200)
		c.c.Put(c.s.Report(id, "", "000 408 Timeout").Bytes())
		c.failed(t, id, "408 Timeout")
	})
}
