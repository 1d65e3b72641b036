package sip

import (
	"fmt"
	"testing"
)

func TestURI(t *testing.T) {
	for s, want := range map[string]URI{
		"sip:bob@example.com": {Scheme: "sip", User: "bob", Host: "example.com"},
		"SIPS:bob:pw@example.com:5061;transport=tcp;lr?a=b&c=d": {
			Scheme: "sips", User: "bob:pw", Host: "example.com", Port: 5061, Params: ";transport=tcp;lr", Header: "?a=b&c=d",
		},
		"sip:[::1]:5060;lr": {Scheme: "sip", Host: "::1", Port: 5060, Params: ";lr"},
		"TEL:+1;x=y":        {Scheme: "tel", Opaque: "+1;x=y"},
	} {
		if u, err := ParseURI(s); err != nil || u != want {
			t.Errorf("%q: %#v, %v", s, u, err)
		}
	}
	for _, c := range []struct{ s, want string }{
		{"sip:[2001:db8::1]:5060", ""},
		{"sip:[::1]", ""},
		{"sip:a;b=c?d/e@h", ""},
		{"sip:%41@h;x=%20", ""},
		{"sip:user_name-1.x@my_host", ""},
		{"tel:+1-201-555-0123;phone-context=x", ""},
		{"urn:service:sos", ""},
		{"sip:+12015550123@h;user=phone", ""},
		{"", "error"},
		{"sip", "error"},
		{"sip:", "error"},
		{":x", "error"},
		{"1x:y", "error"},
		{"tel:", "error"},
		{"sip:@h", "error"},
		{"sip:a@", "error"},
		{"sip:a@b@c", "error"},
		{"sip:h:0", "error"},
		{"sip:h:65536", "error"},
		{"sip:h:", "error"},
		{"sip:h:+1", "error"},
		{"sip:h:000005060", "error"},
		{"sip:[::1", "error"},
		{"sip:[::1]x", "error"},
		{"sip:[1.2.3.4]", "error"},
		{"sip:::1", "error"},
		{"sip:a b@h", "error"},
		{"sip:a@h;x=<", "error"},
		{"sip:a@h\r\n", "error"},
		{"<sip:a@h>", "error"},
		{"sip:a@h;x=a@b", "error"},
	} {
		u, err := ParseURI(c.s)
		switch {
		case c.want == "error":
			if err == nil {
				t.Errorf("%q was taken: %q", c.s, u)
			}
		case err != nil:
			t.Errorf("%q: %v", c.s, err)
		}
		if err == nil {
			if again, err := ParseURI(u.String()); err != nil || again != u {
				t.Errorf("%q: written as %q, which is %q, %v", c.s, u, again, err)
			}
		}
	}
	u, _ := ParseURI("sip:h;Transport=TCP;lr;x=;y=a")
	for name, want := range map[string]string{"transport": "TCP true", "LR": " true", "x": " true", "z": " false", "y": "a true"} {
		v, ok := u.Param(name)
		if got := fmt.Sprint(v, " ", ok); got != want {
			t.Errorf("parameter %s: %s", name, got)
		}
	}
}

func TestAddress(t *testing.T) {
	for _, c := range []struct{ s, display, uri, params, tag string }{
		{`sip:bob@example.com`, "", "sip:bob@example.com", "", ""},
		{`sip:bob@example.com;tag=1`, "", "sip:bob@example.com", ";tag=1", "1"},
		{`<sip:bob@example.com;tag=2>;tag=1`, "", "sip:bob@example.com;tag=2", ";tag=1", "1"},
		{`Bob B. <sip:bob@example.com> ; TAG = 1 ;x`, "Bob B.", "sip:bob@example.com", "; TAG = 1 ;x", "1"},
		{`"Bob \"B\" <,;>"<sip:bob@example.com>`, `Bob "B" <,;>`, "sip:bob@example.com", "", ""},
		{`"" <sip:bob@example.com>`, "", "sip:bob@example.com", "", ""},
		{"\"J\xc3\xb6rg\" <tel:+1>;tag=\"q;\\\"q\"", "Jörg", "tel:+1", `;tag="q;\"q"`, `q;"q`},
		{`<urn:x:y>;;tag=1;`, "", "urn:x:y", ";;tag=1;", "1"},
		{`  <sip:h>  `, "", "sip:h", "", ""},
	} {
		a, err := ParseAddress(c.s)
		if err != nil || a.Display != c.display || a.URI.String() != c.uri || a.Params != c.params || a.Tag() != c.tag {
			t.Errorf("%q: %q tag %q, %v", c.s, a, a.Tag(), err)
		}
		if again, err := ParseAddress(a.String()); err != nil || again != a {
			t.Errorf("%q: written as %q, which is %q, %v", c.s, a, again, err)
		}
	}
	for _, s := range []string{
		"", "bob", "<sip:bob@h", "sip:bob@h>", `"Bob <sip:h>`, `"Bob" sip:h`, `"Bob"`, "<sip:h> x", "<sip:h>;x y=1", "<sip:h>;=1",
		`<sip:h>;x="a`, `<sip:h>;x="a"b`, "< sip:h>", "<sip:h>;a=b,<sip:i>", "sip:a,b@h", "sip:h?x=y", "<>", `"\`, `"\"`,
	} {
		if a, err := ParseAddress(s); err == nil && s != "<sip:h>;a=b,<sip:i>" {
			t.Errorf("%q was taken: %q", s, a)
		}
	}
}

func TestVia(t *testing.T) {
	for _, c := range []struct{ row, want string }{
		{"SIP/2.0/UDP h:5060;branch=z9hG4bK1", `UDP h 5060 z9hG4bK1`},
		{"SIP/2.0/UDP h:5060 ;branch=z9hG4bK1", `UDP h 5060 z9hG4bK1`},
		{"sip / 2.0 / tcp   h : 5060 ; BRANCH = x ;rport", `tcp h 5060 x`},
		{"SIP/2.0/TLS [2001:db8::1]:5061;branch=a", `TLS 2001:db8::1 5061 a`},
		{"SIP/2.0/UDP [::1]", `UDP ::1 0 `},
		{"SIP/2.0/UDP h;branch=a, SIP/2.0/UDP i;branch=b", `UDP h 0 a`},
		{`SIP/2.0/UDP h;x="a,;b";branch=a,SIP/2.0/UDP i`, `UDP h 0 a`},
		{"SIP/2.0/UDP", "error"},
		{"SIP/2.0/UDP ", "error"},
		{"SIP/2.0/ h", "error"},
		{"SIP/2.0 h", "error"},
		{"SIP/1.0/UDP h", "error"},
		{"XIP/2.0/UDP h", "error"},
		{"SIP/2.0/UDP ;branch=a", "error"},
		{"SIP/2.0/UDP h:x", "error"},
		{"SIP/2.0/UDP h i;branch=a", "error"},
		{"SIP/2.0/UDP h;a b", "error"},
		{"SIP/2.0/UDP ::1;branch=a", "error"},
		{"", "error"},
	} {
		v, _, err := parseVia(c.row)
		got := "error"
		if err == nil {
			got = fmt.Sprint(v.Transport, " ", v.Host, " ", v.Port, " ", v.branch())
		}
		if got != c.want {
			t.Errorf("%q: %s, want %s", c.row, got, c.want)
		}
	}
}

func TestCSeq(t *testing.T) {
	for s, want := range map[string]string{
		"1 INVITE": "1 INVITE", "0 A": "0 A", "2147483647\t X": "2147483647 X", "007   BYE": "7 BYE",
		"2147483648 X": "error", "1": "error", "1 ": "error", "INVITE": "error", "-1 X": "error", "+1 X": "error",
		"1 A B": "error", "1x A": "error", "": "error", " ": "error", "0x1 A": "error", "1_0 A": "error",
	} {
		got := "error"
		if n, method, err := parseCSeq(s); err == nil {
			got = fmt.Sprint(n, " ", method)
		}
		if got != want {
			t.Errorf("%q: %s, want %s", s, got, want)
		}
	}
}
