package conformance

import (
	"fmt"
	"strings"
	"testing"

	"github.com/parley-msrp/parley/test/conformance/node"
	"github.com/parley-msrp/parley/test/peer"
)

// ownCredentials make the program under test somebody in two realms.
const ownCredentials = `uac_auth:
  credential: ["parley:example.org:swordfish", "gate:proxy.example.com:other"]
`

func challengeOf(realm, algorithm, more string) string {
	return fmt.Sprintf(`Digest realm="%s", nonce="%s", algorithm=%s%s`, realm, peer.Ident(), algorithm, more)
}

// challenged answers a request with challenges, takes the ACK of an INVITE, and waits for what comes after that.
func (c *call) challenged(t *testing.T, request *peer.Message, code int, challenges ...string) *peer.Message {
	t.Helper()
	c.challenge(t, request, code, challenges...)
	return c.a.Request(t, patience(), request.Method())
}

func (c *call) challenge(t *testing.T, request *peer.Message, code int, challenges ...string) {
	t.Helper()
	r := c.d.Response(request, code, "Challenge")
	for _, v := range challenges {
		r.Add(map[int]string{401: "WWW-Authenticate", 407: "Proxy-Authenticate"}[code], v)
	}
	c.a.Respond(t, request, r)
	if request.Method() == "INVITE" {
		c.a.Request(t, patience(), "ACK")
	}
}

// showed checks the credentials in a request, and returns their parameters.
func showed(t *testing.T, m *peer.Message, header, username, password string) map[string]string {
	t.Helper()
	values := m.All(header)
	if len(values) != 1 {
		t.Fatalf("%d rows %s:\n%s", len(values), header, m.Raw)
	}
	p := peer.DigestParams(values[0])
	if p["username"] != username || p["uri"] != m.URI() || p["response"] != peer.DigestResponse(p, m.Method(), password) {
		t.Errorf("%s of %s: %s", header, m.URI(), values[0])
	}
	return p
}

// failedWith waits for the end of a set-up.
func (c *call) failedWith(t *testing.T, code string) {
	t.Helper()
	if e := c.n.Await(t, c.id, "E_MSRP_SESSION_FAILED", 1)[0]; fmt.Sprint(e.Data["code"]) != code {
		t.Errorf("%s", e.Raw)
	}
	quiet(t, c.a, "request", func(m *peer.Message) bool { return m.IsRequest() })
}

// TestDigestClient is about the credentials that the program under test shows.
func TestDigestClient(t *testing.T) {
	t.Parallel()
	n := start(t, node.Config{More: ownCredentials})
	const qop = `, qop="auth"`

	for _, proto := range []string{"udp", "tcp"} {
		row(t, "S-027/INVITE, ACK and BYE over "+proto, func(t *testing.T) {
			c, first := invited(t, n, setup{proto: proto})
			second := c.challenged(t, first, 401, challengeOf("example.org", "SHA-256", qop), challengeOf("example.org", "MD5", qop))
			if second.CSeq() != first.CSeq()+1 || second.TopBranch() == first.TopBranch() || second.Get("Call-ID") != first.Get("Call-ID") ||
				second.Get("From") != first.Get("From") || second.Get("To") != first.Get("To") {
				t.Errorf("first\n%s\nsecond\n%s", first.Raw, second.Raw)
			}
			if p := showed(t, second, "Authorization", "parley", "swordfish"); p["algorithm"] != "SHA-256" || p["qop"] != "auth" || p["nc"] != "00000001" {
				t.Errorf("%v", p)
			}
			c.a.Respond(t, second, c.d.Response(second, 200, "OK").WithSDP(peer.Offer("*", deadPath)))
			if ack := c.a.Request(t, patience(), "ACK"); ack.Get("Authorization") != second.Get("Authorization") {
				t.Errorf("the ACK shows %q, the INVITE %q", ack.Get("Authorization"), second.Get("Authorization"))
			}
			n.EndSession(t, c.id)
			bye := c.a.Request(t, patience(), "BYE")
			again := c.challenged(t, bye, 401, challengeOf("example.org", "SHA-256", qop+", stale=true"))
			showed(t, again, "Authorization", "parley", "swordfish")
			if again.CSeq() != bye.CSeq()+1 {
				t.Errorf("BYE %d, then %d", bye.CSeq(), again.CSeq())
			}
			c.d.Answer(t, again, 200, "OK")
		})
	}

	row(t, "S-027/two realms in a 407", func(t *testing.T) {
		c, first := invited(t, n, setup{})
		second := c.challenged(t, first, 407, challengeOf("example.org", "MD5", qop), challengeOf("proxy.example.com", "SHA-256", qop))
		values := second.All("Proxy-Authorization")
		if len(values) != 2 || len(second.All("Authorization")) != 0 || !strings.Contains(values[0]+values[1], `realm="example.org"`) || !strings.Contains(values[0]+values[1], `realm="proxy.example.com"`) {
			t.Errorf("%s", second.Raw)
		}
		for _, v := range values {
			p := peer.DigestParams(v)
			password := map[string]string{"parley": "swordfish", "gate": "other"}[p["username"]]
			if p["response"] != peer.DigestResponse(p, "INVITE", password) {
				t.Errorf("%s", v)
			}
		}
		c.d.Answer(t, second, 486, "Busy Here")
		c.a.Request(t, patience(), "ACK")
		c.failedWith(t, "486")
	})

	row(t, "S-027/a proxy, then the callee", func(t *testing.T) {
		c, first := invited(t, n, setup{})
		second := c.challenged(t, first, 407, challengeOf("proxy.example.com", "MD5", qop))
		showed(t, second, "Proxy-Authorization", "gate", "other")
		third := c.challenged(t, second, 401, challengeOf("example.org", "SHA-256", qop))
		showed(t, third, "Authorization", "parley", "swordfish")
		if p := showed(t, third, "Proxy-Authorization", "gate", "other"); p["nc"] != "00000002" {
			t.Errorf("%v", p)
		}
		c.d.Answer(t, third, 486, "Busy Here")
		c.a.Request(t, patience(), "ACK")
		c.failedWith(t, "486")
	})

	row(t, "S-027/the topmost that is supported", func(t *testing.T) {
		c, first := invited(t, n, setup{})
		second := c.challenged(t, first, 401, `Basic realm="example.org"`, challengeOf("example.org", "FOO", qop), challengeOf("example.org", "MD5", qop), challengeOf("example.org", "SHA-256", qop))
		if p := showed(t, second, "Authorization", "parley", "swordfish"); p["algorithm"] != "MD5" {
			t.Errorf("%v", p)
		}
		c.challenge(t, second, 401, challengeOf("example.org", "MD5", qop))
		c.failedWith(t, "401")
	})

	row(t, "S-027/no qop in the challenge", func(t *testing.T) {
		c, first := invited(t, n, setup{})
		second := c.challenged(t, first, 401, fmt.Sprintf(`Digest realm="example.org", nonce="%s"`, peer.Ident()))
		p := showed(t, second, "Authorization", "parley", "swordfish")
		for _, name := range []string{"qop", "nc", "cnonce", "algorithm"} {
			if v, there := p[name]; there {
				t.Errorf("%s=%s", name, v)
			}
		}
		c.challenge(t, second, 401, challengeOf("example.org", "MD5", qop))
		c.failedWith(t, "401")
	})

	row(t, "S-027/nothing that can be answered", func(t *testing.T) {
		for _, challenge := range []string{challengeOf("example.org", "FOO", qop), challengeOf("elsewhere.example", "MD5", qop), `Basic realm="example.org"`, challengeOf("example.org", "MD5", `, qop="foo"`)} {
			c, first := invited(t, n, setup{})
			c.challenge(t, first, 401, challenge)
			c.failedWith(t, "401")
		}
	})

	row(t, "S-027/a stale nonce is replaced once", func(t *testing.T) {
		c, invite := invited(t, n, setup{})
		for _, more := range []string{"", ", stale=true"} {
			invite = c.challenged(t, invite, 401, challengeOf("example.org", "SHA-256", qop+more))
		}
		c.challenge(t, invite, 401, challengeOf("example.org", "SHA-256", qop+", stale=true"))
		c.failedWith(t, "401")
	})

	row(t, "S-027/CANCEL carries none", func(t *testing.T) {
		c, first := invited(t, n, setup{})
		second := c.challenged(t, first, 401, challengeOf("example.org", "SHA-256", qop))
		c.d.Answer(t, second, 180, "Ringing")
		n.EndSession(t, c.id)
		cancel := c.a.Request(t, patience(), "CANCEL")
		if cancel.Get("Authorization") != "" || cancel.CSeq() != second.CSeq() {
			t.Errorf("%s", cancel.Raw)
		}
		c.d.Answer(t, cancel, 200, "OK")
		c.d.Answer(t, second, 487, "Request Terminated")
		c.a.Request(t, patience(), "ACK")
	})

	row(t, "S-027/the password shows nowhere", func(t *testing.T) {
		own := start(t, node.Config{More: "log: {level: debug}\n" + ownCredentials})
		c, first := invited(t, own, setup{})
		second := c.challenged(t, first, 401, challengeOf("example.org", "MD5", ""))
		response := showed(t, second, "Authorization", "parley", "swordfish")["response"]
		c.challenge(t, second, 401, challengeOf("example.org", "MD5", qop))
		c.failedWith(t, "401")
		if log := own.Log(); strings.Contains(log, "swordfish") || strings.Contains(log, response) {
			t.Errorf("in the log:\n%s", log)
		}
	})
}
