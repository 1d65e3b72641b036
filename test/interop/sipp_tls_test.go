package interop

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"testing"

	"github.com/parley-msrp/parley/test/daemon"
	"github.com/parley-msrp/parley/test/peer"
)

// tlsPort is where the daemon of TestSIPpTLS listens for TLS.
const tlsPort = 5061

// TestSIPpTLS has sipp call over TLS. Debian's sipp is built without it, so that its TCP goes into TLS on the way.
func TestSIPpTLS(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, scenario string
		calls, long    int
	}{
		{"ordinary, ACK and BYE back to back", "uac.xml", 1000, 10000},
		{"re-INVITE", "uac_reinvite.xml", 100, 5000},
		{"late offer", "uac_late_offer.xml", 100, 5000},
	} {
		calls := figure(test.calls, test.long)
		t.Run(fmt.Sprintf("%s, %d calls over TLS", test.name, calls), func(t *testing.T) {
			t.Parallel()
			d, trusted := startTLS(t)
			run := sippRun{scenario: test.scenario, mode: "t1", calls: calls, remote: intoTLS(t, netip.AddrPortFrom(d.Addr, tlsPort).String(), trusted)}
			run.allSucceed(t, d)
		})
	}
}

// startTLS runs a daemon that listens for TLS alone, until the end of the test, and says how it is to be trusted.
func startTLS(t *testing.T) (*daemon.Daemon, *tls.Config) {
	t.Helper()
	addr, err := daemon.Address()
	if err != nil {
		t.Fatal(err)
	}
	authority, dir := peer.NewAuthority(), t.TempDir()
	authority.Write(t, dir, authority.Issue(addr.String()))
	d := launchAt(t, addr, fmt.Sprintf(`sip:
  listen: ["tls:%[1]s:%[2]d"]
tls:
  certificate: "%[3]s/cert.pem"
  private_key: "%[3]s/key.pem"
msrp_ua:
  my_uri: "msrp://%[1]s:%[4]d;tcp"
msrp: {connect_attempts: 0} # late offers lead to a port that does not answer
http:
  listen: "%[1]s:%[5]d"
log: {level: warn}
`, addr, tlsPort, dir, daemon.MSRPPort, daemon.HTTPPort))
	stopAtEnd(t, d)
	return d, &tls.Config{RootCAs: authority.Pool, ServerName: addr.String(), MinVersion: tls.VersionTLS12}
}

// intoTLS takes TCP connections until the end of the test, and passes what comes over each on over TLS, and back.
func intoTLS(t *testing.T, to string, trusted *tls.Config) (at string) {
	t.Helper()
	own, err := daemon.Address()
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", netip.AddrPortFrom(own, 0).String())
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() { // ends with the listener
		for {
			plain, err := l.Accept()
			if err != nil {
				return
			}
			running.Go(func() { // ends with either connection, sipp's at the latest when sipp does
				if err := pipe(plain, to, trusted); err != nil {
					t.Error(err)
				}
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		running.Wait()
	})
	return l.Addr().String()
}

// pipe passes both directions on until one of them ends. Its error says that there is no TLS.
func pipe(plain net.Conn, to string, trusted *tls.Config) error {
	defer plain.Close()
	secure, err := tls.Dial("tcp", to, trusted)
	if err != nil {
		return err
	}
	var back sync.WaitGroup
	back.Go(func() { // ends with either connection
		_, _ = io.Copy(plain, secure)
		plain.Close()
	})
	_, _ = io.Copy(secure, plain)
	secure.Close()
	back.Wait()
	return nil
}
