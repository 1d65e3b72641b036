package conformance

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/parley-msrp/parley/test/conformance/node"
	"github.com/parley-msrp/parley/test/peer"
)

// overTLS runs an instance that offers MSRP over TLS; tls are the lines of its section, without which its certificate is of its own making.
func overTLS(t *testing.T, tls string) *node.Node {
	t.Helper()
	return start(t, node.Config{MyURI: "msrps://HOST:2855;tcp", MSRP: "tls:HOST:2855", TLS: tls})
}

// certified shows a certificate as a client.
func certified(c *tls.Certificate) *tls.Config {
	config := &tls.Config{InsecureSkipVerify: true}
	if c != nil {
		config.Certificates = []tls.Certificate{*c}
	}
	return config
}

// callTLS makes a call from the peer, up to the ACK. Session holds attributes of the whole description.
func callTLS(t *testing.T, n *node.Node, session string, attributes ...string) *call {
	t.Helper()
	c := &call{n: n, a: peer.NewAgent(t, "udp", n.SIP)}
	c.d = c.a.NewDialog("bob")
	c.s.Own = "msrps://" + c.a.Addr.String() + "/" + peer.Ident() + ";tcp"
	offer := peer.OverTLS(peer.Offer("*", c.s.Own), attributes...)
	_, r := c.d.Call(t, patience(), strings.Replace(offer, "t=0 0\r\n", "t=0 0\r\n"+session, 1))
	c.take(t, r)
	c.d.Ack(t)
	c.endWith(t)
	return c
}

// versions are those of TLS that are taken.
var versions = []uint16{tls.VersionTLS12, tls.VersionTLS13}

// connectTLS connects as the offerer has to, with any version of TLS or up to one.
func (c *call) connectTLS(t *testing.T, own *tls.Certificate, highest ...uint16) {
	t.Helper()
	config := certified(own)
	config.MaxVersion = append(highest, 0)[0]
	var err error
	if c.c, err = peer.DialMSRPS(t, hostPort(c.s.Remote), config); err != nil {
		t.Fatal(err)
	}
}

func TestTLSCalled(t *testing.T) {
	own := peer.NewAuthority().Issue("peer.example")
	print := peer.Fingerprint(own.Leaf.Raw)
	wrong := print[:len(print)-1] + map[bool]string{true: "0", false: "1"}[strings.HasSuffix(print, "1")]
	n := overTLS(t, "")

	row(t, "M-059/a session over TLS", func(t *testing.T) {
		c := callTLS(t, n, "")
		if l := c.sdp.Media[0].Line; !strings.HasPrefix(l, "message 2855 TCP/TLS/MSRP ") || !strings.HasPrefix(c.s.Remote, "msrps://") {
			t.Errorf("m=%s, path %s", l, c.s.Remote)
		}
		c.connectTLS(t, nil)
		c.ok(t, c.s.Bodiless())
		c.ok(t, c.s.Send("hello"))
		c.received(t, "hello")
	})
	row(t, "M-059/plain MSRP to the TLS port", func(t *testing.T) {
		c := callTLS(t, n, "")
		c.c = peer.DialMSRP(t, hostPort(c.s.Remote))
		c.c.Put(c.s.Bodiless().Bytes())
		_ = c.c.SetReadDeadline(time.Now().Add(patience()))
		for {
			if _, err := c.c.Conn.Read(make([]byte, 100)); err != nil { // an alert may come before
				if !peer.IsClosed(err) {
					t.Errorf("not closed: %v", err)
				}
				break
			}
		}
	})
	row(t, "M-060/the versions", func(t *testing.T) {
		for _, c := range []struct {
			low, high uint16
			ok        bool
		}{{tls.VersionTLS10, tls.VersionTLS11, false}, {tls.VersionTLS12, tls.VersionTLS12, true}, {tls.VersionTLS13, tls.VersionTLS13, true}} {
			config := certified(nil)
			config.MinVersion, config.MaxVersion = c.low, c.high
			if _, err := peer.DialMSRPS(t, n.MSRP, config); (err == nil) != c.ok {
				t.Errorf("%x to %x: %v", c.low, c.high, err)
			}
		}
	})
	row(t, "M-061/no suite without forward secrecy", func(t *testing.T) {
		config := certified(nil)
		config.MaxVersion = tls.VersionTLS12
		config.CipherSuites = []uint16{tls.TLS_RSA_WITH_AES_128_CBC_SHA, tls.TLS_RSA_WITH_AES_128_GCM_SHA256}
		if _, err := peer.DialMSRPS(t, n.MSRP, config); err == nil {
			t.Error("one was negotiated")
		}
		config.CipherSuites = []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}
		if _, err := peer.DialMSRPS(t, n.MSRP, config); err != nil {
			t.Error(err)
		}
	})
	row(t, "M-063/the fingerprints fit", func(t *testing.T) {
		c := callTLS(t, n, "", "fingerprint:"+print)
		c.connectTLS(t, &own)
		said, _ := c.sdp.Media[0].Attr("fingerprint")
		if want := peer.Fingerprint(c.c.Shown()); said != want { // M-064: upper case, with colons
			t.Errorf("a=fingerprint:%s, want %s", said, want)
		}
		c.ok(t, c.s.Bodiless())
		c.ok(t, c.s.Send("hello"))
		c.received(t, "hello")
	})
	for name, c := range map[string]struct {
		session    string
		attributes []string
		shown      *tls.Certificate
	}{
		"M-064/the best hash counts":          {"", []string{"fingerprint:sha-1 " + strings.Repeat("00:", 19) + "00", "fingerprint:" + print}, &own},
		"M-064/one of several":                {"", []string{"fingerprint:" + wrong, "fingerprint:" + print}, &own},
		"M-064/for the whole description":     {"a=fingerprint:" + print + "\r\n", nil, &own},
		"M-064/the hash's name in any case":   {"", []string{"fingerprint:" + strings.Replace(print, "sha", "SHA", 1)}, &own},
		"M-064/the line's before the general": {"a=fingerprint:" + wrong + "\r\n", []string{"fingerprint:" + print}, &own},
	} {
		row(t, name, func(t *testing.T) {
			call := callTLS(t, n, c.session, c.attributes...)
			call.connectTLS(t, c.shown)
			call.ok(t, call.s.Bodiless())
		})
	}
	for name, c := range map[string]struct {
		session    string
		attributes []string
		shown      *tls.Certificate
		reason     string
	}{
		"M-063/one digit is wrong":                        {"", []string{"fingerprint:" + wrong}, &own, "fingerprint"},
		"M-063/one digit is wrong, for the whole of it":   {"a=fingerprint:" + wrong + "\r\n", nil, &own, "fingerprint"},
		"M-064/md5 alone":                                 {"", []string{"fingerprint:md5 " + strings.Repeat("00:", 15) + "00"}, &own, "fingerprint"},
		"M-064/what is none":                              {"", []string{"fingerprint:sha-256 xyz"}, &own, "fingerprint"},
		"M-065/the client shows no certificate":           {"", []string{"fingerprint:" + print}, nil, "no certificate"},
		"M-065/the client shows another one than it said": {"", []string{"fingerprint:" + wrong}, &own, "fingerprint"},
	} {
		for _, version := range versions {
			row(t, name+" with "+tls.VersionName(version), func(t *testing.T) {
				call := callTLS(t, n, c.session, c.attributes...)
				call.connectTLS(t, c.shown, version)
				call.c.Put(call.s.Send("secret").Bytes())
				call.byeCame(t)
				call.c.Closed(t, patience())
				end := n.Await(t, call.id, "E_MSRP_SESSION_END", 1)[0]
				if !strings.Contains(end.Text("reason"), c.reason) {
					t.Errorf("reason %q, want %q", end.Text("reason"), c.reason)
				}
				if told := n.Events(call.id, "E_MSRP_MSG_RECEIVED"); len(told) != 0 {
					t.Errorf("told %v", told)
				}
			})
		}
	}
	row(t, "M-067/scheme and protocol do not agree", func(t *testing.T) {
		a := peer.NewAgent(t, "udp", n.SIP)
		for _, offer := range []string{
			peer.Offer("*", "msrps://"+a.Addr.String()+"/"+peer.Ident()+";tcp"),
			peer.OverTLS(peer.Offer("*", "msrp://"+a.Addr.String()+"/"+peer.Ident()+";tcp")),
		} {
			d := a.NewDialog("bob")
			if r := d.Place(t, patience(), d.Invite(offer)); r.Code() != 488 {
				t.Errorf("%s", r.Start)
			}
		}
	})
	row(t, "S-019/a line with TLS and one without: TLS alone is taken", func(t *testing.T) {
		both := start(t, node.Config{MSRP: `tcp:HOST:2855", "tls:HOST:2856`})
		a := peer.NewAgent(t, "udp", both.SIP)
		d := a.NewDialog("bob")
		at := a.Addr.String() + "/" + peer.Ident() + ";tcp"
		offer := peer.Offer("*", "msrp://"+at) + strings.Replace(peer.MessageLine(peer.PathPort("msrps://"+at), "*", "msrps://"+at), "TCP/MSRP", "TCP/TLS/MSRP", 1)
		_, r := d.Call(t, patience(), offer)
		sdp := peer.ParseSDP(r.Body)
		if len(sdp.Media) != 2 || !strings.HasPrefix(sdp.Media[0].Line, "message 0 TCP/MSRP") || !strings.HasPrefix(sdp.Media[1].Line, "message 2856 TCP/TLS/MSRP") {
			t.Errorf("%s", r.Body)
		}
		d.Ack(t)
		d.Bye(t, patience())
	})
}

func TestTLSCaller(t *testing.T) {
	authority, stranger := peer.NewAuthority(), peer.NewAuthority()
	dir := t.TempDir()
	authority.Write(t, dir, authority.Issue("parley.example"))
	shown := authority.Issue("parley.example")
	authority.Write(t, dir, shown)
	n := overTLS(t, fmt.Sprintf("  certificate: %q\n  private_key: %q\n  ca_list: %q\n", dir+"/cert.pem", dir+"/key.pem", dir+"/ca.pem"))

	for name, c := range map[string]struct {
		host string // in the path of the answer
		cert tls.Certificate
		sdp  func(tls.Certificate) string // attribute
		ok   bool
		why  string
	}{
		"M-062/the certificate is for the host":      {"localhost", authority.Issue("localhost"), nil, true, ""},
		"M-062/the certificate is for the address":   {"127.0.0.1", authority.Issue("127.0.0.1"), nil, true, ""},
		"M-062/another name":                         {"localhost", authority.Issue("other.example"), nil, false, "not valid for the host"},
		"M-062/expired":                              {"localhost", authority.IssueExpired("localhost"), nil, false, "expired"},
		"M-062/an authority that is not trusted":     {"localhost", stranger.Issue("localhost"), nil, false, "not trusted"},
		"M-063/a fingerprint in place of a name":     {"localhost", stranger.Issue("other.example"), fingerprintOf, true, ""},
		"M-063/a right name and a wrong fingerprint": {"localhost", authority.Issue("localhost"), func(tls.Certificate) string { return fingerprintOf(shown) }, false, "fingerprint"},
	} {
		for _, version := range versions {
			row(t, name+" with "+tls.VersionName(version), func(t *testing.T) {
				call, invite := invited(t, n, setup{})
				if !strings.Contains(call.sdp.Media[0].Line, " TCP/TLS/MSRP ") {
					t.Fatalf("m=%s", call.sdp.Media[0].Line)
				}
				l := peer.ListenMSRP(t)
				_, port, _ := net.SplitHostPort(l.Addr().String())
				call.s.Own = "msrps://" + net.JoinHostPort(c.host, port) + "/" + peer.Ident() + ";tcp"
				var attributes []string
				if c.sdp != nil {
					attributes = []string{c.sdp(c.cert)}
				}
				call.accept(t, invite, peer.OverTLS(peer.Offer("*", call.s.Own), attributes...))
				conn, hello, err := l.AcceptTLS(t, patience(), c.cert, version)
				if want := map[bool]string{true: "", false: c.host}[net.ParseIP(c.host) != nil]; hello == nil || hello.ServerName != want {
					t.Errorf("M-059: server_name in %+v, want %q", hello, want)
				}
				if !c.ok {
					if err == nil { // with TLS 1.3 the client's verdict comes behind the handshake
						var octets [1]byte
						if k, err := conn.Conn.Read(octets[:]); err == nil {
							t.Errorf("%d octets of MSRP came", k)
						}
					}
					call.byeCame(t)
					if end := n.Await(t, call.id, "E_MSRP_SESSION_END", 1)[0]; !strings.Contains(end.Text("reason"), c.why) {
						t.Errorf("reason %q, want %q", end.Text("reason"), c.why)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				conn.Answer(conn.Request(t, patience(), "SEND"), 200, "OK")
				if !bytes.Equal(conn.Shown(), shown.Leaf.Raw) {
					t.Error("M-065: it has not shown its certificate")
				}
			})
		}
	}
	row(t, "M-059/server_name is that of the URI, and no address", func(t *testing.T) {
		for _, host := range []string{"localhost", "127.0.0.1"} {
			call, invite := invited(t, n, setup{})
			l := peer.ListenMSRP(t)
			_, port, _ := net.SplitHostPort(l.Addr().String())
			call.s.Own = "msrps://" + net.JoinHostPort(host, port) + "/" + peer.Ident() + ";tcp"
			call.accept(t, invite, peer.OverTLS(peer.Offer("*", call.s.Own)))
			conn, hello, err := l.AcceptTLS(t, patience(), authority.Issue("localhost", "127.0.0.1"))
			if err != nil {
				t.Fatal(err)
			}
			if want := map[bool]string{true: host, false: ""}[host == "localhost"]; hello.ServerName != want {
				t.Errorf("server_name %q, want %q", hello.ServerName, want)
			}
			conn.Answer(conn.Request(t, patience(), "SEND"), 200, "OK")
		}
	})
}

func fingerprintOf(c tls.Certificate) string { return "fingerprint:" + peer.Fingerprint(c.Leaf.Raw) }
