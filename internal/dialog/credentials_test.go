package dialog

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"github.com/parley-msrp/parley/internal/auth"
	"github.com/parley-msrp/parley/internal/sip"
)

// keys are the credentials of the unit under test.
func keys() Config {
	return Config{Credentials: []auth.Credential{
		{Username: "parley", Realm: "example.org", Password: "secret"}, {Username: "parley", Realm: "proxy.example.com", Password: "other"},
	}}
}

func challenge(realm, algorithm, nonce string) string {
	return fmt.Sprintf(`Digest realm="%s", algorithm=%s, nonce="%s", qop="auth"`, realm, algorithm, nonce)
}

// parameter of an Authorization value, without its quotes.
func parameter(value, name string) string {
	_, rest, found := strings.Cut(value, " "+name+"=")
	if !found {
		return ""
	}
	v, _, _ := strings.Cut(rest, ",")
	return strings.Trim(v, `"`)
}

// proves checks a response value by hand (RFC 7616 §3.4).
func proves(t *testing.T, method, value, password string) {
	t.Helper()
	h := func(s string) string {
		if parameter(value, "algorithm") == "SHA-256" {
			sum := sha256.Sum256([]byte(s))
			return hex.EncodeToString(sum[:])
		}
		sum := md5.Sum([]byte(s))
		return hex.EncodeToString(sum[:])
	}
	get := func(name string) string { return parameter(value, name) }
	a1 := h("parley:" + get("realm") + ":" + password)
	a2 := h(method + ":" + get("uri"))
	want := h(a1 + ":" + get("nonce") + ":" + a2)
	if get("qop") != "" {
		want = h(strings.Join([]string{a1, get("nonce"), get("nc"), get("cnonce"), get("qop"), a2}, ":"))
	}
	if get("response") != want || !strings.HasPrefix(value, `Digest username="parley", `) {
		t.Errorf("%s: %s; want response %s", method, value, want)
	}
}

func TestChallengedInvite(t *testing.T) {
	overSockets(t, "S-027/INVITE, its ACK, re-INVITE and BYE", keys(), func(t *testing.T, r *rig) {
		d := r.invite()
		first := r.want("INVITE")
		if first.has("Authorization") {
			t.Errorf("credentials before any challenge\n%s", first.raw)
		}
		r.answer(first, 401, "uas", []string{"WWW-Authenticate: " + challenge("example.org", "SHA-256", "n1")}, "")
		r.want("ACK")
		second := r.want("INVITE")
		if second.seq() != first.seq()+1 || second.get("Call-ID") != first.get("Call-ID") || second.get("From") != first.get("From") || second.get("To") != first.get("To") {
			t.Errorf("first\n%s\nsecond\n%s", first.raw, second.raw)
		}
		shown := second.get("Authorization")
		proves(t, "INVITE", shown, "secret")
		r.answer(second, 200, "uas", []string{r.contactRow()}, answerSDP)
		if ack := r.want("ACK"); ack.get("Authorization") != shown || ack.seq() != second.seq() {
			t.Errorf("ACK shows %q, INVITE %q", ack.get("Authorization"), shown)
		}
		r.expect("answered " + fmt.Sprint(len(answerSDP)))
		r.expect("established")
		err := d.Modify(false, func() []byte { return []byte(otherSDP) }, func(err error) { r.tell("modified %v", err) })
		check0(t, err)
		third := r.want("INVITE")
		proves(t, "INVITE", third.get("Authorization"), "secret")
		if nc := parameter(third.get("Authorization"), "nc"); nc != "00000002" {
			t.Errorf("nc %s", nc)
		}
		r.answer(third, 407, "", []string{"Proxy-Authenticate: " + challenge("proxy.example.com", "MD5", "n2")}, "")
		r.want("ACK")
		fourth := r.want("INVITE")
		proves(t, "INVITE", fourth.get("Proxy-Authorization"), "other")
		r.answer(fourth, 200, "", []string{r.contactRow()}, answerSDP)
		if ack := r.want("ACK"); ack.get("Authorization") != fourth.get("Authorization") || ack.get("Proxy-Authorization") != fourth.get("Proxy-Authorization") {
			t.Errorf("ACK\n%s", ack.raw)
		}
		r.expect("answered " + fmt.Sprint(len(answerSDP)))
		r.expect("modified <nil>")
		d.End("")
		bye := r.want("BYE")
		proves(t, "BYE", bye.get("Authorization"), "secret")
		r.answer(bye, 401, "", []string{"WWW-Authenticate: " + strings.Replace(challenge("example.org", "MD5", "n3"), "Digest", "DIGEST", 1)}, "")
		again := r.want("BYE")
		proves(t, "BYE", again.get("Authorization"), "secret")
		if again.seq() != bye.seq()+1 {
			t.Errorf("BYE %d, then %d", bye.seq(), again.seq())
		}
		r.answer(again, 200, "", nil, "")
		r.expect("ended local 200 established=true")
		r.quiet()
	})

	redirecting := keys()
	redirecting.MaxRedirects = 1
	overSockets(t, "S-027/a redirected INVITE shows nothing that another server asked for", redirecting, func(t *testing.T, r *rig) {
		r.invite()
		first := r.want("INVITE")
		ask := []string{"WWW-Authenticate: " + challenge("example.org", "SHA-256", "n1")}
		r.answer(first, 401, "uas", ask, "")
		r.want("ACK")
		second := r.want("INVITE")
		proves(t, "INVITE", second.get("Authorization"), "secret")
		r.redirected(second, 302, "<"+r.to("other")+">")
		third := r.invited("other", first.seq()+2)
		if third.has("Authorization") {
			t.Errorf("got\n%s", third.raw)
		}
		r.answer(third, 401, "uas", ask, "")
		r.want("ACK")
		fourth := r.invited("other", first.seq()+3)
		proves(t, "INVITE", fourth.get("Authorization"), "secret")
		r.answer(fourth, 486, "uas", nil, "")
		r.want("ACK")
		r.expect("ended refused 486 established=false")
		r.quiet()
	})

	overSockets(t, "S-027/UPDATE", keys(), func(t *testing.T, r *rig) {
		d := r.invite()
		invite := r.want("INVITE")
		r.answer(invite, 200, "uas", []string{r.contactRow(), "Allow: INVITE, ACK, BYE, UPDATE"}, answerSDP)
		r.want("ACK")
		r.expect("answered " + fmt.Sprint(len(answerSDP)))
		r.expect("established")
		offers := 0
		make := func() []byte { offers++; return []byte(otherSDP) }
		check0(t, d.Modify(true, make, func(err error) { r.tell("modified %v, %d offers", err, offers) }))
		first := r.want("UPDATE")
		r.answer(first, 407, "", []string{"Proxy-Authenticate: " + challenge("proxy.example.com", "MD5", "n")}, "")
		second := r.want("UPDATE")
		proves(t, "UPDATE", second.get("Proxy-Authorization"), "other")
		if second.seq() != first.seq()+1 || second.body != first.body {
			t.Errorf("%s\nthen\n%s", first.raw, second.raw)
		}
		r.answer(second, 200, "", []string{r.contactRow()}, answerSDP)
		r.expect("answered " + fmt.Sprint(len(answerSDP)))
		r.expect("modified <nil>, 1 offers")
		check0(t, d.Modify(false, make, func(err error) { r.tell("modified %v", err) }))
		again := r.want("INVITE")
		d.End("") // while it waits for its answer
		bye := r.want("BYE")
		r.answer(again, 407, "", []string{"Proxy-Authenticate: " + challenge("proxy.example.com", "MD5", "m") + ", stale=true"}, "")
		r.want("ACK")
		r.answer(bye, 200, "", nil, "")
		r.expect("modified dialog: the peer refused with 407 Test")
		r.expect("ended local 200 established=true")
		r.quiet()
	})

	for name, c := range map[string]struct {
		head []string // of the 401
		try  bool     // another INVITE follows
	}{
		"S-027/no credentials for that realm":     {[]string{"WWW-Authenticate: " + challenge("elsewhere.example", "MD5", "n")}, false},
		"S-027/an algorithm that is not known":    {[]string{"WWW-Authenticate: " + challenge("example.org", "FOO", "n")}, false},
		"S-027/a session variant of an algorithm": {[]string{"WWW-Authenticate: " + challenge("example.org", "MD5-sess", "n")}, false},
		"S-027/a scheme that is not Digest":       {[]string{`WWW-Authenticate: Basic realm="example.org"`}, false},
		"S-027/no challenge at all":               {nil, false},
		"S-027/an unknown one above a known one":  {[]string{"WWW-Authenticate: " + challenge("example.org", "FOO", "n"), "WWW-Authenticate: " + challenge("example.org", "MD5", "n")}, true},
	} {
		overSockets(t, name, keys(), func(t *testing.T, r *rig) {
			r.invite()
			first := r.want("INVITE")
			r.answer(first, 401, "uas", c.head, "")
			r.want("ACK")
			if c.try {
				second := r.want("INVITE")
				proves(t, "INVITE", second.get("Authorization"), "secret")
				r.answer(second, 401, "uas", c.head, "")
				r.want("ACK")
			}
			r.expect("ended refused 401 established=false")
			r.quiet()
		})
	}

	overSockets(t, "S-027/a stale nonce is replaced once", keys(), func(t *testing.T, r *rig) {
		r.invite()
		for n := 1; n <= 3; n++ {
			head := "WWW-Authenticate: " + challenge("example.org", "SHA-256", fmt.Sprint("n", n))
			if n > 1 {
				head += ", stale=TRUE"
			}
			r.answer(r.want("INVITE"), 401, "uas", []string{head}, "")
			r.want("ACK")
		}
		r.expect("ended refused 401 established=false")
		r.quiet()
	})

	overSockets(t, "S-027/CANCEL carries none, and ends what a challenge would go on with", keys(), func(t *testing.T, r *rig) {
		d := r.invite()
		first := r.want("INVITE")
		r.answer(first, 401, "uas", []string{"WWW-Authenticate: " + challenge("example.org", "SHA-256", "n")}, "")
		r.want("ACK")
		second := r.want("INVITE")
		r.answer(second, 180, "uas", nil, "")
		r.expect("progress 180")
		d.End("")
		cancel := r.want("CANCEL")
		if cancel.has("Authorization") || cancel.seq() != second.seq() {
			t.Errorf("%s", cancel.raw)
		}
		r.answer(cancel, 200, "uas", nil, "")
		r.answer(second, 401, "uas", []string{"WWW-Authenticate: " + challenge("example.org", "SHA-256", "m") + ", stale=true"}, "")
		r.want("ACK")
		r.expect("ended local 487 established=false")
		r.quiet()
	})

	underFakeTime(t, "S-027/a 2xx that comes again gets the same ACK", sip.UDP, keys(), func(t *testing.T, r *rig, _ *memNet) {
		r.invite()
		first := r.want("INVITE")
		r.answer(first, 407, "uas", []string{"Proxy-Authenticate: " + challenge("proxy.example.com", "SHA-256", "n")}, "")
		r.want("ACK")
		second := r.want("INVITE")
		r.answer(second, 200, "uas", []string{r.contactRow()}, answerSDP)
		ack := r.want("ACK")
		r.answer(second, 200, "uas", []string{r.contactRow()}, answerSDP)
		if again := r.want("ACK"); again.raw != ack.raw || !ack.has("Proxy-Authorization") {
			t.Errorf("first\n%s\nthen\n%s", ack.raw, again.raw)
		}
		r.expect("answered " + fmt.Sprint(len(answerSDP)))
		r.expect("established")
		r.answering(second, "uas").send(r.answering(second, "uas").request("BYE"))
		r.want("200 BYE")
		r.expect("ended remote 200 established=true")
		r.quiet()
	})
}
