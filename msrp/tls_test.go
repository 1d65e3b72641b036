package msrp_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parley-msrp/parley/msrp"
)

// authority signs certificates.
type authority struct {
	t    testing.TB
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t testing.TB) *authority {
	a := &authority{t: t}
	made := a.make(&x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign})
	a.cert, a.key = made.Leaf, made.PrivateKey.(*ecdsa.PrivateKey)
	return a
}

// roots trusts the authority.
func (a *authority) roots() *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(a.cert)
	return p
}

// make makes a certificate, self-signed while the authority has none of its own.
func (a *authority) make(c *x509.Certificate) *tls.Certificate {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	c.SerialNumber, c.Subject = big.NewInt(time.Now().UnixNano()), pkix.Name{CommonName: "test"}
	if c.NotAfter.IsZero() {
		c.NotBefore, c.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	}
	parent, signer := a.cert, a.key
	if parent == nil {
		parent, signer = c, key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, signer)
	if err != nil {
		a.t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

func selfSigned(t testing.TB) *tls.Certificate {
	return (&authority{t: t}).make(&x509.Certificate{})
}

// overTLS has the tests of the package run over TLS, but for those of TLS itself. One ECDSA certificate serves all.
var overTLS = os.Getenv("PARLEY_TEST_TLS") != ""

// itself skips a test that says itself what goes over TLS, and so has shown all it can in the other run.
func itself(t *testing.T) {
	if overTLS {
		t.Skip("it is the same in the run without PARLEY_TEST_TLS")
	}
}

// scheme is that of the URIs in use.
var scheme = map[bool]string{false: "msrp", true: "msrps"}[overTLS]

// otherScheme is the other one.
var otherScheme = map[bool]string{true: "msrp", false: "msrps"}[overTLS]

// tcp is the connection below TLS, if there is that.
func (p *rawPeer) tcp() *net.TCPConn {
	if c, ok := p.nc.(*tls.Conn); ok {
		return c.NetConn().(*net.TCPConn)
	}
	return p.nc.(*net.TCPConn)
}

var (
	usualOnce sync.Once
	usualOne  *tls.Certificate
)

// usual is a certificate for tests that do not look at it.
func usual(t testing.TB) *tls.Certificate {
	usualOnce.Do(func() {
		usualOne = (&authority{t: t}).make(&x509.Certificate{
			DNSNames: []string{"localhost", "h.example", "peer.example"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
			NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1<<33, 0), // fake time begins in 2000
		})
	})
	return usualOne
}

// trusted trusts one certificate.
func trusted(c *tls.Certificate) *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(c.Leaf)
	return p
}

// secured dials by TLS.
func secured(dial func() net.Conn) func() net.Conn {
	return func() net.Conn {
		nc := tls.Client(dial(), &tls.Config{InsecureSkipVerify: true, DynamicRecordSizingDisabled: true}) // a write is a record
		nc.Handshake()                                                                                     // the first read says what went wrong
		return nc
	}
}

// securedPipe is a connection in memory over which TLS is spoken, the first end being the client's.
func securedPipe(t testing.TB, near, far net.Conn) (client, server net.Conn) {
	c := tls.Client(near, &tls.Config{InsecureSkipVerify: true, DynamicRecordSizingDisabled: true})
	s := tls.Server(far, &tls.Config{Certificates: []tls.Certificate{*usual(t)}, SessionTicketsDisabled: true, DynamicRecordSizingDisabled: true})
	done := make(chan error)
	go func() { done <- c.Handshake() }()
	if err := errors.Join(s.Handshake(), <-done); err != nil {
		t.Fatal(err)
	}
	return c, s
}

// shows is a TLS that shows always the same certificate.
func shows(c *tls.Certificate, roots *x509.CertPool) *msrp.TLS {
	return &msrp.TLS{
		Certificate: func() (*tls.Certificate, error) { return c, nil },
		Roots:       func() (*x509.CertPool, error) { return roots, nil },
	}
}

// tlsListener is served by ServeTLS.
type tlsListener struct{ net.Listener }

// newTLSRig is newRig over TLS.
func newTLSRig(t testing.TB, own, peers *tls.Certificate) *rig {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	dial := func() net.Conn {
		c := &tls.Config{InsecureSkipVerify: true}
		if peers != nil {
			c.Certificates = []tls.Certificate{*peers}
		}
		nc, err := tls.Dial("tcp", l.Addr().String(), c)
		if err != nil {
			t.Fatal(err)
		}
		return nc
	}
	r := startRig(t, msrp.Config{TLS: shows(own, nil)}, tlsListener{l}, dial, limit)
	r.base.Secure = true
	return r
}

const securePeerURI = "msrps://192.0.2.7:7777/peer0session;tcp"

func fingerprints(all ...string) []msrp.Fingerprint {
	var fps []msrp.Fingerprint
	for _, s := range all {
		f, err := msrp.ParseFingerprint(s)
		if err != nil {
			panic(err)
		}
		fps = append(fps, f)
	}
	return fps
}

func TestFingerprint(t *testing.T) {
	own := msrp.FingerprintOf([]byte("certificate"))
	if s := own.String(); len(s) != len("sha-256 ")+32*3-1 || s != strings.ToUpper(s[:0])+"sha-256 "+strings.ToUpper(s[8:]) {
		t.Errorf("M-064: got %q", s)
	}
	for s, ok := range map[string]bool{
		own.String(): true, strings.ToLower(own.String()): true, strings.ToUpper(own.String()): true,
		"sha-256": false, "sha-256 ": false, "sha-256 AB": false, "md5 AB:CD": true, "sha-1 A:B": false, "sha-1 ABCD:EF": false, "sha-512 xx": false,
	} {
		f, err := msrp.ParseFingerprint(s)
		if (err == nil) != ok {
			t.Errorf("%q: %v", s, err)
		}
		if ok && len(s) > 70 && f != own {
			t.Errorf("%q: got %v", s, f)
		}
	}
}

// TestTLSPassive has a scripted peer connect.
func TestTLSPassive(t *testing.T) {
	itself(t)
	own, peers := selfSigned(t), selfSigned(t)
	right := msrp.FingerprintOf(peers.Leaf.Raw)
	wrong := right.String()[:len(right.String())-1] + map[bool]string{true: "0", false: "1"}[strings.HasSuffix(right.String(), "1")]

	bind := func(t *testing.T, shown *tls.Certificate, fps []msrp.Fingerprint) (*recorder, *rawPeer) {
		r := newTLSRig(t, own, shown)
		s, h := r.session()
		peer := known(t, securePeerURI)
		peer.Fingerprints = fps
		if err := s.SetPeer(peer); err != nil {
			t.Fatal(err)
		}
		p := r.peer(s)
		p.uri = securePeerURI
		_, req := p.text("m-tls", "hello")
		p.write(req)
		return h, p
	}

	t.Run("M-059/a session over TLS", func(t *testing.T) {
		h, p := bind(t, nil, nil)
		if m := next[*msrp.Received](h); string(m.Body) != "hello" {
			t.Fatalf("got %q", m.Body)
		}
		if f := p.next(); f.code != 200 {
			t.Fatalf("got %q", f.text)
		}
	})
	t.Run("M-059/plain MSRP to the TLS listener is not answered", func(t *testing.T) {
		r := newTLSRig(t, own, nil)
		s, _ := r.session()
		s.SetPeer(known(t, securePeerURI))
		nc, err := net.Dial("tcp", r.listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		p := newRawPeer(t, nc, s.URI().String(), limit)
		p.write(p.request(p.nextID(), "SEND", nil, "$", "Message-ID: m-bind"))
		p.closed()
	})
	t.Run("M-060/TLS 1.1 is refused, 1.2 and 1.3 are not; M-061/nor is a suite without forward secrecy taken", func(t *testing.T) {
		r := newTLSRig(t, own, nil)
		for _, c := range []struct {
			config *tls.Config
			ok     bool
		}{
			{&tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}, false},
			{&tls.Config{MaxVersion: tls.VersionTLS12}, true},
			{&tls.Config{MinVersion: tls.VersionTLS13}, true},
			{&tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_RSA_WITH_AES_128_CBC_SHA}}, false},
		} {
			c.config.InsecureSkipVerify = true
			nc, err := tls.Dial("tcp", r.listener.Addr().String(), c.config)
			if (err == nil) != c.ok {
				t.Errorf("%x to %x: %v", c.config.MinVersion, c.config.MaxVersion, err)
			}
			if err == nil {
				nc.Close()
			}
		}
	})
	t.Run("M-063/the right fingerprint", func(t *testing.T) {
		h, p := bind(t, peers, []msrp.Fingerprint{right})
		next[*msrp.Received](h)
		if f := p.next(); f.code != 200 {
			t.Fatalf("got %q", f.text)
		}
	})
	t.Run("M-064/the best hash of several counts", func(t *testing.T) {
		h, p := bind(t, peers, fingerprints("sha-1 "+strings.Repeat("00:", 19)+"00", right.String(), wrong))
		next[*msrp.Received](h)
		if f := p.next(); f.code != 200 {
			t.Fatalf("got %q", f.text)
		}
	})
	for name, c := range map[string]struct {
		shown *tls.Certificate
		fps   []msrp.Fingerprint
		fault msrp.TLSFault
	}{
		"M-063/one digit is wrong":               {peers, fingerprints(wrong), msrp.BadFingerprint},
		"M-064/md5 alone":                        {peers, fingerprints("md5 " + strings.Repeat("00:", 15) + "00"), msrp.BadFingerprint},
		"M-065/a certificate is missing":         {nil, []msrp.Fingerprint{right}, msrp.NoCertificate},
		"M-065/a certificate of somebody else's": {own, []msrp.Fingerprint{right}, msrp.BadFingerprint},
	} {
		t.Run(name, func(t *testing.T) {
			h, p := bind(t, c.shown, c.fps)
			fault(t, next[error](h), c.fault)
			p.closed()
		})
	}
	t.Run("M-063/the session description comes after the connection", func(t *testing.T) {
		r := newTLSRig(t, own, peers)
		s, h := r.session()
		p := r.peer(s)
		p.uri = securePeerURI
		p.write(p.request(p.nextID(), "SEND", nil, "$", "Message-ID: m-bind"))
		next[*msrp.Received](h)
		peer := known(t, securePeerURI)
		peer.Fingerprints = fingerprints(wrong)
		fault(t, s.SetPeer(peer), msrp.BadFingerprint)
		fault(t, next[error](h), msrp.BadFingerprint)
	})
	t.Run("M-063/another session description, whose teller holds a lock that the Handler takes", func(t *testing.T) {
		r := newTLSRig(t, own, peers)
		var held sync.Mutex
		s, h := r.session(func(c *msrp.SessionConfig) { c.Handler = locking{c.Handler.(*recorder), &held} })
		p := r.peer(s)
		p.uri = securePeerURI
		peer := known(t, securePeerURI)
		peer.Fingerprints = []msrp.Fingerprint{right}
		if err := s.SetPeer(peer); err != nil {
			t.Fatal(err)
		}
		id := p.nextID()
		p.write(p.request(id, "SEND", nil, "$", "Message-ID: m-bind"))
		p.expect(id, 200)
		next[*msrp.Received](h)
		peer.Fingerprints = fingerprints(wrong)
		held.Lock()
		err := s.SetPeer(peer)
		held.Unlock()
		fault(t, err, msrp.BadFingerprint)
		fault(t, next[error](h), msrp.BadFingerprint)
		p.closed()
	})
	t.Run("M-067/a session of msrps is not to be had without TLS, nor one of msrp with it", func(t *testing.T) {
		for _, secure := range []bool{false, true} {
			r := newRig(t, msrp.Config{TLS: shows(own, nil)})
			if secure {
				r = newTLSRig(t, own, nil)
			}
			r.base.Secure = !secure
			s, _ := r.session()
			p := r.peer(s)
			id := p.nextID()
			p.write(p.request(id, "SEND", nil, "$", "Message-ID: m-bind"))
			p.expect(id, 481)
		}
	})
}

// locking is a recorder that takes a lock of its owner's.
type locking struct {
	*recorder
	mu *sync.Mutex
}

func (h locking) Closed(s *msrp.Session, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.recorder.Closed(s, err)
}

// TestTLSActive has the engine connect to a scripted peer.
func TestTLSActive(t *testing.T) {
	itself(t)
	ca := newAuthority(t)
	own := selfSigned(t)
	name := func(names ...string) *x509.Certificate { return &x509.Certificate{DNSNames: names} }
	expired := name("peer.example")
	expired.NotBefore, expired.NotAfter = time.Now().Add(-2*time.Hour), time.Now().Add(-time.Hour)
	address := &x509.Certificate{IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	stranger := (&authority{t: t}).make(name("peer.example"))
	for title, c := range map[string]struct {
		host  string
		cert  *tls.Certificate
		fps   []msrp.Fingerprint
		fault msrp.TLSFault
	}{
		"M-062/the name in the URI":                     {"peer.example", ca.make(name("other.example", "peer.example")), nil, ""},
		"M-062/an address":                              {"127.0.0.1", ca.make(address), nil, ""},
		"M-062/another name":                            {"peer.example", ca.make(name("other.example")), nil, msrp.BadName},
		"M-062/expired":                                 {"peer.example", ca.make(expired), nil, msrp.BadTime},
		"M-062/of an authority that is not trusted":     {"peer.example", stranger, nil, msrp.BadAuthority},
		"M-063/self-signed with the right fingerprint":  {"peer.example", stranger, []msrp.Fingerprint{msrp.FingerprintOf(stranger.Leaf.Raw)}, ""},
		"M-063/an address and the right fingerprint":    {"127.0.0.1", stranger, []msrp.Fingerprint{msrp.FingerprintOf(stranger.Leaf.Raw)}, ""},
		"M-063/a right name with the wrong fingerprint": {"peer.example", ca.make(name("peer.example")), []msrp.Fingerprint{msrp.FingerprintOf(stranger.Leaf.Raw)}, msrp.BadFingerprint},
	} {
		t.Run(title, func(t *testing.T) {
			hello := make(chan string, 1)
			l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{
				Certificates: []tls.Certificate{*c.cert}, ClientAuth: tls.RequireAnyClientCert,
				GetConfigForClient: func(h *tls.ClientHelloInfo) (*tls.Config, error) {
					hello <- h.ServerName
					return nil, nil
				},
			})
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			shown := make(chan []byte, 1)
			octets := make(chan int, 1)
			go func() {
				nc, err := l.Accept()
				if err != nil {
					return
				}
				defer nc.Close()
				n, err := nc.Read(make([]byte, 10))
				octets <- n
				if err == nil {
					shown <- nc.(*tls.Conn).ConnectionState().PeerCertificates[0].Raw
				}
			}()
			at := netip.MustParseAddr("127.0.0.1")
			r := newRig(t, msrp.Config{TLS: shows(own, ca.roots()), Resolve: func(context.Context, string) ([]netip.Addr, error) { return []netip.Addr{at}, nil }})
			r.base.Secure = true
			s, _ := r.session()
			_, port, _ := net.SplitHostPort(l.Addr().String())
			peer := known(t, "msrps://"+net.JoinHostPort(c.host, port)+"/peer0session;tcp")
			peer.Fingerprints = c.fps
			s.SetPeer(peer)
			err = s.Connect(t.Context())
			want := c.host
			if _, err := netip.ParseAddr(c.host); err == nil {
				want = "" // M-059
			}
			if got := <-hello; got != want {
				t.Errorf("M-059: server_name %q", got)
			}
			if c.fault != "" {
				fault(t, err, c.fault)
				if n := <-octets; n != 0 {
					t.Errorf("%d octets of MSRP came", n)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if <-octets; string(<-shown) != string(own.Leaf.Raw) {
				t.Error("M-065: not our certificate")
			}
		})
	}
	t.Run("without a TLS", func(t *testing.T) {
		r := newRig(t, msrp.Config{})
		s, _ := r.session()
		s.SetPeer(known(t, securePeerURI))
		if err := s.Connect(t.Context()); !errors.Is(err, msrp.ErrNoTransport) {
			t.Fatalf("got %v", err)
		}
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		if err := r.endpoint.ServeTLS(l); !errors.Is(err, msrp.ErrNoTransport) {
			t.Fatalf("got %v", err)
		}
	})
}

// fault checks what was wrong with a certificate.
func fault(t *testing.T, err error, want msrp.TLSFault) {
	t.Helper()
	wrong, ok := errors.AsType[*msrp.TLSError](err)
	if !ok || wrong.Fault != want {
		t.Fatalf("got %v, want %q", err, want)
	}
}
