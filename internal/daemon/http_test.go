package daemon

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parley-msrp/parley/internal/config"
	"github.com/parley-msrp/parley/test/peer"
)

const (
	botToken = "bot-0123456789abcdef0123456789abcdef"
	opsToken = "ops-0123456789abcdef0123456789abcdef"
)

// secured is a configuration with HTTPS, two clients with tokens and one with a certificate.
func secured(t *testing.T) (config.Config, *peer.Authority) {
	t.Helper()
	folder := t.TempDir()
	authority := peer.NewAuthority()
	authority.Write(t, folder, authority.Issue("127.0.0.1"))
	c := free(t)
	c.HTTP.ListenTLS = []string{"127.0.0.1:0"}
	c.HTTP.Certificate, c.HTTP.PrivateKey = filepath.Join(folder, "cert.pem"), filepath.Join(folder, "key.pem")
	c.HTTP.ClientCA = filepath.Join(folder, "ca.pem")
	c.HTTP.Clients = filepath.Join(folder, "clients")
	clients := "bot read,send token:" + botToken + "\nops all token:" + opsToken + "\nmetrics read certificate:prom.example.com\n"
	if err := os.WriteFile(c.HTTP.Clients, []byte(clients), 0o600); err != nil {
		t.Fatal(err)
	}
	return c, authority
}

// client makes requests to the node's HTTPS listener.
type client struct {
	http *http.Client
	url  string
}

func (r *running) secure(t *testing.T, a *peer.Authority, own ...tls.Certificate) *client {
	t.Helper()
	_, url, found := strings.Cut(r.out.String(), "https://")
	if !found {
		t.Fatalf("no HTTPS listener in the greeting:\n%s", r.out)
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: a.Pool, Certificates: own}}
	t.Cleanup(transport.CloseIdleConnections)
	return &client{&http.Client{Transport: transport}, "https://" + strings.Fields(url)[0]}
}

func (c *client) do(t *testing.T, method, path, token, body string) (status int, text string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, c.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	answer, err := c.http.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(b)
}

// TestHTTPS: over TLS everybody may do what the file of clients says, and nobody anything else.
func TestHTTPS(t *testing.T) {
	c, authority := secured(t)
	r := serve(t, c)
	plain := r.secure(t, authority)
	prom := r.secure(t, authority, authority.Issue("prom.example.com"))
	call := func(method string) string { return fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":%q}`, method) }
	for _, x := range []struct {
		name                string
		client              *client
		method, path, token string
		body                string
		status              int
		text                string
	}{
		{"health needs nothing", plain, "GET", "/healthz", "", "", 200, `"ok"`},
		{"sessions need something", plain, "GET", "/v1/sessions", "", "", 401, "takes the right read"},
		{"so does the management interface", plain, "POST", "/mi", "", call("which"), 401, ""},
		{"a token", plain, "GET", "/v1/sessions", botToken, "", 200, ""},
		{"a wrong token", plain, "GET", "/v1/sessions", botToken + "x", "", 401, "no token that is known"},
		{"a certificate", prom, "GET", "/v1/sessions", "", "", 200, ""},
		{"another one's certificate", r.secure(t, authority, authority.Issue("other.example.com")), "GET", "/v1/sessions", "", "", 403, "none of a client's"},
		{"the right to start", plain, "POST", "/v1/sessions", botToken, "{}", 403, "bot has read,send"},
		{"by method, which may be called", plain, "POST", "/mi", botToken, call("msrp_ua:list_sessions"), 200, `"result":[]`},
		{"by method, which may not", plain, "POST", "/mi", botToken, call("msrp_ua:start_session"), 200, `"code":403,"message":"Forbidden","data":"this takes the right start`},
		{"by a certificate, which may not", prom, "POST", "/mi", "", call("msrp_ua:send_message"), 200, `"code":403`},
		{"all rights", plain, "POST", "/mi", opsToken, `{"jsonrpc":"2.0","id":1,"method":"log_level","params":[3]}`, 200, `"New global log level":3`},
	} {
		if status, text := x.client.do(t, x.method, x.path, x.token, x.body); status != x.status || !strings.Contains(text, x.text) {
			t.Errorf("%s: %d %s", x.name, status, text)
		}
	}
	if _, err := r.secure(t, authority, peer.NewAuthority().Issue("prom.example.com")).http.Get(plain.url + "/healthz"); err == nil {
		t.Error("a certificate of another authority was taken")
	}
	// Without TLS everybody on this machine may do everything, but who shows a token may do what it is for.
	if status, _ := r.get(t, "/v1/sessions"); status != 200 {
		t.Errorf("on loopback: %d", status)
	}
}

// TestLoopbackClosed: other users of the machine get nothing either, if so configured.
func TestLoopbackClosed(t *testing.T) {
	c, _ := secured(t)
	c.HTTP.LoopbackOpen, c.HTTP.ListenTLS = false, nil
	r := serve(t, c)
	if status, _ := r.get(t, "/v1/sessions"); status != 401 {
		t.Errorf("/v1/sessions: %d", status)
	}
	if status, _ := r.get(t, "/healthz"); status != 200 {
		t.Errorf("/healthz: %d", status)
	}
}

// TestHTTPSRefusesToStart: a listener that others can reach needs clients, and a certificate.
func TestHTTPSRefusesToStart(t *testing.T) {
	for _, x := range []struct {
		name   string
		change func(*testing.T, *config.Config)
		want   string
	}{
		{"a file of nobody", func(t *testing.T, c *config.Config) {
			if err := os.WriteFile(c.HTTP.Clients, []byte("# nobody\n"), 0o600); err != nil {
				t.Fatal(err)
			}
		}, "has no client, so that nobody could use http.listen_tls"},
		{"a file that others may read", func(t *testing.T, c *config.Config) {
			if err := os.Chmod(c.HTTP.Clients, 0o644); err != nil {
				t.Fatal(err)
			}
		}, "may be read by others"},
		{"no certificate", func(_ *testing.T, c *config.Config) { c.HTTP.Certificate += "x" }, "http: certificate: "},
		{"an address that is not there", func(_ *testing.T, c *config.Config) { c.HTTP.ListenTLS = []string{"192.0.2.1:0"} }, "HTTPS listener: "},
	} {
		t.Run(x.name, func(t *testing.T) {
			c, _ := secured(t)
			x.change(t, &c)
			var out, log text
			if err := Serve(t.Context(), c, &out, &log); err == nil || !strings.Contains(err.Error(), x.want) {
				t.Errorf("%v, want %s", err, x.want)
			}
		})
	}
}

// TestCertificateChanges: a certificate that is written anew is shown at the next handshake.
func TestCertificateChanges(t *testing.T) {
	c, authority := secured(t)
	r := serve(t, c)
	serial := func() string {
		x := r.secure(t, authority)
		answer, err := x.http.Get(x.url + "/healthz")
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		defer x.http.CloseIdleConnections()
		var document struct{ Status string }
		if err := json.NewDecoder(answer.Body).Decode(&document); err != nil || document.Status != "ok" {
			t.Error(document, err)
		}
		return answer.TLS.PeerCertificates[0].SerialNumber.String()
	}
	before := serial()
	authority.Write(t, filepath.Dir(c.HTTP.Certificate), authority.Issue("127.0.0.1"))
	eventually(t, "another certificate is shown", func() bool { return serial() != before })
}
