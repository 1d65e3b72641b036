package msrpsdp_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-msrp/parley/msrp"
	"github.com/parley-msrp/parley/msrpsdp"
)

// TestLineProblem shows what makes a line unusable, and the Warning that goes with it.
func TestLineProblem(t *testing.T) {
	const accept, path = "a=accept-types:text/plain", "a=path:msrp://192.0.2.1:9000/peer;tcp"
	for _, c := range []struct {
		name  string
		lines []string
		warn  int // 0: usable
	}{
		{"usable", []string{"m=message 9000 TCP/MSRP *", accept, path}, 0},
		{"D-001/TLS with an msrps path", []string{"m=message 9000 TCP/TLS/MSRP *", accept, "a=path:msrps://192.0.2.1:9000/peer;tcp"}, 0},
		{"D-001/unknown protocol", []string{"m=message 9000 TCP/FOO *", accept, path}, 302},
		{"D-001/another medium", []string{"m=audio 9000 RTP/AVP 0"}, 304},
		{"D-001/a medium nobody knows", []string{"m=holograms 9000 TCP/MSRP *", accept, path}, 304},
		{"D-003/no path", []string{"m=message 9000 TCP/MSRP *", accept}, 399},
		{"D-003/empty path", []string{"m=message 9000 TCP/MSRP *", accept, "a=path:"}, 399},
		{"D-003/several URIs", []string{"m=message 9000 TCP/MSRP *", accept, "a=path:msrp://r.example:2855/r;tcp msrp://192.0.2.1:9000/peer;tcp"}, 0},
		{"D-004/no accept-types", []string{"m=message 9000 TCP/MSRP *", path}, 305},
		{"D-004/empty accept-types", []string{"m=message 9000 TCP/MSRP *", "a=accept-types:", path}, 305},
		{"D-004/port 0", []string{"m=message 0 TCP/MSRP *"}, 304},
		{"D-021/white space after the colon", []string{"m=message 9000 TCP/MSRP *", "a=accept-types: text/plain", "a=path: msrp://192.0.2.1:9000/peer;tcp"}, 0},
		{"M-034/IPv4 address without port", []string{"m=message 9000 TCP/MSRP *", accept, "a=path:msrp://192.0.2.1/peer;tcp"}, 399},
		{"M-034/IPv6 address without port", []string{"m=message 9000 TCP/MSRP *", accept, "a=path:msrp://[2001:db8::1]/peer;tcp"}, 399},
		{"M-034/IPv6 address with port", []string{"m=message 9000 TCP/MSRP *", accept, "a=path:msrp://[2001:db8::1]:9000/peer;tcp"}, 0},
		{"M-034/name without port", []string{"m=message 9000 TCP/MSRP *", accept, "a=path:msrp://host.example/peer;tcp"}, 0},
		{"M-067/msrps on TCP", []string{"m=message 9000 TCP/MSRP *", accept, "a=path:msrps://192.0.2.1:9000/peer;tcp"}, 302},
		{"M-067/msrp on TLS", []string{"m=message 9000 TCP/TLS/MSRP *", accept, path}, 302},
		{"M-067/only the adjacent hop counts", []string{"m=message 9000 TCP/TLS/MSRP *", accept, "a=path:msrps://r.example:2855/r;tcp msrp://192.0.2.1:9000/peer;tcp"}, 0},
		{"a transport other than tcp", []string{"m=message 9000 TCP/MSRP *", accept, "a=path:msrp://192.0.2.1:9000/peer;udp"}, 302},
		{"T-080/no MSRP URI in the path", []string{"m=message 9000 TCP/MSRP *", accept, "a=path:http://192.0.2.1:9000/peer"}, 399},
		{"T-081/two paths", []string{"m=message 9000 TCP/MSRP *", accept, path, path}, 399},
		{"T-081/200 URIs", []string{"m=message 9000 TCP/MSRP *", accept, path + strings.Repeat(" msrp://192.0.2.1:9000/peer;tcp", 199)}, 399},
		{"T-081/100 URIs", []string{"m=message 9000 TCP/MSRP *", accept, path + strings.Repeat(" msrp://192.0.2.1:9000/peer;tcp", 99)}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := parse(t, head+mline(c.lines...))
			err := d.Lines[0].Problem
			if c.warn == 0 {
				if err != nil || d.Refusal() != nil || !d.Usable() {
					t.Fatalf("usable line has problem %v, refusal %v", err, d.Refusal())
				}
				return
			}
			le, ok := errors.AsType[*msrpsdp.LineError](err)
			if !ok || le.Warn != c.warn || le.Text == "" {
				t.Fatalf("problem %#v, want warn code %d", err, c.warn)
			}
			if d.Refusal() != le || d.Usable() {
				t.Errorf("refusal %v, want %v", d.Refusal(), le)
			}
			if strings.Contains(le.Text, "192.0.2.1") || strings.Contains(le.Text, "peer") {
				t.Errorf("%q tells the peer's path", le.Text)
			}
		})
	}
}

func TestParse(t *testing.T) {
	t.Run("D-005/path in order", func(t *testing.T) {
		l := first(t, head+mline("m=message 9000 TCP/MSRP *", "a=accept-types:*", "a=path:msrp://a.example:1/x;tcp msrp://b.example:2/y;tcp"))
		want := []msrp.URI{uri(t, "msrp://a.example:1/x;tcp"), uri(t, "msrp://b.example:2/y;tcp")}
		if diff := cmp.Diff(want, l.Path); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("D-006/wildcards, case and parameters", func(t *testing.T) {
		for _, c := range []struct{ offered, ours string }{
			{"text/*", "text/plain"},
			{"*", "text/plain"},
			{"text/plain", "*"},
			{"Text/Plain;charset=utf-8", "text/plain"},
			{"application/x-none TEXT/PLAIN", "text/plain"},
		} {
			l := first(t, head+mline("m=message 9000 TCP/MSRP *", "a=accept-types:"+c.offered, "a=path:msrp://a.example:1/x;tcp"))
			if err := l.Refuses(msrp.Types{c.ours}); err != nil {
				t.Errorf("%q and %q: %v", c.offered, c.ours, err)
			}
		}
	})
	t.Run("D-007/no common type", func(t *testing.T) {
		l := first(t, head+mline("m=message 9000 TCP/MSRP *", "a=accept-types:application/x-none", "a=path:msrp://a.example:1/x;tcp"))
		le, ok := errors.AsType[*msrpsdp.LineError](l.Refuses(msrp.Types{"text/plain"}))
		if !ok || le.Warn != msrpsdp.WarnFormat {
			t.Fatalf("%v", le)
		}
		if got, want := le.Warning("parley"), `305 parley "no media type of a=accept-types is available"`; got != want {
			t.Errorf("%s, want %s", got, want)
		}
	})
	t.Run("D-001/TLS is refused by an endpoint without it", func(t *testing.T) {
		l := first(t, head+mline("m=message 9000 TCP/TLS/MSRP *", "a=accept-types:*", "a=path:msrps://a.example:1/x;tcp"))
		le, ok := errors.AsType[*msrpsdp.LineError](l.Refuses(msrp.Types{"*"}))
		if !ok || le.Warn != msrpsdp.WarnTransport {
			t.Errorf("%v", le)
		}
	})
	t.Run("D-009/wrapped types", func(t *testing.T) {
		l := first(t, head+mline("m=message 9000 TCP/MSRP *", "a=accept-types:message/cpim", "a=accept-wrapped-types: text/plain text/html", "a=path:msrp://a.example:1/x;tcp"))
		if diff := cmp.Diff(msrp.Types{"text/plain", "text/html"}, l.Wrapped); diff != "" {
			t.Error(diff)
		}
	})
	for value, want := range map[string]int64{
		"4096": 4096, " 4096 ": 4096, "0": 0, "x": 0, "": 0, "-1": 0, "99999999999999999999": 0, "+5": 0, "9223372036854775807": 1<<63 - 1,
	} {
		t.Run(fmt.Sprintf("D-012/max-size %q", value), func(t *testing.T) {
			l := first(t, head+message("a=max-size:"+value))
			if l.MaxSize != want || l.Problem != nil {
				t.Errorf("%d, want %d (%v)", l.MaxSize, want, l.Problem)
			}
		})
	}
	for _, value := range []string{"-1", "99999999999999999999"} {
		t.Run("T-083/max-size:"+value, func(t *testing.T) {
			if l := first(t, head+message("a=max-size:"+value)); l.MaxSize != 0 || l.Problem != nil {
				t.Errorf("%d, problem %v", l.MaxSize, l.Problem)
			}
		})
	}
	t.Run("D-022/media-level attributes at session level are ignored", func(t *testing.T) {
		l := first(t, head+mline("a=path:msrp://192.0.2.1:9000/peer;tcp", "a=accept-types:text/plain", "a=accept-wrapped-types:text/html", "a=max-size:10", "m=message 9000 TCP/MSRP *"))
		if l.Problem == nil || l.Path != nil || l.Accept != nil || l.Wrapped != nil || l.MaxSize != 0 {
			t.Errorf("%+v", l)
		}
	})
	t.Run("D-022/direction at session level, overridden at media level", func(t *testing.T) {
		d := parse(t, head+"a=sendonly\r\n"+message()+message("a=inactive"))
		if d.Lines[0].Direction != "sendonly" || d.Lines[1].Direction != "inactive" {
			t.Errorf("%s, %s", d.Lines[0].Direction, d.Lines[1].Direction)
		}
	})
	t.Run("D-018/no direction is sendrecv", func(t *testing.T) {
		if l := first(t, head+message()); l.Direction != "sendrecv" {
			t.Error(l.Direction)
		}
	})
	t.Run("the problem of the message line refuses a description", func(t *testing.T) {
		d := parse(t, head+mline("m=audio 9000 RTP/AVP 0", "m=message 9000 TCP/MSRP *", "a=path:msrp://a.example:1/x;tcp"))
		if r := d.Refusal(); r == nil || r.Warn != msrpsdp.WarnFormat {
			t.Errorf("%v", r)
		}
	})
	t.Run("a description without m-lines", func(t *testing.T) {
		if r := parse(t, head).Refusal(); r == nil || r.Warn != msrpsdp.WarnMedia {
			t.Errorf("%v", r)
		}
	})
}

// TestTolerance shows descriptions that are not by the book and are read all the same.
func TestTolerance(t *testing.T) {
	whole := head + message()
	for name, s := range map[string]string{
		"last CRLF missing":         strings.TrimSuffix(whole, "\r\n"),
		"LF line ends":              strings.ReplaceAll(whole, "\r\n", "\n"),
		"LF, the last one missing":  strings.TrimSuffix(strings.ReplaceAll(whole, "\r\n", "\n"), "\n"),
		"empty lines":               strings.ReplaceAll(whole, "\r\n", "\r\n\r\n"),
		"empty s=":                  strings.Replace(whole, "s=-", "s=", 1),
		"blank s=":                  strings.Replace(whole, "s=-", "s= ", 1),
		"no s=":                     strings.Replace(whole, "s=-\r\n", "", 1),
		"no t=":                     strings.Replace(whole, "t=0 0\r\n", "", 1),
		"no c=":                     strings.Replace(whole, "c=IN IP4 192.0.2.1\r\n", "", 1),
		"c= of another network":     strings.Replace(whole, "c=IN IP4", "c=ATM NSAP", 1),
		"unknown line kinds":        strings.Replace(whole, "t=0 0\r\n", "t=0 0\r\nx=1\r\ny=2\r\nnot a line\r\n", 1) + "q=5\r\n",
		"unknown bandwidth":         strings.Replace(whole, "t=0 0\r\n", "b=ZZ:hello\r\nt=0 0\r\n", 1),
		"lines out of order":        "v=0\r\nt=0 0\r\nc=IN IP4 192.0.2.1\r\ns=-\r\no=alice 7 9 IN IP4 192.0.2.1\r\n" + message(),
		"attribute before time":     strings.Replace(whole, "t=0 0\r\n", "a=tool:x\r\nt=0 0\r\n", 1),
		"control character in a=":   whole + "a=x:\x00\x01\r\n",
		"bytes that are not UTF-8":  whole + "a=x:\xff\xfe\r\n",
		"a large session id in o=":  strings.Replace(whole, "o=alice 7", "o=alice 99999999999999999999999", 1),
		"number of ports in m=":     strings.Replace(whole, "m=message 9000 ", "m=message 9000/2 ", 1),
		"blanks between m= fields":  strings.Replace(whole, "m=message 9000 ", "m=message   9000  ", 1),
		"v= with a blank behind it": strings.Replace(whole, "v=0", "v=0 ", 1),
	} {
		t.Run(name, func(t *testing.T) {
			l := first(t, s)
			if l.Problem != nil || l.Port != 9000 || len(l.Path) != 1 {
				t.Errorf("%+v", l)
			}
		})
	}
}

func TestParseError(t *testing.T) {
	for _, c := range []struct {
		name, sdp string
		want      error
	}{
		{"empty", "", msrpsdp.ErrSyntax},
		{"only line ends", "\r\n\r\n", msrpsdp.ErrSyntax},
		{"no description", "hello, world\r\n", msrpsdp.ErrSyntax},
		{"another version", "v=1\r\n" + strings.TrimPrefix(head, "v=0\r\n"), msrpsdp.ErrSyntax},
		{"no o=", "v=0\r\ns=-\r\nt=0 0\r\n" + message(), msrpsdp.ErrSyntax},
		{"o= without numbers", strings.Replace(head, "7 9", "x y", 1) + message(), msrpsdp.ErrSyntax},
		{"t= without numbers", strings.Replace(head, "t=0 0", "t=now", 1), msrpsdp.ErrSyntax},
		{"m= without format", head + "m=message 9000 TCP/MSRP\r\n", msrpsdp.ErrSyntax},
		{"m= with a port beyond 65535", head + "m=message 65536 TCP/MSRP *\r\n", msrpsdp.ErrSyntax},
		{"m= with a negative port", head + "m=message -1 TCP/MSRP *\r\n", msrpsdp.ErrSyntax},
		{"m= with a bad number of ports", head + "m=message 9000/x TCP/MSRP *\r\n", msrpsdp.ErrSyntax},
		{"m= with a control character", head + "m=message 9000 TCP/MSRP *\x01\r\n", msrpsdp.ErrSyntax},
		{"m= with a CR in it", head + "m=message 9000 TCP/MSRP *\rX\r\n", msrpsdp.ErrSyntax},
		{"m= that is not ASCII", head + "m=message 9000 TCP/MSRP é\r\n", msrpsdp.ErrSyntax},
		{"T-081/1 MB", head + message("a=x:"+strings.Repeat("y", 1<<20)), msrpsdp.ErrTooLarge},
		{"T-081/65 m-lines", head + strings.Repeat(message(), 65), msrpsdp.ErrTooLarge},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, err := msrpsdp.Parse([]byte(c.sdp))
			if !errors.Is(err, c.want) || d != nil {
				t.Errorf("%v, want %v", err, c.want)
			}
		})
	}
	t.Run("T-081/64 m-lines are taken", func(t *testing.T) {
		if d := parse(t, head+strings.Repeat(message(), 64)); len(d.Lines) != 64 {
			t.Error(len(d.Lines))
		}
	})
}

func TestPrefer(t *testing.T) {
	for _, c := range []struct {
		name      string
		accept    msrp.Types
		available []string
		want      string // "": none
	}{
		{"D-008/explicit before wildcard", msrp.Types{"*", "text/html"}, []string{"text/plain", "text/html"}, "text/html"},
		{"D-008/the peer's order among explicit ones", msrp.Types{"text/html", "text/plain"}, []string{"text/plain", "text/html"}, "text/html"},
		{"D-008/only a wildcard", msrp.Types{"text/html", "text/*"}, []string{"text/plain"}, "text/plain"},
		{"D-008/none", msrp.Types{"image/*"}, []string{"text/plain"}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, ok := msrpsdp.Prefer(c.accept, c.available...)
			if got != c.want || ok != (c.want != "") {
				t.Errorf("%q, %v", got, ok)
			}
		})
	}
	t.Run("D-011/the default covers what is to be signalled", func(t *testing.T) {
		types, err := msrp.ParseTypes(msrpsdp.DefaultAccept)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range []string{"message/cpim", "multipart/mixed", "multipart/alternative", "multipart/signed"} {
			if !types.Accepts(m) {
				t.Errorf("%s is not covered", m)
			}
		}
	})
}

func TestWarning(t *testing.T) {
	e := &msrpsdp.LineError{Warn: 302, Text: "a \"b\" \\ c\r\nd é"}
	if got, want := e.Warning("192.0.2.1:5060"), `302 192.0.2.1:5060 "a \"b\" \\ c??d ??"`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
