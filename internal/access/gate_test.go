package access_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-msrp/parley/internal/access"
)

func gate(t *testing.T, c access.GateConfig) *access.Gate {
	t.Helper()
	clients, err := access.LoadClients(clientsFile(t, 0o600, "bot read,send "+hashed(secret)+"\nmetrics read certificate:prom\n"))
	if err != nil {
		t.Fatal(err)
	}
	return access.NewGate(c, clients)
}

// secure is a request over TLS, from an address, with or without token and certificate.
func secure(from, token string, leaf *x509.Certificate) *http.Request {
	r := httptest.NewRequest("GET", "/v1/sessions", nil)
	r.RemoteAddr = from
	r.TLS = &tls.ConnectionState{}
	if leaf != nil {
		r.TLS.VerifiedChains = [][]*x509.Certificate{{leaf}}
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	return r
}

func plain(token string) *http.Request {
	r := secure("127.0.0.1:40000", token, nil)
	r.TLS, r.Host = nil, "127.0.0.1:8888"
	addr, _ := net.ResolveTCPAddr("tcp", "127.0.0.1:8888")
	return r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, addr))
}

func TestGate(t *testing.T) {
	const from = "192.0.2.1:40000"
	prom := &x509.Certificate{DNSNames: []string{"prom"}}
	for _, c := range []struct {
		name    string
		request *http.Request
		closed  bool // not LoopbackOpen
		caller  string
		rights  access.Rights
		status  int
	}{
		{"loopback, open", plain(""), false, "", access.All | access.Known, 0},
		{"loopback, with a token", plain(secret), false, "bot", access.Read | access.Send | access.Known, 0},
		{"loopback, with a wrong token", plain("x"), false, "", 0, 401},
		{"loopback, closed", plain(""), true, "", 0, 0},
		{"loopback, closed, with a token", plain(secret), true, "bot", access.Read | access.Send | access.Known, 0},
		{"TLS", secure(from, "", nil), false, "", 0, 0},
		{"TLS from loopback", secure("127.0.0.1:1", "", nil), false, "", 0, 0},
		{"TLS with a token", secure(from, secret, nil), false, "bot", access.Read | access.Send | access.Known, 0},
		{"TLS with a wrong token", secure(from, secret+"x", nil), false, "", 0, 401},
		{"TLS with a certificate", secure(from, "", prom), false, "metrics", access.Read | access.Known, 0},
		{"TLS with another certificate", secure(from, "", &x509.Certificate{DNSNames: []string{"x"}}), false, "", 0, 403},
		{"a token counts before a certificate", secure(from, secret, prom), false, "bot", access.Read | access.Send | access.Known, 0},
		{"a wrong token does so too", secure(from, "x", prom), false, "", 0, 401},
	} {
		t.Run(c.name, func(t *testing.T) {
			caller, refusal := gate(t, access.GateConfig{LoopbackOpen: !c.closed}).Admit(c.request)
			status := 0
			if refusal != nil {
				status = refusal.Status
			}
			if caller.Name != c.caller || caller.Rights != c.rights || status != c.status {
				t.Errorf("%+v, %+v", caller, refusal)
			}
			if status == 401 && refusal.Header.Get("WWW-Authenticate") == "" {
				t.Error("a 401 without challenge")
			}
		})
	}
	for _, value := range []string{"Basic " + secret, secret, "Bearer", "Bearer " + secret + " x"} {
		r := secure(from, "", nil)
		r.Header.Set("Authorization", value)
		if caller, refusal := gate(t, access.GateConfig{}).Admit(r); refusal == nil || refusal.Status != 401 {
			t.Errorf("%s: %+v", value, caller)
		}
	}
	r := secure(from, secret, nil)
	r.Header.Set("Origin", "https://elsewhere.example")
	if _, refusal := gate(t, access.GateConfig{}).Admit(r); refusal == nil || refusal.Status != 403 {
		t.Errorf("from another origin: %+v", refusal)
	}
	r.Header.Set("Origin", "https://"+r.Host)
	if _, refusal := gate(t, access.GateConfig{}).Admit(r); refusal != nil {
		t.Errorf("from its own origin: %+v", refusal)
	}
}

func TestPermit(t *testing.T) {
	reader := access.Caller{Name: "metrics", Rights: access.Read | access.Known}
	for operation, status := range map[string]int{
		"GET /v1/events": 0, "POST /mi": 0, "GET /healthz": 0, "POST /v1/sessions": 403, "what nobody has thought of": 403,
	} {
		refusal := reader.Permit(operation)
		if refusal == nil && status != 0 || refusal != nil && refusal.Status != status {
			t.Errorf("%s: %+v", operation, refusal)
		}
		refusal = access.Caller{}.Permit(operation)
		if open := operation == "GET /healthz"; open != (refusal == nil) || !open && (refusal.Status != 401 || refusal.Header.Get("WWW-Authenticate") != "Bearer") {
			t.Errorf("nobody, %s: %+v", operation, refusal)
		}
	}
}

// TestFailuresSlowDown: a source that fails again and again is looked at ever more rarely, and nobody else notices.
func TestFailuresSlowDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := gate(t, access.GateConfig{})
		status := func(from, token string) int {
			if _, refusal := g.Admit(secure(from, token, nil)); refusal != nil {
				return refusal.Status
			}
			return 200
		}
		for range 6 {
			if s := status("192.0.2.1:1", "x"); s != 401 {
				t.Fatal(s)
			}
		}
		for i := range 9 {
			wait := min(time.Second<<i, time.Minute)
			if s := status("192.0.2.1:2", secret); s != 429 {
				t.Fatalf("after failure %d a good token gets %d", i+6, s)
			}
			time.Sleep(wait - time.Millisecond)
			if s := status("192.0.2.1:2", "x"); s != 429 {
				t.Fatalf("after failure %d it waits less than %v: %d", i+6, wait, s)
			}
			time.Sleep(time.Millisecond)
			if s := status("192.0.2.1:2", "x"); s != 401 {
				t.Fatalf("after failure %d and %v: %d", i+6, wait, s)
			}
		}
		if s := status("192.0.2.2:1", secret); s != 200 {
			t.Errorf("another source: %d", s)
		}
		// The owner of a /64 has all of it.
		for i := range 6 {
			status(fmt.Sprintf("[2001:db8::%d]:1", i), "x")
		}
		if s := status("[2001:db8::ffff]:1", secret); s != 429 {
			t.Errorf("the same /64: %d", s)
		}
		if s := status("[2001:db8:0:1::1]:1", secret); s != 200 {
			t.Errorf("another /64: %d", s)
		}
		time.Sleep(11 * time.Minute)
		if s := status("192.0.2.1:1", "x"); s != 401 {
			t.Error(s)
		}
		if s := status("192.0.2.1:1", secret); s != 200 {
			t.Errorf("after a long time: %d", s)
		}
		// More sources than are remembered cost no memory, and nothing else.
		for i := range 10_000 {
			status(fmt.Sprintf("10.0.%d.%d:1", i/256, i%256), "x")
		}
		if s := status("192.0.2.3:1", secret); s != 200 {
			t.Error(s)
		}
	})
}

func TestRates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := gate(t, access.GateConfig{LoopbackOpen: true, MaxPerSecond: 10})
		passed := func(r func(i int) *http.Request, n int) (count int) {
			for i := range n {
				if _, refusal := g.Admit(r(i)); refusal == nil {
					count++
				} else if refusal.Status != 429 || refusal.Header.Get("Retry-After") != "1" {
					t.Errorf("%+v", refusal)
				}
			}
			return count
		}
		client := func(i int) *http.Request { return secure(fmt.Sprintf("192.0.2.%d:1", i), secret, nil) }
		nobody := func(int) *http.Request { return secure("192.0.2.1:1", "", nil) }
		if n := passed(client, 50); n != 10 {
			t.Errorf("%d of a client's requests passed", n)
		}
		if n := passed(nobody, 50); n != 10 {
			t.Errorf("%d of a source's requests passed", n)
		}
		if n := passed(func(int) *http.Request { return plain("") }, 50); n != 50 {
			t.Errorf("%d of this machine's requests passed", n)
		}
		time.Sleep(500 * time.Millisecond)
		if n := passed(client, 50); n != 5 {
			t.Errorf("half a second later %d of a client's requests passed", n)
		}
	})
}
