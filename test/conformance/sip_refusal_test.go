package conformance

import (
	"slices"
	"strings"
	"testing"

	"github.com/parley-msrp/parley/test/conformance/node"
	"github.com/parley-msrp/parley/test/peer"
)

// TestRefusal is about requests that are refused for what they hold.
func TestRefusal(t *testing.T) {
	t.Parallel()
	n := start(t, node.Config{Route: policyRoute})
	offer := peer.Offer("*", deadPath)
	dialog := func(t *testing.T) *peer.Dialog {
		t.Helper()
		return newAgent(t, n, "udp").NewDialog("bob")
	}
	sdpPart := part("Content-Type: application/sdp\r\n", offer)

	row(t, "S-014/methods", func(t *testing.T) {
		a := newAgent(t, n, "udp")
		for _, method := range []string{"PUBLISH", "REGISTER", "MESSAGE"} {
			r := a.Ask(t, patience(), a.NewDialog("bob").Request(method).Add("Event", "presence"))
			if r.Code() != 405 || !strings.Contains(r.Get("Allow"), "INVITE") {
				t.Errorf("%s: %s, Allow %q", method, r.Start, r.Get("Allow"))
			}
		}
		if r := a.Ask(t, patience(), a.NewDialog("bob").Request("FOO")); r.Code() != 501 {
			t.Errorf("FOO: %s", r.Start)
		}
		a.Send(t, a.NewDialog("bob").Request("ACK"))
		quiet(t, a, "an answer to an ACK", func(*peer.Message) bool { return true })
	})

	row(t, "S-014/inside a dialog", func(t *testing.T) {
		c := answered(t, n, setup{})
		if r := c.a.Ask(t, patience(), c.d.Request("PUBLISH").Add("Event", "presence")); r.Code() != 405 || r.Get("Allow") == "" {
			t.Errorf("PUBLISH: %s", r.Start)
		}
		if r := c.a.Ask(t, patience(), c.d.Request("FOO")); r.Code() != 501 {
			t.Errorf("FOO: %s", r.Start)
		}
		c.received(t)
	})

	row(t, "S-015/Require", func(t *testing.T) {
		d := dialog(t)
		if r := placed(t, d, d.Invite(offer).Add("Require", "foo"), 420); !slices.Equal(r.List("Unsupported"), []string{"foo"}) {
			t.Errorf("Unsupported %q", r.List("Unsupported"))
		}
		d = dialog(t)
		if r := placed(t, d, d.Invite(offer).Add("Require", "foo, bar").Add("Require", "baz"), 420); !slices.Equal(r.List("Unsupported"), []string{"foo", "bar", "baz"}) {
			t.Errorf("Unsupported %q", r.List("Unsupported"))
		}
		d = dialog(t)
		if r := d.Agent.Ask(t, patience(), d.Request("OPTIONS").Add("Require", "foo")); r.Code() != 420 {
			t.Errorf("OPTIONS: %s", r.Start)
		}
		d = dialog(t)
		placed(t, d, d.Invite(offer).Add("Proxy-Require", "foo"), 200) // which is for proxies
	})

	for _, b := range []struct {
		name, contentType, body string
		more                    []string
		want                    int
	}{
		{"another type", "text/foo", "hello", nil, 415},
		{"a coding", "application/sdp", offer, []string{"Content-Encoding", "gzip"}, 415},
		{"a required part", "multipart/mixed;boundary=sep", sdpPart + part("Content-Type: x/y\r\n", "?") + "--sep--\r\n", nil, 415},
		{"a part that says required", "multipart/mixed;boundary=sep", sdpPart + part("Content-Type: x/y\r\nContent-Disposition: render;handling=required\r\n", "?") + "--sep--\r\n", nil, 415},
		{"an optional part", "multipart/mixed;boundary=\"sep\"", sdpPart + part("Content-Type: x/y\r\nContent-Disposition: render;handling=optional\r\n", "?") + "--sep--\r\n", nil, 200},
		{"an optional part in front", "multipart/mixed; boundary=sep", part("Content-Disposition: x; handling = optional\r\nContent-Type: x/y\r\n", "?") + sdpPart + "--sep--\r\n", nil, 200},
		{"by reference", "multipart/mixed;boundary=sep", sdpPart + part("Content-Type: application/pidf+xml\r\nContent-ID: <a@b>\r\nContent-Disposition: by-reference;handling=optional\r\n", "<p/>") + "--sep--\r\n", nil, 200},
		{"alternative", "multipart/alternative;boundary=sep", part("Content-Type: text/foo\r\n", "?") + sdpPart + "--sep--\r\n", nil, 200},
		{"unknown multipart", "multipart/odd;boundary=sep", sdpPart + "--sep--\r\n", nil, 200},
		{"nested", "multipart/mixed;boundary=out", "--out\r\nContent-Type: multipart/alternative;boundary=sep\r\n\r\n" + sdpPart + "--sep--\r\n\r\n--out--\r\n", nil, 200},
		{"named session", "application/sdp", offer, []string{"Content-Disposition", "session"}, 200},
		{"unknown disposition", "application/sdp", offer, []string{"Content-Disposition", "odd"}, 415},
		{"unknown disposition, optional", "multipart/mixed;boundary=sep", sdpPart + part("Content-Type: application/sdp\r\nContent-Disposition: odd;handling=optional\r\n", "v=0\r\n") + "--sep--\r\n", nil, 200},
		{"upper case", "Application/SDP", offer, nil, 200},
	} {
		row(t, "S-016/"+b.name, func(t *testing.T) {
			d := dialog(t)
			m := d.Invite("").Set("Content-Type", b.contentType)
			m.Body = []byte(b.body)
			for i := 0; i < len(b.more); i += 2 {
				m.Add(b.more[i], b.more[i+1])
			}
			r := placed(t, d, m, b.want)
			if b.want == 415 && (len(b.more) == 0 && !strings.Contains(r.Get("Accept"), "application/sdp") || b.name == "a coding" && len(r.All("Accept-Encoding")) == 0) {
				t.Errorf("%s", r.Raw)
			}
			if b.want == 200 {
				if d := peer.ParseSDP(r.Body); len(d.Media) != 1 {
					t.Errorf("%s", r.Raw)
				}
				if e := n.Await(t, sessionID(peer.ParseSDP(r.Body).Media[0].Path()), "E_MSRP_SESSION_NEW", 1); e[0].Text("content_types") != "*" {
					t.Errorf("%s", e[0].Raw)
				}
			}
		})
	}

	row(t, "S-017/Accept", func(t *testing.T) {
		for accept, want := range map[string]int{
			"text/plain": 406, "": 406, "*/*": 200, "application/*": 200, "application/sdp": 200, "text/plain, application/sdp;q=0.5": 200, "text/plain, text/html": 406,
		} {
			d := dialog(t)
			if r := d.Place(t, patience(), d.Invite(offer).Add("Accept", accept)); r.Code() != want {
				t.Errorf("Accept %q: %s, want %d", accept, r.Start, want)
			} else if want == 200 {
				d.Ack(t)
				d.Bye(t, patience())
			}
		}
	})

	row(t, "S-017/OPTIONS", func(t *testing.T) {
		d := dialog(t)
		r := d.Agent.Ask(t, patience(), d.Request("OPTIONS").Add("Accept", "text/plain"))
		if r.Code() != 200 || len(r.Body) != 0 || r.Get("Content-Type") != "" || r.Get("Allow") == "" {
			t.Errorf("%s", r.Raw)
		}
		r = d.Agent.Ask(t, patience(), dialog(t).Agent.NewDialog("bob").Request("OPTIONS").Set("Via", d.Agent.Via()))
		if len(r.Body) == 0 {
			t.Errorf("without Accept: %s", r.Raw)
		}
	})

	row(t, "S-018/488 with Warning", func(t *testing.T) {
		n := start(t, node.Config{Route: plainRoute})
		a := newAgent(t, n, "udp")
		for name, sdp := range map[string]string{
			"types": peer.Offer("application/x-none", deadPath),
			"audio": peer.SDPHead("127.0.0.1") + "m=audio 4000 RTP/AVP 0\r\n",
			"proto": strings.Replace(offer, "TCP/MSRP", "TCP/FOO", 1),
		} {
			_, r := a.NewDialog("bob").Call(t, patience(), sdp)
			if w := r.Get("Warning"); r.Code() != 488 || len(strings.Fields(w)) < 3 || !strings.HasPrefix(w, "3") || !strings.HasSuffix(w, `"`) {
				t.Errorf("%s: %s, Warning %q", name, r.Start, w)
			}
		}
		c := answered(t, n, setup{})
		_, r := c.d.Call(t, patience(), peer.Offer("application/x-none", c.s.Own))
		if r.Code() != 488 || r.Get("Warning") == "" {
			t.Errorf("mid-dialog: %s, Warning %q", r.Start, r.Get("Warning"))
		}
		c.ok(t, c.s.Send("goes on"))
		c.received(t, "goes on")
	})

	row(t, "S-019/m-lines of the answer", func(t *testing.T) {
		r, d := offered(t, n, peer.SDPHead("127.0.0.1")+"m=audio 4000 RTP/AVP 0 8\r\na=rtpmap:0 PCMU/8000\r\n"+goodLine)
		if len(d.Media) != 2 || !strings.HasPrefix(d.Media[0].Line, "audio 0 RTP/AVP ") || len(strings.Fields(d.Media[0].Line)) < 4 || d.Media[1].Path() == "" || d.Line("t=") != "0 0" {
			t.Errorf("%s\n%s", r.Start, r.Body)
		}
		refused488(t, n, peer.SDPHead("127.0.0.1")+"m=audio 4000 RTP/AVP 0\r\n")
		if r, d := offered(t, n, peer.SDPHead("127.0.0.1")); r.Code() != 488 && (r.Code() != 200 || len(d.Media) != 0) {
			t.Errorf("no m-line: %s", r.Start)
		}
	})
}

func TestOptions(t *testing.T) {
	t.Parallel()
	n := start(t, node.Config{Route: policyRoute})
	offer := peer.Offer("*", deadPath)
	dialog := func(t *testing.T) *peer.Dialog {
		t.Helper()
		return newAgent(t, n, "udp").NewDialog("bob")
	}

	row(t, "S-020/OPTIONS out of dialog", func(t *testing.T) {
		a := newAgent(t, n, "udp")
		r := a.Ask(t, patience(), a.NewDialog("bob").Request("OPTIONS"))
		if r.Code() != 200 || !strings.Contains(r.Get("Accept"), "application/sdp") || len(r.All("Accept-Encoding")) == 0 || len(r.All("Accept-Language")) == 0 ||
			len(r.All("Supported")) == 0 || r.Get("Content-Type") != "application/sdp" {
			t.Fatalf("%s", r.Raw)
		}
		for _, m := range []string{"INVITE", "ACK", "CANCEL", "BYE", "OPTIONS"} {
			if !slices.Contains(r.List("Allow"), m) {
				t.Errorf("Allow %q lacks %s", r.List("Allow"), m)
			}
		}
		d := peer.ParseSDP(r.Body)
		if len(d.Media) != 1 || d.Media[0].Line != "message 0 TCP/MSRP *" || d.Line("t=") != "0 0" || d.Media[0].Path() != "" {
			t.Errorf("%s", r.Body)
		}
		if types, _ := d.Media[0].Attr("accept-types"); types == "" {
			t.Errorf("%s", r.Body)
		}
		again := peer.ParseSDP(a.Ask(t, patience(), a.NewDialog("bob").Request("OPTIONS")).Body)
		if again.Line("o=") == d.Line("o=") {
			t.Errorf("o=%s twice", d.Line("o="))
		}
	})

	row(t, "S-020/as an INVITE would be answered", func(t *testing.T) {
		a := newAgent(t, n, "udp")
		for user, code := range map[string]int{"busy": 486, "nobody": 404, "decline": 603, "bob": 200} {
			if r := a.Ask(t, patience(), a.NewDialog(user).Request("OPTIONS")); r.Code() != code {
				t.Errorf("%s: %s, want %d", user, r.Start, code)
			}
		}
		d := a.NewDialog("bob")
		d.Target = "sip:" + n.SIP
		if r := a.Ask(t, patience(), d.Request("OPTIONS")); r.Code() != 200 || len(r.Body) == 0 {
			t.Errorf("without user: %s", r.Start)
		}
	})

	row(t, "S-020/in dialog", func(t *testing.T) {
		c := answered(t, n, setup{})
		if r := c.a.Ask(t, patience(), c.d.Request("OPTIONS")); r.Code() != 200 || r.Get("Allow") == "" {
			t.Errorf("%s", r.Start)
		}
		c.received(t)
	})

	row(t, "S-021/feature tag", func(t *testing.T) {
		c, invite := invited(t, n, setup{})
		c.d.Answer(t, invite, 486, "Busy Here")
		c.a.Request(t, patience(), "ACK")
		if ct := invite.Get("Contact"); !strings.Contains(strings.ToLower(ct), ";+sip.message") {
			t.Errorf("INVITE: Contact %s", ct)
		}
		d := dialog(t)
		if r := placed(t, d, d.Invite(offer).Set("Contact", "<"+d.Agent.ContactURI()+">;message;+sip.message"), 200); !strings.Contains(strings.ToLower(r.Get("Contact")), ";+sip.message") {
			t.Errorf("200: Contact %s", r.Get("Contact"))
		}
	})
}

// part is one part of a multipart body.
func part(rows, body string) string { return "--sep\r\n" + rows + "\r\n" + body + "\r\n" }
