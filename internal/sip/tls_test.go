package sip

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-msrp/parley/test/peer"
)

// secured is a world that listens on TLS, too, at 10.0.0.1:5061.
func secured(t *testing.T, name string, f func(w *world), options ...func(*Config)) {
	t.Helper()
	inWorld(t, name, func(w *world) {
		if _, err := w.stack.Listen(TLS, "10.0.0.1:5061"); err != nil {
			t.Fatal(err)
		}
		f(w)
	}, append([]func(*Config){withTLS("parley.example")}, options...)...)
}

func clients(kind ClientCertificates) func(*Config) {
	return func(c *Config) { c.Security.Clients = kind }
}

// tlsPeer is a peer's end of a TLS connection.
type tlsPeer struct {
	w *world
	*tls.Conn
	raw *memConn
}

// connect opens a connection to the stack and does the handshake; the error is the handshake's, or that of the first read, which tells what
// the stack made of a client certificate.
func (w *world) connect(from string, c *tls.Config) (*tlsPeer, error) {
	w.t.Helper()
	nc, err := w.net.dialFrom(context.Background(), netip.MustParseAddr(from), "10.0.0.1:5061")
	if err != nil {
		w.t.Fatal(err)
	}
	if c.RootCAs == nil {
		c.RootCAs, c.ServerName = testAuthority().Pool, "parley.example"
	}
	p := &tlsPeer{w, tls.Client(nc, c), nc.(*memConn)}
	if err := p.Handshake(); err != nil {
		return p, err
	}
	_, err = p.exchange("")
	return p, err
}

// exchange sends octets and gives the start lines of what comes back until a moment has passed.
func (p *tlsPeer) exchange(octets string) (string, error) {
	p.w.t.Helper()
	if _, err := p.Write([]byte(octets)); err != nil {
		return "", err
	}
	synctest.Wait()
	var all strings.Builder
	buf := make([]byte, 64<<10)
	for {
		_ = p.SetReadDeadline(time.Now().Add(time.Millisecond))
		n, err := p.Read(buf)
		all.Write(buf[:n])
		var timeout net.Error
		if errors.As(err, &timeout) && timeout.Timeout() {
			break
		}
		if err != nil {
			return all.String(), err
		}
	}
	var lines []string
	for m := range strings.SplitSeq(all.String(), "\r\n\r\n") {
		if m != "" {
			lines = append(lines, startLine(m))
		}
	}
	return strings.Join(lines, ", "), nil
}

func onTLS(method, branch string, change ...string) string {
	return strings.Replace(request(method, branch, change...), "SIP/2.0/UDP", "SIP/2.0/TLS", 1)
}

func TestTLSServer(t *testing.T) {
	secured(t, "S-032/a request over TLS, answered on its connection", func(w *world) {
		w.user.onRequest = reply(200)
		p, err := w.connect("10.0.0.2", &tls.Config{})
		if err != nil {
			w.t.Fatal(err)
		}
		got, err := p.exchange(onTLS("OPTIONS", "1"))
		w.want(fmt.Sprint(got, err), "200 OK<nil>")
		f := w.user.tx(0).Flow()
		w.want(fmt.Sprint(f.Proto, f.Local, f.Remote, f.Peer), "TLS 10.0.0.1:5061 "+p.raw.local.String()+" <nil>")
		at, err := w.stack.LocalOn(f)
		w.want(fmt.Sprint(at, err), "10.0.0.1:5061 <nil>")
		p.Close()
		w.want(w.conns(), "0")
	})
	secured(t, "S-041/the answer finds its way when the connection has closed: a new one to received and sent-by port, authenticated as sent-by", func(w *world) {
		l := w.listen("10.0.0.2:5061")
		p, err := w.connect("10.0.0.2", &tls.Config{})
		if err != nil {
			w.t.Fatal(err)
		}
		if _, err := p.exchange(strings.Replace(onTLS("INVITE", "1"), "10.0.0.2:5060", "peer.example", 1)); err != nil {
			w.t.Fatal(err)
		}
		p.Close()
		w.want(w.conns(), "0")
		_ = w.user.tx(0).Reply(486, "", nil, nil)
		q := w.serve(l, "peer.example")
		got, err := q.exchange("")
		w.want(fmt.Sprint(got, err), "486 Busy Here<nil>")
	})
	for _, c := range []struct {
		name string
		kind ClientCertificates
		own  tls.Certificate
		want string
	}{
		{"not asked for, not looked at", NoClientCertificates, peer.NewAuthority().Issue("a.example"), "<nil>"},
		{"asked for, none shown", AskClientCertificates, tls.Certificate{}, "<nil>"},
		{"asked for, shown", AskClientCertificates, testAuthority().Issue("a.example", "b.example"), "[a.example b.example]"},
		{"asked for, of a stranger", AskClientCertificates, peer.NewAuthority().Issue("a.example"), "refused"},
		{"required, none shown", RequireClientCertificates, tls.Certificate{}, "refused"},
		{"required, shown", RequireClientCertificates, testAuthority().Issue("sip:a.example"), "[a.example]"},
		{"required, of a stranger", RequireClientCertificates, peer.NewAuthority().Issue("a.example"), "refused"},
	} {
		secured(t, "S-032/client certificate "+c.name, func(w *world) {
			config := &tls.Config{}
			if c.own.Leaf != nil {
				// Certificates are left out by clients whose authority is not in the list: this one insists.
				config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &c.own, nil }
			}
			p, err := w.connect("10.0.0.2", config)
			got := "refused"
			if err == nil {
				_, _ = p.exchange(onTLS("OPTIONS", "1"))
				got = "<nil>"
				if id := w.user.tx(0).Flow().Peer; id != nil {
					got = fmt.Sprint(id.Domains)
				}
			}
			w.want(got, c.want)
			p.Close()
			w.want(w.conns(), "0")
		}, clients(c.kind))
	}
	for name, c := range map[string]*tls.Config{
		"TLS 1.1":    {MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11},
		"static RSA": {MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_RSA_WITH_AES_128_CBC_SHA, tls.TLS_RSA_WITH_AES_128_GCM_SHA256}},
	} {
		secured(t, "S-032/"+name+" refused", func(w *world) {
			if _, err := w.connect("10.0.0.2", c); err == nil {
				w.t.Error("taken")
			}
			w.want(w.conns(), "0")
		})
	}
	secured(t, "S-032/TLS 1.2 taken", func(w *world) {
		if _, err := w.connect("10.0.0.2", &tls.Config{MaxVersion: tls.VersionTLS12}); err != nil {
			w.t.Error(err)
		}
	})
	secured(t, "S-032/a silent handshake holds nobody up, and ends in time", func(w *world) {
		for range 3 {
			if _, err := w.net.dialFrom(context.Background(), netip.MustParseAddr("10.0.0.3"), "10.0.0.1:5061"); err != nil {
				w.t.Fatal(err)
			}
		}
		w.want(w.conns(), "3")
		if _, err := w.connect("10.0.0.2", &tls.Config{}); err != nil {
			w.t.Error(err)
		}
		w.at(handshakeTime*500*time.Millisecond + time.Second)
		w.want(w.conns(), "1")
	})
	secured(t, "S-032/handshakes are bounded, in all and for one address", func(w *world) {
		dial := func(from string) *memConn {
			c, err := w.net.dialFrom(context.Background(), netip.MustParseAddr(from), "10.0.0.1:5061")
			if err != nil {
				w.t.Fatal(err)
			}
			synctest.Wait()
			return c.(*memConn)
		}
		dial("10.0.0.3")
		_, end := dial("10.0.0.3").take()
		w.want(fmt.Sprint(end), "EOF")
		for i := 4; i < 11; i++ {
			dial(fmt.Sprint("10.0.0.", i))
		}
		w.want(w.conns(), "8")
		_, end = dial("10.0.0.11").take()
		w.want(fmt.Sprint(end), "EOF")
		w.at(time.Minute)
		w.want(w.conns(), "0")
		if _, err := w.connect("10.0.0.3", &tls.Config{}); err != nil {
			w.t.Error(err)
		}
	}, func(c *Config) { c.MaxHandshakes = 8 })
	inWorld(t, "S-032/no listener without a certificate", func(w *world) {
		if _, err := w.stack.Listen(TLS, "10.0.0.1:5061"); err == nil || w.stack.Secure() {
			w.t.Error("listens")
		}
	})
}

// ended200 wants a single event, a 200.
func (e *events) ended200() {
	e.w.t.Helper()
	if got := e.seen(); !strings.HasSuffix(got, ":200") || strings.Contains(got, ",") {
		e.w.t.Errorf("told %q", got)
	}
}

// serve takes the connection that the stack opens to l, as a server with a certificate for names.
func (w *world) serve(l *memListener, names ...string) *tlsPeer {
	w.t.Helper()
	raw := l.take(w).memConn
	p := &tlsPeer{w, tls.Server(raw, &tls.Config{Certificates: []tls.Certificate{testAuthority().Issue(names...)}}), raw}
	if err := p.Handshake(); err != nil {
		w.t.Fatal(err)
	}
	return p
}

func TestTLSClient(t *testing.T) {
	at := func(domain string) Target {
		return Target{Proto: TLS, Addr: netip.MustParseAddrPort("10.0.0.2:5061"), Domain: domain}
	}
	secured(t, "S-032/a request by TLS", func(w *world) {
		l := w.listen("10.0.0.2:5061")
		_, e := w.start(outgoing("OPTIONS"), at("Peer.example"))
		p := w.serve(l, "peer.example")
		if name := p.ConnectionState().ServerName; name != "peer.example" {
			w.t.Errorf("server name %q", name)
		}
		octets := make([]byte, 4096)
		n, _ := p.Read(octets)
		m := parse(w.t, string(octets[:n]))
		v, _, _ := parseVia(m.Get("Via"))
		w.want(fmt.Sprint(v.Transport, " ", v.Host, ":", v.Port), "TLS 10.0.0.1:5061")
		_, _ = p.exchange(answer(m, 200, "t"))
		e.ended200()
		w.want(fmt.Sprint(e.all[0].Flow.Peer.Domains), "[peer.example]")

		w.start(outgoing("OPTIONS"), at("peer.example"))
		got, _ := p.exchange("")
		w.want(got+" "+w.dials(), "OPTIONS 1")
	})
	for _, c := range []struct{ name, names string }{
		{"another domain", "other.example"},
		{"a wildcard", "*.example *.peer.example"},
		{"the SRV target alone", "sip1.peer.example"},
		{"a sip: URI of another domain beside a right DNS name", "sip:other.example peer.example"},
	} {
		secured(t, "S-032/refused: a certificate for "+c.name, func(w *world) {
			l := w.listen("10.0.0.2:5061")
			_, e := w.start(outgoing("OPTIONS"), at("peer.example"))
			raw := l.take(w).memConn
			p := tls.Server(raw, &tls.Config{Certificates: []tls.Certificate{testAuthority().Issue(strings.Fields(c.names)...)}})
			_ = p.Handshake()
			if n, err := p.Read(make([]byte, 1)); n != 0 || err == nil {
				w.t.Error("the request was sent")
			}
			synctest.Wait()
			var identity *IdentityError
			if len(e.all) != 1 || !errors.As(e.all[0].Err, &identity) || identity.Domain != "peer.example" {
				w.t.Errorf("told %+v", e.all)
			}
			w.want(w.conns(), "0")
		})
	}
	secured(t, "S-032/refused: a certificate of a stranger", func(w *world) {
		l := w.listen("10.0.0.2:5061")
		_, e := w.start(outgoing("OPTIONS"), at("peer.example"))
		p := tls.Server(l.take(w).memConn, &tls.Config{Certificates: []tls.Certificate{peer.NewAuthority().Issue("peer.example")}})
		_ = p.Handshake()
		synctest.Wait()
		if len(e.all) != 1 || !errors.As(e.all[0].Err, new(x509.UnknownAuthorityError)) {
			w.t.Errorf("told %+v", e.all)
		}
	})
	secured(t, "S-032/refused: TLS 1.1", func(w *world) {
		l := w.listen("10.0.0.2:5061")
		_, e := w.start(outgoing("OPTIONS"), at("peer.example"))
		p := tls.Server(l.take(w).memConn, &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11, Certificates: []tls.Certificate{testAuthority().Issue("peer.example")}})
		if err := p.Handshake(); err == nil {
			w.t.Error("taken")
		}
		synctest.Wait()
		w.want(fmt.Sprint(len(e.all)), "1")
	})
	secured(t, "S-032/the own certificate is shown to a server that asks", func(w *world) {
		l := w.listen("10.0.0.2:5061")
		w.start(outgoing("OPTIONS"), at("peer.example"))
		p := tls.Server(l.take(w).memConn, &tls.Config{
			Certificates: []tls.Certificate{testAuthority().Issue("peer.example")}, ClientAuth: tls.RequireAnyClientCert,
		})
		if err := p.Handshake(); err != nil {
			w.t.Fatal(err)
		}
		w.want(fmt.Sprint(p.ConnectionState().PeerCertificates[0].DNSNames), "[parley.example]")
	})
	secured(t, "S-032/a connection serves the domain that it was opened for only", func(w *world) {
		l := w.listen("10.0.0.2:5061")
		w.start(outgoing("OPTIONS"), at("peer.example"))
		first := w.serve(l, "peer.example", "second.example")
		_, _ = first.exchange("")
		w.start(outgoing("OPTIONS"), at("second.example"))
		second := w.serve(l, "second.example")
		got, _ := second.exchange("")
		w.want(got, "OPTIONS")
		got, _ = first.exchange("")
		w.want(got, "")
	})
	secured(t, "S-032/nor does one that was accepted serve requests to a domain that the peer is not", func(w *world) {
		l := w.listen("10.0.0.2:5061")
		w.user.onRequest = reply(200)
		p, err := w.connect("10.0.0.2", &tls.Config{Certificates: []tls.Certificate{testAuthority().Issue("peer.example")}})
		if err != nil {
			w.t.Fatal(err)
		}
		_, _ = p.exchange(onTLS("OPTIONS", "1"))
		to := at("other.example")
		to.Conn = w.user.tx(0).Flow().Conn
		w.start(outgoing("INFO"), to)
		w.serve(l, "other.example")
		got, _ := p.exchange("")
		w.want(got, "")
		to.Domain = "peer.example"
		w.start(outgoing("INFO"), to)
		got, _ = p.exchange("")
		w.want(got, "INFO")
	}, clients(AskClientCertificates))
	secured(t, "S-032/a handshake that the server never finishes ends in time", func(w *world) {
		l := w.listen("10.0.0.2:5061")
		_, e := w.start(outgoing("OPTIONS"), at("peer.example"))
		l.take(w)
		w.at(time.Minute)
		if len(e.all) != 1 || e.all[0].Err == nil {
			w.t.Errorf("told %+v", e.all)
		}
		w.want(w.conns(), "0")
	})
	secured(t, "S-032/Close does not wait for a handshake", func(w *world) {
		l := w.listen("10.0.0.2:5061")
		w.start(outgoing("OPTIONS"), at("peer.example"))
		l.take(w)
	})
	secured(t, "redial/a request on a kept connection that turns out lost goes by another one", func(w *world) {
		l := w.listen("10.0.0.2:5061")
		_, e := w.start(outgoing("OPTIONS"), at("peer.example"))
		p := w.serve(l, "peer.example")
		octets := make([]byte, 4096)
		n, _ := p.Read(octets)
		_, _ = p.exchange(answer(parse(w.t, string(octets[:n])), 200, "t"))
		e.ended200()
		_, e = w.start(outgoing("OPTIONS"), at("peer.example"))
		p.raw.reset()
		q := w.serve(l, "peer.example")
		n, _ = q.Read(octets)
		_, _ = q.exchange(answer(parse(w.t, string(octets[:n])), 200, "t"))
		e.ended200()
	})
}
