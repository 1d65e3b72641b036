package sip

import "testing"

func TestLocation(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"sip:bob@192.0.2.1:5070;transport=tcp?Subject=x", "<sip:bob@192.0.2.1:5070;transport=tcp?Subject=x>"},
		{" sip:bob@example.org ", "<sip:bob@example.org>"},
		{`"Bob, desk" <sip:bob@example.org;lr>;q=0.5`, `"Bob, desk" <sip:bob@example.org;lr>;q=0.5`},
		{"tel:+1-201-555-0123", "<tel:+1-201-555-0123>"},
		{"urn:service:sos", "<urn:service:sos>"},
		{"", ""},
		{"bob", ""},
		{"*", ""},
		{"<sip:bob@example.org", ""},
		{"sip:bob@example.org\r\nX: y", ""},
		{"<sip:bob@example.org>;x=\"\r\nX: y\"", ""},
		{"\"\x00\" <sip:bob@example.org>", ""},
	} {
		a, err := ParseLocation(c.in)
		got := ""
		if err == nil {
			got = a.String()
		}
		if got != c.want {
			t.Errorf("%q is %q, %v; want %q", c.in, got, err, c.want)
		}
	}
}
