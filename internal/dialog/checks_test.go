package dialog

import (
	"slices"
	"strings"
	"testing"
)

func TestChecks(t *testing.T) {
	for _, x := range []struct {
		name   string
		method string
		change func(*request)
		want   string
		header string // of the refusal: "Name: value"
	}{
		{"S-014/PUBLISH", "PUBLISH", nil, "405", "Allow: " + allow},
		{"S-014/MESSAGE", "MESSAGE", nil, "405", "Allow: " + allow},
		{"S-014/REGISTER", "REGISTER", nil, "405", "Allow: " + allow},
		{"S-014/FOO", "FOO", nil, "501", ""},
		{"S-014/methods are case-sensitive", "options", nil, "501", ""},
		{"S-015/Require foo", "INVITE", func(q *request) { q.with("Require: foo, bar") }, "420", "Unsupported: foo, bar"},
		{"S-015/Require in OPTIONS", "OPTIONS", func(q *request) { q.with("Require: foo") }, "420", "Unsupported: foo"},
		{"S-025/Require 100rel", "INVITE", func(q *request) { q.with("Require: 100rel") }, "200", ""},
		{"S-044/Require replaces", "INVITE", func(q *request) { q.with("Require: replaces") }, "420", "Unsupported: replaces"},
		{"S-044/the bare Replaces header is ignored", "INVITE", func(q *request) { q.with("Replaces: x@y;to-tag=1;from-tag=2") }, "200", ""},
		{"S-044/SUBSCRIBE", "SUBSCRIBE", func(q *request) { q.with("Event: foo") }, "489", ""},
		{"S-044/NOTIFY", "NOTIFY", func(q *request) { q.with("Event: foo") }, "481", ""},
		{"S-044/REFER", "REFER", func(q *request) { q.with("Refer-To: <sip:x@example.com>") }, "403", ""},
		{"S-035/BYE without To tag", "BYE", nil, "481", ""},
		{"S-035/UPDATE without To tag", "UPDATE", nil, "481", ""},
		{"S-035/INFO without To tag", "INFO", nil, "481", ""},
		{"S-035/PRACK without To tag", "PRACK", func(q *request) { q.with("RAck: 1 1 INVITE") }, "481", ""},
		{"S-035/re-INVITE after a restart", "INVITE", func(q *request) { q.to += ";tag=gone" }, "481", ""},
		{"S-042/tel Request-URI", "INVITE", func(q *request) { q.uri = "tel:+15550100" }, "416", ""},
		{"S-042/urn Request-URI", "INVITE", func(q *request) { q.uri = "urn:service:sos" }, "416", ""},
		{"S-042/sips Request-URI without TLS", "INVITE", func(q *request) { q.uri = "sips:parley@example.com" }, "416", ""},
		{"S-011/sips Contact without TLS", "INVITE", func(q *request) { q.contact = "<sips:peer@192.0.2.9>" }, "480", `Warning: 380 parley "SIPS Not Allowed"`},
		{"S-011/sips Record-Route without TLS", "INVITE", func(q *request) { q.with("Record-Route: <sips:p@192.0.2.8;lr>") }, "480", ""},
		{"S-043/method before everything", "PUBLISH", func(q *request) { q.uri = "tel:1"; q.with("Require: foo") }, "405", ""},
		{"S-043/URI before Require", "INVITE", func(q *request) { q.uri = "tel:1"; q.with("Require: foo") }, "416", ""},
		{"S-043/Require before body", "INVITE", func(q *request) { q.with("Require: foo", "Content-Type: text/foo"); q.body = "x" }, "420", ""},
		{"S-043/Accept before body", "INVITE", func(q *request) { q.with("Accept: text/plain", "Content-Type: text/foo"); q.body = "x" }, "406", ""},
		{"S-043/body before To tag", "INVITE", func(q *request) { q.to += ";tag=gone"; q.with("Content-Type: text/foo"); q.body = "x" }, "415", ""},
		{"S-017/Accept text/plain", "INVITE", func(q *request) { q.with("Accept: text/plain") }, "406", ""},
		{"S-017/Accept empty", "INVITE", func(q *request) { q.with("Accept: ") }, "406", ""},
		{"S-017/Accept */*", "INVITE", func(q *request) { q.with("Accept: text/plain, */*") }, "200", ""},
		{"S-017/Accept application/*", "INVITE", func(q *request) { q.with("Accept: application/*;q=0.1") }, "200", ""},
		{"S-017/Accept */* but no SDP", "INVITE", func(q *request) { q.with("Accept: */*, application/sdp;q=0.0") }, "406", ""},
		{"S-016/text/foo", "INVITE", func(q *request) { q.with("Content-Type: text/foo"); q.body = "x" }, "415", "Accept: " + accept},
		{"S-016/content coding", "INVITE", func(q *request) { q.with("Content-Encoding: gzip").sdp(offerSDP) }, "415", "Accept-Encoding: identity"},
		{"S-016/identity is no coding", "INVITE", func(q *request) { q.with("Content-Encoding: identity").sdp(offerSDP) }, "200", ""},
		{"S-016/every language is understood", "INVITE", func(q *request) { q.with("Content-Language: de").sdp(offerSDP) }, "200", ""},
		{"S-016/body without Content-Type", "INVITE", func(q *request) { q.body = offerSDP }, "400", ""},
		{"S-016/SDP of another disposition", "INVITE", func(q *request) { q.with("Content-Disposition: early-session").sdp(offerSDP) }, "415", "Accept: " + accept},
		{"S-040/Contact that leads nowhere", "INVITE", func(q *request) { q.contact = "<tel:+15550100>" }, "400", ""},
		{"S-012/Max-Forwards 0", "OPTIONS", func(q *request) { q.with("Max-Forwards: 0") }, "200", ""},
	} {
		overSockets(t, x.name+": "+x.want, Config{}, func(t *testing.T, r *rig) {
			c := r.newCall()
			q := c.request(x.method)
			if x.change != nil {
				x.change(q)
			}
			if x.method == "INVITE" && q.body == "" {
				q.sdp(offerSDP)
			}
			c.send(q)
			m := c.want(x.want + " " + x.method)
			if name, value, ok := strings.Cut(x.header, ": "); ok && m.get(name) != value {
				t.Errorf("want %q in\n%s", x.header, m.raw)
			}
			if m.tag("To") == "" {
				t.Errorf("no To tag in\n%s", m.raw)
			}
			if x.method != "INVITE" {
				return
			}
			c.learn(m)
			if x.want == "200" {
				c.ack(q)
				r.expect("established")
				c.bye(r)
				return
			}
			c.ackFinal(q, m)
			r.quiet()
		})
	}
}

func TestOptions(t *testing.T) {
	overSockets(t, "S-020/OPTIONS says what an INVITE would get", Config{Limits: Limits{Dialogs: 1}}, func(t *testing.T, r *rig) {
		ask := func(uri string, head ...string) received {
			c := r.newCall()
			q := c.request("OPTIONS").with(head...)
			q.uri = uri
			c.send(q)
			return c.next()
		}
		user, node := "sip:parley@example.com", "sip:example.com"
		ok := ask(user)
		for _, h := range []struct{ name, value string }{
			{"Allow", allow},
			{"Supported", supported},
			{"Accept", "application/sdp, multipart/mixed, multipart/alternative, multipart/related"},
			{"Accept-Encoding", "identity"},
			{"Accept-Language", "*"},
			{"Content-Type", "application/sdp"},
		} {
			if !slices.Equal(ok.all(h.name), []string{h.value}) {
				t.Errorf("%s %q, want %q", h.name, ok.all(h.name), h.value)
			}
		}
		if ok.what() != "200 OPTIONS" || ok.body != capabilitiesSDP {
			t.Errorf("got\n%s", ok.raw)
		}
		if m := ask(user, "Accept: text/plain"); m.what() != "200 OPTIONS" || m.body != "" || m.has("Content-Type") {
			t.Errorf("S-017: got\n%s", m.raw)
		}
		r.set(func(do *hooks) { do.options = 404 })
		if m := ask(user); m.what() != "404 OPTIONS" {
			t.Errorf("unknown user: %s", m.start)
		}
		if m := ask(node); m.what() != "200 OPTIONS" {
			t.Errorf("no user: %s", m.start)
		}
		r.set(func(do *hooks) { do.options = 503 })
		if m := ask(node); m.what() != "503 OPTIONS" || !m.has("Retry-After") {
			t.Errorf("overloaded: %s", m.start)
		}
		r.set(func(do *hooks) { do.options = 200 })
		c := r.newCall()
		c.setUp()
		r.expect("established")
		if m := ask(node); m.what() != "503 OPTIONS" {
			t.Errorf("at the limit: %s", m.start)
		}
		c.bye(r)
		r.e.Drain()
		if m := ask(node); m.what() != "503 OPTIONS" {
			t.Errorf("draining: %s", m.start)
		}
		r.quiet()
	})
}
