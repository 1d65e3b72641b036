package dialog

import (
	"fmt"
	"strings"
	"testing"

	"github.com/parley-msrp/parley/internal/sip"
)

// multi writes a multipart body of parts, each with its head.
func multi(boundary string, parts ...string) string {
	var b strings.Builder
	for _, p := range parts {
		b.WriteString("--" + boundary + "\r\n" + p + "\r\n")
	}
	return b.String() + "--" + boundary + "--\r\n"
}

func TestBody(t *testing.T) {
	const (
		sdp     = "Content-Type: application/sdp\r\n\r\nv=0"
		unknown = "Content-Type: x/y\r\n\r\nwhat"
		option  = "Content-Type: x/y\r\nContent-Disposition: render;handling=optional\r\n\r\nwhat"
		pidf    = "Content-Type: application/pidf+xml\r\nContent-ID: <loc@x>\r\nContent-Disposition: by-reference;handling=optional\r\n\r\n<p/>"
		located = "Content-Type: application/pidf+xml\r\nContent-ID: <loc@x>\r\n\r\n<p/>"
		icon    = "Content-Type: image/png\r\nContent-ID: <icon@x>\r\n\r\npng"
		rooted  = "Content-Type: application/sdp\r\nContent-ID: <root@x>\r\n\r\nv=0"
	)
	mixed := func(parts ...string) string { return multi("b", parts...) }
	nested := func(depth int) string {
		p := sdp
		for i := range depth {
			name := fmt.Sprintf("n%d", i)
			p = "Content-Type: multipart/mixed;boundary=" + name + "\r\n\r\n" + multi(name, p)
		}
		return mixed(p)
	}
	const isMixed = `multipart/mixed;boundary=b`
	for _, x := range []struct {
		name, mediaType, body string
		head                  sip.Header
		want                  string // the description, or the code
	}{
		{"SDP", "application/sdp", "v=0", sip.Header{}, "v=0"},
		{"SDP in capitals, with parameter", "Application/SDP ; charset=utf-8", "v=0", sip.Header{}, "v=0"},
		{"no body", "application/sdp", "", sip.Header{}, ""},
		{"text/foo", "text/foo", "x", sip.Header{}, "415"},
		{"text/foo optional", "text/foo", "x", sip.Header{Name: "Content-Disposition", Value: "render; handling=OPTIONAL"}, ""},
		{"SDP and x/y", isMixed, mixed(sdp, unknown), sip.Header{}, "415"},
		{"SDP and optional x/y", isMixed, mixed(option, sdp), sip.Header{}, "v=0"},
		{"unknown multipart subtype is mixed", "multipart/foo;boundary=b", mixed(option, sdp), sip.Header{}, "v=0"},
		{"PIDF-LO by reference, optional", isMixed, mixed(sdp, pidf), sip.Header{}, "v=0"},
		{"PIDF-LO that a header refers to", isMixed, mixed(sdp, located), sip.Header{Name: "Geolocation", Value: "<cid:loc@x>"}, "v=0"},
		{"PIDF-LO that nothing refers to", isMixed, mixed(sdp, located), sip.Header{}, "415"},
		{"alternative with SDP first", "multipart/alternative;boundary=b", mixed(sdp, unknown), sip.Header{}, "v=0"},
		{"alternative with SDP last", "multipart/alternative;boundary=b", mixed(unknown, sdp), sip.Header{}, "v=0"},
		{"alternative: optional says nothing", "multipart/alternative;boundary=b", mixed(sdp, option), sip.Header{}, "v=0"},
		{"alternative without SDP", "multipart/alternative;boundary=b", mixed(unknown, option), sip.Header{}, "415"},
		{"related: the first part is the root", "multipart/related;boundary=b", mixed(sdp, icon), sip.Header{}, "v=0"},
		{"related: start names the root", `multipart/related;boundary=b;start="<root@x>"`, mixed(icon, rooted), sip.Header{}, "v=0"},
		{"mixed in mixed", isMixed, nested(2), sip.Header{}, "v=0"},
		{"nested too deep", isMixed, nested(50), sip.Header{}, "400"},
		{"too many parts", isMixed, mixed(strings.Split(strings.Repeat(option+"|", 100)+sdp, "|")...), sip.Header{}, "400"},
		{"coding of a part", isMixed, mixed("Content-Type: application/sdp\r\nContent-Encoding: gzip\r\n\r\nv=0"), sip.Header{}, "415"},
		{"transfer encoding 8bit", isMixed, mixed("Content-Type: application/sdp\r\nContent-Transfer-Encoding: 8bit\r\n\r\nv=0"), sip.Header{}, "v=0"},
		{"transfer encoding base64", isMixed, mixed("Content-Type: application/sdp\r\nContent-Transfer-Encoding: base64\r\n\r\ndj0w"), sip.Header{}, "415"},
		{"part without type is text", isMixed, mixed(sdp, "\r\nhello"), sip.Header{}, "415"},
		{"no boundary", "multipart/mixed", mixed(sdp), sip.Header{}, "400"},
		{"wrong boundary", "multipart/mixed;boundary=c", mixed(sdp), sip.Header{}, "400"},
		{"cut off", isMixed, "--b\r\n" + sdp, sip.Header{}, "400"},
		{"broken type", ";;", "x", sip.Header{}, "400"},
	} {
		t.Run("S-016/"+x.name, func(t *testing.T) {
			m := sip.NewRequest("INVITE", "sip:x@example.com")
			m.Add("Content-Type", x.mediaType)
			if x.head.Name != "" {
				m.Add(x.head.Name, x.head.Value)
			}
			m.Body = []byte(x.body)
			found, r := sessionDescription(m)
			got := string(found)
			if r != nil {
				got = fmt.Sprint(r.Code)
			}
			if got != x.want {
				t.Errorf("got %q, want %q", got, x.want)
			}
		})
	}
}

func FuzzBody(f *testing.F) {
	f.Add("multipart/mixed;boundary=b", "session", "--b\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n--b--\r\n")
	f.Add("multipart/alternative;boundary=b", "", "--b\r\n\r\nx\r\n--b\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n--b--")
	f.Add("multipart/related;boundary=b;start=\"<a>\"", "render;handling=optional", "--b\r\nContent-ID: <a>\r\n\r\n\r\n--b--")
	f.Fuzz(func(t *testing.T, mediaType, disposition, body string) {
		m := sip.NewRequest("INVITE", "sip:x@example.com")
		m.Add("Content-Type", mediaType)
		m.Add("Content-Disposition", disposition)
		m.Body = []byte(body)
		if found, r := sessionDescription(m); found != nil && r != nil {
			t.Error("found and refused")
		}
	})
}
