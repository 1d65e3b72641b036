package conformance

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/parley-msrp/parley/test/conformance/node"
	"github.com/parley-msrp/parley/test/peer"
)

// torture is one input of the list that row M-112 names: a valid request on a bound session with one thing changed. Each is run
// as one write and octet by octet. T-024 and others that close the connection or are ignored need no more; where the verdict
// is 200 the body told is the one given.
type torture struct {
	id     string // T-number, and which of its inputs
	input  func(s peer.Session) []byte
	want   []string
	bodies []string // told as messages where the verdict is 200, one for each
}

var (
	accept    = []string{"200"}
	refuse    = []string{"400"}
	closing   = []string{"CLOSE", "400", "400+CLOSE"}
	ignore    = []string{"IGNORE"}
	refuse481 = []string{"400", "481"}
)

// body makes a valid SEND of that body, after the change of it.
func body(text string, change func(f *peer.Frame)) func(s peer.Session) []byte {
	return func(s peer.Session) []byte {
		f := s.Send(text)
		if change != nil {
			change(f)
		}
		return f.Bytes()
	}
}

// text changes the text of a valid SEND of "hello".
func text(old, replacement string) func(s peer.Session) []byte {
	return func(s peer.Session) []byte { return edited(s, old, replacement) }
}

// line adds a header line.
func line(l string) func(s peer.Session) []byte {
	return func(s peer.Session) []byte { return withRow(s, l) }
}

// within puts the request's transaction id in place of ID in a body.
func within(text string) func(s peer.Session) []byte {
	return func(s peer.Session) []byte {
		f := s.Send("")
		f.Body = []byte(strings.ReplaceAll(text, "ID", f.ID))
		return f.Set("Byte-Range", fmt.Sprintf("1-%d/%d", len(f.Body), len(f.Body))).Bytes()
	}
}

func stranger(s peer.Session) peer.Session {
	s.Remote = strings.Replace(s.Remote, sessionID(s.Remote), peer.Ident(), 1)
	return s
}

func startLines() []torture {
	hello := []string{"hello"}
	id := func(id string) func(s peer.Session) []byte {
		return body("hello", func(f *peer.Frame) { f.ID = id })
	}
	method := func(m string) func(s peer.Session) []byte {
		return func(s peer.Session) []byte { return s.Request(m).Bytes() }
	}
	start := func(format string) func(s peer.Session) []byte {
		return func(s peer.Session) []byte {
			f := s.Send("hello")
			b := f.Bytes()
			return append(fmt.Appendf(nil, format, f.ID), b[bytes.IndexByte(b, '\n')+1:]...)
		}
	}
	ended := func(with string) func(s peer.Session) []byte { // line ends that are none, longer than a start line may be
		return func(s peer.Session) []byte {
			b := bytes.ReplaceAll(s.Send("hello").Bytes(), []byte("\r\n"), []byte(with))
			return bytes.Repeat(b, 10)
		}
	}
	return []torture{
		{"T-001 33 characters", id(strings.Repeat("a", 33)), closing, nil},
		{"T-002 3 characters", id("abc"), closing, nil},
		{"T-002 hyphen first", id("-abcd"), closing, nil},
		{"T-002 underscore", id("ab_cd"), closing, nil},
		{"T-002 slash", id("ab/cd"), closing, nil},
		{"T-003 4 characters", id("a+%="), accept, hello},
		{"T-003 32 characters", id("0.-+%=.-+%=.-+%=.-+%=.-+%=abcdef"), accept, hello},
		{"T-004 two blanks", start("MSRP  %s  SEND\r\n"), closing, nil},
		{"T-004 leading blank", start(" MSRP %s SEND\r\n"), closing, nil},
		{"T-004 tab", start("MSRP\t%s SEND\r\n"), closing, nil},
		{"T-005 msrp", start("msrp %s SEND\r\n"), []string{"CLOSE"}, nil},
		{"T-005 HTTP", func(peer.Session) []byte { return []byte("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n") }, []string{"CLOSE"}, nil},
		{"T-005 TLS", func(peer.Session) []byte {
			return append([]byte("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"), bytes.Repeat([]byte("\x13\x01\r\n"), 400)...)
		}, []string{"CLOSE"}, nil},
		{"T-006 FOOB", method("FOOB"), []string{"501"}, nil},
		{"T-007 FOOB on an unknown session", func(s peer.Session) []byte { return stranger(s).Request("FOOB").Bytes() }, []string{"481"}, nil},
		{"T-008 5000 letters", method(strings.Repeat("F", 5000)), []string{"CLOSE", "501", "501+CLOSE"}, nil},
		{"T-009 send", start("MSRP %s send\r\n"), []string{"400", "501", "CLOSE", "400+CLOSE", "501+CLOSE"}, nil},
		{"T-010 same id twice", func(s peer.Session) []byte {
			f, g := s.Send("one"), s.Send("two")
			g.ID = f.ID
			return append(f.Bytes(), g.Bytes()...)
		}, []string{"200+200"}, []string{"one", "two"}},
		{"T-011 CRLF in front", func(s peer.Session) []byte { return append([]byte("\r\n"), s.Send("hello").Bytes()...) }, accept, hello},
		{"T-011 CRLF CRLF behind", func(s peer.Session) []byte { return append(s.Send("hello").Bytes(), "\r\n\r\n"...) }, accept, hello},
		{"T-012 LF", ended("\n"), []string{"CLOSE"}, nil},
		{"T-013 CR", ended("\r"), []string{"CLOSE"}, nil},
	}
}

func headers() []torture {
	hello := []string{"hello"}
	edit := func(change func(f *peer.Frame)) func(s peer.Session) []byte { return body("hello", change) }
	swap := func(i, j int) func(s peer.Session) []byte {
		return edit(func(f *peer.Frame) { f.Rows[i], f.Rows[j] = f.Rows[j], f.Rows[i] })
	}
	to := func(change func(uri string) string) func(s peer.Session) []byte {
		return edit(func(f *peer.Frame) { f.Rows[0].Value = change(f.Rows[0].Value) })
	}
	replace := func(old, replacement string) func(s peer.Session) []byte {
		return to(func(u string) string { return strings.Replace(u, old, replacement, 1) })
	}
	quiet := func(f *peer.Frame) []byte { return f.Add("Failure-Report", "no").Bytes() }
	report := func(s peer.Session) *peer.Frame { return s.Report(peer.Ident(), "1-5/5", "000 200 OK") }
	return []torture{
		{"T-014 no To-Path", edit(func(f *peer.Frame) { f.Del("To-Path") }), closing, nil},
		{"T-015 no From-Path", edit(func(f *peer.Frame) { f.Del("From-Path") }), []string{"IGNORE", "CLOSE"}, nil},
		{"T-015 no From-Path, four times", func(s peer.Session) []byte {
			var b []byte
			for range 4 {
				b = append(b, s.Send("hello").Del("From-Path").Bytes()...)
			}
			return b
		}, []string{"CLOSE"}, nil},
		{"T-016 From-Path first", swap(0, 1), refuse, nil},
		{"T-017 Message-ID first", edit(func(f *peer.Frame) { f.Rows[0], f.Rows[1], f.Rows[2] = f.Rows[2], f.Rows[0], f.Rows[1] }), refuse, nil},
		{"T-018 To-Path twice", func(s peer.Session) []byte { return withRow(s, "To-Path: "+s.Remote) }, refuse, nil},
		{"T-018 From-Path twice", func(s peer.Session) []byte { return withRow(s, "From-Path: "+s.Own) }, refuse, nil},
		{"T-019 case", func(s peer.Session) []byte {
			b := string(s.Send("hello").Bytes())
			return []byte(strings.NewReplacer("To-Path", "TO-PATH", "From-Path", "from-path", "Byte-Range", "byte-RANGE").Replace(b))
		}, accept, hello},
		{"T-020 no blank", text("Message-ID: ", "Message-ID:"), accept, hello},
		{"T-020 three blanks", text("To-Path: ", "To-Path:   "), accept, hello},
		{"T-021 no colon", line("X-Foo"), refuse, nil},
		{"T-021 blank in the name", line("X Foo: bar"), refuse, nil},
		{"T-021 no name", line(": x"), refuse, nil},
		{"T-022 folded by SP", line("X-Foo: a\r\n b"), refuse, nil},
		{"T-022 folded by TAB", line("X-Foo: a\r\n\tb"), refuse, nil},
		{"T-023 no value", line("X-Foo: "), accept, hello},
		{"T-023 8 KB", line("X-Foo: " + strings.Repeat("x", 8000)), accept, hello},
		{"T-023 UTF-8", line("X-Foo: gr\u00fc\u00df"), accept, hello},
		{"T-023 invalid UTF-8", line("X-Foo: \xff\xfe"), []string{"200", "400"}, hello},
		{"T-024 NUL", line("X-Foo: a\x00b"), closing, nil},
		{"T-026 5000 headers", line(strings.Repeat("X: y\r\n", 5000) + "X: y"), closing, nil},
		{"T-027 1000 URIs", text("To-Path: ", "To-Path: "+strings.Repeat("msrp://h.example.invalid:2855/a;tcp ", 1000)), []string{"CLOSE", "481", "400", "400+CLOSE"}, nil},
		{"T-027 10 URIs", text("To-Path: ", "To-Path: "+strings.Repeat("msrp://h.example.invalid:2855/a;tcp ", 10)), []string{"481"}, nil},
		{"T-028 no transport", replace(";tcp", ""), refuse481, nil},
		{"T-028 http", replace("msrp://", "http://"), refuse481, nil},
		{"T-028 blanks", replace("msrp://", "msrp:// "), refuse481, nil},
		{"T-028 bracket", replace("msrp://", "msrp://["), refuse481, nil},
		{"T-029 no port", replace(":2855", ""), []string{"481"}, nil},
		{"T-029 session-id in other case", to(func(u string) string { return strings.Replace(u, sessionID(u), strings.ToUpper(sessionID(u)), 1) }), []string{"481"}, nil},
		{"T-030 transport in upper case", replace(";tcp", ";TCP"), accept, hello},
		{"T-030 userinfo", replace("msrp://", "msrp://u@"), accept, hello},
		{"T-030 coded octet", replace("://1", "://%31"), accept, hello},
		{"T-030 scheme in upper case", replace("msrp:", "Msrp:"), accept, hello},
		{"T-031 Failure-Report", line("Failure-Report: maybe"), refuse, nil},
		{"T-031 Success-Report", line("Success-Report: 1"), refuse, nil},
		{"T-032 unknown session", func(s peer.Session) []byte { return quiet(stranger(s).Send("x")) }, ignore, nil},
		{"T-032 bad Byte-Range", func(s peer.Session) []byte { return quiet(s.Send("x").Set("Byte-Range", "x")) }, ignore, nil},
		{"T-033 no Status", func(s peer.Session) []byte { return report(s).Del("Status").Bytes() }, ignore, nil},
		{"T-033 bad Byte-Range", func(s peer.Session) []byte { return report(s).Set("Byte-Range", "5").Bytes() }, ignore, nil},
		{"T-033 unknown session", func(s peer.Session) []byte { return report(stranger(s)).Bytes() }, ignore, nil},
	}
}

func ranges() []torture {
	var list []torture
	add := func(id, byteRange string, want []string, told ...string) {
		list = append(list, torture{id + " " + byteRange, func(s peer.Session) []byte { return withRange(s, byteRange, "hello") }, want, told})
	}
	for _, r := range []string{"1-*/*", "1-*/5", "1-5/*"} {
		add("T-034", r, accept, "hello")
	}
	list = append(
		list, torture{"T-034 absent", body("hello", func(f *peer.Frame) { f.Del("Byte-Range") }), accept, []string{"hello"}},
		torture{"T-036 without body", func(s peer.Session) []byte { return s.Bodiless().Bytes() }, accept, nil},
		torture{"T-036 with an empty body", body("", func(f *peer.Frame) { f.Set("Byte-Range", "1-0/0") }), accept, nil},
	)
	add("T-035", "5-3/10", []string{"400", "200"})
	for _, r := range []string{"0-4/5", "-1-5/5", "*-5/5", "1-5", "1-5/", "a-b/c", "1-5/5 x", "0x1-5/5"} {
		add("T-037", r, refuse)
	}
	add("T-038", "1-10/5", []string{"200", "400"}, "hello")
	add("T-039", "1-100/100", []string{"200", "400"}, "hello")
	add("T-040", "1-3/3", []string{"200", "400"}, "hello")
	for _, total := range []string{"9223372036854775808", "18446744073709551616", strings.Repeat("7", 40)} {
		add("T-041", "1-5/"+total, []string{"413", "400", "200"}, "hello")
	}
	add("T-042", "9223372036854775807-*/*", []string{"413", "400"})
	chunks := func(parts ...string) func(s peer.Session) []byte { // "range body flag"
		return func(s peer.Session) []byte {
			var b []byte
			id := peer.Ident()
			for _, p := range parts {
				f := strings.Split(p, " ")
				b = append(b, s.Chunk(id, f[0], f[1], f[2][0]).Bytes()...)
			}
			return b
		}
	}
	twice, thrice := []string{"200+200"}, []string{"200+200+200"}
	return append(
		list,
		torture{"T-043 another total", chunks("1-3/9 abc +", "4-6/6 def $"), twice, []string{"abcdef"}},
		torture{"T-044 gap", chunks("1-3/9 abc +", "7-9/9 ghi $"), twice, nil},
		torture{"T-045 last chunk first", chunks("7-9/9 ghi $", "4-6/9 def +", "1-3/9 abc +"), thrice, []string{"abcdefghi"}},
		torture{"T-046 overlap", chunks("1-4/6 abcd +", "3-6/6 CDEF $"), twice, []string{"abCDEF"}},
		torture{"T-048 empty chunks", chunks("1-0/*  +", "1-0/*  +", "1-3/3 abc $"), thrice, []string{"abc"}},
	)
}

func bodiesAndEnds() []torture {
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	same := func(name, b string) torture { return torture{name, body(b, nil), accept, []string{b}} }
	return []torture{
		same("T-049 another id", "a\r\n-------0therId99$\r\nb"),
		{"T-050 not at the start of a line", within("a-------ID$\r\nb -------ID$"), accept, []string{"a-------ID$\r\nb -------ID$"}},
		{"T-051 no flag", within("a\r\n-------ID\r\nb"), accept, []string{"a\r\n-------ID\r\nb"}},
		{"T-051 star", within("a\r\n-------ID*\r\nb"), accept, []string{"a\r\n-------ID*\r\nb"}},
		{"T-051 text behind", within("a\r\n-------ID$x\r\nb"), accept, []string{"a\r\n-------ID$x\r\nb"}},
		{"T-052 longer id", within("a\r\n-------IDz$\r\nb"), accept, []string{"a\r\n-------IDz$\r\nb"}},
		same("T-054 all octets", string(all)),
		same("T-054 lone CR and LF", "\r\n\r\r\n\n\r"),
		{"T-055 no Content-Type", body("hello", func(f *peer.Frame) { f.Del("Content-Type") }), refuse, nil},
		{"T-056 no body", body("", func(f *peer.Frame) { f.HasBody = false; f.Set("Byte-Range", "1-0/0") }), []string{"400", "200"}, nil},
		{"T-057 blank line only", func(s peer.Session) []byte {
			f := s.Bodiless()
			return bytes.Replace(f.Bytes(), []byte("\r\n-------"), []byte("\r\n\r\n-------"), 1)
		}, []string{"200", "400"}, nil},
		{"T-058 second CRLF left out", text("\r\n\r\nhello\r\n", "\r\n\r\n"), accept, nil},
		{"T-059 response with body", func(s peer.Session) []byte {
			f := s.Request("X")
			f.Method, f.Code, f.HasBody, f.Body = "", 200, true, []byte("hello")
			return f.Bytes()
		}, []string{"IGNORE", "CLOSE"}, nil},
		{"T-059 response with plus", func(s peer.Session) []byte {
			f := s.Request("X")
			f.Method, f.Code, f.Flag = "", 200, '+'
			return f.Bytes()
		}, []string{"IGNORE", "CLOSE"}, nil},
		{"T-060 given up at once", body("hello", func(f *peer.Frame) { f.Flag = '#' }), accept, nil},
	}
}

func responses() []torture {
	status := func(line string) func(s peer.Session) []byte {
		return func(s peer.Session) []byte {
			f := s.Request("X")
			return bytes.Replace(f.Bytes(), []byte(" X\r\n"), []byte(" "+line+"\r\n"), 1)
		}
	}
	return []torture{
		{"T-063 unknown id", status("200 OK"), ignore, nil},
		{"T-063 twice", func(s peer.Session) []byte {
			b := status("200 OK")(s)
			return append(b, b...)
		}, ignore, nil},
		{"T-064 two digits", status("20 OK"), []string{"IGNORE", "CLOSE"}, nil},
		{"T-064 four digits", status("2000 OK"), []string{"IGNORE", "CLOSE"}, nil},
		{"T-064 letter", status("2x0 OK"), []string{"IGNORE", "CLOSE"}, nil},
		{"T-064 four times", func(s peer.Session) []byte {
			return bytes.Join([][]byte{status("20 OK")(s), status("20 OK")(s), status("20 OK")(s), status("20 OK")(s)}, nil)
		}, []string{"CLOSE"}, nil},
		{"T-064a code left out", status("OK"), []string{"501"}, nil},
	}
}

func TestTorture(t *testing.T) {
	t.Parallel()
	n := start(t, node.Config{})
	for _, group := range [][]torture{startLines(), headers(), ranges(), bodiesAndEnds(), responses()} {
		for _, v := range group {
			row(t, "M-112/"+v.id+"/one write", func(t *testing.T) {
				c := answered(t, n, setup{})
				c.tortured(t, v, c.c.Put)
			})
			row(t, "M-112/"+v.id+"/octet by octet", func(t *testing.T) {
				c := answered(t, n, setup{})
				c.tortured(t, v, c.c.PutSlowly)
			})
		}
	}

	row(t, "M-112/T-053 a megabyte of hyphens", func(t *testing.T) {
		c := answered(t, n, setup{})
		bodies := []string{strings.Repeat("-", 1<<20), strings.Repeat("\r\n-------", 1<<17), strings.Repeat("\r\n", 1<<19)}
		for _, b := range bodies {
			c.ok(t, c.s.Send(b))
		}
		c.received(t, bodies...)
	})
	row(t, "M-112/T-061 the end-line's id in other case", func(t *testing.T) {
		c := answered(t, n, setup{})
		f := c.s.Send("hello")
		f.ID = "AbCdEfGh"
		wrong := bytes.Replace(f.Bytes(), []byte("-------AbCdEfGh$"), []byte("-------abCdEfGh$"), 1)
		c.c.Put(wrong)
		c.c.Put([]byte("-------AbCdEfGh$\r\n"))
		c.c.Response(t, patience(), f.ID)
		c.received(t, "hello\r\n-------abCdEfGh$")
	})
	row(t, "M-112/T-062 closed in mid-body", func(t *testing.T) {
		c := answered(t, n, setup{})
		b := c.s.Send("hello").Bytes()
		c.c.Put(b[:len(b)-30])
		c.c.Close()
		c.unrecovered(t)
		n.Await(t, c.id, "E_MSRP_SESSION_END", 1)
		c.told(t)
	})
	row(t, "M-112/T-070 a message in many segments", func(t *testing.T) {
		c := answered(t, n, setup{})
		f := c.s.Send(numbered(10_000))
		c.c.PutSlowly(f.Bytes())
		if r := c.c.Response(t, patience(), f.ID); r.Code != 200 {
			t.Fatalf("%d", r.Code)
		}
		c.received(t, numbered(10_000))
	})
	row(t, "M-112/framing lost ends its connection only", func(t *testing.T) {
		c, other := answered(t, n, setup{}), answered(t, n, setup{})
		c.expect(t, []byte("nonsense\r\n"), "CLOSE")
		n.Await(t, c.id, "E_MSRP_SESSION_END", 1)
		other.received(t)
	})
}

// tortured runs one input and checks answer, messages told and survival.
func (c *call) tortured(t *testing.T, v torture, write func([]byte)) {
	t.Helper()
	input := v.input(c.s)
	got := c.outcome(t, write, input)
	if !slices.Contains(v.want, got) {
		t.Fatalf("%s, want %s, for\n%.1000q", got, strings.Join(v.want, " or "), input)
	}
	switch {
	case strings.Contains(got, "CLOSE"):
		c.n.Await(t, c.id, "E_MSRP_SESSION_END", 1)
		c.told(t)
	case !strings.HasPrefix(got, "200"):
		c.received(t)
	default:
		id := string(input[len("MSRP "):max(bytes.IndexByte(input[5:], ' ')+5, 5)])
		var want []string
		for _, b := range v.bodies {
			want = append(want, strings.ReplaceAll(b, "ID", id))
		}
		c.received(t, want...)
	}
}
