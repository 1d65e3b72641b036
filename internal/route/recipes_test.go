package route_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-msrp/parley/internal/route"
)

// recipe is a script of docs/route.md, with the files that it loads.
type recipe struct {
	script string
	files  map[string]string
}

// recipes are those under "## Recipes" of docs/route.md, by their headings.
func recipes(t *testing.T) map[string]recipe {
	t.Helper()
	page, err := os.ReadFile("../../docs/route.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, ok := strings.Cut(string(page), "\n## Recipes\n")
	if !ok {
		t.Fatal("docs/route.md has no recipes")
	}
	found := map[string]recipe{}
	for _, one := range strings.Split(section, "\n### ")[1:] {
		heading, text, _ := strings.Cut(one, "\n")
		r := recipe{files: map[string]string{}}
		if m := regexp.MustCompile("(?s)```python\n(.*?)```").FindStringSubmatch(text); m != nil {
			r.script = m[1]
		}
		for _, m := range regexp.MustCompile("(?s)\n`([^`\n]+)`:\n\n```[a-z]+\n(.*?)```").FindAllStringSubmatch(text, -1) {
			r.files[m[1]] = m[2]
		}
		found[heading] = r
	}
	return found
}

// load loads the script with its files beside it.
func (r recipe) load(t *testing.T) *route.Script {
	t.Helper()
	dir := t.TempDir()
	for name, text := range r.files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(dir, "route.star")
	if err := os.WriteFile(path, []byte(r.script), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := route.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestRecipes(t *testing.T) {
	answer := func(types ...string) route.Decision { return route.Decision{Answer: types} }
	reject := func(code int, reason string) route.Decision { return route.Decision{Code: code, Reason: reason} }
	challenge := func(realm string) route.Decision { return route.Decision{Code: 401, Challenge: realm} }
	verifying := func(user string) func(*route.Request) {
		return func(r *route.Request) {
			r.From = "sip:alice@example.org"
			r.Verify = func(realm string) (string, bool) { return user, user != "" && realm == "example.org" }
		}
	}
	headers := func(name string, values ...string) func(*route.Request) {
		return func(r *route.Request) {
			r.Header = func(n string) []string {
				if strings.EqualFold(n, name) {
					return values
				}
				return nil
			}
			r.List = r.Header
		}
	}
	type try struct {
		what   string
		change func(*route.Request)
		want   route.Decision
	}
	as := func(*route.Request) {}
	from := func(uri string) func(*route.Request) { return func(r *route.Request) { r.From = uri } }
	called := func(uri string) func(*route.Request) { return func(r *route.Request) { r.RequestURI = uri } }
	at := func(hour, minute, day int) func(*route.Request) {
		return func(r *route.Request) { r.Time = time.Date(2026, 12, day, hour, minute, 0, 0, time.UTC) }
	}
	session := func(s route.Session, types ...string) route.Decision {
		return route.Decision{Answer: types, Session: s}
	}
	tagged := func(tags ...string) route.Session {
		s := route.Session{Tags: map[string]string{}}
		for i := 0; i < len(tags); i += 2 {
			s.Tags[tags[i]] = tags[i+1]
		}
		return s
	}
	emergency := func(call, location, trusted string) route.Decision {
		s := tagged("location", location, "trusted", trusted)
		if call != "" {
			s.Tags["emergency_call"] = call
		}
		s.MaxDuration, s.Handler = -1, "emergency"
		return session(s, "text/plain", "message/cpim", "*")
	}
	tries := map[string][]try{
		"Text only": {{"any offer", as, answer("text/plain")}},
		"Refuse outside our own domain": {
			{"own", as, answer("text/plain", "text/html")},
			{"own, with port and parameters", func(r *route.Request) { r.RequestURI = "sip:CHAT.example.org:5060;transport=tcp" }, answer("text/plain", "text/html")},
			{"other", func(r *route.Request) { r.RequestURI = "sip:bob@example.org.example.net" }, reject(404, "No Such Domain")},
			{"other, looking like ours", func(r *route.Request) { r.RequestURI = "sip:example.org@example.net" }, reject(404, "No Such Domain")},
		},
		"Take calls from known proxies only": {
			{"known", as, answer("text/plain", "*")},
			{"unknown", func(r *route.Request) { r.Source = "tcp:192.0.2.20:40000" }, reject(403, "")},
		},
		"Answer with what the caller asks for, files excepted": {
			{"text and pictures", as, answer("text/plain")},
			{"anything", func(r *route.Request) { r.Types = []string{"*"} }, answer("text/plain", "text/html", "message/cpim")},
			{"pictures", func(r *route.Request) { r.Types = []string{"image/png"} }, reject(488, "No Text")},
			{"a file", func(r *route.Request) { r.Offer = []byte("v=0\r\na=file-selector:name:\"a.txt\"\r\n") }, reject(488, "No Text")},
		},
		"By called user, with what its customer ordered": {
			{"one customer", called("sip:Sales@example.org"), session(
				route.Session{MaxDuration: 30 * time.Minute, Handler: "acme-bot", Tags: map[string]string{"customer": "acme"}}, "text/plain", "text/html",
			)},
			{"another", called("sip:help@example.org"), session(
				route.Session{MaxSize: 10000, Handler: "helpdesk", Tags: map[string]string{"customer": "initech"}}, "text/plain",
			)},
			{"nobody", called("sip:nobody@example.org"), reject(404, "")},
		},
		"Callers who are not wanted": {
			{"wanted", as, answer("text/plain", "*")},
			{"blocked", from("sip:spammer@EXAMPLE.net;user=x"), reject(603, "")},
			{"blocked, written with an escape", from("sip:%73pammer@example.net"), reject(603, "")},
			{"the same name elsewhere", from("sip:spammer@example.com"), answer("text/plain", "*")},
			{"a number", from("tel:+12015550123"), reject(603, "")},
			{"a number at a gateway", from("sip:+12015550123@gw.example.com;user=phone"), reject(603, "")},
		},
		"Business hours": {
			{"Monday morning", at(8, 0, 7), answer("text/plain", "*")},
			{"too early", at(7, 59, 7), reject(480, "Closed")},
			{"the last minute", at(16, 29, 7), answer("text/plain", "*")},
			{"too late", at(16, 30, 7), reject(480, "Closed")},
			{"Sunday", at(10, 0, 6), reject(480, "Closed")},
			{"Christmas, a Friday", at(10, 0, 25), reject(480, "Closed")},
		},
		"Redirect to another site": {
			{"anybody", as, route.Decision{Code: 302, Contacts: []string{"<sip:bob@ber.example.org>;q=0.9", "<sip:bob@ham.example.org>;q=0.5"}}},
			{"a user who would be more than one", called("sip:%3Ebob@example.org"), reject(404, "")},
		},
		"Emergency text (NG9-1-1)": {
			{"by number, from the ESRP", called("sip:911@example.org"), emergency("", "no", "yes")},
			{"by service, with incident and location", func(r *route.Request) {
				r.To, r.Source = "urn:service:sos.police", "tcp:198.51.100.7:5060"
				values := map[string][]string{
					"Call-Info": {
						"<urn:emergency:uid:incidentid:9:bcf.example>;purpose=emergency-IncidentId",
						"<urn:emergency:uid:callid:a56e556d871:bcf.example>;purpose=emergency-CallId",
					},
					"Geolocation": {"<cid:target123@example.com>"},
				}
				r.Header = func(name string) []string { return values[name] }
				r.List = r.Header
			}, emergency("a56e556d871:bcf.example", "yes", "no")},
			{"no emergency", as, reject(404, "")},
		},
		"Short and small for strangers": {
			{"ours", from("sip:alice@example.org"), answer("text/plain", "*")},
			{"a stranger", as, session(route.Session{MaxDuration: 10 * time.Minute, MaxSize: 2000}, "text/plain")},
			{"no URI with a host", from("tel:+1"), session(route.Session{MaxDuration: 10 * time.Minute, MaxSize: 2000}, "text/plain")},
		},
		"Tags by the caller's domain": {
			{"partner", as, session(tagged("partner", "example.com", "tier", "gold"), "text/plain", "*")},
			{"stranger", from("sip:x@y.example"), session(tagged("tier", "none"), "text/plain", "*")},
		},
		"Nobody who is anonymous": {
			{"somebody", as, answer("text/plain", "*")},
			{"by domain", from("sip:x@anonymous.invalid"), reject(433, "Anonymity Disallowed")},
			{"by name", from("sip:Anonymous@example.com"), reject(433, "Anonymity Disallowed")},
			{"by Privacy", headers("Privacy", "critical; ID"), reject(433, "Anonymity Disallowed")},
			{"Privacy none", headers("Privacy", "none"), answer("text/plain", "*")},
		},
		"Numbers of one country": {
			{"ours", called("sip:+493012345@example.org;user=phone"), session(tagged("country", "49", "number", "3012345"), "text/plain", "*")},
			{"ours, dialled", called("sip:00493012345@example.org"), session(tagged("country", "49", "number", "3012345"), "text/plain", "*")},
			{"another", called("sip:+12015550123@example.org"), reject(484, "")},
			{"no number", as, reject(484, "")},
		},
		"Addresses that are closed": {
			{"open", as, answer("text/plain", "*")},
			{"closed", func(r *route.Request) { r.RequestURI = "sip:Sales@example.org" }, reject(480, "")},
			{"gone", func(r *route.Request) { r.RequestURI = "sip:old@example.org" }, reject(410, "")},
		},
		"Only those whom the proxy vouches for": {
			{"verified", headers("X-Verified-User", "alice"), answer("text/plain")},
			{"not verified", headers("X-Verified-User"), reject(403, "Not Verified")},
		},
		"Only our own users": {
			{"no credentials", verifying(""), challenge("example.org")},
			{"own address", verifying("alice"), answer("text/plain", "*")},
			{"another one's address", verifying("bob"), reject(403, "Not Your Address")},
		},
		"Trusted proxies speak for their users, everybody else has a password": {
			{"asserted", func(r *route.Request) { r.Identity = route.Identity{Name: "sip:alice@example.org", By: "pai"} }, answer("text/plain", "*")},
			{"a certificate of a domain", func(r *route.Request) {
				verifying("")(r)
				r.Identity = route.Identity{Name: "sip:example.com", By: "tls"}
			}, challenge("example.org")},
			{"no credentials", verifying(""), challenge("example.org")},
			{"credentials", verifying("alice"), answer("text/plain", "*")},
		},
		"A partner's proxy, known by its certificate": {
			{"no certificate", as, reject(403, "")},
			{"another one's", func(r *route.Request) { r.TLSPeer = []string{"example.net", "sip:sip.example.com"} }, reject(403, "")},
			{"its own", func(r *route.Request) { r.TLSPeer = []string{"example.com", "sip.example.com"} }, session(tagged("partner", "example.com"), "text/plain", "*")},
		},
		"A loop on the way": {
			{"straight", as, answer("text/plain", "*")},
			{"loop", headers("Via", slices.Repeat([]string{"SIP/2.0/UDP a"}, 11)...), reject(482, "")},
		},
	}
	for heading, r := range recipes(t) {
		if tries[heading] == nil {
			t.Errorf("nobody tries the recipe %q", heading)
			continue
		}
		s := r.load(t)
		for _, c := range tries[heading] {
			t.Run(heading+"/"+c.what, func(t *testing.T) {
				r := invite()
				c.change(&r)
				got, err := s.Run(t.Context(), r)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(c.want, got); diff != "" {
					t.Error(diff)
				}
			})
		}
		delete(tries, heading)
	}
	for heading := range tries {
		t.Errorf("docs/route.md has no recipe %q", heading)
	}
}
