package ua_test

import (
	"crypto/tls"
	"crypto/x509"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/parley-msrp/parley/test/peer"
	"github.com/parley-msrp/parley/ua"
)

// TestTLSPeer: who asks is told which names the certificate of the previous hop was verified for.
func TestTLSPeer(t *testing.T) {
	authority := peer.NewAuthority()
	own := authority.Issue("parley.example")
	told := make(chan []string, 1)
	a := newAgent(t, ua.Config{
		SIPListen: []string{"tls:127.0.0.1:0"},
		TLS: &ua.TLS{
			Certificate: func() (*tls.Certificate, error) { return &own, nil },
			Roots:       func() (*x509.CertPool, error) { return authority.Pool, nil },
			Clients:     ua.AskClientCertificates,
		},
		OnQuery: func(q *ua.Query) {
			told <- append(q.TLSPeer(), strings.Split(q.Source(), ":")[0])
			_ = q.Reject(480, "")
		},
	})
	for _, c := range []struct {
		own  []tls.Certificate
		want []string
	}{
		{nil, []string{"tls"}},
		{[]tls.Certificate{authority.Issue("sip:Proxy.example", "sip:alice@proxy.example")}, []string{"proxy.example", "sip:alice@proxy.example", "tls"}},
	} {
		dial := &tls.Config{RootCAs: authority.Pool, ServerName: "parley.example", Certificates: c.own}
		p := peer.NewTLSAgent(t, strings.TrimPrefix(a.SIPAddrs()[0], "tls:"), nil, dial)
		p.Ask(t, 30*time.Second, p.NewDialog("bob").Request("OPTIONS"))
		if got := <-told; !slices.Equal(got, c.want) {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}
