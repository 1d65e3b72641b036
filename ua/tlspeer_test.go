package ua_test

import (
	"crypto/tls"
	"crypto/x509"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/parley-msrp/parley/test/peer"
	"github.com/parley-msrp/parley/ua"
)

// TestTLSPeer: who asks is told which names the certificate of the previous hop was verified for, and who calls by them.
func TestTLSPeer(t *testing.T) {
	type answer struct {
		proto string
		names []string
		who   ua.Identity
	}
	authority := peer.NewAuthority()
	own := authority.Issue("parley.example")
	told := make(chan answer, 1)
	a := newAgent(t, ua.Config{
		SIPListen: []string{"tls:127.0.0.1:0"},
		Trusted:   []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")},
		TLS: &ua.TLS{
			Certificate: func() (*tls.Certificate, error) { return &own, nil },
			Roots:       func() (*x509.CertPool, error) { return authority.Pool, nil },
			Clients:     ua.AskClientCertificates,
		},
		OnQuery: func(q *ua.Query) {
			proto, _, _ := strings.Cut(q.Source(), ":")
			told <- answer{proto, q.TLSPeer(), q.Identity()}
			_ = q.Reject(480, "")
		},
	})
	by := func(name string) ua.Identity { return ua.Identity{By: ua.ByTLS, Name: name} }
	for _, c := range []struct {
		name, certificate, from, head string
		names                         string
		who                           ua.Identity
	}{
		{"none", "", "sip:alice@example.org", "", "", ua.Identity{By: ua.Unverified}},
		{"a user", "sip:alice@example.org", "sip:alice@EXAMPLE.org", "", "sip:alice@example.org", by("sip:alice@example.org")},
		{"a user, whatever From claims", "sip:alice@example.org", "sip:bob@example.org", "", "sip:alice@example.org", by("sip:alice@example.org")},
		{"one of two users", "sip:bob@example.org sip:alice@example.org", "sip:alice@example.org", "", "sip:bob@example.org sip:alice@example.org", by("sip:alice@example.org")},
		{"a domain", "sip:Proxy.example sip:alice@proxy.example", "sip:bob@proxy.example", "", "proxy.example sip:alice@proxy.example", by("sip:proxy.example")},
		{"its user", "sip:Proxy.example sip:alice@proxy.example", "sip:alice@proxy.example", "", "proxy.example sip:alice@proxy.example", by("sip:alice@proxy.example")},
		{"one of two domains", "example.com example.org", "sip:alice@Example.ORG", "", "example.com example.org", by("sip:example.org")},
		{"a domain of others", "example.com example.net", "sip:alice@example.org", "", "example.com example.net", by("sip:example.com")},
		{"a star is no domain", "*.example.org", "sip:alice@a.example.org", "", "", ua.Identity{By: ua.Unverified}},
		{"nor is any CN", "CN=Alice_<alice>", "sip:alice@example.org", "", "", ua.Identity{By: ua.Unverified}},
		{"an address", "127.0.0.1", "sip:alice@127.0.0.1", "", "", ua.Identity{By: ua.Unverified}},
		{"private", "sip:alice@example.org", "sip:anonymous@anonymous.invalid", "Privacy: id", "sip:alice@example.org", ua.Identity{By: ua.ByTLS, Name: "sip:alice@example.org", Private: true}},
		{"what is asserted counts more", "example.org", "sip:alice@example.org", "P-Asserted-Identity: <sip:bob@example.org>", "example.org", ua.Identity{By: ua.ByAsserted, Name: "sip:bob@example.org"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dial := &tls.Config{RootCAs: authority.Pool, ServerName: "parley.example"}
			if c.certificate != "" {
				dial.Certificates = []tls.Certificate{authority.Issue(strings.Fields(c.certificate)...)}
			}
			p := peer.NewTLSAgent(t, strings.TrimPrefix(a.SIPAddrs()[0], "tls:"), nil, dial)
			m := p.NewDialog("bob").Request("OPTIONS")
			m.Set("From", "<"+c.from+">;tag="+peer.Ident())
			if name, value, ok := strings.Cut(c.head, ": "); ok {
				m.Add(name, value)
			}
			p.Ask(t, 30*time.Second, m)
			if got := <-told; got.proto != "tls" || !slices.Equal(got.names, strings.Fields(c.names)) || got.who != c.who {
				t.Errorf("%+v, want %q and %+v", got, c.names, c.who)
			}
		})
	}
}
