package msrp_test

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-msrp/parley/msrp"
)

// torture is a hostile or odd input on a bound session, and what must come of it.
type torture struct {
	name   string
	input  func(id, base string) string // base is a valid request with the transaction id
	codes  []int                        // responses; then the connection is usable
	closed bool                         // after the responses
	body   any                          // string: of the message handed over; nil: none
	empty  bool                         // a SEND without body is handed over
	stream string                       // the body in stream mode, if that is another one
}

// swallowing is a recorder that reads and accepts streams, and tells of those that were whole as of messages.
type swallowing struct{ *recorder }

func (h swallowing) Stream(_ *msrp.Session, in *msrp.Incoming) {
	go func() {
		if b, err := io.ReadAll(in); err == nil {
			h.events <- &msrp.Received{MessageID: in.MessageID, Body: b}
			in.Accept()
		}
	}()
}

// with replaces a part of the base request.
func with(pairs ...string) func(string, string) string {
	return func(id, base string) string {
		words := make([]string, len(pairs))
		for i := range pairs {
			words[i] = strings.ReplaceAll(pairs[i], "<id>", id)
		}
		out := strings.NewReplacer(words...).Replace(base)
		if out == base {
			panic("nothing replaced: " + pairs[0])
		}
		return out
	}
}

// idIs puts another transaction id into the request.
func idIs(other string) func(string, string) string {
	return func(id, base string) string { return strings.ReplaceAll(base, id, other) }
}

func bodyIs(body string) func(string, string) string {
	return func(id, base string) string {
		base = strings.Replace(base, "Byte-Range: 1-5/5\r\n", "", 1)
		return strings.Replace(base, "\r\n\r\nhello\r\n", "\r\n\r\n"+strings.ReplaceAll(body, "<id>", id)+"\r\n", 1)
	}
}

func raw(text string) func(string, string) string {
	return func(id, _ string) string { return strings.ReplaceAll(text, "<id>", id) }
}

// chunked makes several chunks of one message, each "range body flag".
func chunked(parts ...string) func(string, string) string {
	return func(id, base string) string {
		var b strings.Builder
		for i, part := range parts {
			f := strings.Split(part, " ")
			b.WriteString(strings.NewReplacer(
				"m-torture", "m-"+id,
				"1-5/5", f[0],
				"\r\nhello\r\n", "\r\n"+f[1]+"\r\n",
				id+"$", id+string(rune('a'+i))+f[2],
				id, id+string(rune('a'+i)),
			).Replace(base))
		}
		return b.String()
	}
}

// many makes 100 requests of which all but the last are refused in silence.
func many(id, base string) string {
	var b strings.Builder
	for i := range 99 {
		b.WriteString(strings.NewReplacer(id, fmt.Sprintf("%s%d", id[:10], i), "Message-ID: m-torture", "Failure-Report: no\r\nMessage-ID: x-torture", "text/plain", "a/b").Replace(base))
	}
	return b.String() + base
}

func rangeIs(r string) func(string, string) string {
	return with("Byte-Range: 1-5/5", "Byte-Range: "+r)
}

func tortures() []torture {
	const length = "Byte-Range: 1-5/5"
	all := []byte{}
	for i := range 256 {
		all = append(all, byte(i))
	}
	accept := func(name string, input func(string, string) string) torture {
		return torture{name: name, input: input, codes: []int{200}, body: "hello"}
	}
	content := func(name, body string) torture {
		return torture{name: name, input: func(id, base string) string { return bodyIs(body)(id, base) }, codes: []int{200}, body: body}
	}
	answer := func(code int, name string, input func(string, string) string) torture {
		return torture{name: name, input: input, codes: []int{code}}
	}
	ignore := func(name string, input func(string, string) string) torture { return torture{name: name, input: input} }
	closes := func(name string, input func(string, string) string) torture {
		return torture{name: name, input: input, closed: true}
	}
	cases := []torture{
		closes("T-001/id of 33 characters", idIs(strings.Repeat("a", 33))),
		closes("T-002/id of 3 characters", idIs("abc")),
		closes("T-002/id that begins with a hyphen", idIs("-abcdef")),
		closes("T-002/id with an underscore", idIs("ab_cdef")),
		closes("T-002/id with a slash", idIs("ab/cdef")),
		accept("T-003/id of 4 characters", idIs("a.-+")),
		accept("T-003/id of 32 characters", idIs("a.-+%="+strings.Repeat("0", 26))),
		closes("T-004/two spaces", with("MSRP <id> SEND", "MSRP  <id>  SEND")),
		closes("T-004/leading space", with("MSRP <id> SEND", " MSRP <id> SEND")),
		closes("T-004/tabs", with("MSRP <id> SEND", "MSRP\t<id>\tSEND")),
		closes("T-005/lower case", with("MSRP <id>", "msrp <id>")),
		closes("T-005/HTTP", raw("GET / HTTP/1.1\r\nHost: x\r\n\r\n")),
		closes("T-005/TLS", raw("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")),
		answer(501, "T-006/unknown method", with("<id> SEND", "<id> FOOB")),
		answer(481, "T-007/unknown method on an unknown session", with("<id> SEND", "<id> FOOB", "To-Path: "+scheme+"://127.0.0.1:2855/", "To-Path: "+scheme+"://127.0.0.1:2855/0")),
		closes("T-008/method of 5000 letters", with("<id> SEND", "<id> "+strings.Repeat("A", 5000))),
		answer(400, "T-009/method in lower case", with("<id> SEND", "<id> send")),
		accept("T-011/CRLF before a request", with("MSRP <id>", "\r\nMSRP <id>")),
		accept("T-011/CRLFCRLF before a request", with("MSRP <id>", "\r\n\r\nMSRP <id>")),
		closes("T-011/17 CRLFs", raw(strings.Repeat("\r\n", 17))),
		closes("T-012/LF only", func(_, base string) string { return strings.ReplaceAll(base, "\r\n", "\n") }),
		closes("T-013/CR only", func(_, base string) string { return strings.ReplaceAll(base, "\r\n", "\r") }),
		answer(400, "T-014/no To-Path", func(_, base string) string { return dropLine(base, "To-Path") }),
		ignore("T-015/no From-Path", func(_, base string) string { return dropLine(base, "From-Path") }),
		answer(400, "T-016/From-Path first", func(_, base string) string {
			lines := strings.SplitAfter(base, "\r\n")
			lines[1], lines[2] = lines[2], lines[1]
			return strings.Join(lines, "")
		}),
		answer(400, "T-017/Message-ID first", func(_, base string) string {
			lines := strings.SplitAfter(base, "\r\n")
			lines[1], lines[2], lines[3] = lines[3], lines[1], lines[2]
			return strings.Join(lines, "")
		}),
		answer(400, "T-018/To-Path twice", func(_, base string) string { return doubleLine(base, "To-Path") }),
		answer(400, "T-018/From-Path twice", func(_, base string) string { return doubleLine(base, "From-Path") }),
		accept("T-019/names in other case", with("To-Path:", "TO-PATH:", "From-Path:", "from-path:", "Byte-Range:", "byte-RANGE:", "Message-ID:", "message-id:")),
		accept("T-020/blanks after the colon", with("Message-ID: ", "Message-ID:", "To-Path: ", "To-Path:   ")),
		answer(400, "T-021/no colon", with(length, "nocolon")),
		answer(400, "T-021/name with space", with(length, "a b: c")),
		answer(400, "T-021/empty name", with(length, ": x")),
		answer(400, "T-022/folding with space", with(length, length+"\r\n x")),
		answer(400, "T-022/folding with tab", with(length, length+"\r\n\tx")),
		accept("T-023/unknown header, empty", with(length, length+"\r\nX-Foo: ")),
		accept("T-023/unknown header of 8 kB", with(length, length+"\r\nX-Foo: "+strings.Repeat("v", 8000))),
		accept("T-023/unknown header in UTF-8", with(length, length+"\r\nX-Foo: Grüße")),
		accept("T-023/unknown header in invalid UTF-8", with(length, length+"\r\nX-Foo: \xff\xfe")),
		answer(400, "T-024/NUL in a header", with(length, length+"\r\nX-Foo: a\x00b")),
		closes("T-025/header line of 100 kB", with(length, length+"\r\nX-Foo: "+strings.Repeat("v", 100_000))),
		closes("T-026/5000 headers", with(length, length+strings.Repeat("\r\nX: y", 5000))),
		closes("T-027/To-Path above 16 KiB", with("To-Path: ", "To-Path: "+strings.Repeat(scheme+"://relay.example:2855/x;tcp ", 1000))),
		answer(481, "T-027/To-Path of 20 URIs", with("To-Path: ", "To-Path: "+strings.Repeat(scheme+"://relay.example:2855/x;tcp ", 20))),
		answer(400, "T-028/URI without transport", with("To-Path: "+scheme+"://127.0.0.1:2855/", "To-Path: "+scheme+"://127.0.0.1:2855/x\r\nX-Rest: ")),
		answer(400, "T-028/http", with("To-Path: "+scheme+":", "To-Path: http:")),
		answer(400, "T-028/unclosed bracket", with("To-Path: "+scheme+"://127", "To-Path: "+scheme+"://[127")),
		answer(400, "T-028/two spaces", with("To-Path: "+scheme, "To-Path: "+scheme+"://a;tcp  "+scheme)),
		answer(481, "T-029/port left out", with("To-Path: "+scheme+"://127.0.0.1:2855", "To-Path: "+scheme+"://127.0.0.1")),
		answer(481, "T-029/session-id in other case", func(_, base string) string {
			host := "To-Path: " + scheme + "://127.0.0.1:2855/"
			at := strings.Index(base, host) + len(host)
			letter := at + strings.IndexAny(base[at:], "abcdef")
			return base[:letter] + strings.ToUpper(base[letter:letter+1]) + base[letter+1:]
		}),
		accept("T-030/the same in other words", with("To-Path: "+scheme+"://127.0.0.1:2855", "To-Path: "+strings.ToUpper(scheme)+"://alice@%3127.0.0.%31:2855", ";tcp\r\nFrom-Path", ";TCP\r\nFrom-Path")),
		answer(400, "T-031/Failure-Report maybe", with(length, length+"\r\nFailure-Report: maybe")),
		answer(400, "T-031/Success-Report 1", with(length, length+"\r\nSuccess-Report: 1")),
		ignore("T-032/no answer: unknown session", with(length, length+"\r\nFailure-Report: no", "To-Path: "+scheme+"://127.0.0.1:2855/", "To-Path: "+scheme+"://127.0.0.1:2855/0")),
		ignore("T-032/no answer: unsupported type", with(length, length+"\r\nFailure-Report: no", "text/plain", "a/b")),
		ignore("T-032/no answer: bad Byte-Range", with(length, "Byte-Range: 0-4/5\r\nFailure-Report: no")),
		ignore("T-033/REPORT without Status", with("<id> SEND", "<id> REPORT")),
		ignore("T-033/REPORT with bad Byte-Range", with("<id> SEND", "<id> REPORT", length, "Byte-Range: 0-4/5\r\nStatus: 000 200 OK")),
		ignore("T-033/REPORT for an unknown session", with("<id> SEND", "<id> REPORT", length, "Status: 000 200 OK", "To-Path: "+scheme+"://127.0.0.1:2855/", "To-Path: "+scheme+"://127.0.0.1:2855/0")),
		accept("T-034/1-*/*", rangeIs("1-*/*")),
		accept("T-034/1-*/5", rangeIs("1-*/5")),
		accept("T-034/1-5/*", rangeIs("1-5/*")),
		accept("T-034/absent", with(length+"\r\n", "")),
		answer(400, "T-035/end before start", rangeIs("5-3/10")),
		{name: "T-036/zero length without body", input: raw("MSRP <id> SEND\r\n<to>\r\n<from>\r\nMessage-ID: m\r\nByte-Range: 1-0/0\r\n-------<id>$\r\n"), codes: []int{200}, empty: true},
		{name: "T-036/zero length with body", input: with(length, "Byte-Range: 1-0/0", "hello", ""), codes: []int{200}, body: ""},
		answer(400, "T-038/end after total", rangeIs("1-10/5")),
		accept("T-039/shorter than declared", rangeIs("1-100/100")),
		accept("T-040/longer than declared", rangeIs("1-3/3")),
		answer(413, "T-041/2^63", rangeIs("1-5/9223372036854775808")),
		answer(413, "T-041/2^64", rangeIs("1-5/18446744073709551616")),
		answer(413, "T-041/40 digits", rangeIs("1-5/"+strings.Repeat("9", 40))),
		answer(413, "T-042/start that must not wrap", rangeIs("9223372036854775807-*/*")),
		content("T-049/end-line of another id", "-------zzzz$"),
		content("T-049/end-line of another id on its own line", "a\r\n-------zzzz$\r\nb"),
		{name: "T-050/own end-line inside a line", input: bodyIs("x-------<id>$"), codes: []int{200}, body: "x-------<id>$"},
		{name: "T-051/no flag", input: bodyIs("a\r\n-------<id>\r\nb"), codes: []int{200}, body: "a\r\n-------<id>\r\nb"},
		{name: "T-051/flag *", input: bodyIs("a\r\n-------<id>*\r\nb"), codes: []int{200}, body: "a\r\n-------<id>*\r\nb"},
		{name: "T-051/text behind the flag", input: bodyIs("a\r\n-------<id>$ x\r\nb"), codes: []int{200}, body: "a\r\n-------<id>$ x\r\nb"},
		{name: "T-052/prefix of a longer id", input: bodyIs("a\r\n-------<id>0$\r\nb"), codes: []int{200}, body: "a\r\n-------<id>0$\r\nb"},
		content("T-053/hyphens", strings.Repeat("-", longBody)),
		content("T-053/CRLF and hyphens", strings.Repeat("\r\n-------", longBody/8)),
		content("T-054/all octets", string(all)+string(all)),
		content("T-054/NULs", strings.Repeat("\x00", longBody)),
		content("T-054/lone CR and LF", "\r\n\r\r\n\n\n\r"),
		answer(400, "T-055/body without Content-Type", with("Content-Type: text/plain\r\n", "")),
		answer(400, "T-056/Content-Type without body", with("\r\n\r\nhello\r\n", "\r\n")),
		{name: "T-057/blank line without Content-Type", input: with("Content-Type: text/plain\r\n", "", "\r\nhello\r\n", "\r\n"), codes: []int{200}, empty: true},
		{name: "T-058/one CRLF before the end-line", input: with("\r\n\r\nhello\r\n", "\r\n\r\n", length+"\r\n", ""), codes: []int{200}, body: ""},
		ignore("T-059/response with a body", raw("MSRP <id> 200 OK\r\n<to>\r\n<from>\r\nContent-Type: text/plain\r\n\r\nx\r\n-------<id>$\r\n")),
		ignore("T-059/response with +", raw("MSRP <id> 200 OK\r\n<to>\r\n<from>\r\n-------<id>+\r\n")),
		{name: "T-060/aborted at once", input: with("-------<id>$", "-------<id>#"), codes: []int{200}},
		ignore("T-063/response for an unknown id", raw("MSRP <id> 200 OK\r\n<to>\r\n<from>\r\n-------<id>$\r\n")),
		ignore("T-064/response with 2 digits", raw("MSRP <id> 20 OK\r\n<to>\r\n<from>\r\n-------<id>$\r\n")),
		ignore("T-064/response with 4 digits", raw("MSRP <id> 2000 OK\r\n<to>\r\n<from>\r\n-------<id>$\r\n")),
		ignore("T-064/response with a letter", raw("MSRP <id> 2x0 OK\r\n<to>\r\n<from>\r\n-------<id>$\r\n")),
		answer(501, "T-064a/code left out", with("<id> SEND", "<id> OK")),
		accept("T-070/many frames in one segment", many),
		content("T-070/a message in many segments", strings.Repeat("0123456789", 1000)),
		{name: "T-043/another total", input: chunked("1-3/9 abc +", "4-6/6 def $"), codes: []int{200, 200}, body: "abcdef"},
		{name: "T-044/a gap", input: chunked("1-3/9 abc +", "7-9/9 ghi $", "1-0/9  #"), codes: []int{200, 200, 200}},
		{name: "T-045/the last chunk first", input: chunked("7-9/9 ghi $", "4-6/9 def +", "1-3/9 abc +"), codes: []int{200, 200, 200}, body: "abcdefghi"},
		{name: "T-046/overlapping chunks", input: chunked("1-4/6 abcd +", "3-6/6 CDEF $"), codes: []int{200, 200}, body: "abCDEF", stream: "abcdEF"},
		{name: "T-048/empty chunks", input: chunked("1-0/*  +", "1-0/*  +", "1-3/3 abc $"), codes: []int{200, 200, 200}, body: "abc"},
	}
	for _, r := range []string{"0-4/5", "-1-5/5", "*-5/5", "1-5", "1-5/", "a-b/c", "1-5/5 x", "0x1-5/5", "1 - 5/5"} {
		cases = append(cases, answer(400, "T-037/"+strings.ReplaceAll(r, "/", " of "), rangeIs(r)))
	}
	return cases
}

func dropLine(text, name string) string {
	i := strings.Index(text, name)
	return text[:i] + text[i+strings.Index(text[i:], "\r\n")+2:]
}

func doubleLine(text, name string) string {
	i := strings.Index(text, name)
	end := i + strings.Index(text[i:], "\r\n") + 2
	return text[:end] + text[i:end] + text[end:]
}

// TestTorture puts each input to a bound session in one write, octet by octet, and cut at each offset.
func TestTorture(t *testing.T) {
	for _, c := range tortures() {
		for _, mode := range []string{"", "/streaming"} {
			t.Run(c.name+mode, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					x := &tortured{t: t, r: newFakeRig(t, msrp.Config{MaxMessage: 10 << 20}), c: &c, streaming: mode != ""}
					x.all()
				})
			})
		}
	}
}

// all puts the case in all ways. However often it comes, the memory in use does not grow.
func (x *tortured) all() {
	x.t.Helper()
	x.run(func(text string) []string { return []string{text} })
	before := x.rested()
	x.run(octets)
	n := len(x.c.built(x.r))
	if n < 4096 { // T-069
		x.pause = time.Millisecond
		x.run(octets)
		x.pause = 0
	}
	at := cuts(n)
	if x.streaming {
		at = someCuts(n) // what comes before the handler was cut at all of them
	}
	for _, i := range at {
		x.run(func(text string) []string { return []string{text[:i], text[i:]} })
	}
	if grown := x.rested() - before; grown > 1<<20 {
		x.t.Fatalf("the heap grew by %d octets", grown)
	}
	x.done()
}

// rested is how much memory is in use when all timers, those of the peer's connections too, have run off.
func (x *tortured) rested() int64 {
	time.Sleep(2 * x.r.patience)
	synctest.Wait()
	return heap()
}

// tortured is the session that a case is put to; it stays as long as what came shows that nothing else came.
type tortured struct {
	t *testing.T
	r *rig
	c *torture
	s *msrp.Session
	h *recorder
	p *rawPeer

	pause     time.Duration // between the parts
	streaming bool
}

func (c *torture) build(p *rawPeer) (id, text string) {
	id, base := p.text("m-torture", "hello")
	text = c.input(id, base)
	return id, strings.NewReplacer("<to>", "To-Path: "+p.to, "<from>", "From-Path: "+p.uri).Replace(text)
}

func (c *torture) built(r *rig) string {
	s, _ := r.session()
	defer s.Close()
	p := &rawPeer{to: s.URI().String(), uri: peerURI}
	_, text := c.build(p)
	return text
}

// run puts the input, cut into parts.
func (x *tortured) run(cut func(string) []string) {
	x.t.Helper()
	if x.s == nil {
		x.s, x.h, x.p = x.r.bound(func(c *msrp.SessionConfig) {
			if x.streaming {
				c.Handler = swallowing{c.Handler.(*recorder)}
			}
		})
	}
	t, c, p := x.t, x.c, x.p
	id, text := c.build(p)
	parts := cut(text)
	written := make(chan struct{})
	p.nc.SetWriteDeadline(time.Now().Add(p.patience))
	go func() {
		defer close(written)
		for _, part := range parts {
			if _, err := io.WriteString(p.nc, part); err != nil {
				return // the connection was closed on us, as it may have to be
			}
			if x.pause > 0 {
				time.Sleep(x.pause)
			}
		}
	}()
	for _, code := range c.codes {
		f := p.next()
		if f.code != code || f.flag != "$" || f.hasBody || !strings.Contains(text, "MSRP "+f.id+" ") {
			t.Fatalf("got %q, want %d (parts %q)", f.text, code, short(parts))
		}
	}
	if c.closed {
		p.closed()
		isClosed(t, x.h, msrp.ErrConnectionLost)
		p.nc.Close()
		<-written
		x.h.nothing()
		x.s = nil
		return
	}
	<-written
	if c.body != nil || c.empty {
		want := c.body
		if x.streaming && c.stream != "" {
			want = c.stream
		}
		m := next[*msrp.Received](x.h)
		if c.empty != m.Bodiless || !c.empty && string(m.Body) != strings.ReplaceAll(want.(string), "<id>", id) {
			t.Fatalf("got %q (bodiless %v), want %q", m.Body, m.Bodiless, want)
		}
	}
	if len(c.codes) == 0 {
		x.done()
	}
}

// done shows that the connection is usable, and that nothing came but what was expected.
func (x *tortured) done() {
	x.t.Helper()
	if x.s == nil {
		return
	}
	marker, req := x.p.text("m-marker", "still usable")
	x.p.write(req)
	x.p.expect(marker, 200)
	if m := next[*msrp.Received](x.h); m.MessageID != "m-marker" {
		x.t.Fatalf("got %+v", m)
	}
	x.h.nothing()
	x.s.Close()
	x.p.nc.Close()
	x.s = nil
}

func short(parts []string) []string {
	if len(parts) > 2 {
		return parts[:2]
	}
	return parts
}

func TestTortureOfTheConnection(t *testing.T) {
	ways(t, "T-010/one transaction id for two requests", msrp.Config{}, func(t *testing.T, r *rig) {
		_, _, p := r.bound()
		id, req := p.text("m-0001", "x")
		p.write(req + strings.Replace(req, "m-0001", "m-0002", 1))
		p.expect(id, 200)
		p.expect(id, 200)
	})

	ways(t, "T-014/the session's URI stands in if it is the only one", msrp.Config{}, func(t *testing.T, r *rig) {
		s, h, p := r.bound()
		id, req := p.text("m-0001", "x")
		p.write(dropLine(req, "To-Path"))
		if f := p.expect(id, 400); f.header("From-Path") != s.URI().String() {
			t.Fatalf("got %q", f.text)
		}
		s2, _ := r.session()
		p.to = s2.URI().String()
		p.bind()
		p.write(dropLine(req, "To-Path"))
		if f := p.expect(id, 400); strings.Contains(f.text, s.ID()) || strings.Contains(f.text, s2.ID()) || !strings.HasPrefix(f.header("From-Path"), scheme+"://") {
			t.Fatalf("got %q", f.text)
		}
		h.nothing()
	})

	ways(t, "T-015/requests without From-Path are counted", msrp.Config{}, func(t *testing.T, r *rig) {
		_, h, p := r.bound()
		_, req := p.text("m-0001", "x")
		for range 3 {
			p.write(dropLine(req, "From-Path"))
		}
		p.closed()
		isClosed(t, h, msrp.ErrConnectionLost)
	})

	ways(t, "T-025/header line of 10 MB, T-053/T-054/bodies of 1 MiB", msrp.Config{}, func(t *testing.T, r *rig) {
		n := r.cut.times(1<<20, 1<<14) // TestTorture puts longer ones octet by octet
		for _, body := range []string{strings.Repeat("-", n), strings.Repeat("\r\n-------", n/8), strings.Repeat("\x00", n)} {
			_, h, p := r.bound()
			id, req := p.text("m-0001", body)
			p.write(req)
			p.expect(id, 200)
			if m := next[*msrp.Received](h); string(m.Body) != body {
				t.Fatalf("%d octets of %d", len(m.Body), len(body))
			}
		}
		_, h, p := r.bound()
		synctest.Wait() // the connection is closed once nobody writes
		_, req := p.text("m-0001", "x", "X-Foo: "+strings.Repeat("v", 10*n))
		// TLS, as TCP, closes one direction at a time: what then still comes is taken and dropped.
		if n, err := p.put(req); !overTLS && (err == nil || n > 1<<17) {
			t.Fatalf("%d octets were taken, %v", n, err)
		}
		isClosed(t, h, msrp.ErrConnectionLost)
	})

	const limit = 30
	ways(t, "T-047/20000 half-received messages", msrp.Config{PartialMessages: limit}, func(t *testing.T, r *rig) {
		_, _, p := r.bound()
		for i := range r.cut.times(20_000, 2*limit) {
			_, req := p.chunk(fmt.Sprintf("m-%06d", i), "1-2/9", "ab", "+")
			p.write(req)
			if f := p.next(); i < limit && f.code != 200 || i >= limit && f.code != 413 {
				t.Fatalf("%d: got %q", i, f.text)
			}
		}
	})

	ways(t, "T-048/empty chunks for ever", msrp.Config{}, func(t *testing.T, r *rig) {
		_, h, p := r.bound()
		for range r.cut.times(5000, 50) {
			id, req := p.chunk("m-empty", "1-0/*", "", "+")
			p.write(req)
			p.expect(id, 200)
		}
		h.nothing()
	})

	ways(t, "T-061/ids are compared octet by octet", msrp.Config{}, func(t *testing.T, r *rig) {
		_, h, p := r.bound()
		id, req := p.text("m-0001", "x")
		p.write(strings.Replace(req, "-------"+id, "-------"+strings.ToUpper(id), 1))
		synctest.Wait()
		h.nothing()
		p.write("-------" + id + "$\r\n")
		p.expect(id, 200)
		next[*msrp.Received](h)
	})

	ways(t, "T-062/closed in mid-body", msrp.Config{}, func(t *testing.T, r *rig) {
		_, h, p := r.bound()
		_, req := p.text("m-0001", "half a message")
		p.write(req[:len(req)-30])
		p.nc.Close()
		isClosed(t, h, msrp.ErrConnectionLost)
		h.nothing()
	})

	ways(t, "T-064/malformed responses are counted", msrp.Config{}, func(t *testing.T, r *rig) {
		_, h, p := r.bound()
		for range 3 {
			p.write("MSRP abcd 20 OK\r\nTo-Path: " + p.to + "\r\nFrom-Path: " + p.uri + "\r\n-------abcd$\r\n")
		}
		p.closed()
		isClosed(t, h, msrp.ErrConnectionLost)
	})

	ways(t, "T-066/a response on another connection", msrp.Config{}, func(t *testing.T, r *rig) {
		s, h, p := r.bound()
		_, h2, p2 := r.bound()
		send(t, s, text("x"))
		f := p.expectRequest("SEND")
		p2.respond(f, 400, "")
		p.respond(f, 200, "OK")
		if f := next[msrp.Fate](h); f.Kind != msrp.Delivered {
			t.Fatalf("got %+v", f)
		}
		h2.nothing()
	})

	ways(t, "T-065/codes that are not known", msrp.Config{}, func(t *testing.T, r *rig) {
		s, h, p := r.bound()
		for code, want := range map[int]msrp.FateKind{299: msrp.Delivered, 499: msrp.Failed, 777: msrp.Failed} {
			send(t, s, text("x"))
			p.respond(p.expectRequest("SEND"), code, "what")
			if f := next[msrp.Fate](h); f.Kind != want {
				t.Fatalf("%d: got %+v", code, f)
			}
		}
	})

	ways(t, "T-068/a flood of REPORTs about unknown messages", msrp.Config{}, func(t *testing.T, r *rig) {
		_, h, p := r.bound()
		before := heap()
		for i := range r.cut.times(10_000, 50) {
			p.write(p.request(p.nextID(), "REPORT", nil, "$", fmt.Sprintf("Message-ID: m-%06d", i), "Byte-Range: 1-5/5", "Status: 000 200 OK"))
		}
		id, req := p.text("m-marker", "x")
		p.write(req)
		p.expect(id, 200)
		next[*msrp.Received](h)
		h.nothing()
		if grown := heap() - before; r.cut.whole() && grown > 1<<20 {
			t.Fatalf("the heap grew by %d octets", grown)
		}
	})

	ways(t, "T-075/a second connection for a bound session", msrp.Config{}, func(t *testing.T, r *rig) {
		s, h, p := r.bound()
		q := r.peer(s)
		id, req := q.text("m-0001", "x")
		q.write(req)
		q.expect(id, 506)
		id, req = p.text("m-0001", "x")
		p.write(req)
		p.expect(id, 200)
		next[*msrp.Received](h)
	})

	ways(t, "T-063/a second 200", msrp.Config{}, func(t *testing.T, r *rig) {
		s, h, p := r.bound()
		send(t, s, text("x"))
		f := p.expectRequest("SEND")
		p.respond(f, 200, "OK")
		p.respond(f, 200, "OK")
		id, req := p.text("m-marker", "x")
		p.write(req)
		p.expect(id, 200)
		if f := next[msrp.Fate](h); f.Kind != msrp.Delivered {
			t.Fatalf("got %+v", f)
		}
		next[*msrp.Received](h)
		h.nothing()
	})

	ways(t, "T-067/REPORTs of another namespace and of an unknown code", msrp.Config{}, func(t *testing.T, r *rig) {
		s, h, p := r.bound()
		out := text("hello")
		out.SuccessReport = true
		send(t, s, out)
		f := p.expectRequest("SEND")
		p.respond(f, 200, "OK")
		p.report(f, "001 200", "1-5/5")
		id, req := p.text("m-marker", "x")
		p.write(req)
		p.expect(id, 200)
		next[msrp.Report](h)
		next[*msrp.Received](h) // and no fate before it
		p.report(f, "000 999 x", "1-5/5")
		next[msrp.Report](h)
		if f := next[msrp.Fate](h); f.Kind != msrp.Failed || f.Code != 999 {
			t.Fatalf("got %+v", f)
		}
	})

	ways(t, "T-076/guessing session-ids", msrp.Config{}, func(t *testing.T, r *rig) {
		s, _, p := r.bound()
		q := r.peer(s)
		q.to = strings.Replace(q.to, s.ID(), strings.Repeat("0", 32), 1)
		for range 16 {
			id, req := q.text("m-076", "x")
			q.write(req)
			q.expect(id, 481)
		}
		q.closed()
		id, req := p.text("m-076", "x")
		p.write(req)
		p.expect(id, 200)
	})

	t.Run("T-076/connections of one source above the limit are not served", func(t *testing.T) {
		r := newRig(t, msrp.Config{MaxConnectionsPerSource: 5})
		s, _, p := r.bound()
		var open []*rawPeer
		poll(t, func() bool {
			q := r.peer(s)
			open = append(open, q)
			_, err := q.read(20 * time.Millisecond)
			return err == io.EOF
		})
		for _, q := range open {
			q.nc.Close()
		}
		id, req := p.text("m-076", "x")
		p.write(req)
		p.expect(id, 200)
	})
}
