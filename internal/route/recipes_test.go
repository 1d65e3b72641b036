package route_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-msrp/parley/internal/route"
)

// recipes are the scripts under "## Recipes" of docs/route.md, by their headings.
func recipes(t *testing.T) map[string]string {
	t.Helper()
	page, err := os.ReadFile("../../docs/route.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, ok := strings.Cut(string(page), "\n## Recipes\n")
	if !ok {
		t.Fatal("docs/route.md has no recipes")
	}
	found := map[string]string{}
	for _, m := range regexp.MustCompile("(?s)### ([^\n]+)\n(.*?)```python\n(.*?)```").FindAllStringSubmatch(section, -1) {
		found[m[1]] = m[3]
	}
	return found
}

func TestRecipes(t *testing.T) {
	answer := func(types ...string) route.Decision { return route.Decision{Answer: types} }
	reject := func(code int, reason string) route.Decision { return route.Decision{Code: code, Reason: reason} }
	headers := func(name string, values ...string) func(*route.Request) {
		return func(r *route.Request) {
			r.Header = func(n string) []string {
				if strings.EqualFold(n, name) {
					return values
				}
				return nil
			}
		}
	}
	type try struct {
		what   string
		change func(*route.Request)
		want   route.Decision
	}
	as := func(*route.Request) {}
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
			{"unknown", func(r *route.Request) { r.Source = "tcp:192.0.2.12:40000" }, reject(403, "")},
		},
		"Answer with what the caller asks for, files excepted": {
			{"text and pictures", as, answer("text/plain")},
			{"anything", func(r *route.Request) { r.Types = []string{"*"} }, answer("text/plain", "text/html", "message/cpim")},
			{"pictures", func(r *route.Request) { r.Types = []string{"image/png"} }, reject(488, "No Text")},
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
		"A loop on the way": {
			{"straight", as, answer("text/plain", "*")},
			{"loop", headers("Via", slices.Repeat([]string{"SIP/2.0/UDP a"}, 11)...), reject(482, "")},
		},
	}
	for heading, script := range recipes(t) {
		if tries[heading] == nil {
			t.Errorf("nobody tries the recipe %q", heading)
			continue
		}
		s := load(t, script)
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
