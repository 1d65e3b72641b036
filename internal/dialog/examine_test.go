package dialog

import (
	"testing"

	"github.com/parley-msrp/parley/internal/sip"
)

func TestExamine(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*sip.Message)
		offer  string
		code   int // 0: the User would get to see it
	}{
		{"an offer", func(*sip.Message) {}, "v=0", 0},
		{"no offer", func(m *sip.Message) { m.Body = nil }, "", 0},
		{"an extension that is not spoken", func(m *sip.Message) { m.Add("Require", "teleport") }, "", 420},
		{"a body that is not understood", func(m *sip.Message) { m.Set("Content-Type", "application/x") }, "", 415},
		{"no SDP accepted", func(m *sip.Message) { m.Set("Accept", "text/plain") }, "", 406},
		{"no way back", func(m *sip.Message) { m.Set("Contact", "<tel:+1>") }, "", 400},
		{"a broken way back", func(m *sip.Message) { m.Set("Record-Route", "<") }, "", 400},
		{"another scheme", func(m *sip.Message) { m.RequestURI = "tel:+1" }, "", 416},
		{"sips over UDP", func(m *sip.Message) { m.RequestURI = "sips:b@h"; m.Add("Via", "SIP/2.0/UDP h;branch=z9hG4bK1") }, "", 416},
		{"sips over TLS", func(m *sip.Message) { m.RequestURI = "sips:b@h"; m.Add("Via", "SIP/2.0/TLS h;branch=z9hG4bK1") }, "v=0", 0},
		{"a sips Contact over UDP", func(m *sip.Message) { m.Set("Contact", "<sips:a@h>"); m.Add("Via", "SIP/2.0/UDP h;branch=z9hG4bK1") }, "", 480},
		{"no method for it", func(m *sip.Message) { m.Method = "MESSAGE" }, "", 405},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := sip.NewRequest("INVITE", "sip:b@h")
			m.Add("Contact", "<sip:a@h>")
			m.Add("Content-Type", "application/sdp")
			m.Body = []byte("v=0")
			c.change(m)
			offer, r := Examine(m)
			code := 0
			if r != nil {
				code = r.Code
			}
			if code != c.code || code == 0 && string(offer) != c.offer {
				t.Errorf("offer %q, refused with %d; want %q, %d", offer, code, c.offer, c.code)
			}
		})
	}
}
