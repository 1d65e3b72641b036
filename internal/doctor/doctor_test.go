package doctor

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/parley-msrp/parley/internal/config"
	"github.com/parley-msrp/parley/ua"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// base is a configuration whose listeners take free ports.
func base() config.Config {
	c := config.Default()
	c.SIP.Listen = []string{"udp:127.0.0.1:0", "tcp:127.0.0.1:0"}
	c.MSRP.Listen = []string{"tcp:127.0.0.1:0"}
	c.HTTP.Listen = "127.0.0.1:0"
	return c
}

// has says that one finding of the check has that level and text.
func has(t *testing.T, all []Finding, check string, level Level, text string) {
	t.Helper()
	if !slices.ContainsFunc(all, func(f Finding) bool {
		return f.Check == check && f.Level == level && strings.Contains(f.Text, text)
	}) {
		t.Errorf("no %s of %s with %q in\n%+v", level, check, text, all)
	}
}

func TestHealthy(t *testing.T) {
	c := base()
	c.SIP.MaxSessions = 10
	all := Examine(t.Context(), Config{Config: c})
	has(t, all, "files", OK, "for 10 sessions")
	has(t, all, "listeners", OK, "udp:127.0.0.1:0 is free")
	has(t, all, "certificate", OK, "none is configured")
	has(t, all, "names", OK, "addresses only")
	if w := Worst(all); w == Failure {
		t.Errorf("%+v", all)
	}
	c.SIP.MaxSessions = 1 << 30
	has(t, Examine(t.Context(), Config{Config: c}), "files", Warning, "for 1073741824 sessions")
}

func TestListeners(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	c := base()
	c.SIP.Listen = []string{"tcp:" + taken.Addr().String(), "udp:192.0.2.1:5060"}
	all := listeners(t.Context(), &c)
	has(t, all, "listeners", Failure, taken.Addr().String()+" is in use by another program")
	has(t, all, "listeners", Failure, "udp:192.0.2.1:5060 is no address of this machine")

	// The same with a node that answers at the HTTP address.
	node := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Server", "Parley/devel") }))
	defer node.Close()
	c.HTTP.Listen = strings.TrimPrefix(node.URL, "http://")
	all = listeners(t.Context(), &c)
	has(t, all, "listeners", OK, taken.Addr().String()+" is in use, by a running Parley")
}

// write makes a certificate for names that ends at a time, and its files.
func write(t *testing.T, until time.Time, names ...string) (certificate, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotBefore: until.Add(-365 * 24 * time.Hour), NotAfter: until, DNSNames: names,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	certificate, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for name, block := range map[string]*pem.Block{certificate: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: keyDER}} {
		if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return certificate, key
}

func TestCertificates(t *testing.T) {
	now := time.Date(2026, 11, 29, 0, 0, 0, 0, time.UTC)
	c := base()
	c.MSRPUA.MyURI = "msrps://chat.example.org:2855;tcp"
	for _, test := range []struct {
		until time.Time
		name  string
		level Level
		text  string
	}{
		{now.AddDate(0, 3, 0), "chat.example.org", OK, "is valid until 2027-03-01"},
		{now.AddDate(0, 0, 10), "chat.example.org", Warning, "is valid until 2026-12-09"},
		{now.AddDate(0, 0, -1), "chat.example.org", Failure, "has expired on 2026-11-28"},
		{now.AddDate(2, 0, 0), "chat.example.org", Failure, "is not valid before"},
		{now.AddDate(0, 3, 0), "other.example.org", Warning, "it is not for chat.example.org"},
	} {
		c.TLS.Certificate, c.TLS.PrivateKey = write(t, test.until, test.name)
		has(t, certificates(&c, now), "certificate", test.level, test.text)
	}
	_, c.TLS.PrivateKey = write(t, now, "chat.example.org")
	has(t, certificates(&c, now), "certificate", Failure, "")
}

func TestNames(t *testing.T) {
	c := base()
	c.SIP.OutboundProxy = "sip:localhost"
	c.MSRPUA.RelayURI = "msrps://relay.invalid;tcp"
	all := names(t.Context(), &c)
	has(t, all, "names", OK, "localhost of sip.outbound_proxy is at ")
	has(t, all, "names", Warning, "relay.invalid of msrp_ua.relay_uri has no address")
}

func TestPeer(t *testing.T) {
	bob, err := ua.New(ua.Config{
		SIPListen: []string{"udp:127.0.0.1:0"}, MSRPListen: []string{"tcp:127.0.0.1:0"}, Product: "Bob/1",
		OnQuery: func(q *ua.Query) { _ = q.Accept("text/plain") },
	})
	if err != nil {
		t.Fatal(err)
	}
	uri := "sip:bob@" + strings.TrimPrefix(bob.SIPAddrs()[0], "udp:")
	c := Config{Config: base(), Peer: uri, From: "sip:doctor@127.0.0.1"}
	all := peer(t.Context(), &c)
	has(t, all, "peer", OK, "answered 200 OK")
	has(t, all, "peer", OK, "it is Bob/1; it takes text/plain")
	if err := bob.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	has(t, peer(ctx, &c), "peer", Failure, uri+": ")
}
