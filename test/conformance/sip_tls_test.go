package conformance

import (
	"crypto/tls"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/parley-msrp/parley/test/conformance/node"
	"github.com/parley-msrp/parley/test/peer"
)

// ownDomain is what the certificate of the program under test is for.
const ownDomain = "parley.example"

// secure is an instance that speaks TLS, with the authority that it trusts.
type secure struct {
	*node.Node
	authority *peer.Authority
	dns       *peer.DNS
	dir       string // of the certificate
}

// startSecure runs an instance that listens on UDP, TCP and TLS; more are further lines of its tls section, change whatever else is different.
func startSecure(t *testing.T, more string, change ...func(secure, *node.Config)) secure {
	t.Helper()
	dir := t.TempDir()
	s := secure{authority: peer.NewAuthority(), dns: peer.NewDNS(t), dir: dir}
	s.authority.Write(t, dir, s.authority.Issue(ownDomain))
	c := node.Config{
		Listen: []string{"udp:HOST:5060", "tls:HOST:5061"},
		SIP:    fmt.Sprintf("  dns_servers: [%q]\n", s.dns.Addr),
		TLS:    fmt.Sprintf("  certificate: %q\n  private_key: %q\n  ca_list: %q\n", dir+"/cert.pem", dir+"/key.pem", dir+"/ca.pem") + more,
	}
	for _, f := range change {
		f(s, &c)
	}
	s.Node = start(t, c)
	return s
}

// at is where it listens on TLS.
func (s secure) at() string { return net.JoinHostPort(s.Host, "5061") }

// dial is how a careful client connects.
func (s secure) dial() *tls.Config {
	return &tls.Config{RootCAs: s.authority.Pool, ServerName: ownDomain}
}

// agent is a peer whose certificate is for names; without any for its address.
func (s secure) agent(t *testing.T, names ...string) *peer.Agent {
	t.Helper()
	if names == nil {
		names = []string{"127.0.0.1"}
	}
	return peer.NewTLSAgent(t, s.at(), &tls.Config{Certificates: []tls.Certificate{s.authority.Issue(names...)}}, s.dial())
}

// lead lets a domain lead to an agent, by NAPTR and SRV, through a host of another name.
func (s secure) lead(domain string, a *peer.Agent) {
	s.dns.NAPTR(domain, 10, 10, "SIPS+D2T", "_sips._tcp."+domain).SRV("_sips._tcp."+domain, 1, 1, a.Addr.Port(), "host."+domain)
	s.dns.A("host."+domain, "127.0.0.1")
}

// answeredBy is a call over TLS from an agent, changed before it is sent.
func (s secure) answeredBy(t *testing.T, a *peer.Agent, change func(*peer.Dialog, *peer.Message)) (*call, *peer.Message) {
	t.Helper()
	c := &call{n: s.Node, a: a, d: a.NewDialog("bob")}
	invite := c.d.Invite(peer.Offer("*", deadPath))
	change(c.d, invite)
	r := c.d.Place(t, patience(), invite)
	c.take(t, r)
	c.d.Routes = nil // the driver plays the proxies too
	c.d.Ack(t)
	s.Await(t, c.id, "E_MSRP_SESSION_NEW", 1)
	return c, r
}

func TestTLS(t *testing.T) {
	t.Parallel()
	n := startSecure(t, "")
	unchanged := func(*peer.Dialog, *peer.Message) {}

	row(t, "S-032/a call over TLS from the peer", func(t *testing.T) {
		c, r := n.answeredBy(t, n.agent(t), unchanged)
		if got := peer.AddressURI(r.Get("Contact")); got != "sip:"+n.at()+";transport=tls" || r.Proto != "tls" || r.Source().String() != n.at() {
			t.Errorf("Contact %s by %s from %s", got, r.Proto, r.Source())
		}
		n.EndSession(t, c.id)
		bye := c.byeCame(t) // at the Contact, by a connection of its own
		if !strings.HasPrefix(bye.Get("Via"), "SIP/2.0/TLS "+n.at()+";") || bye.Proto != "tls" {
			t.Errorf("BYE by %s, Via %s", bye.Proto, bye.Get("Via"))
		}
		c.gone(t)
	})

	row(t, "S-032/a sips URI is called over TLS, at whom its domain leads to", func(t *testing.T) {
		a := n.agent(t, "called.example")
		n.lead("called.example", a)
		id := n.StartSession(t, "text/plain", "sips:bob@called.example")
		invite := a.Request(t, patience(), "INVITE")
		if invite.Proto != "tls" || !strings.HasPrefix(invite.Get("Via"), "SIP/2.0/TLS "+n.at()+";") || invite.URI() != "sips:bob@called.example" {
			t.Errorf("%s by %s, Via %s", invite.Start, invite.Proto, invite.Get("Via"))
		}
		a.Answering(invite).Answer(t, invite, 486, "Busy Here")
		a.Request(t, patience(), "ACK")
		n.Await(t, id, "E_MSRP_SESSION_FAILED", 1)
	})

	for i, c := range []struct{ name, names string }{
		{"of another domain", "other.example"},
		{"with a wildcard", "*.DOMAIN *.refused.example"},
		{"for the SRV target's name only", "host.DOMAIN"},
		{"with a sip: URI of another domain beside a right DNS name", "sip:other.example DOMAIN"},
		{"with a sip: URI that has a user", "sip:bob@DOMAIN"},
		{"with the right CN beside another DNS name", "CN=DOMAIN other.example"},
	} {
		row(t, "S-032/refused: a certificate "+c.name, func(t *testing.T) {
			domain := fmt.Sprintf("d%d.refused.example", i)
			a := n.agent(t, strings.Fields(strings.ReplaceAll(c.names, "DOMAIN", domain))...)
			n.lead(domain, a)
			id := n.StartSession(t, "text/plain", "sips:bob@"+domain)
			if e := n.Await(t, id, "E_MSRP_SESSION_FAILED", 1)[0]; fmt.Sprint(e.Data["code"]) != "503" {
				t.Errorf("%s", e.Raw)
			}
			a.AwaitRefused(t, patience(), 1)
			if a.Waiting() != "nothing" {
				t.Errorf("came: %s", a.Waiting())
			}
		})
	}
	for i, names := range []string{"DOMAIN", "sip:DOMAIN", "CN=DOMAIN", "other.example DOMAIN", "sip:bob@DOMAIN DOMAIN"} {
		row(t, "S-032/taken: a certificate for "+names, func(t *testing.T) {
			domain := fmt.Sprintf("d%d.taken.example", i)
			a := n.agent(t, strings.Fields(strings.ReplaceAll(names, "DOMAIN", domain))...)
			n.lead(domain, a)
			id := n.StartSession(t, "text/plain", "sips:bob@"+domain)
			invite := a.Request(t, patience(), "INVITE")
			a.Answering(invite).Answer(t, invite, 486, "Busy Here")
			n.Await(t, id, "E_MSRP_SESSION_FAILED", 1)
		})
	}

	row(t, "S-032/refused: a certificate of an unknown authority", func(t *testing.T) {
		a := peer.NewTLSAgent(t, n.at(), &tls.Config{Certificates: []tls.Certificate{peer.NewAuthority().Issue("stranger.example")}}, n.dial())
		n.lead("stranger.example", a)
		id := n.StartSession(t, "text/plain", "sips:bob@stranger.example")
		n.Await(t, id, "E_MSRP_SESSION_FAILED", 1)
		a.AwaitRefused(t, patience(), 1)
	})

	row(t, "S-032/TLS 1.1 and static RSA refused, TLS 1.2 and 1.3 taken", func(t *testing.T) {
		for _, c := range []struct {
			name            string
			lowest, highest uint16
			suites          []uint16
			taken           bool
		}{
			{"1.3", tls.VersionTLS13, tls.VersionTLS13, nil, true},
			{"1.2", tls.VersionTLS12, tls.VersionTLS12, nil, true},
			{"1.1", tls.VersionTLS10, tls.VersionTLS11, nil, false},
			{"static RSA", tls.VersionTLS12, tls.VersionTLS12, []uint16{tls.TLS_RSA_WITH_AES_128_CBC_SHA, tls.TLS_RSA_WITH_AES_128_GCM_SHA256}, false},
		} {
			dial := n.dial()
			dial.MinVersion, dial.MaxVersion, dial.CipherSuites = c.lowest, c.highest, c.suites
			if err := peer.NewTLSAgent(t, n.at(), nil, dial).Connect(); (err == nil) != c.taken {
				t.Errorf("%s: %v", c.name, err)
			}
		}
	})

	row(t, "S-032/refused as client: a server of TLS 1.1", func(t *testing.T) {
		a := peer.NewTLSAgent(t, n.at(), &tls.Config{
			MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11, Certificates: []tls.Certificate{n.authority.Issue("old.example")},
		}, n.dial())
		n.lead("old.example", a)
		id := n.StartSession(t, "text/plain", "sips:bob@old.example")
		n.Await(t, id, "E_MSRP_SESSION_FAILED", 1)
		a.AwaitRefused(t, patience(), 1)
	})

	for name, trigger := range map[string]func(*peer.Dialog, *peer.Message){
		"Request-URI": func(d *peer.Dialog, m *peer.Message) {
			m.Start = "INVITE sips:bob@" + n.at() + " SIP/2.0"
			m.Set("Contact", "<sips:peer@"+d.Agent.Addr.String()+">")
		},
		"top Record-Route": func(d *peer.Dialog, m *peer.Message) { m.Add("Record-Route", "<sips:"+d.Agent.Addr.String()+";lr>") },
		"Contact":          func(d *peer.Dialog, m *peer.Message) { m.Set("Contact", "<sips:peer@"+d.Agent.Addr.String()+">") },
	} {
		row(t, "S-011/sips Contact where the caller's "+name+" is sips", func(t *testing.T) {
			c, r := n.answeredBy(t, n.agent(t), trigger)
			if got := peer.AddressURI(r.Get("Contact")); got != "sips:"+n.at() {
				t.Errorf("Contact %s", got)
			}
			if r := c.a.Ask(t, patience(), c.d.Request("OPTIONS")); r.Code() != 200 || peer.AddressURI(r.Get("Contact")) != "sips:"+n.at() {
				t.Errorf("in-dialog OPTIONS to the Contact: %s, Contact %s", r.Start, r.Get("Contact"))
			}
			n.EndSession(t, c.id)
			c.byeCame(t)
		})
	}

	row(t, "S-011/sips Contact where the own Request-URI is sips", func(t *testing.T) {
		a := n.agent(t)
		id := n.StartSession(t, "text/plain", "sips:bob@"+a.Addr.String())
		invite := a.Request(t, patience(), "INVITE")
		if got := peer.AddressURI(invite.Get("Contact")); got != "sips:"+n.at() {
			t.Errorf("Contact %s", got)
		}
		a.Answering(invite).Answer(t, invite, 486, "Busy Here")
		n.Await(t, id, "E_MSRP_SESSION_FAILED", 1)
	})

	row(t, "S-042/a sips Request-URI without TLS", func(t *testing.T) {
		a := newAgent(t, n.Node, "udp")
		d := a.NewDialog("bob")
		d.Target = "sips:bob@" + n.at()
		if _, r := d.Call(t, patience(), peer.Offer("*", deadPath)); r.Code() != 416 {
			t.Error(r.Start)
		}
	})

	row(t, "S-013/received and rport over TLS", func(t *testing.T) {
		a := n.agent(t)
		m := a.NewDialog("bob").Request("OPTIONS")
		r := a.Ask(t, patience(), m.Set("Via", strings.Replace(m.Get("Via"), a.Addr.String(), "host.example.invalid", 1)))
		_, port, _ := net.SplitHostPort(a.Stream(t).LocalAddr().String())
		if v := r.Get("Via"); peer.Param(v, "received") != "127.0.0.1" || peer.Param(v, "rport") != port {
			t.Errorf("Via %s", v)
		}
	})

	row(t, "S-041/CRLF over TLS", func(t *testing.T) {
		a := n.agent(t)
		a.SendRaw(t, append([]byte("\r\n\r\n\r\n"), a.NewDialog("bob").Request("OPTIONS").Bytes()...))
		if r := a.Await(t, patience(), "answer", func(m *peer.Message) bool { return m.Code() >= 200 }); r.Code() != 200 {
			t.Error(r.Start)
		}
		b := a.Blanks()
		a.SendRaw(t, []byte("\r\n\r\n"))
		a.AwaitBlank(t, patience(), b+1)
	})

	row(t, "S-041/the answer to a TLS caller that has hung up, by a connection to whom its Via names", func(t *testing.T) {
		a := n.agent(t)
		d := a.NewDialog("bob")
		m := d.Invite(peer.Offer("*", deadPath))
		a.Send(t, m)
		a.Hangup()
		r := a.Final(t, patience(), m)
		if r.Code() != 200 {
			t.Fatal(r.Start)
		}
		d.Learn(r)
		d.Ack(t)
		if bye := d.Bye(t, patience()); bye.Code() != 200 {
			t.Error(bye.Start)
		}
	})

	row(t, "S-041/one connection for what goes to one domain, none for another one at the same address", func(t *testing.T) {
		a := n.agent(t, "one.example", "two.example")
		n.lead("one.example", a)
		n.lead("two.example", a)
		from := func(domain string) string {
			id := n.StartSession(t, "text/plain", "sips:bob@"+domain)
			invite := a.Request(t, patience(), "INVITE")
			a.Answering(invite).Answer(t, invite, 486, "Busy Here")
			n.Await(t, id, "E_MSRP_SESSION_FAILED", 1)
			return invite.Source().String()
		}
		first := from("one.example")
		if again := from("one.example"); again != first {
			t.Errorf("from %s, then from %s", first, again)
		}
		if other := from("two.example"); other == first {
			t.Errorf("to another domain from %s too", other)
		}
	})
}

func TestRenewedCertificate(t *testing.T) {
	t.Parallel()
	n := startSecure(t, "")
	row(t, "S-032/a renewed certificate is shown without a restart", func(t *testing.T) {
		for _, name := range []string{ownDomain, "renewed.example"} {
			n.authority.Write(t, n.dir, n.authority.Issue(name))
			dial := n.dial()
			dial.ServerName = name
			for end := time.Now().Add(patience()); ; time.Sleep(20 * time.Millisecond) {
				err := peer.NewTLSAgent(t, n.at(), nil, dial).Connect()
				if err == nil {
					break
				}
				if time.Now().After(end) {
					t.Fatal(err)
				}
			}
		}
	})
}

// TestClientCertificates is about what peers that connect have to show.
func TestClientCertificates(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"ask", "require"} {
		n := startSecure(t, "  client_certificates: "+kind+"\n")
		// asked says whether the program under test answers a client with that certificate.
		answers := func(t *testing.T, own ...tls.Certificate) bool {
			t.Helper()
			dial := n.dial()
			dial.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
				if len(own) > 0 {
					return &own[0], nil
				}
				return &tls.Certificate{}, nil
			}
			c, err := tls.Dial("tcp", n.at(), dial)
			if err != nil {
				return false
			}
			defer c.Close()
			a := n.agent(t)
			if _, err := c.Write(a.NewDialog("bob").Request("OPTIONS").Bytes()); err != nil {
				return false
			}
			answer := make([]byte, 7)
			_, err = c.Read(answer)
			return err == nil && string(answer) == "SIP/2.0"
		}
		row(t, "S-032/client certificates: "+kind, func(t *testing.T) {
			if !answers(t, n.authority.Issue("peer.example")) {
				t.Error("refused with a certificate")
			}
			if answers(t, peer.NewAuthority().Issue("peer.example")) {
				t.Error("answered with the certificate of a stranger")
			}
			if got, want := answers(t), kind == "ask"; got != want {
				t.Errorf("without certificate: answered %t", got)
			}
		})
	}
}
