package daemon

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/parley-msrp/parley/internal/config"
	"github.com/parley-msrp/parley/test/peer"
)

// reloading is a node with a configuration file.
type reloading struct {
	*running
	folder string
}

const (
	answering = "def request(msg):\n    msrp_ua_answer(\"text/plain\")\n"
	busy      = "def request(msg):\n    reject(486, \"Busy\")\n"
)

func serveFile(t *testing.T) *reloading {
	t.Helper()
	r := &reloading{folder: t.TempDir()}
	r.write(t, "route.star", answering)
	r.write(t, "clients", "ops all token:"+opsToken+"\n")
	r.configure(t, 300, "info", "")
	c, err := config.Load(filepath.Join(r.folder, "parley.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	r.running = serve(t, c)
	return r
}

func (r *reloading) write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(r.folder, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (r *reloading) configure(t *testing.T, maxDuration int, level, more string) {
	t.Helper()
	r.write(t, "parley.yaml", fmt.Sprintf(`sip: {listen: ["udp:127.0.0.1:0"]}
msrp: {listen: ["tcp:127.0.0.1:0"], advertised_elsewhere: true}
msrp_ua: {my_uri: "msrp://127.0.0.1:9;tcp", max_duration: %d}
http: {listen: "127.0.0.1:0", clients: clients}
journal: {durability: memory}
route: route.star
log: {level: %s}
%s`, maxDuration, level, more))
}

// post makes a POST, and gives status and answer.
func (r *reloading) post(t *testing.T, path, body, token string) (status int, text string) {
	t.Helper()
	return (&client{http.DefaultClient, "http://" + r.http}).do(t, http.MethodPost, path, token, body)
}

// code is what an INVITE gets; an answered call is ended.
func (r *reloading) code(t *testing.T) int {
	t.Helper()
	d := peer.NewAgent(t, "udp", r.sip).NewDialog("bob")
	_, a := d.Call(t, limit, peer.Offer("text/plain", "msrp://127.0.0.1:9/"+peer.Ident()+";tcp"))
	if a.Code() == 200 {
		d.Ack(t)
		d.Bye(t, limit)
	}
	return a.Code()
}

// lifetimes are those of the sessions, the oldest first.
func (r *reloading) lifetimes(t *testing.T) (all []int) {
	t.Helper()
	_, text := r.post(t, "/mi", `{"jsonrpc":"2.0","id":1,"method":"msrp_ua_list_sessions"}`, "")
	var answer struct{ Result []struct{ Lifetime int } }
	if err := json.Unmarshal([]byte(text), &answer); err != nil {
		t.Fatal(err)
	}
	for _, s := range answer.Result {
		all = append(all, s.Lifetime)
	}
	return all
}

func (r *reloading) open(t *testing.T) *peer.Dialog {
	t.Helper()
	d := peer.NewAgent(t, "udp", r.sip).NewDialog("bob")
	if _, a := d.Call(t, limit, peer.Offer("text/plain", "msrp://127.0.0.1:9/"+peer.Ident()+";tcp")); a.Code() != 200 {
		t.Fatalf("the INVITE was answered %s", a.Start)
	}
	d.Ack(t)
	return d
}

// TestReload: what has changed counts, for the sessions that it is for, and those that live go on.
func TestReload(t *testing.T) {
	r := serveFile(t)
	_, events := r.get(t, "/v1/events")
	old := r.open(t)
	eventually(t, "the call stands", func() bool { l := r.lifetimes(t); return len(l) == 1 && l[0] > 60 && l[0] <= 300 })

	r.configure(t, 600, "debug", "sink: {}\n")
	if status, text := r.post(t, "/v1/reload", "", ""); status != 409 || !strings.Contains(text, "unknown key") || !strings.Contains(text, "nothing has changed") {
		t.Errorf("with a key that is not known: %d %s", status, text)
	}
	r.configure(t, 600, "debug", "auth: {md5: true}\n")
	if status, text := r.post(t, "/v1/reload", "", ""); status != 200 || text != `{"changed":["msrp_ua.max_duration","log.level"],"at_next_start":["auth.md5"]}`+"\n" {
		t.Errorf("%d %s", status, text)
	}
	young := r.open(t)
	eventually(t, "each session has its own limit", func() bool {
		l := r.lifetimes(t)
		return len(l) == 2 && l[0] <= 300 && l[1] > 300
	})
	eventually(t, "more is logged", func() bool { return strings.Contains(r.log.String(), "level=DEBUG") })

	// The request route, by the management interface.
	r.write(t, "route.star", busy)
	if _, text := r.post(t, "/mi", `{"jsonrpc":"2.0","id":1,"method":"reload_routes"}`, ""); text != `{"jsonrpc":"2.0","result":"OK","id":1}` {
		t.Error(text)
	}
	if code := r.code(t); code != 486 {
		t.Errorf("by the new route an INVITE gets %d", code)
	}
	// The clients, by a signal.
	if status, _ := r.post(t, "/v1/reload", "", botToken); status != 401 {
		t.Errorf("a token that is not there yet: %d", status)
	}
	r.write(t, "clients", "bot all token:"+botToken+"\n")
	before := strings.Count(r.log.String(), "configuration reloaded")
	if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the signal is followed", func() bool { return strings.Count(r.log.String(), "configuration reloaded") > before })
	if status, _ := r.post(t, "/v1/reload", "", botToken); status != 200 {
		t.Errorf("the new token: %d", status)
	}
	if status, _ := r.post(t, "/v1/reload", "", opsToken); status != 401 {
		t.Errorf("the old token: %d", status)
	}
	// Nobody was cut off.
	for _, d := range []*peer.Dialog{old, young} {
		if bye := d.Bye(t, limit); bye.Code() != 200 {
			t.Errorf("the BYE was answered %s", bye.Start)
		}
	}
	b := make([]byte, 1<<16)
	for text := ""; strings.Count(text, "event: E_MSRP_SESSION_END") < 2; {
		n, err := events.Read(b)
		if err != nil {
			t.Fatalf("the stream of events ended: %v\n%s", err, text)
		}
		text += string(b[:n])
	}
}

// TestReloadFails: whatever is wrong, nothing changes, and the answer says what it is.
func TestReloadFails(t *testing.T) {
	r := serveFile(t)
	for _, c := range []struct {
		name  string
		spoil func()
		want  string
	}{
		{"the route", func() { r.write(t, "route.star", "def request(msg):\n    reject(486\n") }, "route.star:3:"},
		{"the clients", func() { r.write(t, "clients", "nobody\n") }, "clients:1: the line is not of the form NAME RIGHTS CREDENTIAL"},
		{"the configuration", func() { r.configure(t, 300, "loud", "") }, "log.level: "},
		{"a certificate", func() { r.configure(t, 300, "debug", "tls: {certificate: cert.pem, private_key: key.pem}\n") }, "tls: certificate: "},
		{"my_uri", func() { r.configure(t, 300, "debug", "x: {}\n") }, "unknown key"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r.write(t, "route.star", busy)
			r.write(t, "clients", "bot all token:"+botToken+"\n")
			r.configure(t, 300, "debug", "")
			c.spoil()
			if status, text := r.post(t, "/v1/reload", "", ""); status != 409 || !strings.Contains(text, c.want) {
				t.Errorf("%d %s\nwant …%s…", status, text, c.want)
			}
			if _, text := r.post(t, "/mi", `{"jsonrpc":"2.0","id":1,"method":"reload"}`, ""); !strings.Contains(text, `"code":500,"message":"reload failed","data":"`) {
				t.Error(text)
			}
			if code := r.code(t); code != 200 {
				t.Errorf("an INVITE gets %d: another route counts", code)
			}
			if status, _ := r.post(t, "/mi", "{}", botToken); status != 401 {
				t.Errorf("another token counts: %d", status)
			}
			if strings.Contains(r.log.String(), "level=DEBUG") {
				t.Error("another level counts")
			}
		})
	}
}

// TestReloadKeepsLevel: what log_level has set stays, until the configuration says something else than before.
func TestReloadKeepsLevel(t *testing.T) {
	r := serveFile(t)
	level := func() string {
		_, text := r.post(t, "/mi", `{"jsonrpc":"2.0","id":1,"method":"log_level"}`, "")
		return text
	}
	r.post(t, "/mi", `{"jsonrpc":"2.0","id":1,"method":"log_level","params":["error"]}`, "")
	r.post(t, "/v1/reload", "", "")
	if got := level(); !strings.Contains(got, `"Log level":-1`) {
		t.Error(got)
	}
	r.configure(t, 300, "warn", "")
	r.post(t, "/v1/reload", "", "")
	if got := level(); !strings.Contains(got, `"Log level":1`) {
		t.Error(got)
	}
}
