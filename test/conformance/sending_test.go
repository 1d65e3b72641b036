package conformance

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/parley-msrp/parley/test/conformance/node"
	"github.com/parley-msrp/parley/test/peer"
)

// large is more than sockets take while the peer does not read.
const large = 6 << 20

// flood is a message of that size.
func flood() string { return strings.Repeat(numbered(64<<10), large>>16) }

// aborted refuses the second chunk of a large message and looks at what is still sent of it.
func aborted(t *testing.T, n *node.Node, how string, code int, status string) {
	t.Helper()
	c := started(t, n, setup{})
	id := n.SendMessage(t, c.id, "text/plain", flood())
	c.c.Answer(c.c.Request(t, patience(), "SEND"), 200, "OK")
	f := c.c.Request(t, patience(), "SEND")
	answer := code // to the chunks that were under way
	if how == "REPORT" {
		answer = 200
		c.c.Answer(f, 200, "OK")
		c.c.Put(c.s.Report(id, f.Get("Byte-Range"), fmt.Sprintf("000 %d No", code)).Bytes())
	} else {
		c.c.Answer(f, code, "No")
	}
	c.n.Await(t, c.id, "E_MSRP_REPORT_RECEIVED", 1)
	if e := n.Events(c.id, "E_MSRP_REPORT_RECEIVED")[0]; e.Text("message_id") != id || !strings.HasPrefix(e.Text("status"), status) {
		t.Errorf("%s", e.Raw)
	}
	n.SendMessage(t, c.id, "text/plain", "after it")
	octets, last := 0, f
	for {
		f := c.c.Request(t, patience(), "SEND")
		if string(f.Body) == "after it" {
			c.c.Answer(f, 200, "OK")
			break
		}
		c.c.Answer(f, answer, "No")
		octets += len(f.Body)
		if octets > large*3/4 || f.Flag == '$' {
			t.Fatalf("the message went on after %d: %d octets, flag %c", code, octets, f.Flag)
		}
		if last.Flag == '#' || code == 413 && f.Flag == '#' && len(f.Body) == 0 {
			t.Errorf("a chunk with flag %c after one with %c", f.Flag, last.Flag)
		}
		last = f
	}
	if last.Flag == '#' {
		if r, _ := last.Range(); r.End != -1 && code == 413 {
			t.Errorf("chunk of known range %s was ended by #", last.Get("Byte-Range"))
		}
	}
	c.n.SendMessage(t, c.id, "text/plain", "and another")
	if f := c.c.Request(t, patience(), "SEND"); f.Get("Message-ID") == id || string(f.Body) != "and another" {
		t.Errorf("%q", f.Head)
	}
	if e := n.Events(c.id, "E_MSRP_REPORT_RECEIVED"); len(e) != 1 {
		t.Errorf("%d failures of one message were told", len(e))
	}
}

// MI's words for the reports are those of the wire; the listing shows the session.
func TestStarted(t *testing.T) {
	t.Parallel()
	n := start(t, node.Config{})
	row(t, "M-043/M-057/smoke of a listed session", func(t *testing.T) {
		c := started(t, n, setup{})
		l := n.Session(t, c.id)
		if l == nil || l.Type != "UAC" || l.State != 2 || l.PeerPath != c.s.Own || l.Lifetime <= 0 {
			t.Errorf("%+v", l)
		}
		if !regexp.MustCompile(`^[0-9a-f]{32}$`).MatchString(c.id) {
			t.Errorf("session_id %q", c.id)
		}
		if e := n.Await(t, c.id, "E_MSRP_SESSION_NEW", 1)[0]; time.Since(stamp(t, e.Time)) > time.Minute {
			t.Errorf("%s", e.Raw)
		}
	})
}

// stamp reads the time of an event, which is UTC in the form of RFC 3339.
func stamp(t *testing.T, s string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339Nano, s)
	if err != nil || !strings.HasSuffix(s, "Z") {
		t.Errorf("time %q", s)
	}
	return at
}

// TestChunking is about how messages are cut into chunks.
func TestChunking(t *testing.T) {
	t.Parallel()
	n := start(t, node.Config{})

	row(t, "M-068/one Message-ID and the same report headers", func(t *testing.T) {
		c := started(t, n, setup{})
		seen := map[string]bool{}
		for range 2 {
			id := n.SendMessage(t, c.id, "text/plain", numbered(10_000), "success_report", "yes", "failure_report", "partial")
			chunks := c.read(t, 0)
			if len(chunks) != 5 || seen[id] {
				t.Errorf("%d chunks; Message-ID seen before: %v", len(chunks), seen[id])
			}
			seen[id] = true
			for _, f := range chunks {
				if f.Get("Message-ID") != id || f.Get("Success-Report") != "yes" || f.Get("Failure-Report") != "partial" || f.Get("Content-Type") != "text/plain" {
					t.Errorf("%q", f.Head)
				}
			}
		}
	})

	row(t, "M-068/no report headers where none were asked for", func(t *testing.T) {
		c := started(t, n, setup{})
		n.SendMessage(t, c.id, "text/plain", numbered(5_000), "success_report", "no", "failure_report", "yes")
		for _, f := range c.read(t, 200) {
			if f.Has("Success-Report") || f.Has("Failure-Report") {
				t.Errorf("%q", f.Head)
			}
		}
	})

	row(t, "M-069/starts without gap", func(t *testing.T) {
		c := started(t, n, setup{})
		body := numbered(5_000)
		n.SendMessage(t, c.id, "text/plain", body)
		next, chunks := 1, c.read(t, 200)
		for _, f := range chunks {
			r, ok := f.Range()
			if !ok || r.Start != next {
				t.Errorf("Byte-Range %q, want start %d", f.Get("Byte-Range"), next)
			}
			next += len(f.Body)
		}
		if join(chunks) != body {
			t.Error("another body")
		}
	})

	row(t, "M-070/range-end of large chunks", func(t *testing.T) {
		c := started(t, n, setup{})
		n.SendMessage(t, c.id, "text/plain", numbered(10_000))
		for _, f := range c.read(t, 200) {
			if r, _ := f.Range(); len(f.Body) > 2048 && r.End != -1 {
				t.Errorf("%d octets under %s", len(f.Body), f.Get("Byte-Range"))
			}
		}
	})

	row(t, "M-071/known values", func(t *testing.T) {
		c := started(t, n, setup{})
		n.SendMessage(t, c.id, "text/plain", numbered(100))
		if f := c.c.Request(t, patience(), "SEND"); f.Get("Byte-Range") != "1-100/100" {
			t.Errorf("Byte-Range %q", f.Get("Byte-Range"))
		}
		n.SendMessage(t, c.id, "text/plain", numbered(5000))
		for _, f := range c.read(t, 0) {
			if r, _ := f.Range(); r.Total != 5000 {
				t.Errorf("Byte-Range %q", f.Get("Byte-Range"))
			}
		}
	})

	row(t, "M-072/chunks of 2048 octets", func(t *testing.T) {
		c := started(t, n, setup{})
		n.SendMessage(t, c.id, "text/plain", numbered(1<<20+1))
		chunks := c.read(t, 200)
		for i, f := range chunks {
			if i < len(chunks)-1 && len(f.Body) < 2048 {
				t.Fatalf("chunk %d of %d has %d octets", i+1, len(chunks), len(f.Body))
			}
		}
		if want := (1<<20+1)/2048 + 1; len(chunks) > want {
			t.Errorf("%d chunks, want %d", len(chunks), want)
		}
		n.SendMessage(t, c.id, "text/plain", numbered(2048))
		if f := c.c.Request(t, patience(), "SEND"); f.Flag != '$' || len(f.Body) != 2048 {
			t.Errorf("%d octets, flag %c", len(f.Body), f.Flag)
		}
	})

	row(t, "M-073/rising order", func(t *testing.T) {
		c := started(t, n, setup{})
		n.SendMessage(t, c.id, "text/plain", numbered(300_000))
		last := 0
		for _, f := range c.read(t, 200) {
			r, _ := f.Range()
			if r.Start <= last {
				t.Fatalf("start %d after %d", r.Start, last)
			}
			last = r.Start
		}
	})

	row(t, "M-074/a response between chunks", func(t *testing.T) {
		c := started(t, n, setup{})
		body := flood()
		n.SendMessage(t, c.id, "text/plain", body, "failure_report", "no")
		first := c.c.Request(t, patience(), "SEND")
		f := c.s.Send("in between").Add("Success-Report", "yes")
		c.c.Put(f.Bytes())
		got, next, answered, reported := first.Raw, len(first.Body)+1, false, false
		for !answered || !reported {
			r := c.c.Next(t, patience())
			got += r.Raw
			switch {
			case r.Code == 200 && r.ID == f.ID:
				answered = true
			case r.Method == "REPORT":
				reported = true
			case r.Method == "SEND" && r.Flag == '+':
				rg, _ := r.Range()
				if rg.Start != next {
					t.Fatalf("start %d, want %d", rg.Start, next)
				}
				next += len(r.Body)
			default:
				t.Fatalf("%s%03d %c after %d octets: no answer before the end", r.Method, r.Code, r.Flag, got)
			}
		}
	})

	row(t, "M-075/two messages alternate", func(t *testing.T) {
		l := peer.ListenMSRP(t)
		first := started(t, n, setup{listen: l})
		second := started(t, n, setup{listen: l, conn: first.c})
		body := flood()
		n.SendMessage(t, first.id, "text/plain", body, "failure_report", "no")
		n.SendMessage(t, second.id, "text/plain", body, "failure_report", "no")
		sent := map[string]int{}
		begin, both := 0, false
		for {
			f := first.c.Request(t, patience(), "SEND")
			to := f.Get("To-Path")
			sent[to] += len(f.Body)
			if to == second.s.Own && !both {
				begin, both = sent[first.s.Own], true
			}
			if f.Flag == '$' {
				break
			}
			if ahead := sent[first.s.Own] - begin - sent[second.s.Own]; both && (ahead > 128<<10 || ahead < -128<<10) {
				t.Fatalf("one message is %d octets ahead of the other", ahead)
			}
		}
		if !both {
			t.Error("the second message waited for the end of the first")
		}
	})

	row(t, "M-076/requests do not wait for responses", func(t *testing.T) {
		c := started(t, n, setup{})
		one := n.SendMessage(t, c.id, "text/plain", numbered(8_000))
		two := n.SendMessage(t, c.id, "text/plain", "second")
		chunks := c.read(t, 0)
		f := c.c.Request(t, patience(), "SEND")
		if string(f.Body) != "second" {
			t.Errorf("%q", f.Body)
		}
		for _, f := range append(chunks, f) {
			c.c.Answer(f, 200, "OK")
		}
		c.fate(t, one, "delivered")
		c.fate(t, two, "delivered")
	})

	row(t, "M-077/no transfer encoding", func(t *testing.T) {
		c := started(t, n, setup{own: "*"})
		for _, mime := range []string{"text/plain;charset=utf-8", "application/octet-stream", "image/png"} {
			n.SendMessage(t, c.id, mime, "\x00\x01\x7f\u00e9\u20ac")
			f := c.c.Request(t, patience(), "SEND")
			if f.Has("Content-Transfer-Encoding") || string(f.Body) != "\x00\x01\x7f\u00e9\u20ac" || f.Get("Content-Type") != mime {
				t.Errorf("%q %q", f.Head, f.Body)
			}
			c.c.Answer(f, 200, "OK")
		}
	})
}

func TestWhatThePeerTakes(t *testing.T) {
	t.Parallel()
	n := start(t, node.Config{})

	row(t, "M-088/types that the peer did not list", func(t *testing.T) {
		c := started(t, n, setup{types: "text/plain image/*"})
		for _, mime := range []string{"text/html", "application/octet-stream", "message/cpim", "imag/png"} {
			n.SendRefused(t, c.id, mime, "x")
		}
		for _, mime := range []string{"text/plain", "TEXT/Plain; charset=utf-8", "image/png", "image/gif;a=b"} {
			n.SendMessage(t, c.id, mime, "x")
			if f := c.c.Request(t, patience(), "SEND"); f.Get("Content-Type") != strings.ReplaceAll(mime, " ", "") {
				t.Errorf("%q", f.Head)
			}
		}
	})

	row(t, "M-088/wrapped types are no types of their own", func(t *testing.T) {
		c := started(t, n, setup{types: "multipart/mixed text/html", own: "text/html", attrs: "a=accept-wrapped-types:text/plain\r\n"})
		n.SendRefused(t, c.id, "text/plain", "x")
		n.SendMessage(t, c.id, "text/html", "x")
		c.c.Request(t, patience(), "SEND")
	})

	row(t, "M-088/what the application wraps", func(t *testing.T) {
		c := started(t, n, setup{types: "message/cpim", own: "message/cpim text/plain", attrs: "a=accept-wrapped-types:text/plain\r\n"})
		n.SendMessage(t, c.id, "message/cpim", "From: <sip:a@x>\r\nTo: <sip:b@x>\r\n\r\nContent-Type: text/plain\r\n\r\nx")
		c.c.Request(t, patience(), "SEND")
	})

	row(t, "M-088/every type under a star", func(t *testing.T) {
		c := answered(t, n, setup{types: "text/plain *"})
		n.SendMessage(t, c.id, "application/x-anything", "x")
		c.c.Request(t, patience(), "SEND")
	})

	row(t, "M-089/max-size", func(t *testing.T) {
		c := started(t, n, setup{attrs: "a=max-size:100\r\n"})
		n.SendRefused(t, c.id, "text/plain", numbered(101))
		n.SendMessage(t, c.id, "text/plain", numbered(100))
		if f := c.c.Request(t, patience(), "SEND"); len(f.Body) != 100 {
			t.Errorf("%d octets", len(f.Body))
		}
	})

	row(t, "M-089/max-size in an offer", func(t *testing.T) {
		c := answered(t, n, setup{attrs: "a=max-size:5000\r\n"})
		n.SendRefused(t, c.id, "text/plain", numbered(5001))
		n.SendMessage(t, c.id, "text/plain", numbered(5000))
		if got := join(c.read(t, 200)); len(got) != 5000 {
			t.Errorf("%d octets", len(got))
		}
	})

	for _, direction := range []string{"sendonly", "inactive"} {
		row(t, "M-090/"+direction+" peer", func(t *testing.T) {
			c := started(t, n, setup{attrs: "a=" + direction + "\r\n"})
			n.SendRefused(t, c.id, "text/plain", "hello")
			if direction == "sendonly" {
				c.ok(t, c.s.Send("hello").Add("Success-Report", "yes"))
				c.c.Request(t, patience(), "REPORT")
				c.received(t, "hello")
			}
		})
	}

	row(t, "M-090/recvonly peer", func(t *testing.T) {
		c := started(t, n, setup{attrs: "a=recvonly\r\n"})
		n.SendMessage(t, c.id, "text/plain", "hello")
		if f := c.c.Request(t, patience(), "SEND"); string(f.Body) != "hello" {
			t.Errorf("%q", f.Body)
		}
	})
}
