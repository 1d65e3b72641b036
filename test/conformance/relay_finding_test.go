package conformance

import (
	"crypto/tls"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/parley-msrp/parley/test/conformance/node"
	"github.com/parley-msrp/parley/test/peer"
)

// secureGrant answers every AUTH by 200 with a path of TLS.
func secureGrant(n int, f *peer.Frame) *peer.Frame {
	return grantedPath(f, strings.Replace(token(n), "msrp:", "msrps:", 1))
}

// finding is what an instance needs to find a relay of TLS: name servers and authorities.
type finding struct {
	dns       *peer.DNS
	authority *peer.Authority
	dir       string
}

func newFinding(t *testing.T) finding {
	t.Helper()
	f := finding{peer.NewDNS(t), peer.NewAuthority(), t.TempDir()}
	f.authority.Write(t, f.dir, f.authority.Issue("unused.example"))
	return f
}

// serves is the TLS side of a relay with a certificate for that name. It asks for a certificate of the client's.
func (f finding) serves(name string) *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{f.authority.Issue(name)}, ClientAuth: tls.RequestClientCert}
}

// uses starts an instance whose relay has that URI.
func (f finding) uses(t *testing.T, uri string) behind {
	t.Helper()
	return behind{Node: start(t, node.Config{
		SIP: fmt.Sprintf("  dns_servers: [%q]\n", f.dns.Addr),
		TLS: fmt.Sprintf("  ca_list: %q\n", f.dir+"/ca.pem"),
		UA:  fmt.Sprintf("  relay_uri: %q\n", uri),
	})}
}

// offers starts a session, and gives the offer's m-line once the INVITE has come; it is refused then.
func (b behind) offers(t *testing.T) peer.MediaLine {
	t.Helper()
	c, invite := invited(t, b.Node, setup{})
	c.d.Answer(t, invite, 486, "Busy Here")
	c.a.Request(t, patience(), "ACK")
	return c.sdp.Media[0]
}

// TestRelayFinding is about the way to the relay: by names, and over TLS.
func TestRelayFinding(t *testing.T) {
	t.Parallel()

	row(t, "R-001/AUTH within TLS: the name is looked at, SNI is sent, no certificate shown", func(t *testing.T) {
		f := newFinding(t)
		f.dns.A("relay.example", "127.0.0.1")
		r := peer.NewRelay(t, f.serves("relay.example"), secureGrant)
		m := f.uses(t, fmt.Sprintf("msrps://relay.example:%d;tcp", r.Port())).offers(t)
		if uris := strings.Fields(m.Path()); !strings.Contains(m.Line, "TCP/TLS/MSRP") || len(uris) != 2 || !strings.HasPrefix(uris[1], "msrps:") {
			t.Errorf("m=%s, path %s", m.Line, m.Path())
		}
		if s := r.TLS(0); len(r.Auths()) != 1 || s == nil || s.ServerName != "relay.example" || len(s.PeerCertificates) != 0 || s.Version < tls.VersionTLS12 {
			t.Errorf("%d AUTHs, %+v", len(r.Auths()), s)
		}
		for _, q := range f.dns.Asked() {
			if strings.Contains(q, "SRV") {
				t.Errorf("a port says it all, but asked for %s", q)
			}
		}
	})

	row(t, "R-015/D-001/an offer of TCP/MSRP is answered with TCP/TLS/MSRP, and messages go through the relay", func(t *testing.T) {
		f := newFinding(t)
		f.dns.A("relay.example", "127.0.0.1")
		b := behind{relay: peer.NewRelay(t, f.serves("relay.example"), secureGrant)}
		b.Node = f.uses(t, fmt.Sprintf("msrps://relay.example:%d;tcp", b.relay.Port())).Node
		c := b.called(t, peerPath)
		if m := c.sdp.Media[0]; !strings.Contains(m.Line, " TCP/TLS/MSRP ") || !strings.HasPrefix(m.Path(), "msrps:") {
			t.Errorf("m=%s", m.Line)
		}
		first := b.arrives(c, c.s.Bodiless())
		if r := b.relay.Next(t, patience()); r.ID != first.ID || r.Code != 200 {
			t.Fatalf("%03d %q", r.Code, r.Head)
		}
		b.conversation(t, c)
	})

	row(t, "R-015/D-001/an answer of TCP/TLS/MSRP from a peer of TLS", func(t *testing.T) {
		f := newFinding(t)
		f.dns.A("relay.example", "127.0.0.1")
		b := behind{relay: peer.NewRelay(t, f.serves("relay.example"), secureGrant)}
		b.Node = f.uses(t, fmt.Sprintf("msrps://relay.example:%d;tcp", b.relay.Port())).Node
		c, invite := invited(t, b.Node, setup{})
		c.s.Own = strings.Replace(peerPath, "msrp:", "msrps:", 1)
		c.accept(t, invite, strings.Replace(peer.Offer("*", c.s.Own), "TCP/MSRP", "TCP/TLS/MSRP", 1))
		b.Await(t, c.id, "E_MSRP_SESSION_NEW", 1)
		b.relay.Put(b.relay.Next(t, patience()).Reply(200, "OK"))
		b.conversation(t, c)
	})

	for _, test := range []struct {
		name string
		tls  func(finding) *tls.Config
	}{
		{"R-001/a certificate for another name", func(f finding) *tls.Config { return f.serves("other.example") }},
		{"R-001/a certificate of another authority", func(finding) *tls.Config {
			return &tls.Config{Certificates: []tls.Certificate{peer.NewAuthority().Issue("relay.example")}}
		}},
		{"R-001/a relay that closes in the handshake", func(finding) *tls.Config {
			return &tls.Config{MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10, Certificates: []tls.Certificate{{}}}
		}},
	} {
		row(t, test.name, func(t *testing.T) {
			f := newFinding(t)
			f.dns.A("relay.example", "127.0.0.1")
			r := peer.NewRelay(t, test.tls(f), secureGrant)
			b := f.uses(t, fmt.Sprintf("msrps://relay.example:%d;tcp", r.Port()))
			if e := b.tries(t); !strings.Contains(e, "TLS") {
				t.Errorf("%s", e)
			}
			if came, _ := r.Conns(); came != 1 || len(r.Auths()) != 0 {
				t.Errorf("%d connections, %d AUTHs", came, len(r.Auths()))
			}
		})
	}

	row(t, "R-001/a Use-Path in clear from a relay of TLS", func(t *testing.T) {
		f := newFinding(t)
		f.dns.A("relay.example", "127.0.0.1")
		r := peer.NewRelay(t, f.serves("relay.example"), granting)
		if e := f.uses(t, fmt.Sprintf("msrps://relay.example:%d;tcp", r.Port())).tries(t); !strings.Contains(e, "not msrps") || len(r.Auths()) != 1 {
			t.Errorf("%s; %d AUTHs", e, len(r.Auths()))
		}
	})

	row(t, "R-001/a relay in clear is warned of once", func(t *testing.T) {
		b := startBehind(t, granting)
		b.offers(t)
		b.offers(t)
		if n := strings.Count(b.Log(), "in clear"); n != 1 || len(b.relay.Auths()) != 2 || b.relay.TLS(0) != nil {
			t.Errorf("%d warnings, %d AUTHs", n, len(b.relay.Auths()))
		}
	})

	row(t, "R-002/R-003/SRV, and the second target where the first refuses", func(t *testing.T) {
		f := newFinding(t)
		dead, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		dead.Close()
		r := peer.NewRelay(t, f.serves("relay.example"), secureGrant)
		f.dns.SRV("_msrps._tcp.relay.example", 2, 0, r.Port(), "alive.example").A("alive.example", "127.0.0.1")
		f.dns.SRV("_msrps._tcp.relay.example", 1, 0, uint16(dead.Addr().(*net.TCPAddr).Port), "dead.example").A("dead.example", "127.0.0.1")
		f.uses(t, "msrps://relay.example;tcp").offers(t)
		if s := r.TLS(0); len(r.Auths()) != 1 || s == nil || s.ServerName != "relay.example" {
			t.Fatalf("%d AUTHs, %+v", len(r.Auths()), s)
		}
		if a := r.Auths()[0]; a.Get("To-Path") != "msrps://relay.example;tcp" {
			t.Errorf("%q", a.Head)
		}
		asked := f.dns.Asked()
		if i, j, k := slices.Index(asked, "SRV _msrps._tcp.relay.example"), slices.Index(asked, "A dead.example"), slices.Index(asked, "A alive.example"); i < 0 || j < i || k < j {
			t.Errorf("asked for %q", asked)
		}
	})

	row(t, "R-002/no SRV record: the addresses of the name, and port 2855", func(t *testing.T) {
		f := newFinding(t)
		f.dns.A("relay.example", "127.0.0.1")
		b := f.uses(t, "msrps://relay.example;tcp")
		e := b.tries(t)
		asked := f.dns.Asked()
		if i, j := slices.Index(asked, "SRV _msrps._tcp.relay.example"), slices.Index(asked, "A relay.example"); i < 0 || j < i {
			t.Errorf("asked for %q", asked)
		}
		if !strings.Contains(e, "127.0.0.1:2855") {
			t.Errorf("%s, want port 2855 in it", e)
		}
	})
}
