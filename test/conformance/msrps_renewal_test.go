package conformance

import (
	"crypto/tls"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/parley-msrp/parley/test/conformance/node"
	"github.com/parley-msrp/parley/test/peer"
)

// withFiles runs an instance that offers MSRP over TLS with a certificate in files, which stand in dir.
func withFiles(t *testing.T, a *peer.Authority, c tls.Certificate, more string) (n *node.Node, dir string) {
	t.Helper()
	dir = t.TempDir()
	a.Write(t, dir, c)
	return overTLS(t, fmt.Sprintf("  certificate: %q\n  private_key: %q\n  ca_list: %q\n", dir+"/cert.pem", dir+"/key.pem", dir+"/ca.pem")+more), dir
}

// says are the fingerprints of the answer.
func (c *call) says() (all []string) {
	for _, a := range c.sdp.Media[0].Attrs {
		if value, ok := strings.CutPrefix(a, "fingerprint:"); ok {
			all = append(all, value)
		}
	}
	return all
}

// joined connects and binds; the certificate shown has to be one that the answer says.
func (c *call) joined(t *testing.T, want tls.Certificate) {
	t.Helper()
	c.connectTLS(t, nil)
	shown := peer.Fingerprint(c.c.Shown())
	if !slices.Contains(c.says(), shown) {
		t.Errorf("it has shown %s, and said %q", shown, c.says())
	}
	if shown != peer.Fingerprint(want.Leaf.Raw) {
		t.Errorf("it has shown %s, which is the wrong one", shown)
	}
	c.ok(t, c.s.Bodiless())
}

// TestTLSRenewal replaces the certificate while there are sessions.
func TestTLSRenewal(t *testing.T) {
	row(t, "M-063/a certificate that is replaced while sessions live, and while one is about to connect", func(t *testing.T) {
		a := peer.NewAuthority()
		before, after := a.Issue("parley.example"), a.Issue("parley.example", "and-again.example")
		n, dir := withFiles(t, a, before, "")
		live := callTLS(t, n, "")
		live.joined(t, before)
		late := callTLS(t, n, "") // its peer connects after the change

		a.Write(t, dir, after)
		was, is := peer.Fingerprint(before.Leaf.Raw), peer.Fingerprint(after.Leaf.Raw)
		var next *call
		for end := time.Now().Add(patience()); ; {
			next = callTLS(t, n, "")
			if slices.Contains(next.says(), is) {
				break
			}
			if time.Now().After(end) {
				t.Fatalf("the new certificate is not described: %q", next.says())
			}
			next.d.Bye(t, patience())
			time.Sleep(100 * time.Millisecond)
		}
		if got := next.says(); !slices.Equal(got, []string{is, was}) {
			t.Errorf("while a peer is to come for the former one: %q, want both", got)
		}
		late.joined(t, before)
		next.joined(t, after)

		last := callTLS(t, n, "")
		if got := last.says(); !slices.Equal(got, []string{is}) {
			t.Errorf("when nobody waits for the former one: %q", got)
		}
		last.joined(t, after)
		for _, c := range []*call{live, late, next, last} {
			c.ok(t, c.s.Send("hello"))
			c.received(t, "hello")
		}
	})
	row(t, "M-061/the mandatory suite of the RFC, where it is switched on", func(t *testing.T) {
		a := peer.NewAuthority()
		n, _ := withFiles(t, a, a.IssueRSA("parley.example"), "  legacy_cipher: true\n")
		c := callTLS(t, n, "")
		config := certified(nil)
		config.MaxVersion, config.CipherSuites = tls.VersionTLS12, []uint16{tls.TLS_RSA_WITH_AES_128_CBC_SHA}
		var err error
		if c.c, err = peer.DialMSRPS(t, n.MSRP, config); err != nil {
			t.Fatal(err)
		}
		c.ok(t, c.s.Bodiless())
		c.ok(t, c.s.Send("hello"))
		c.received(t, "hello")
	})
}
