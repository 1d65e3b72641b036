package daemon

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/parley-msrp/parley/internal/config"
	"github.com/parley-msrp/parley/test/peer"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// limit is how long anything may take that is due at once.
const limit = 30 * time.Second

// text may be read while it is written.
type text struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (w *text) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.Write(b)
}

func (w *text) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.String()
}

func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	end := time.After(limit)
	for !done() {
		select {
		case <-tick.C:
		case <-end:
			t.Fatalf("not in time: %s", what)
		}
	}
}

// free is a configuration whose listeners take free ports of loopback.
func free(t testing.TB) config.Config {
	t.Helper()
	c := config.Default()
	c.SIP.Listen = []string{"udp:127.0.0.1:0"}
	c.MSRP.Listen = []string{"tcp:127.0.0.1:0"}
	c.MSRPUA.MyURI = "" // from the listener
	c.HTTP.Listen = "127.0.0.1:0"
	c.DataDir = t.TempDir()
	return c
}

// running is a node that serves.
type running struct {
	sip, http string // host:port
	out, log  *text
	stop      func() error // drains it
}

func serve(t *testing.T, c config.Config) *running {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	r := &running{out: &text{}, log: &text{}}
	ended := make(chan error, 1)
	go func() { ended <- Serve(ctx, c, r.out, r.log) }()
	r.stop = sync.OnceValue(func() error { cancel(); return <-ended })
	t.Cleanup(func() { _ = r.stop() })
	eventually(t, "the node greets", func() bool {
		if len(ended) > 0 {
			t.Fatal("it ended: ", r.stop())
		}
		return strings.Contains(r.out.String(), "SESSION_ID hello\n")
	})
	find := func(pattern string) string {
		m := regexp.MustCompile(pattern).FindStringSubmatch(r.out.String())
		if m == nil {
			t.Fatalf("%s is not in the greeting:\n%s", pattern, r.out)
		}
		return m[1]
	}
	r.sip, r.http = find(`SIP   udp:(\S+)`), find(`HTTP  http://(\S+)`)
	find(`chat (sip:anyone@` + regexp.QuoteMeta(r.sip) + `) `)
	find(`events (--url http://` + regexp.QuoteMeta(r.http) + `) `)
	return r
}

func (r *running) get(t *testing.T, path string) (status int, body io.ReadCloser) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+r.http+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Close = true
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	return resp.StatusCode, resp.Body
}

// TestDrain: a node that is told to stop ends its calls, tells so to those who read events, and gives everything back.
func TestDrain(t *testing.T) {
	r := serve(t, free(t))
	if status, _ := r.get(t, "/healthz"); status != 200 {
		t.Errorf("/healthz: %d", status)
	}
	_, events := r.get(t, "/v1/events")
	d := peer.NewAgent(t, "udp", r.sip).NewDialog("bob")
	if _, a := d.Call(t, limit, peer.Offer("text/plain", "msrp://127.0.0.1:9/"+peer.Ident()+";tcp")); a.Code() != 200 {
		t.Fatalf("the INVITE was answered %s", a.Start)
	}
	d.Ack(t)
	eventually(t, "the call stands", func() bool { return strings.Contains(r.log.String(), "session established") })
	ended := make(chan error, 1)
	go func() { ended <- r.stop() }()
	bye := d.Agent.Request(t, limit, "BYE")
	if _, a := d.Agent.NewDialog("bob").Call(t, limit, peer.Offer("*", "msrp://127.0.0.1:9/x;tcp")); a.Code() != 503 {
		t.Errorf("while draining an INVITE was answered %s", a.Start)
	}
	if status, _ := r.get(t, "/healthz"); status != 503 {
		t.Errorf("while draining /healthz: %d", status)
	}
	d.Answer(t, bye, 200, "OK")
	if err := <-ended; err != nil {
		t.Error(err)
	}
	told, _ := io.ReadAll(events)
	if n, e := bytes.Index(told, []byte("event: E_MSRP_SESSION_NEW")), bytes.Index(told, []byte("event: E_MSRP_SESSION_END")); n < 0 || e < n {
		t.Errorf("told:\n%s", told)
	}
	if !strings.Contains(r.out.String(), "draining") {
		t.Errorf("printed:\n%s", r.out)
	}
}

// TestDrainLimit: peers that do not answer and readers that do not read hold nobody up for long, and are no failure.
func TestDrainLimit(t *testing.T) {
	r := serve(t, free(t))
	r.get(t, "/v1/events") // not read
	d := peer.NewAgent(t, "udp", r.sip).NewDialog("bob")
	d.Call(t, limit, peer.Offer("text/plain", "msrp://127.0.0.1:9/"+peer.Ident()+";tcp"))
	d.Ack(t)
	eventually(t, "the call stands", func() bool { return strings.Contains(r.log.String(), "session established") })
	began := time.Now()
	if err := r.stop(); err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took > drainTimeout+readersTimeout+10*time.Second { // a request without answer takes 32 s
		t.Errorf("it took %v", took)
	}
}

// TestCannotStart: one line says what is in the way and what to do, and nothing is left open.
func TestCannotStart(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	taken := l.Addr().String()
	script := filepath.Join(t.TempDir(), "route.star")
	if err := os.WriteFile(script, []byte("def request(msg):\n    nonsense()\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	const inUse = "address already in use; another program listens there: stop it, or choose another address in the configuration"
	inUseDir, otherDir, newerDir := t.TempDir(), t.TempDir(), t.TempDir()
	held, err := openDataDir(inUseDir, "a")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { held.close() })
	other, err := openDataDir(otherDir, "a")
	if err != nil {
		t.Fatal(err)
	}
	other.close()
	if err := os.WriteFile(filepath.Join(newerDir, "parley.json"), []byte(`{"format":2,"node":"a"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		change func(*config.Config)
		want   []string
	}{
		{"SIP", func(c *config.Config) { c.SIP.Listen = []string{"tcp:" + taken} }, []string{"SIP listener", taken, inUse}},
		{"MSRP", func(c *config.Config) { c.MSRP.Listen = []string{"tcp:" + taken} }, []string{"MSRP listener", taken, inUse}},
		{"HTTP", func(c *config.Config) { c.HTTP.Listen = taken }, []string{"HTTP listener", taken, inUse}},
		{"HTTP off loopback", func(c *config.Config) { c.HTTP.Listen = "0.0.0.0:0" }, []string{"loopback"}},
		{"route that does not load", func(c *config.Config) { c.Route = script }, []string{"route: ", "route.star:2:5"}},
		{"a data directory that is in use", func(c *config.Config) { c.DataDir = inUseDir }, []string{"data_dir: another process uses " + inUseDir}},
		{"a data directory of another node", func(c *config.Config) { c.DataDir, c.Node = otherDir, "b" }, []string{"data_dir: ", "of the node a, and not of b"}},
		{"a data directory of a newer version", func(c *config.Config) { c.DataDir = newerDir }, []string{"data_dir: ", "format 2", "a newer one wrote it"}},
		{"no NATS", func(c *config.Config) { c.NATS.URL = "nats://" + taken }, []string{"journal: NATS: "}},
		{"no route", func(c *config.Config) { c.Route = script + "x" }, []string{"route: ", "no such file"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			config := free(t)
			c.change(&config)
			var out, log text
			err := Serve(t.Context(), config, &out, &log)
			if err == nil {
				t.Fatal("it started")
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q lacks %q", err, want)
				}
			}
			if strings.Contains(err.Error(), "\n") || out.String() != "" || strings.Contains(log.String(), "level=ERROR") {
				t.Errorf("%q is not one line, or it was not all that was printed:\n%s%s", err, &out, &log)
			}
		})
	}
}

// TestRouter has INVITEs go through request routes.
func TestRouter(t *testing.T) {
	for _, c := range []struct {
		name   string
		script string
		code   int
		reason string // of the response
		log    string
	}{
		{"answer", "def request(msg):\n    msrp_ua_answer(\"text/plain\")\n", 200, "OK", "session established"},
		{"reject", "def request(msg):\n    reject(486, \"Not \" + msg.from_uri[:4])\n", 486, "Not sip:", ""},
		{"no type in common", "def request(msg):\n    msrp_ua_answer(\"image/png\")\n", 488, "", "call refused"},
		{"error in the script", "def request(msg):\n    reject(1 // 0)\n", 500, "", "route.star:2:"},
		{"no decision", "def request(msg):\n    pass\n", 500, "", "without a decision"},
		{"too many steps", "def request(msg):\n    for i in range(100000000):\n        pass\n", 500, "", "too many steps"},
	} {
		t.Run(c.name, func(t *testing.T) {
			config := free(t)
			config.Route = filepath.Join(t.TempDir(), "route.star")
			if err := os.WriteFile(config.Route, []byte(c.script), 0o600); err != nil {
				t.Fatal(err)
			}
			r := serve(t, config)
			d := peer.NewAgent(t, "udp", r.sip).NewDialog("bob")
			_, a := d.Call(t, limit, peer.Offer("text/plain", "msrp://127.0.0.1:9/"+peer.Ident()+";tcp"))
			if a.Code() != c.code || !strings.HasSuffix(a.Start, c.reason) {
				t.Errorf("answered %s", a.Start)
			}
			if c.code == 200 {
				d.Ack(t)
			}
			eventually(t, "logged: "+c.log, func() bool { return strings.Contains(r.log.String(), c.log) })
			if c.code == 200 {
				d.Bye(t, limit)
			}
			if c.log != "" && !strings.Contains(r.log.String(), "call_id="+d.CallID) {
				t.Errorf("no call_id:\n%s", r.log)
			}
		})
	}
}

// TestRouterFull: more INVITEs at a time than the router takes get 503 with Retry-After.
func TestRouterFull(t *testing.T) {
	var log text
	c := free(t)
	c.Route = filepath.Join(t.TempDir(), "route.star")
	if err := os.WriteFile(c.Route, []byte("def request(msg):\n    msrp_ua_answer(\"text/plain\")\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	n, err := start(c, &log)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := n.drain(); err != nil {
			t.Error(err)
		}
	}()
	for range maxRouting {
		n.router.calls <- struct{}{}
	}
	agent := peer.NewAgent(t, "udp", strings.TrimPrefix(n.agent.SIPAddrs()[0], "udp:"))
	offer := peer.Offer("text/plain", "msrp://127.0.0.1:9/"+peer.Ident()+";tcp")
	if _, a := agent.NewDialog("bob").Call(t, limit, offer); a.Code() != 503 || a.Get("Retry-After") == "" {
		t.Errorf("answered %s, Retry-After %q", a.Start, a.Get("Retry-After"))
	}
	<-n.router.calls
	d := agent.NewDialog("bob")
	if _, a := d.Call(t, limit, offer); a.Code() != 200 {
		t.Errorf("then answered %s", a.Start)
	}
	d.Ack(t)
	eventually(t, "the call stands", func() bool { return strings.Contains(log.String(), "session established") })
	d.Bye(t, limit)
	for range maxRouting - 1 {
		<-n.router.calls
	}
}

func TestLogger(t *testing.T) {
	for _, c := range []struct {
		log  config.Log
		want string // a regular expression
	}{
		{config.Log{Level: "info", Format: "text"}, `^time=\S+Z level=INFO msg=info a=1\n$`},
		{config.Log{Level: "debug", Format: "text"}, `(?s)level=DEBUG.*level=INFO`},
		{config.Log{Level: "error", Format: "text"}, `^$`},
	} {
		var b bytes.Buffer
		l := newLogger(c.log, levelOf(c.log), &b)
		l.Debug("debug")
		l.Info("info", slog.Int("a", 1))
		if !regexp.MustCompile(c.want).Match(b.Bytes()) {
			t.Errorf("%+v: %s", c.log, &b)
		}
	}
	var b bytes.Buffer
	newLogger(config.Log{Level: "info", Format: "json"}, new(slog.LevelVar), &b).Info("x")
	var line struct{ Time time.Time }
	if err := json.Unmarshal(b.Bytes(), &line); err != nil || line.Time.Location() != time.UTC {
		t.Errorf("%s: %v", &b, err)
	}
}

func TestURI(t *testing.T) {
	for _, c := range []struct{ listener, want string }{
		{"udp:127.0.0.1:5060", "sip:anyone@127.0.0.1"},
		{"udp:127.0.0.1:50600", "sip:anyone@127.0.0.1:50600"},
		{"udp:[::1]:5060", "sip:anyone@[::1]"},
		{"udp:0.0.0.0:5061", "sip:anyone@127.0.0.1:5061"},
		{"tcp:192.0.2.1:5060", "'sip:anyone@192.0.2.1;transport=tcp'"},
	} {
		if got := uri([]string{c.listener}); got != c.want {
			t.Errorf("%s: %s, want %s", c.listener, got, c.want)
		}
	}
}
