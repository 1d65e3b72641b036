package cpim_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-msrp/parley/cpim"
)

func TestParse(t *testing.T) {
	t.Run("P-001/every part", func(t *testing.T) {
		b := []byte(usual)
		m, err := cpim.Parse(b)
		if err != nil {
			t.Fatal(err)
		}
		at, ok := m.DateTime()
		to := slices.Collect(m.To())
		if m.From() != (cpim.Address{Name: "Alice", URI: "sip:alice@example.com"}) || len(to) != 1 || to[0].String() != "<sip:bob@example.net>" ||
			!ok || !at.Equal(time.Date(2024, 3, 7, 8, 15, 42, 120e6, time.UTC)) || m.ContentType() != "text/plain; charset=utf-8" || m.Subject() != "" {
			t.Errorf("%+v", m)
		}
		if string(m.Content) != "Did the parcel arrive?" || &m.Content[len(m.Content)-1] != &b[len(b)-1] {
			t.Errorf("content %q is not a part of the input", m.Content)
		}
	})

	for name, s := range map[string]string{
		"P-001/no Content-Type inside":             fromTo + "\r\nContent-ID: <1>\r\n\r\nhello",
		"P-001/no headers of the content":          fromTo + "\r\n\r\nhello",
		"P-001/two Content-Types":                  fromTo + "\r\nContent-Type: a/b\r\ncontent-type: c/d\r\n\r\nhello",
		"P-001/Content-Type that is none":          fromTo + "\r\nContent-Type: text\r\n\r\nhello",
		"P-001/no empty line":                      fromTo,
		"P-001/no second empty line":               fromTo + "\r\nContent-Type: text/plain\r\n",
		"P-001/nothing":                            "",
		"P-001/content only":                       "hello\r\n\r\nworld\r\n\r\n",
		"P-002/folded line":                        with("Subject: a", " b"),
		"P-002/folded by a tab":                    with("Subject: a", "\tb"),
		"P-002/LF line ends":                       strings.ReplaceAll(with(), "\r\n", "\n"),
		"P-002/one LF line end":                    with("Subject: a\nX: b"),
		"P-002/no colon":                           with("Subject"),
		"P-002/space before the colon":             with("Subject : x"),
		"P-002/name that is none":                  with("Sub(ject: x"),
		"P-002/two prefixes":                       with("a.b.c: x"),
		"P-002/parameter without value":            with("Subject:;lang= x"),
		"P-002/parameter that does not end":        with(`Subject:;a="x`),
		"P-002/text right behind a parameter":      with(`Subject:;a="x"y`),
		"P-002/not UTF-8":                          with("Subject: \xff"),
		"P-002/control character":                  with("Subject: a\x00b"),
		"P-003/from in small letters":              strings.Replace(with(), "From", "from", 1),
		"P-004/two From":                           with("From: <sip:c@x>"),
		"P-004/no To":                              strings.Replace(with(), "To", "X-To", 1),
		"P-004/From without brackets":              strings.Replace(with(), "<sip:a@x>", "sip:a@x", 1),
		"P-004/From with something behind":         strings.Replace(with(), "<sip:a@x>", "<sip:a@x> x", 1),
		"P-004/From that is no URI":                strings.Replace(with(), "sip:a@x", "alice", 1),
		"P-004/From with an escaped line end":      strings.Replace(with(), "sip:a@x", `sip:a@x\r\nTo: y`, 1),
		"P-004/From with a name that does not end": strings.Replace(with(), "<sip:a@x>", `"Alice <sip:a@x>`, 1),
		"P-004/empty To":                           with("To:"),
		"P-007/NS without URI":                     with("NS: imdn"),
		"P-007/NS with a prefix that is none":      with("NS: a b <urn:x>"),
	} {
		t.Run(name, func(t *testing.T) {
			m, err := cpim.Parse([]byte(s))
			if _, ok := errors.AsType[*cpim.SyntaxError](err); !ok {
				t.Errorf("%v %+v", err, m)
			}
		})
	}

	for name, s := range map[string]string{
		"P-001/too large a head":         with("X: " + strings.Repeat("x", cpim.MaxHead)),
		"P-001/endless head":             strings.Repeat("X: y\r\n", cpim.MaxHead),
		"P-001/too many headers":         with(slices.Repeat([]string{"X: y"}, cpim.MaxHeaders)...),
		"P-001/too many headers inside":  fromTo + "\r\n" + strings.Repeat("X: y\r\n", cpim.MaxHeaders+1) + "\r\n",
		"P-012/fifty within each other":  strings.Repeat(fromTo+"\r\nContent-Type: message/cpim\r\n\r\n", 50) + with(),
		"P-012/one more than are taken":  strings.Repeat(fromTo+"\r\nContent-Type: message/cpim\r\n\r\n", cpim.MaxDepth) + with(),
		"P-012/headers that look nested": strings.Repeat(fromTo+"\r\nContent-Type: Message/CPIM ;x=y\r\n\r\n", cpim.MaxDepth) + with(),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := cpim.ParseChain([]byte(s))
			if _, ok := errors.AsType[*cpim.LimitError](err); !ok {
				t.Error(err)
			}
		})
	}
}

func TestTolerated(t *testing.T) {
	for _, c := range []struct{ name, header, text, lang string }{
		{"P-002/one space", "Subject: x", "x", ""},
		{"P-002/language", "Subject:;lang=en x", "x", "en"},
		{"P-002/language and another one", `Subject:;a="b;c \" d";lang=en-GB x y`, "x y", "en-GB"},
		{"P-002/no space", "Subject:x", "x", ""},
		{"P-002/several spaces, and trailing ones", "Subject:   x  ", "x", ""},
		{"P-002/empty value", "Subject:", "", ""},
		{"P-002/only spaces", "Subject:  ", "", ""},
		{"P-002/value like a parameter", "Subject: ;-)", ";-)", ""},
		{"P-009/escapes", `Subject: a\\b\tc\u00e9\n\"\'`, "a\\b\tc\u00e9\n\"'", ""},
		{"P-009/unknown escapes", `Subject: \x\u12\`, `xu12\`, ""},
		{"P-009/pair of surrogates", `Subject: \ud83d\ude00 \ud83d`, "\U0001f600 \ufffd", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := with(c.header, "Subject: another one")
			m := parse(t, s)
			h, _ := m.First(cpim.CoreNamespace, "Subject")
			if m.Subject() != c.text || h.Param("Lang") != c.lang {
				t.Errorf("%q, language %q", m.Subject(), h.Param("lang"))
			}
			if got := string(m.AppendTo(nil)); got != s {
				t.Errorf("P-006: written as %q", got)
			}
		})
	}

	t.Run("P-002/escaped parameter", func(t *testing.T) {
		h := must[cpim.Header](t)(cpim.ParseHeader(`X:;a="b;c \" d" x`))
		if h.Param("a") != `b;c " d` || h.Param("b") != "" {
			t.Errorf("%q", h.Param("a"))
		}
	})

	t.Run("P-003/names of MIME headers in any case, folded", func(t *testing.T) {
		s := fromTo + "\r\ncontent-TYPE : text/plain;\r\n\tcharset=utf-8\r\nContent-ID: <1>\r\n\r\nhello"
		m := parse(t, s)
		if m.ContentType() != "text/plain;\tcharset=utf-8" || m.MIMEValue("content-id") != "<1>" || string(m.Content) != "hello" {
			t.Errorf("%q %q", m.ContentType(), m.Content)
		}
		if got := string(m.AppendTo(nil)); got != s || m.Len() != len(s) {
			t.Errorf("%q", got)
		}
	})

	t.Run("P-013/Content-Length inside", func(t *testing.T) {
		m := parse(t, fromTo+"\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nhello\r\n\r\nworld")
		if string(m.Content) != "hello\r\n\r\nworld" {
			t.Errorf("%q", m.Content)
		}
	})

	t.Run("M-014/empty content", func(t *testing.T) {
		if m := parse(t, fromTo+"\r\nContent-Type: text/plain\r\n\r\n"); len(m.Content) != 0 {
			t.Errorf("%q", m.Content)
		}
	})
}

func TestDateTime(t *testing.T) {
	for s, want := range map[string]string{
		"2024-03-07T09:15:42Z":           "2024-03-07T09:15:42Z",
		"2024-03-07T09:15:42+02:00":      "2024-03-07T07:15:42Z",
		"2024-03-07t09:15:42.5z":         "2024-03-07T09:15:42.5Z",
		"2024-03-07T09:15:42.123456789Z": "2024-03-07T09:15:42.123456789Z",
		"2016-12-31T23:59:60Z":           "2017-01-01T00:00:00Z",
		"2024-03-07T09:15:42":            "",
		"2024-03-07":                     "",
		"today":                          "",
		"":                               "",
	} {
		t.Run("P-010/"+s, func(t *testing.T) {
			at, ok := parse(t, with("DateTime: "+s)).DateTime()
			got := ""
			if ok {
				got = at.UTC().Format(time.RFC3339Nano)
			}
			if got != want {
				t.Errorf("%s, want %s", got, want)
			}
		})
	}
}

func TestAddress(t *testing.T) {
	for s, want := range map[string]cpim.Address{
		"<sip:a@x>":                    {URI: "sip:a@x"},
		"Alice <sip:a@x>":              {Name: "Alice", URI: "sip:a@x"},
		"MR SANDERS<im:piglet@x.test>": {Name: "MR SANDERS", URI: "im:piglet@x.test"},
		`"Al \"<ice>\""<sip:a@x>`:      {Name: `Al "<ice>"`, URI: "sip:a@x"},
		`"Alice"  <sip:a@x;p=1> `:      {Name: "Alice", URI: "sip:a@x;p=1"},
		`J\u00fcrgen <sip:j@x>`:        {Name: "Jürgen", URI: "sip:j@x"},
		`""<sip:a@x>`:                  {URI: "sip:a@x"},
	} {
		if a, err := cpim.ParseAddress(s); err != nil || a != want {
			t.Errorf("%s: %+v %v", s, a, err)
		}
	}
	for _, s := range []string{"", "<", ">", "<>", "Alice", "sip:a@x", "<sip:a@x", `"Alice" x <sip:a@x>`, "<sip:a@x> <sip:b@x>", "<sip: a>"} {
		if a, err := cpim.ParseAddress(s); err == nil {
			t.Errorf("%s: %+v", s, a)
		}
	}
}

func TestChain(t *testing.T) {
	outer := "From: <sip:gateway@x>\r\nTo: <sip:b@x>\r\n\r\nContent-Type: Message/CPIM\r\n\r\n"
	t.Run("P-012/senders in order", func(t *testing.T) {
		chain, err := cpim.ParseChain([]byte(outer + usual))
		if err != nil {
			t.Fatal(err)
		}
		want := []cpim.Address{{URI: "sip:gateway@x"}, {Name: "Alice", URI: "sip:alice@example.com"}}
		if diff := cmp.Diff(want, chain.Senders()); diff != "" || string(chain.Innermost().Content) != "Did the parcel arrive?" {
			t.Errorf("%s%q", diff, chain.Innermost().Content)
		}
	})
	t.Run("P-012/what is within is wrong", func(t *testing.T) {
		if _, err := cpim.ParseChain([]byte(outer + "hello")); err == nil {
			t.Error("taken")
		}
	})
	t.Run("P-008/what is within requires something", func(t *testing.T) {
		chain, err := cpim.ParseChain([]byte(outer + with("Require: x.y")))
		if _, ok := errors.AsType[*cpim.RequireError](chain.CheckRequire(nil)); err != nil || !ok {
			t.Error(err, chain.CheckRequire(nil))
		}
	})
}
