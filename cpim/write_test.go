package cpim_test

import (
	"regexp"
	"testing"
	"time"

	"github.com/parley-msrp/parley/cpim"
)

func TestWrite(t *testing.T) {
	header, mime := must[cpim.Header](t), must[cpim.MIMEHeader](t)
	m := &cpim.Message{
		Headers: []cpim.Header{
			cpim.From(cpim.Address{Name: "Tab\there \\ \"now\"", URI: "sip:a@x"}),
			cpim.To(cpim.Address{Name: "Bob Miller", URI: "sip:b@x>\r\nX: y"}),
			cpim.Cc(cpim.Address{URI: "im:c@x"}),
			cpim.DateTime(time.Date(2024, 3, 7, 9, 15, 42, 120e6, time.FixedZone("", 3600))),
			cpim.Subject(" two\r\nlines "),
			header(cpim.NS("imdn", imdn)),
			header(cpim.NewHeader("imdn.Message-ID", "abc", cpim.Param{Name: "lang", Value: "en-GB"}, cpim.Param{Name: "p", Value: `a "b"`})),
		},
		MIME:    []cpim.MIMEHeader{mime(cpim.NewMIMEHeader("Content-Type", "text/plain"))},
		Content: []byte("hello"),
	}
	const want = "From: \"Tab\\there \\\\ \\\"now\\\"\"<sip:a@x>\r\n" +
		"To: Bob Miller <sip:b@x%3E%0D%0AX:%20y>\r\n" +
		"cc: <im:c@x>\r\n" +
		"DateTime: 2024-03-07T09:15:42.120+01:00\r\n" +
		"Subject: \\u0020two\\r\\nlines\\u0020\r\n" +
		"NS: imdn <urn:ietf:params:imdn>\r\n" +
		"imdn.Message-ID:;lang=en-GB;p=\"a \\\"b\\\"\" abc\r\n" +
		"\r\nContent-Type: text/plain\r\n\r\nhello"

	t.Run("P-009/what is written", func(t *testing.T) {
		if got := string(m.AppendTo([]byte("before "))); got != "before "+want || m.Len() != len(want) {
			t.Errorf("%d octets\n%s\nwant %d\n%s", m.Len(), got, len(want), want)
		}
	})
	t.Run("P-002/each line has one space", func(t *testing.T) {
		line := regexp.MustCompile(`^[A-Za-z.-]+:(;[a-z]+=("(\\.|[^"\\])*"|[A-Za-z-]+))* [^ ].*[^ ]$`)
		for _, h := range m.Headers {
			if !line.MatchString(h.String()) {
				t.Errorf("%q", h)
			}
		}
	})
	t.Run("P-009/read again", func(t *testing.T) {
		got := parse(t, want)
		h, _ := got.First(imdn, "Message-ID")
		if got.From().Name != "Tab\there \\ \"now\"" || got.Subject() != " two\r\nlines " || h.Param("p") != `a "b"` {
			t.Errorf("%+v", got)
		}
	})
	t.Run("P-006/a header is added, the others stay", func(t *testing.T) {
		s := with("Unknown:  x ", "y.z:;a=b c")
		m := parse(t, s)
		m.Headers = append(m.Headers, cpim.Subject("more"))
		if got := string(m.AppendTo(nil)); got != with("Unknown:  x ", "y.z:;a=b c", "Subject: more") {
			t.Errorf("%q", got)
		}
	})
}

func TestRefused(t *testing.T) {
	for _, c := range []struct {
		name string
		make func() error
	}{
		{"name", func() error { _, err := cpim.NewHeader("a b", "x"); return err }},
		{"name with a line end", func() error { _, err := cpim.NewHeader("a\r\nb", "x"); return err }},
		{"name of a parameter", func() error { _, err := cpim.NewHeader("a", "x", cpim.Param{Name: "b;c", Value: "d"}); return err }},
		{"language", func() error { _, err := cpim.NewHeader("a", "x", cpim.Param{Name: "lang", Value: "a b"}); return err }},
		{"prefix", func() error { _, err := cpim.NS("a.b", "urn:x"); return err }},
		{"MIME name", func() error { _, err := cpim.NewMIMEHeader("Content-Type ", "x"); return err }},
		{"MIME value", func() error { _, err := cpim.NewMIMEHeader("Content-Type", "x\r\n\ty"); return err }},
		{"line", func() error { _, err := cpim.ParseHeader("a: b\r\nc: d"); return err }},
		{"line that is not UTF-8", func() error { _, err := cpim.ParseHeader("a: \xff"); return err }},
	} {
		if c.make() == nil {
			t.Errorf("%s was taken", c.name)
		}
	}
}
