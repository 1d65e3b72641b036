package access_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/parley-msrp/parley/internal/access"
)

func request(t *testing.T, method, local, host string, header http.Header) *http.Request {
	t.Helper()
	r := httptest.NewRequest(method, "/mi", nil)
	r.Host = host
	for name, values := range header {
		r.Header[name] = values
	}
	if local == "" {
		return r
	}
	addr, err := net.ResolveTCPAddr("tcp", local)
	if err != nil {
		t.Fatal(err)
	}
	return r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, addr))
}

func check(t *testing.T, r *http.Request, status int) {
	t.Helper()
	_, refusal := access.NewGate(access.GateConfig{LoopbackOpen: true}, nil).Admit(r)
	switch {
	case refusal == nil && status != 0:
		t.Errorf("passed; want %d", status)
	case refusal != nil && refusal.Status != status:
		t.Errorf("refused with %d (%s); want %d", refusal.Status, refusal.Detail, status)
	}
}

func TestHost(t *testing.T) {
	for _, c := range []struct {
		name, local, host string
		status            int
	}{
		{"the listener's address", "127.0.0.1:8888", "127.0.0.1:8888", 0},
		{"the listener's address in v6", "[::1]:8888", "[::1]:8888", 0},
		{"localhost", "127.0.0.1:8888", "localhost:8888", 0},
		{"LOCALHOST", "127.0.0.1:8888", "LOCALHOST:8888", 0},
		{"another loopback address", "127.0.0.1:8888", "127.1.2.3:8888", 0},
		{"the other family's loopback", "127.0.0.1:8888", "[::1]:8888", 0},
		{"a listener of both families", "[::ffff:127.0.0.1]:8888", "127.0.0.1:8888", 0},
		{"an own address off loopback", "192.0.2.7:8888", "192.0.2.7:8888", 0},
		{"port 80 need not be said", "127.0.0.1:80", "localhost", 0},
		{"port 80 need not be said in v6", "[::1]:80", "[::1]", 0},

		{"a name that resolves to loopback", "127.0.0.1:8888", "evil.example:8888", 403},
		{"localhost as a label", "127.0.0.1:8888", "localhost.evil.example:8888", 403},
		{"a subdomain of localhost", "127.0.0.1:8888", "a.localhost:8888", 403},
		{"another port", "127.0.0.1:8888", "127.0.0.1:8889", 403},
		{"another spelling of the port", "127.0.0.1:8888", "127.0.0.1:08888", 403},
		{"no port", "127.0.0.1:8888", "127.0.0.1", 403},
		{"an empty port", "127.0.0.1:80", "127.0.0.1:", 403},
		{"another address", "127.0.0.1:8888", "192.0.2.7:8888", 403},
		{"the address of everything", "127.0.0.1:8888", "0.0.0.0:8888", 403},
		{"an address in other notation", "127.0.0.1:8888", "2130706433:8888", 403},
		{"a short address", "127.0.0.1:8888", "127.1:8888", 403},
		{"an octal address", "127.0.0.1:8888", "0177.0.0.1:8888", 403},
		{"a zone", "[::1]:8888", "[::1%lo]:8888", 403},
		{"no brackets", "[::1]:8888", "::1:8888", 403},
		{"no Host", "127.0.0.1:80", "", 403},
		{"a local address that is not known", "", "127.0.0.1:8888", 403},
	} {
		t.Run(c.name, func(t *testing.T) {
			check(t, request(t, http.MethodGet, c.local, c.host, nil), c.status)
		})
	}
}

func TestOrigin(t *testing.T) {
	json := []string{"application/json"}
	for _, c := range []struct {
		name, method string
		header       http.Header
		status       int
	}{
		{"no browser", "GET", nil, 0},
		{"same origin", "POST", http.Header{"Origin": {"http://127.0.0.1:8888"}, "Content-Type": json}, 0},
		{"same origin, by both headers", "GET", http.Header{"Origin": {"http://127.0.0.1:8888"}, "Sec-Fetch-Site": {"same-origin"}}, 0},
		{"address typed in", "GET", http.Header{"Sec-Fetch-Site": {"none"}, "Sec-Fetch-Mode": {"navigate"}, "Sec-Fetch-Dest": {"document"}}, 0},
		{"a link from elsewhere", "GET", http.Header{"Sec-Fetch-Site": {"cross-site"}, "Sec-Fetch-Mode": {"navigate"}, "Sec-Fetch-Dest": {"document"}}, 0},

		{"another site", "POST", http.Header{"Origin": {"http://evil.example"}, "Content-Type": json}, 403},
		{"another site reads", "GET", http.Header{"Origin": {"http://evil.example"}}, 403},
		{"another port of this machine", "POST", http.Header{"Origin": {"http://127.0.0.1:3000"}, "Content-Type": json}, 403},
		{"another name of this machine", "POST", http.Header{"Origin": {"http://localhost:8888"}, "Content-Type": json}, 403},
		{"another scheme", "POST", http.Header{"Origin": {"https://127.0.0.1:8888"}, "Content-Type": json}, 403},
		{"an origin that is kept back", "POST", http.Header{"Origin": {"null"}, "Content-Type": json}, 403},
		{"an empty origin", "POST", http.Header{"Origin": {""}, "Content-Type": json}, 403},
		{"two origins", "POST", http.Header{"Origin": {"http://127.0.0.1:8888", "http://evil.example"}, "Content-Type": json}, 403},
		{"an image on another site", "GET", http.Header{"Sec-Fetch-Site": {"cross-site"}, "Sec-Fetch-Mode": {"no-cors"}, "Sec-Fetch-Dest": {"image"}}, 403},
		{"a frame on another site", "GET", http.Header{"Sec-Fetch-Site": {"cross-site"}, "Sec-Fetch-Mode": {"navigate"}, "Sec-Fetch-Dest": {"iframe"}}, 403},
		{"a form on another site", "POST", http.Header{"Sec-Fetch-Site": {"cross-site"}, "Sec-Fetch-Mode": {"navigate"}, "Sec-Fetch-Dest": {"document"}, "Content-Type": json}, 403},
		{"another port, by Sec-Fetch-Site", "GET", http.Header{"Sec-Fetch-Site": {"same-site"}, "Sec-Fetch-Mode": {"cors"}}, 403},
	} {
		t.Run(c.name, func(t *testing.T) {
			check(t, request(t, c.method, "127.0.0.1:8888", "127.0.0.1:8888", c.header), c.status)
		})
	}
}

func TestContentType(t *testing.T) {
	for _, c := range []struct {
		name   string
		values []string
		status int
	}{
		{"plain", []string{"application/json"}, 0},
		{"any case", []string{"Application/JSON"}, 0},
		{"charset", []string{"application/json; charset=utf-8"}, 0},
		{"charset in quotes", []string{`application/json;charset="UTF-8"`}, 0},
		{"none", nil, 415},
		{"empty", []string{""}, 415},
		{"form", []string{"application/x-www-form-urlencoded"}, 415},
		{"text", []string{"text/plain"}, 415},
		{"text that says JSON", []string{"text/plain; application/json"}, 415},
		{"another JSON", []string{"application/json-seq"}, 415},
		{"another charset", []string{"application/json; charset=utf-16"}, 415},
		{"two", []string{"application/json", "text/plain"}, 415},
		{"two in one line", []string{"application/json, text/plain"}, 415},
	} {
		t.Run(c.name, func(t *testing.T) {
			header := http.Header{}
			if c.values != nil {
				header["Content-Type"] = c.values
			}
			check(t, request(t, http.MethodPost, "127.0.0.1:8888", "127.0.0.1:8888", header), c.status)
		})
	}
	t.Run("GET has no body", func(t *testing.T) {
		check(t, request(t, http.MethodGet, "127.0.0.1:8888", "127.0.0.1:8888", nil), 0)
	})
}

func TestCheckListener(t *testing.T) {
	for _, c := range []struct{ hostport, err string }{
		{"127.0.0.1:8888", ""},
		{"127.0.0.1:0", ""},
		{"127.9.9.9:8888", ""},
		{"[::1]:8888", ""},
		{"localhost:8888", ""},
		{":8888", "not on loopback"},
		{"0.0.0.0:8888", "not on loopback"},
		{"[::]:8888", "not on loopback"},
		{"192.0.2.7:8888", "not on loopback"},
		{"example.org:8888", "not on loopback"},
		{"localhost.example.org:8888", "not on loopback"},
		{"127.0.0.1", "is not HOST:PORT"},
		{"::1:8888", "is not HOST:PORT"},
		{"127.0.0.1:http", "the port is a number"},
		{"127.0.0.1:65536", "the port is a number"},
		{"", "is not HOST:PORT"},
	} {
		t.Run(c.hostport, func(t *testing.T) {
			err := access.CheckListener(c.hostport)
			switch {
			case c.err == "" && err != nil:
				t.Errorf("refused: %v", err)
			case c.err != "" && err == nil:
				t.Error("accepted")
			case c.err != "" && !strings.Contains(err.Error(), c.err):
				t.Errorf("error %q does not say %q", err, c.err)
			}
		})
	}
}
