package daemon

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/parley-msrp/parley/internal/config"
	"github.com/parley-msrp/parley/test/peer"
)

// routed is the usual configuration with a request route.
func routed(t *testing.T, script string) config.Config {
	t.Helper()
	c := free(t)
	c.Route = filepath.Join(t.TempDir(), "route.star")
	if err := os.WriteFile(c.Route, []byte(script), 0o600); err != nil {
		t.Fatal(err)
	}
	return c
}

// TestOverrides: what a route says of a session holds for it: its types, size and duration, and what events and the list call it.
func TestOverrides(t *testing.T) {
	c := routed(t, `
def request(msg):
    msrp_ua_answer("text/plain", max_duration=0.3, max_size=17, profile="default", handler="bot", tags={"who": msg.ruri_user})
`)
	c.MSRPUA.CleanupInterval = 50 * time.Millisecond
	r := serve(t, c)
	_, events := r.get(t, "/v1/events")
	d := peer.NewAgent(t, "udp", r.sip).NewDialog("bob")
	_, a := d.Call(t, limit, peer.Offer("text/plain", "msrp://127.0.0.1:9/"+peer.Ident()+";tcp"))
	if a.Code() != 200 {
		t.Fatalf("answered %s", a.Start)
	}
	d.Ack(t)
	if size, _ := peer.ParseSDP(a.Body).Media[0].Attr("max-size"); size != "17" {
		t.Errorf("a=max-size:%s", size)
	}
	bye := d.Agent.Request(t, limit, "BYE")
	d.Answer(t, bye, 200, "OK")
	if reason := bye.Get("Reason"); !strings.Contains(reason, "longest duration reached") {
		t.Errorf("Reason %q", reason)
	}
	var told []string
	for lines := bufio.NewScanner(events); len(told) < 2 && lines.Scan(); {
		data, ok := strings.CutPrefix(lines.Text(), "data:")
		if !ok {
			continue
		}
		var e struct {
			Type string
			Data struct {
				Handler string
				Tags    map[string]string
			}
		}
		if err := json.Unmarshal([]byte(data), &e); err != nil {
			t.Fatal(err)
		}
		told = append(told, e.Type+" "+e.Data.Handler+" "+e.Data.Tags["who"])
	}
	if want := []string{"E_MSRP_SESSION_NEW bot bob", "E_MSRP_SESSION_END bot bob"}; !slices.Equal(told, want) {
		t.Errorf("told %q, want %q", told, want)
	}
}

// TestRefusals: what a route decides but for an answer is what an INVITE gets, and what an OPTIONS is told that one would get.
func TestRefusals(t *testing.T) {
	for _, c := range []struct {
		name, script string
		code         int
		contacts     []string
	}{
		{"reject", `reject(486)`, 486, nil},
		{"redirect", `redirect(["sip:bob@a.example", "<sip:bob@b.example>;q=0.1"], 300)`, 300, []string{"<sip:bob@a.example>", "<sip:bob@b.example>;q=0.1"}},
		{"a profile that is not there", `msrp_ua_answer("*", profile="none") if msg.method == "INVITE" else reject(500)`, 500, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := serve(t, routed(t, "def request(msg):\n    "+c.script+"\n"))
			p := peer.NewAgent(t, "udp", r.sip)
			_, invite := p.NewDialog("bob").Call(t, limit, peer.Offer("text/plain", "msrp://127.0.0.1:9/x;tcp"))
			options := p.Ask(t, limit, p.NewDialog("bob").Request("OPTIONS"))
			for _, a := range []*peer.Message{invite, options} {
				if a.Code() != c.code || !slices.Equal(a.All("Contact"), c.contacts) {
					t.Errorf("answered %s, Contact %q", a.Start, a.All("Contact"))
				}
			}
		})
	}
}

// TestHeaders: a script sees headers whatever form they have on the wire, and the session description.
func TestHeaders(t *testing.T) {
	r := serve(t, routed(t, `
def request(msg):
    reject(480, " ".join([msg.header("f")[:5], str(len(msg.list("Supported"))), msg.list("supported")[2], str(len(msg.headers("k"))), msg.source_proto, msg.sdp()[0]]))
`))
	p := peer.NewAgent(t, "udp", r.sip)
	d := p.NewDialog("bob")
	m := d.Request("INVITE").WithSDP(peer.Offer("text/plain", "msrp://127.0.0.1:9/x;tcp"))
	m.Add("k", "timer, 100rel").Add("Supported", "replaces")
	a := p.Ask(t, limit, m)
	if want := "480 <sip: 3 replaces 2 udp v=0"; !strings.HasSuffix(a.Start, want) {
		t.Errorf("answered %q, want %q", a.Start, want)
	}
}
