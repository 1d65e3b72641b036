package conformance

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/parley-msrp/parley/test/conformance/node"
	"github.com/parley-msrp/parley/test/peer"
)

// TestForm is about messages of other forms, and of none.
func TestForm(t *testing.T) {
	t.Parallel()
	n := start(t, node.Config{})
	offer := peer.Offer("*", deadPath)

	row(t, "S-039/other forms of the same", func(t *testing.T) {
		for name, change := range map[string]func(d *peer.Dialog, m *peer.Message){
			"compact names": func(_ *peer.Dialog, m *peer.Message) {
				for long, short := range map[string]string{"Via": "v", "From": "f", "To": "t", "Call-ID": "i", "Contact": "m", "Content-Type": "c"} {
					m.Rename(long, short)
				}
				m.Add("k", "timer").Add("l", fmt.Sprint(len(m.Body)))
			},
			"names in other case": func(_ *peer.Dialog, m *peer.Message) {
				for _, name := range []string{"Via", "From", "Call-ID", "CSeq"} {
					m.Rename(name, strings.ToUpper(name))
				}
				m.Rename("Contact", "contact").Rename("Content-Type", "CONTENT-type")
			},
			"folded Via": func(_ *peer.Dialog, m *peer.Message) {
				m.Set("Via", strings.Replace(m.Get("Via"), ";", "\r\n ;\r\n\t", 1))
			},
			"blank before the branch": func(_ *peer.Dialog, m *peer.Message) { m.Set("Via", strings.Replace(m.Get("Via"), ";", " ; ", 1)) },
			"TAG in upper case": func(_ *peer.Dialog, m *peer.Message) {
				m.Set("From", strings.Replace(m.Get("From"), ";tag", " ; TAG", 1))
			},
			"two blanks in CSeq":  func(_ *peer.Dialog, m *peer.Message) { m.Set("CSeq", "1  INVITE") },
			"blanks at the colon": func(_ *peer.Dialog, m *peer.Message) { m.Rename("To", "To  ").Rename("From", "From\t") },
			"UTF-8 display name": func(d *peer.Dialog, m *peer.Message) {
				m.Set("From", "\"J\u00fcrgen \u20ac, \\\"x\\\"\" <"+d.Local+">;tag="+d.LocalTag)
			},
			"unknown headers": func(_ *peer.Dialog, m *peer.Message) { m.Add("X-Foo", "bar").Add("X-Empty", "") },
			"bad Date": func(_ *peer.Dialog, m *peer.Message) {
				m.Add("Date", "yesterday").Add("Expires", "soon").Add("Timestamp", "x")
			},
			"escaped URI": func(_ *peer.Dialog, m *peer.Message) {
				m.Start = strings.Replace(m.Start, "sip:bob@", "sip:b%6fb%20x@", 1)
			},
			"other order": func(_ *peer.Dialog, m *peer.Message) { slices.Reverse(m.Rows) },
			"addr-spec":   func(d *peer.Dialog, m *peer.Message) { m.Set("To", d.Remote).Set("From", d.Local+";tag="+d.LocalTag) },
			"comma in one row": func(_ *peer.Dialog, m *peer.Message) {
				m.Set("Via", m.Get("Via")+", SIP/2.0/UDP 192.0.2.3;branch=z9hG4bKsecond")
			},
			"several Vias":      func(_ *peer.Dialog, m *peer.Message) { m.Add("Via", "SIP/2.0/UDP 192.0.2.3;branch=z9hG4bKsecond") },
			"scheme in capital": func(_ *peer.Dialog, m *peer.Message) { m.Start = strings.Replace(m.Start, "sip:", "SIP:", 1) },
		} {
			a := newAgent(t, n, "udp")
			d := a.NewDialog("bob")
			m := d.Invite(offer)
			change(d, m)
			a.Send(t, m)
			r := a.Await(t, patience(), name, func(m *peer.Message) bool { return m.Code() >= 200 })
			if r.Code() != 200 {
				t.Errorf("%s: %s", name, r.Start)
				continue
			}
			for _, w := range r.CheckSIP() {
				t.Errorf("%s: %s", name, w)
			}
			if strings.Contains(name, "Vias") || strings.Contains(name, "comma") {
				if v := r.List("Via"); len(v) != 2 || !strings.Contains(v[1], "z9hG4bKsecond") {
					t.Errorf("%s: Via %q", name, v)
				}
			}
			d.Learn(r)
			d.Ack(t)
			if r := d.Bye(t, patience()); r.Code() != 200 {
				t.Errorf("%s: BYE %s", name, r.Start)
			}
			n.Await(t, sessionID(peer.ParseSDP(r.Body).Media[0].Path()), "E_MSRP_SESSION_END", 1)
		}
	})

	row(t, "S-039/what is sent", func(t *testing.T) {
		c, invite := invited(t, n, setup{})
		for _, w := range invite.CheckSIP() {
			t.Error(w)
		}
		c.d.Answer(t, invite, 486, "Busy Here")
		for _, w := range c.a.Request(t, patience(), "ACK").CheckSIP() {
			t.Error(w)
		}
	})

	for name, b := range map[string]struct {
		change func(m *peer.Message)
		want   int
	}{
		"no To":                      {func(m *peer.Message) { m.Del("To") }, 400},
		"no From":                    {func(m *peer.Message) { m.Del("From") }, 400},
		"no Call-ID":                 {func(m *peer.Message) { m.Del("Call-ID") }, 400},
		"no CSeq":                    {func(m *peer.Message) { m.Del("CSeq") }, 400},
		"no Contact":                 {func(m *peer.Message) { m.Del("Contact") }, 400},
		"broken From":                {func(m *peer.Message) { m.Set("From", "<sip:a@b") }, 400},
		"broken To":                  {func(m *peer.Message) { m.Set("To", "<<>>") }, 400},
		"broken CSeq":                {func(m *peer.Message) { m.Set("CSeq", "one INVITE") }, 400},
		"CSeq out of range":          {func(m *peer.Message) { m.Set("CSeq", "4294967296 INVITE") }, 400},
		"broken Contact":             {func(m *peer.Message) { m.Set("Contact", "<sip:a@b") }, 400},
		"CSeq of another method":     {func(m *peer.Message) { m.Set("CSeq", "1 BYE") }, 400},
		"datagram that is too short": {func(m *peer.Message) { m.Add("Content-Length", fmt.Sprint(len(m.Body)+1)) }, 400},
		"another version":            {func(m *peer.Message) { m.Start = strings.Replace(m.Start, "SIP/2.0", "SIP/3.0", 1) }, 505},
	} {
		row(t, "S-040/"+name, func(t *testing.T) {
			a := newAgent(t, n, "udp")
			m := a.NewDialog("bob").Invite(offer)
			branch := m.TopBranch()
			b.change(m)
			a.Send(t, m)
			r := a.Await(t, patience(), name, func(m *peer.Message) bool { return m.Code() >= 200 && m.TopBranch() == branch })
			if r.Code() != b.want {
				t.Errorf("%s, want %d", r.Start, b.want)
			}
			if m.Get("From") != "" && m.Get("To") != "" && m.Get("CSeq") != "" && m.Get("Call-ID") != "" {
				a.Send(t, peer.AckRefusal(m, r))
			}
			answered(t, n, setup{}).received(t)
		})
	}

	row(t, "S-040/octets behind the body", func(t *testing.T) {
		a := newAgent(t, n, "udp")
		d := a.NewDialog("bob")
		m := d.Invite(offer)
		a.SendRaw(t, append(m.Bytes(), "m=audio 1 RTP/AVP 0\r\n"...))
		r := a.Final(t, patience(), m)
		if got := peer.ParseSDP(r.Body); r.Code() != 200 || len(got.Media) != 1 {
			t.Errorf("%s\n%s", r.Start, r.Body)
		}
		d.Learn(r)
		d.Ack(t)
		d.Bye(t, patience())
		n.Await(t, sessionID(peer.ParseSDP(r.Body).Media[0].Path()), "E_MSRP_SESSION_END", 1)
	})

	row(t, "S-040/broken responses are discarded", func(t *testing.T) {
		c, invite := invited(t, n, setup{})
		for name, change := range map[string]func(m *peer.Message){
			"no To":          func(m *peer.Message) { m.Del("To") },
			"no Call-ID":     func(m *peer.Message) { m.Del("Call-ID") },
			"no CSeq":        func(m *peer.Message) { m.Del("CSeq") },
			"broken CSeq":    func(m *peer.Message) { m.Set("CSeq", "x INVITE") },
			"too short":      func(m *peer.Message) { m.Add("Content-Length", "99999") },
			"other version":  func(m *peer.Message) { m.Start = "SIP/3.0 200 OK" },
			"broken status":  func(m *peer.Message) { m.Start = "SIP/2.0 2x0 OK" },
			"another method": func(m *peer.Message) { m.Set("CSeq", fmt.Sprint(invite.CSeq(), " BYE")) },
		} {
			r := c.d.Response(invite, 200, "OK").WithSDP(offer)
			change(r)
			c.a.Respond(t, invite, r)
			quiet(t, c.a, name, func(m *peer.Message) bool { return m.Method() == "ACK" })
		}
		c.d.Answer(t, invite, 486, "Busy Here")
		c.a.Request(t, patience(), "ACK")
		n.Await(t, c.id, "E_MSRP_SESSION_FAILED", 1)
	})

	row(t, "S-040/over a limit", func(t *testing.T) {
		for name, change := range map[string]func(m *peer.Message){
			"head": func(m *peer.Message) { m.Add("X-Long", strings.Repeat("x", 70<<10)) },
			"body": func(m *peer.Message) {
				m.Body = []byte(offer + strings.Repeat("a=x:"+strings.Repeat("f", 100)+"\r\n", 4000))
			},
		} {
			a := newAgent(t, n, "tcp")
			m := a.NewDialog("bob").Invite(offer)
			change(m)
			go func() { _, _ = a.Stream(t).Write(m.Bytes()) }()
			r := a.Await(t, patience(), name, func(m *peer.Message) bool { return m.Code() >= 200 })
			if r.Code() != 513 {
				t.Errorf("%s: %s, want 513", name, r.Start)
			}
			answered(t, n, setup{}).received(t)
		}
	})

	row(t, "S-040/stream without Content-Length", func(t *testing.T) {
		for name, with := range map[string]string{"none": "", "broken": "Content-Length: x\r\n", "negative": "Content-Length: -1\r\n"} {
			a := newAgent(t, n, "tcp")
			m := a.NewDialog("bob").Invite(offer)
			b := strings.Replace(string(m.Bytes()), fmt.Sprintf("Content-Length: %d\r\n", len(m.Body)), with, 1)
			c := a.Stream(t)
			a.SendRaw(t, []byte(b))
			a.AwaitHangup(t, patience(), c)
			for _, r := range a.Drop(func(m *peer.Message) bool { return m.Code() >= 200 }) {
				if r.Code() != 400 {
					t.Errorf("%s: %s", name, r.Start)
				}
			}
		}
		answered(t, n, setup{}).received(t)
	})

	row(t, "S-040/nonsense", func(t *testing.T) {
		a := newAgent(t, n, "udp")
		for _, b := range []string{"hello\r\n\r\n", "\x00\x01\x02\x03\x04\x05", "INVITE\r\n\r\n", "SIP/2.0\r\n\r\n", "\r\n\r\n\r\n\r\n", strings.Repeat("x", 60_000)} {
			a.SendRaw(t, []byte(b))
		}
		quiet(t, a, "an answer to nonsense", func(m *peer.Message) bool { return m.Code() == 200 })
		answered(t, n, setup{}).received(t)
	})
}
