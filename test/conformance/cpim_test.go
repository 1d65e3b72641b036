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

// cpimOf is a CPIM message of these headers, each a line, and the content with its own headers.
func cpimOf(content string, headers ...string) string {
	return strings.Join(headers, "\r\n") + "\r\n\r\n" + content
}

const (
	cpimFrom = "From: Alice <sip:alice@example.com>"
	cpimTo   = "To: <sip:bob@example.net>"
)

// cpimText is a CPIM message of From, To, further headers, and a text.
func cpimText(text string, headers ...string) string {
	return cpimOf("Content-Type: text/plain\r\n\r\n"+text, append([]string{cpimFrom, cpimTo}, headers...)...)
}

// wrapped is a SEND of a CPIM message.
func (c *call) wrapped(body string) *peer.Frame {
	return c.s.Send(body).Set("Content-Type", "message/cpim")
}

// opened sends a CPIM message and returns what its event says of it.
func (c *call) opened(t *testing.T, body string) (cpim map[string]any, e node.Event) {
	t.Helper()
	count := len(c.n.Events(c.id, "E_MSRP_MSG_RECEIVED")) + 1
	c.ok(t, c.wrapped(body))
	e = c.n.Await(t, c.id, "E_MSRP_MSG_RECEIVED", count)[count-1]
	cpim, _ = e.Data["cpim"].(map[string]any)
	if cpim == nil {
		t.Fatalf("no member cpim: %s", e.Raw)
	}
	return cpim, e
}

// addresses are addresses of an event, each as NAME URI.
func addresses(list any) string {
	var all []string
	entries, _ := list.([]any)
	for _, entry := range entries {
		a, _ := entry.(map[string]any)
		name, _ := a["name"].(string)
		all = append(all, strings.TrimSpace(fmt.Sprint(name, " ", a["uri"])))
	}
	return strings.Join(all, ", ")
}

// cpimHeader is the value of a header in an event.
func cpimHeader(cpim map[string]any, namespace, name string) (value string, ok bool) {
	entries, _ := cpim["headers"].([]any)
	for _, entry := range entries {
		if h, _ := entry.(map[string]any); h["namespace"] == namespace && h["name"] == name {
			return h["value"].(string), true
		}
	}
	return "", false
}

func TestCPIMReceived(t *testing.T) {
	t.Parallel()
	n := start(t, node.Config{})
	unwrapping := start(t, node.Config{Media: "  unwrap_cpim: true\n"})

	row(t, "P-001/on the wire and unwrapped", func(t *testing.T) {
		c := answered(t, n, setup{})
		body := cpimText("hello\r\n\r\nContent-Type: none\r\n")
		cpim, e := c.opened(t, body)
		if e.Text("content_type") != "message/cpim" || e.Text("body") != body {
			t.Errorf("not what was on the wire: %s", e.Raw)
		}
		if cpim["content_type"] != "text/plain" || cpim["body"] != "hello\r\n\r\nContent-Type: none\r\n" {
			t.Errorf("%s", e.Raw)
		}
		inOrder(t, e, "session_id", "content_type", "body", "message_id", "cpim")
	})

	row(t, "P-001/unwrapped by configuration, chunked", func(t *testing.T) {
		c := answered(t, unwrapping, setup{})
		text := numbered(5000)
		body, id := cpimText(text), peer.Ident()
		total := len(body)
		send := func(from, to int, flag byte) {
			c.ok(t, c.s.Chunk(id, fmt.Sprintf("%d-%d/%d", from+1, to, total), body[from:to], flag).Set("Content-Type", "message/cpim"))
		}
		send(0, 20, '+') // in the middle of the headers
		send(20, 3000, '+')
		send(3000, total, '$')
		e := unwrapping.Await(t, c.id, "E_MSRP_MSG_RECEIVED", 1)[0]
		cpim, _ := e.Data["cpim"].(map[string]any)
		if e.Text("content_type") != "text/plain" || e.Text("body") != text || cpim["body"] != nil || addresses(cpim["from"]) != "Alice sip:alice@example.com" {
			t.Errorf("%.500s", e.Raw)
		}
	})

	// what is refused, and that it is not told
	for name, body := range map[string]string{
		"P-001/no Content-Type inside":                 cpimOf("Content-ID: <1>\r\n\r\nhello", cpimFrom, cpimTo),
		"P-001/no headers inside":                      cpimOf("\r\nhello", cpimFrom, cpimTo),
		"P-001/T-077 no empty line":                    cpimFrom + "\r\n" + cpimTo + "\r\n",
		"P-002/folded line":                            cpimText("hello", "Subject: a", " b"),
		"P-002/T-077 LF line ends":                     strings.ReplaceAll(cpimText("hello"), "\r\n", "\n"),
		"P-003/T-077 from in small letters":            cpimOf("Content-Type: text/plain\r\n\r\nhello", strings.ToLower(cpimFrom), cpimTo),
		"P-004/no To":                                  cpimOf("Content-Type: text/plain\r\n\r\nhello", cpimFrom),
		"P-004/T-077 two From":                         cpimText("hello", cpimFrom),
		"P-012/T-078 fifty messages within each other": strings.Repeat(cpimOf("Content-Type: message/cpim\r\n\r\n", cpimFrom, cpimTo), 50) + cpimText("hello"),
		"P-012/what is within is malformed":            cpimOf("Content-Type: message/cpim\r\n\r\nhello", cpimFrom, cpimTo),
	} {
		row(t, name, func(t *testing.T) {
			c := answered(t, n, setup{})
			c.want(t, c.wrapped(body), 400)
			good := cpimText("good")
			c.ok(t, c.wrapped(good))
			c.received(t, good)
		})
	}

	row(t, "P-002/tolerated spaces, and parameters", func(t *testing.T) {
		c := answered(t, n, setup{})
		for header, want := range map[string]any{
			"Subject:;lang=en x": "x", "Subject:x": "x", "Subject:   x": "x", "Subject: x  ": "x", "Subject:": nil, `Subject:;a="; x";lang=en y`: "y",
		} {
			if cpim, e := c.opened(t, cpimText("hello", header)); cpim["subject"] != want {
				t.Errorf("%s: %s", header, e.Raw)
			}
		}
	})

	row(t, "P-003/inner names in any case", func(t *testing.T) {
		c := answered(t, n, setup{})
		if cpim, e := c.opened(t, cpimOf("content-type: text/plain\r\n\r\nhello", cpimFrom, cpimTo)); cpim["content_type"] != "text/plain" {
			t.Errorf("%s", e.Raw)
		}
	})

	row(t, "P-004/two Subject, two To", func(t *testing.T) {
		c := answered(t, n, setup{})
		cpim, e := c.opened(t, cpimText("hello", "Subject: first", "Subject: second", "To: <sip:carol@example.net>"))
		if cpim["subject"] != "first" || addresses(cpim["to"]) != "sip:bob@example.net, sip:carol@example.net" {
			t.Errorf("%s", e.Raw)
		}
	})

	row(t, "P-005/sender, recipients and time", func(t *testing.T) {
		c := answered(t, n, setup{})
		cpim, e := c.opened(t, cpimText("hello", "cc: Carol <im:carol@example.net>", "DateTime: 2024-03-07T09:15:42.120+01:00", "Subject: parcel"))
		if addresses(cpim["from"]) != "Alice sip:alice@example.com" || addresses(cpim["to"]) != "sip:bob@example.net" ||
			addresses(cpim["cc"]) != "Carol im:carol@example.net" || cpim["time"] != "2024-03-07T08:15:42.12Z" || cpim["subject"] != "parcel" {
			t.Errorf("%s", e.Raw)
		}
	})

	row(t, "P-006/unknown headers", func(t *testing.T) {
		c := answered(t, n, setup{})
		body := cpimText("hello", "X-Unknown:   y  ", "DateTime: 2024-03-07T09:15:42Z", `other.Header:;p="q";r=s t\x`)
		if cpim, e := c.opened(t, body); e.Text("body") != body || cpim["body"] != "hello" {
			t.Errorf("%s", e.Raw)
		}
	})

	row(t, "P-007/found by namespace", func(t *testing.T) {
		const imdn = "urn:ietf:params:imdn"
		c := answered(t, n, setup{})
		for _, ns := range []string{"NS: abc <" + imdn + ">", "NS: abc<" + imdn + ">"} {
			if cpim, e := c.opened(t, cpimText("hello", ns, "abc.Message-ID: x")); !is(cpimHeader(cpim, imdn, "Message-ID"))("x") {
				t.Errorf("%s", e.Raw)
			}
		}
		if cpim, e := c.opened(t, cpimText("hello", "NS: <"+imdn+">", "Message-ID: y")); !is(cpimHeader(cpim, imdn, "Message-ID"))("y") {
			t.Errorf("%s", e.Raw)
		}
		cpim, e := c.opened(t, cpimText("hello", "imdn.Message-ID: z", "imdn.Disposition-Notification: display")) // T-077: not declared
		if _, found := cpimHeader(cpim, imdn, "Message-ID"); found {
			t.Errorf("%s", e.Raw)
		}
	})

	row(t, "P-008/what is required and not understood", func(t *testing.T) {
		c := answered(t, n, setup{})
		c.want(t, c.wrapped(cpimText("hidden", "NS: abc <urn:abc>", "Require: abc.Must")), 403)
		c.want(t, c.wrapped(cpimText("hidden", "Require: not.Declared")), 403)
		c.want(t, c.wrapped(cpimText("hidden", "Require: From, Must")).Add("Failure-Report", "partial"), 403)
		c.want(t, c.wrapped(cpimOf("Content-Type: message/cpim\r\n\r\n"+cpimText("hidden", "Require: Must"), cpimFrom, cpimTo)), 403)
		body, id := cpimText("hidden", "Require: Must"), peer.Ident()
		c.ok(t, c.s.Chunk(id, fmt.Sprintf("1-40/%d", len(body)), body[:40], '+').Set("Content-Type", "message/cpim"))
		c.want(t, c.s.Chunk(id, fmt.Sprintf("41-%d/%d", len(body), len(body)), body[40:], '$').Set("Content-Type", "message/cpim"), 403)
		plain := cpimText("shown", "Require: From, DateTime")
		c.ok(t, c.wrapped(plain))
		c.received(t, plain)
	})

	row(t, "P-009/escapes in a display name", func(t *testing.T) {
		c := answered(t, n, setup{})
		cpim, e := c.opened(t, cpimOf("Content-Type: text/plain\r\n\r\nhello", `From: "A\tb \\ \u00e9 \"c\" \x"<sip:a@example.com>`, cpimTo))
		if got := addresses(cpim["from"]); got != "A\tb \\ \u00e9 \"c\" x sip:a@example.com" {
			t.Errorf("%q %s", got, e.Raw)
		}
	})

	row(t, "P-010/times that are read", func(t *testing.T) {
		c := answered(t, n, setup{})
		for in, want := range map[string]any{
			"2024-03-07T09:15:42Z": "2024-03-07T09:15:42Z", "2024-03-07T09:15:42+02:00": "2024-03-07T07:15:42Z", "2024-03-07T09:15:42.125-01:30": "2024-03-07T10:45:42.125Z",
			"2024-03-07T09:15:42": nil,
		} {
			if cpim, e := c.opened(t, cpimText("hello", "DateTime: "+in)); cpim["time"] != want {
				t.Errorf("%s: %s", in, e.Raw)
			}
		}
	})

	row(t, "P-012/senders of messages within each other", func(t *testing.T) {
		c := answered(t, n, setup{})
		cpim, e := c.opened(t, cpimOf("Content-Type: message/cpim\r\n\r\n"+cpimText("hello"), "From: <sip:gateway@example.org>", "To: <sip:bob@example.net>"))
		if addresses(cpim["from"]) != "sip:gateway@example.org, Alice sip:alice@example.com" || cpim["content_type"] != "text/plain" || cpim["body"] != "hello" {
			t.Errorf("%s", e.Raw)
		}
	})

	row(t, "P-013/Content-Length inside", func(t *testing.T) {
		c := answered(t, n, setup{})
		for _, length := range []string{"2", "2000", "x"} {
			if cpim, e := c.opened(t, cpimOf("Content-Type: text/plain\r\nContent-Length: "+length+"\r\n\r\nhello world", cpimFrom, cpimTo)); cpim["body"] != "hello world" {
				t.Errorf("%s", e.Raw)
			}
		}
	})
}

// is compares a value that was found.
func is(value string, ok bool) func(want string) bool {
	return func(want string) bool { return ok && value == want }
}

func TestCPIMSent(t *testing.T) {
	t.Parallel()
	n := start(t, node.Config{})

	// sent lets the program send a message, and returns its one SEND with the blocks of the CPIM message.
	sent := func(t *testing.T, c *call, mime, body string) (f *peer.Frame, headers []string, inner, content string) {
		t.Helper()
		n.SendMessage(t, c.id, mime, body)
		f = c.c.Request(t, patience(), "SEND")
		c.c.Answer(f, 200, "OK")
		head, rest, _ := strings.Cut(string(f.Body), "\r\n\r\n")
		inner, content, _ = strings.Cut(rest, "\r\n\r\n")
		return f, strings.Split(head, "\r\n"), inner, content
	}
	stampLine := regexp.MustCompile(`^DateTime: (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z)$`)

	for _, role := range []string{"called", "calling"} {
		row(t, "D-010/message/cpim first, "+role, func(t *testing.T) {
			o := setup{types: "message/cpim text/plain"}
			c := (*call)(nil)
			own, other := "", ""
			if role == "called" {
				c = answered(t, n, o)
				own, other = "sip:bob@"+n.SIP, "sip:alice@"+c.a.Addr.String()
			} else {
				c = started(t, n, o)
				own, other = "sip:parley@"+n.SIP, "sip:bob@"+c.a.Addr.String()
			}
			f, headers, inner, content := sent(t, c, "text/plain; charset=utf-8", "hello \u20ac")
			if f.Get("Content-Type") != "message/cpim" || content != "hello \u20ac" || strings.ReplaceAll(inner, " ", "") != "Content-Type:text/plain;charset=utf-8" {
				t.Errorf("%q %q", f.Head, f.Body)
			}
			if len(headers) != 3 || headers[0] != "From: <"+own+">" || headers[1] != "To: <"+other+">" || !stampLine.MatchString(headers[2]) {
				t.Errorf("%q, want from %s to %s", headers, own, other)
			}
			n.SendRefused(t, c.id, "image/png", "neither bare nor wrapped")
		})
	}

	row(t, "D-010/text first, bare", func(t *testing.T) {
		c := answered(t, n, setup{types: "text/plain message/cpim"})
		if f, _, _, _ := sent(t, c, "text/plain", "hello"); f.Get("Content-Type") != "text/plain" || string(f.Body) != "hello" {
			t.Errorf("%q %q", f.Head, f.Body)
		}
		// The stub sends nothing at all; a type that is taken in neither way is what tells this from a peer that takes everything.
		n.SendRefused(t, c.id, "image/png", "x")
	})

	row(t, "D-010/wrapped by the application, not twice", func(t *testing.T) {
		c := answered(t, n, setup{types: "message/cpim text/plain"})
		body := cpimText("hello")
		if f, _, _, _ := sent(t, c, "message/cpim", body); f.Get("Content-Type") != "message/cpim" || string(f.Body) != body {
			t.Errorf("%q %q", f.Head, f.Body)
		}
	})

	for name, types := range map[string]string{"container alone": "message/cpim", "container behind": "text/html message/cpim"} {
		row(t, "D-009/only wrapped, "+name, func(t *testing.T) {
			c := started(t, n, setup{types: types, attrs: "a=accept-wrapped-types:text/plain\r\n", own: "message/cpim text/plain text/html"})
			f, _, inner, content := sent(t, c, "text/plain", "hello")
			if f.Get("Content-Type") != "message/cpim" || inner != "Content-Type: text/plain" || content != "hello" {
				t.Errorf("%q %q", f.Head, f.Body)
			}
			n.SendRefused(t, c.id, "image/png", "x")
		})
	}

	row(t, "D-009/an own list of containers alone takes everything within them", func(t *testing.T) {
		c := started(t, n, setup{types: "message/cpim text/plain", own: "message/cpim"})
		if types, _ := c.sdp.Media[0].Attr("accept-types"); types != "message/cpim" {
			t.Errorf("accept-types %q", types)
		}
		if types, _ := c.sdp.Media[0].Attr("accept-wrapped-types"); types != "*" {
			t.Errorf("accept-wrapped-types %q", types)
		}
	})

	row(t, "P-002/one line, one space each", func(t *testing.T) {
		c := answered(t, n, setup{types: "message/cpim *"})
		_, headers, inner, _ := sent(t, c, "text/plain", "hello")
		line := regexp.MustCompile(`^[A-Za-z.-]+: [^\s](.*[^\s])?$`)
		for _, h := range append(headers, inner) {
			if !line.MatchString(h) {
				t.Errorf("%q", h)
			}
		}
	})

	row(t, "P-010/the time of sending", func(t *testing.T) {
		c := answered(t, n, setup{types: "message/cpim *"})
		before := time.Now().Truncate(time.Millisecond)
		_, headers, _, _ := sent(t, c, "text/plain", "hello")
		after := time.Now()
		for _, h := range headers {
			if m := stampLine.FindStringSubmatch(h); m != nil {
				if at := stamp(t, m[1]); at.Before(before) || at.After(after) {
					t.Errorf("%s is not between %s and %s", at, before, after)
				}
				return
			}
		}
		t.Errorf("no DateTime: %q", headers)
	})

	row(t, "P-011/wrapped before it is chunked", func(t *testing.T) {
		c := answered(t, n, setup{types: "message/cpim text/plain"})
		text := numbered(9000)
		id := n.SendMessage(t, c.id, "text/plain", text)
		chunks := c.read(t, 200)
		whole := join(chunks)
		if len(chunks) < 2 || !strings.HasPrefix(whole, "From: ") || !strings.HasSuffix(whole, "\r\n\r\n"+text) {
			t.Fatalf("%d chunks, %.300q", len(chunks), whole)
		}
		for i, f := range chunks {
			if r, ok := f.Range(); !ok || !strings.HasSuffix(f.Get("Byte-Range"), fmt.Sprintf("/%d", len(whole))) {
				t.Errorf("Byte-Range %q of %d octets: %+v", f.Get("Byte-Range"), len(whole), r)
			}
			if i > 0 && strings.Contains(string(f.Body), "From:") || f.Get("Content-Type") != "message/cpim" {
				t.Errorf("chunk %d: %q", i, f.Head)
			}
		}
		c.fate(t, id, "delivered")
	})
}
