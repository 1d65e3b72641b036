package relay_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-msrp/parley/msrp/relay"
)

// names is a resolver that writes down what it is asked.
type names struct {
	records []*net.SRV
	hosts   map[string]string
	fail    error

	mu    sync.Mutex
	asked []string
}

func (n *names) SRV(_ context.Context, name string) ([]*net.SRV, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.asked = append(n.asked, "SRV "+name)
	return n.records, n.fail
}

func (n *names) Addresses(_ context.Context, host string) ([]netip.Addr, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.asked = append(n.asked, host)
	if a, ok := n.hosts[host]; ok {
		return []netip.Addr{netip.MustParseAddr(a)}, nil
	}
	return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
}

func TestFinding(t *testing.T) {
	hosts := map[string]string{"relay.example.org": "192.0.2.1", "a.example.org": "192.0.2.2", "b.example.org": "192.0.2.3"}
	tests := []struct {
		name, uri string
		records   []*net.SRV
		fail      error
		asked     string
		dials     string
	}{
		{"R-002/a port", "msrps://relay.example.org:9;tcp", nil, nil, "relay.example.org", "192.0.2.1:9"},
		{"R-002/no SRV record", "msrps://relay.example.org;tcp", nil, nil, "SRV _msrps._tcp.relay.example.org, relay.example.org", "192.0.2.1:2855"},
		{"R-002/an address", "msrps://192.0.2.4;tcp", nil, nil, "", "192.0.2.4:2855"},
		{"R-002/clear is not looked for by SRV", "msrp://relay.example.org;tcp", nil, nil, "relay.example.org", "192.0.2.1:2855"},
		{"R-002/priorities, and the next target where one refuses", "msrps://relay.example.org;tcp", []*net.SRV{
			{Target: "b.example.org.", Port: 7002, Priority: 20}, {Target: "gone.example.org", Port: 1, Priority: 5}, {Target: "a.example.org", Port: 7001, Priority: 10, Weight: 3},
		}, nil, "SRV _msrps._tcp.relay.example.org, gone.example.org, a.example.org, b.example.org", "192.0.2.2:7001, 192.0.2.3:7002"},
		{"R-002/a domain without the service", "msrps://relay.example.org;tcp", []*net.SRV{{Target: "."}}, nil, "SRV _msrps._tcp.relay.example.org", ""},
		{"R-001/a resolver that fails leads nowhere else", "msrps://relay.example.org;tcp", nil, errors.New("timeout"), "SRV _msrps._tcp.relay.example.org", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := &names{records: test.records, fail: test.fail, hosts: hosts}
				f := &fake{reply: challenging("403"), deny: map[string]bool{}}
				for _, a := range strings.Split(test.dials, ", ") {
					f.deny[a] = true
				}
				r := newRig(t, f, func(c *relay.Config) { c.Resolver, c.Relays = n, uris(t, test.uri) })
				if _, _, err := r.join(&owner{}); !errors.Is(err, relay.ErrUnreachable) {
					t.Errorf("error %v", err)
				}
				if got := strings.Join(n.asked, ", "); got != test.asked {
					t.Errorf("asked for %s", got)
				}
				if got := strings.Join(r.dials, ", "); got != test.dials {
					t.Errorf("dialled %s", got)
				}
			})
		})
	}

	t.Run("R-002/weights", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			n := &names{hosts: hosts, records: []*net.SRV{{Target: "a.example.org", Port: 1, Weight: 90}, {Target: "b.example.org", Port: 2, Weight: 10}}}
			r := newRig(t, &fake{reply: challenging("403"), deny: map[string]bool{"192.0.2.2:1": true, "192.0.2.3:2": true}}, func(c *relay.Config) {
				c.Resolver, c.Relays = n, uris(t, "msrps://relay.example.org;tcp")
			})
			for range 400 {
				_, _, _ = r.join(&owner{})
			}
			first := 0
			for i := 0; i < len(r.dials); i += 2 {
				if r.dials[i] == "192.0.2.2:1" {
					first++
				}
			}
			if len(r.dials) != 800 || first < 320 || first > 395 {
				t.Errorf("of %d tries %d began with the heavier target", len(r.dials)/2, first)
			}
		})
	})
}

// certificate is one that signs itself.
func certificate(t testing.TB, name string, until time.Time) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{name}, NotBefore: time.Unix(0, 0), NotAfter: until,
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, _ := x509.ParseCertificate(der)
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

func TestTLS(t *testing.T) {
	long := time.Now().AddDate(10, 0, 0)
	tests := []struct {
		name, host string
		until      time.Time
		trusted    bool
		clear      bool // the relay talks no TLS
		err        string
	}{
		{"R-001/right name", "relay.example.org", long, true, false, ""},
		{"R-001/wrong name", "other.example.org", long, true, false, "not relay.example.org"},
		{"R-001/unknown authority", "relay.example.org", long, false, false, "unknown authority"},
		{"R-001/expired", "relay.example.org", time.Now().AddDate(0, 0, -1), true, false, "expired"},
		{"R-001/no TLS", "relay.example.org", long, true, true, "TLS"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			cert, pool := certificate(t, test.host, test.until)
			if !test.trusted {
				pool = x509.NewCertPool()
			}
			var seen tls.ConnectionState
			f := &fake{reply: func(n int, _ auth) (int, []string) {
				return 200, []string{strings.Replace(path(n), "msrp:", "msrps:", 1)}
			}}
			f.secure = func(c net.Conn) net.Conn {
				if test.clear {
					return c
				}
				s := tls.Server(c, &tls.Config{Certificates: []tls.Certificate{cert}, ClientAuth: tls.RequestClientCert})
				if s.Handshake() != nil {
					return nil
				}
				seen = s.ConnectionState()
				return s
			}
			r := newRig(t, f, func(c *relay.Config) {
				c.Relays, c.Roots = uris(t, "msrps://relay.example.org:2855;tcp"), func() (*x509.CertPool, error) { return pool, nil }
				c.Resolver = &names{hosts: map[string]string{"relay.example.org": "192.0.2.1"}}
				if test.clear {
					c.DialTimeout = 200 * time.Millisecond // it waits for the end of a line
				}
			})
			_, _, err := r.join(&owner{})
			switch {
			case test.err == "" && err != nil, test.err != "" && (!errors.Is(err, relay.ErrUnreachable) || !strings.Contains(err.Error(), test.err)):
				t.Errorf("error %v, want %q", err, test.err)
			case test.err != "" && (len(r.all()) != 0 || len(r.dials) != 1):
				t.Errorf("%d AUTHs, dialled %s", len(r.all()), r.dials)
			case test.err == "" && (seen.ServerName != "relay.example.org" || len(seen.PeerCertificates) != 0 || fmt.Sprint(len(r.all())) != "1"):
				t.Errorf("SNI %q, %d certificates of the client", seen.ServerName, len(seen.PeerCertificates))
			}
		})
	}

	t.Run("R-001/a Use-Path in clear", func(t *testing.T) {
		cert, pool := certificate(t, "relay.example.org", long)
		f := &fake{reply: func(n int, _ auth) (int, []string) { return 200, []string{path(n)} }}
		f.secure = func(c net.Conn) net.Conn { return tls.Server(c, &tls.Config{Certificates: []tls.Certificate{cert}}) }
		r := newRig(t, f, func(c *relay.Config) {
			c.Relays, c.Roots = uris(t, "msrps://relay.example.org:2855;tcp"), func() (*x509.CertPool, error) { return pool, nil }
			c.Resolver = &names{hosts: map[string]string{"relay.example.org": "192.0.2.1"}}
		})
		if _, _, err := r.join(&owner{}); !errors.Is(err, relay.ErrUsePath) {
			t.Errorf("error %v", err)
		}
	})
}
