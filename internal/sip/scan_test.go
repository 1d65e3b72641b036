package sip

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// typicalInvite has what an INVITE through two proxies has, 1.1 kB with its SDP.
var typicalInvite = strings.Replace("INVITE sip:bob@192.0.2.4:5060;transport=udp SIP/2.0\r\n"+
	"Record-Route: <sip:192.0.2.10;lr;ftag=9fxced76sl>\r\n"+
	"Via: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK3e8d.1f2a3b4c5d6e7f80.0\r\n"+
	"Via: SIP/2.0/UDP client.atlanta.example.com:5060;rport=5060;received=192.0.2.101;branch=z9hG4bK74bf9\r\n"+
	"Max-Forwards: 69\r\n"+
	"From: \"Alice\" <sip:alice@atlanta.example.com>;tag=9fxced76sl\r\n"+
	"To: \"Bob\" <sip:bob@biloxi.example.com>\r\n"+
	"Call-ID: 3848276298220188511@atlanta.example.com\r\n"+
	"CSeq: 1 INVITE\r\n"+
	"Contact: <sip:alice@client.atlanta.example.com;transport=udp>\r\n"+
	"Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE\r\n"+
	"Supported: timer, replaces\r\n"+
	"User-Agent: typical/1.0\r\n"+
	"Content-Type: application/sdp\r\n"+
	"Content-Length: LENGTH\r\n"+
	"\r\n"+
	"v=0\r\n"+
	"o=alice 2890844526 2890844526 IN IP4 client.atlanta.example.com\r\n"+
	"s=-\r\n"+
	"c=IN IP4 192.0.2.101\r\n"+
	"t=0 0\r\n"+
	"m=message 49172 TCP/MSRP *\r\n"+
	"a=accept-types:message/cpim text/plain\r\n"+
	"a=path:msrp://192.0.2.101:49172/ab;tcp\r\n", "LENGTH", "212", 1)

func TestScan(t *testing.T) {
	t.Run("a typical INVITE", func(t *testing.T) {
		m := parse(t, typicalInvite)
		if m.Method != "INVITE" || m.RequestURI != "sip:bob@192.0.2.4:5060;transport=udp" || len(m.Headers()) != 14 || len(m.Body) < 200 {
			t.Errorf("%q %q, %d rows, body of %d", m.Method, m.RequestURI, len(m.Headers()), len(m.Body))
		}
		if got := string(m.AppendTo(nil)); len(got) != len(typicalInvite) {
			t.Errorf("written again it has %d octets, not %d", len(got), len(typicalInvite))
		}
	})
	t.Run("the message does not share the reader's buffer", func(t *testing.T) {
		b := []byte(typicalInvite)
		m, _ := scanDatagram(b, 1<<16, 1<<16)
		want := string(m.AppendTo(nil))
		clear(b)
		if string(m.AppendTo(nil)) != want {
			t.Error("it does")
		}
	})
	t.Run("a response", func(t *testing.T) {
		for line, want := range map[string]string{
			"SIP/2.0 200 OK":                       `200 "OK"`,
			"SIP/2.0 180 Ça sonne":                 `180 "Ça sonne"`,
			"SIP/2.0 486":                          `486 ""`,
			"SIP/2.0 486 ":                         `486 ""`,
			"sip/2.0 699 a  b ":                    `699 "a  b "`,
			"SIP/2.0 700 x":                        "none",
			"SIP/2.0 99 x":                         "none",
			"SIP/2.0 0200 x":                       "none",
			"SIP/2.0 +20 x":                        "none",
			"SIP/2.0  200 x":                       "none",
			"SIP/2.00 200 x":                       "none",
			"SIP/2 200 x":                          "none",
			"SIP/2.0":                              "none",
			"SIP/":                                 "none",
			"SIP/2.0 99999999999999999999999999 x": "none",
		} {
			got := "none"
			if m, f := scanHead(line + "\r\nVia: x\r\n"); m != nil && f.code == 0 && !m.IsRequest() {
				got = fmt.Sprintf("%d %q", m.Status, m.Reason)
			}
			if got != want {
				t.Errorf("%q: %s, want %s", line, got, want)
			}
		}
	})
	t.Run("rows", func(t *testing.T) {
		m, _ := scanHead("OPTIONS sip:x SIP/2.0\r\n : a\r\na\tb: c\r\n:x\r\nX-Empty:\r\nx-a : b\r\n  c\r\n\td  \r\nno colon\r\nROUTE:<sip:a,b>,\"x,y\\\"\" <sip:c>, \r\nroute: d\r\n")
		if got, want := fmt.Sprint(m.Headers()), `[{X-Empty } {x-a b c d} {Route <sip:a,b>,"x,y\"" <sip:c>,} {Route d}]`; got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
		if got, want := m.List("route"), []string{"<sip:a,b>", `"x,y\"" <sip:c>`, "d"}; !slices.Equal(got, want) {
			t.Errorf("list %q", got)
		}
	})
	t.Run("a message of nothing but folding is scanned in linear time", func(t *testing.T) {
		m, _ := scanHead("OPTIONS sip:x SIP/2.0\r\nX-A: b\r\n" + strings.Repeat(" c\r\n", 200_000))
		if len(m.Get("X-A")) != 400_001 {
			t.Errorf("%d octets", len(m.Get("X-A")))
		}
	})
}

func TestNames(t *testing.T) {
	for _, c := range []struct{ wire, want string }{
		{"v", "Via"},
		{"V", "Via"},
		{"VIA", "Via"},
		{"cseq", "CSeq"},
		{"call-id", "Call-ID"},
		{"www-authenticate", "WWW-Authenticate"},
		{"mime-version", "MIME-Version"},
		{"x-other", "x-other"},
		{"q", "q"},
		{strings.Repeat("x", 100), strings.Repeat("x", 100)},
	} {
		if got := canonical(c.wire); got != c.want {
			t.Errorf("%s: %s, want %s", c.wire, got, c.want)
		}
	}
	for c := byte('a'); c <= 'z'; c++ {
		if long := canonical(string(c)); len(long) > 1 && canonical(strings.ToUpper(string(c))) != long {
			t.Errorf("compact %c depends on its case", c)
		}
	}
}

func TestMessage(t *testing.T) {
	m := NewRequest("INFO", "sip:x@example.com")
	m.Add("v", "1")
	m.Add("X-A", "2")
	m.Add("Via", "3")
	m.Add("x-a", "4")
	m.Body = []byte("body")
	c := m.Clone()
	c.Set("via", "5")
	c.Set("New", "6")
	c.Set("X-A", "7")
	for _, x := range []struct {
		m    *Message
		want string
	}{
		{m, "INFO sip:x@example.com SIP/2.0|Via: 1|X-A: 2|Via: 3|x-a: 4|Content-Length: 4||body"},
		{c, "INFO sip:x@example.com SIP/2.0|Via: 5|X-A: 7|New: 6|Content-Length: 4||body"},
	} {
		if got := strings.ReplaceAll(string(x.m.AppendTo(nil)), "\r\n", "|"); got != x.want {
			t.Errorf("got  %s\nwant %s", got, x.want)
		}
	}
	if !slices.Equal(m.Values("VIA"), []string{"1", "3"}) || m.Get("x-A") != "2" || m.Has("To") || !m.Has("V") {
		t.Error("rows are not found")
	}
	if n, method := m.CSeq(); n != 0 || method != "" || m.From() != (Address{}) || m.To() != (Address{}) {
		t.Error("what is missing is not zero")
	}
	for contact, ok := range map[string]bool{"*": false, "": false, "<sip:": false, "<sip:a>, <sip:b>": true, "sip:a;x=y": true} {
		m.Set("Contact", contact)
		if _, got := m.Contact(); got != ok {
			t.Errorf("Contact %q: %v", contact, got)
		}
	}
	m.Set("WWW-Authenticate", `Digest realm="a, b", nonce=c`)
	if got := m.List("www-authenticate"); len(got) != 1 {
		t.Errorf("challenge was split: %q", got)
	}
}
