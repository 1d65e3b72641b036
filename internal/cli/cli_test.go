package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parley-msrp/parley/internal/config"
)

func TestStatus(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good := write("good.yaml", "route: route.star\n")
	write("route.star", "def request(msg):\n    msrp_ua_answer(\"text/plain\")\n")
	unknown := write("unknown.yaml", "sip:\n  lissten: []\n")
	broken := write("broken.yaml", "route: broken.star\n")
	write("broken.star", "def request(msg):\n    nonsense()\n")
	nobody := "--url=http://127.0.0.1:9"
	for _, c := range []struct {
		args   string
		err    error // of serve
		status int
		out    string // somewhere in standard output
		errOut string // somewhere in standard error
	}{
		{args: "version", status: 0, out: "Parley devel"},
		{args: "--help", status: 0, out: "Usage: parley <command>"},
		{args: "chat --help", status: 0, out: "--listen"},
		{args: "", status: 2, errOut: `Run "parley --help"`},
		{args: "nonsense", status: 2, errOut: "nonsense"},
		{args: "serve --nonsense", status: 2, errOut: "--nonsense"},
		{args: "chat", status: 2, errOut: "name somebody to call"},
		{args: "chat --listen sip:bob@127.0.0.1", status: 2, errOut: "name somebody to call"},
		{args: "send x", status: 2, errOut: "say a message"},
		{args: "serve", status: 0},
		{args: "serve", err: errNoStart, status: 1, errOut: "parley: port in use\n"},
		{args: "serve --config " + good, status: 0},
		{args: "serve --config " + unknown, status: 1, errOut: "lissten"},
		{args: "serve --config " + filepath.Join(dir, "none.yaml"), status: 1, errOut: "no such file"},
		{args: "config check " + good, status: 0},
		{args: "config check " + unknown, status: 1, errOut: "lissten"},
		{args: "config check " + broken, status: 1, errOut: "broken.star:2:"},
		{args: "chat bob", status: 1, errOut: "want a SIP URI like sip:bob@192.0.2.1"},
		{args: "chat tel:1", status: 1, errOut: "want a SIP URI"},
		{args: "chat --listen --sip 127.0.0.1", status: 1, errOut: "want ADDR:PORT"},
		{args: "chat --listen --sip 0.0.0.0:0", status: 1, errOut: "--msrp ADDR:0"},
		{args: "sessions " + nobody, status: 1, errOut: `no daemon answers at http://127.0.0.1:9`},
		{args: "events " + nobody, status: 1, errOut: `start one with "parley serve"`},
		{args: "send " + nobody + " x hello", status: 1, errOut: "no daemon answers"},
	} {
		t.Run(c.args, func(t *testing.T) {
			status, out, errOut := parley(strings.NewReader(""), c.err, strings.Fields(c.args)...)
			if status != c.status || !strings.Contains(out, c.out) || !strings.Contains(errOut, c.errOut) {
				t.Errorf("status %d, want %d\nstandard output, want %q:\n%s\nstandard error, want %q:\n%s", status, c.status, c.out, out, c.errOut, errOut)
			}
			if status == 0 && errOut != "" {
				t.Errorf("standard error:\n%s", errOut)
			}
		})
	}
}

func TestServeConfig(t *testing.T) {
	path := filepath.Join(t.TempDir(), "parley.yaml")
	if err := os.WriteFile(path, []byte("sip:\n  setup_timeout: 7\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var got config.Config
	var out screen
	serve := func(_ context.Context, c config.Config, _, _ io.Writer) error { got = c; return nil }
	if status := Main([]string{"serve", "--config", path}, IO{Out: &out, Err: &out}, serve); status != 0 || got.SIP.SetupTimeout.Seconds() != 7 {
		t.Errorf("status %d, configuration %+v\n%s", status, got, &out)
	}
}

// fakeDaemon answers each call of the management interface, by method.
func fakeDaemon(t *testing.T, answers map[string]string) (url string, asked *[]string) {
	t.Helper()
	asked = new([]string)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var call struct {
			Method string
			Params json.RawMessage
		}
		if err := json.NewDecoder(r.Body).Decode(&call); err != nil || r.URL.Path != "/mi" || r.Header.Get("Content-Type") != "application/json" {
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprint(w, `{"detail":"that is wrong\u009b"}`)
			return
		}
		*asked = append(*asked, call.Method+" "+string(call.Params))
		fmt.Fprintf(w, `{"jsonrpc":"2.0",%s,"id":1}`, answers[call.Method])
	}))
	t.Cleanup(server.Close)
	return server.URL, asked
}

func TestClient(t *testing.T) {
	url, asked := fakeDaemon(t, map[string]string{
		"msrp_ua_list_sessions": `"result":[{"session_id":"s1","type":"UAS","dlg_state":2,"lifetime":43200,"from_uri":"sip:a@b\u009b1m","to_uri":"sip:c@d"},{"session_id":"s2","dlg_state":9}]`,
		"msrp_ua_send_message":  `"result":{"message_id":"m1"}`,
		"msrp_ua_start_session": `"error":{"code":500,"message":"Failed to start session","data":"from_uri: broken"}`,
		"msrp_ua_end_session":   `"error":{"code":404,"message":"Unknown session"}`,
	})
	for _, c := range []struct {
		args   []string
		status int
		asked  string
		want   string // standard output, or error where status is 1
	}{
		{
			[]string{"sessions"},
			0, "msrp_ua_list_sessions null",
			"SESSION_ID  TYPE  STATE        LEFT    FROM        TO\ns1          UAS   established  43200s  sip:a@b\ufffd1m  sip:c@d\ns2                ?            0s                  \n",
		},
		{[]string{"send", "s1", "hello", "world"}, 0, `msrp_ua_send_message {"body":"hello world","mime":"text/plain","return":"id","session_id":"s1"}`, "m1\n"},
		{
			[]string{"send", "s1", "x", "--type", "text/html", "--report"},
			0,
			`msrp_ua_send_message {"body":"x","mime":"text/html","return":"id","session_id":"s1","success_report":"yes"}`, "m1\n",
		},
		{
			[]string{"sessions", "start", "sip:x@y"},
			1,
			`msrp_ua_start_session {"content_types":"text/plain *","from_uri":"sip:parley@127.0.0.1","return":"id","ruri":"sip:x@y","to_uri":"sip:x@y"}`,
			"parley: Failed to start session: from_uri: broken\n",
		},
		{[]string{"sessions", "end", "s1"}, 1, `msrp_ua_end_session {"session_id":"s1"}`, "parley: Unknown session\n"},
	} {
		t.Run(strings.Join(c.args, " "), func(t *testing.T) {
			*asked = nil
			status, out, errOut := parley(nil, nil, append(c.args, "--url", url+"/")...)
			got := out
			if c.status != 0 {
				got = errOut
			}
			if status != c.status || got != c.want || strings.Join(*asked, "") != c.asked {
				t.Errorf("status %d, asked %q, printed %q, want %q", status, *asked, got, c.want)
			}
		})
	}
	t.Run("a problem document", func(t *testing.T) {
		status, _, errOut := parley(nil, nil, "events", "--url", url)
		if status != 1 || errOut != "parley: "+url+" answered 400 Bad Request: that is wrong\ufffd\n" {
			t.Errorf("status %d, %q", status, errOut)
		}
	})
}

// TestEventsThereAre ends with what there is, although the daemon's stream goes on.
func TestEventsThereAre(t *testing.T) {
	var asked string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = r.URL.String()
		fmt.Fprint(w, "data: {\"type\":\"E_MSRP_SESSION_END\",\"time\":\"2026-11-22T19:45:02Z\",\"data\":{}}\n\n")
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	}))
	t.Cleanup(server.Close)
	status, out, errOut := parley(nil, nil, "events", "--no-follow", "--url", server.URL, "--type", "E_MSRP_SESSION_END,E_MSRP_SESSION_NEW", "--session", "s1")
	if status != 0 || out != "2026-11-22T19:45:02.000Z  E_MSRP_SESSION_END     {}\n" || asked != "/v1/events?from=0&session=s1&type=E_MSRP_SESSION_END%2CE_MSRP_SESSION_NEW" {
		t.Errorf("status %d, asked %s\n%s%s", status, asked, out, errOut)
	}
}

func TestEvents(t *testing.T) {
	const stream = "retry: 1000\n\nevent: E_MSRP_MSG_RECEIVED\nid: x-1\n" +
		"data: {\"type\":\"E_MSRP_MSG_RECEIVED\",\"time\":\"2026-11-22T19:45:02.250000Z\",\"data\":{\"body\":\"hi\u009b\"}}\n\n: keep-alive\n\nevent: lost\ndata: {\"dropped\":3}\n\n"
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.String() != "/v1/events?from=a%26b" {
			t.Error(r.URL)
		}
		fmt.Fprint(w, stream)
	}))
	t.Cleanup(server.Close)
	for _, c := range []struct {
		flags []string
		want  string
	}{
		{nil, "2026-11-22T19:45:02.250Z  E_MSRP_MSG_RECEIVED    {\"body\":\"hi\ufffd\"}\n3 events were dropped before they were read\n"},
		{[]string{"--output", "json"}, "{\"type\":\"E_MSRP_MSG_RECEIVED\",\"time\":\"2026-11-22T19:45:02.250000Z\",\"data\":{\"body\":\"hi\u009b\"}}\n{\"dropped\":3}\n"},
	} {
		status, out, errOut := parley(nil, nil, append([]string{"events", "--url", server.URL, "--from", "a&b"}, c.flags...)...)
		if status != 1 || out != c.want || errOut != "parley: the daemon closed the stream\n" {
			t.Errorf("%s: status %d, printed %q\n%s", c.flags, status, out, errOut)
		}
	}
}
