package interop

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/parley-msrp/parley/test/daemon"
)

// TestRelay has daemons behind kamailio's MSRP relay, in calls that they answer and that they start. Messages of one chunk and of many go both ways. Both ends
// are behind it: kamailio 5.6 finds no way back to a connection on which nobody has authenticated.
func TestRelay(t *testing.T) {
	k := startKamailio(t)

	t.Run("R-010/R-011/a started and an answered call, both ends behind the relay", func(t *testing.T) {
		one, other := behindRelay(t, k), behindRelay(t, k)
		one.calls(t, "sip:bob@"+other.SIP().String())
		a, b := one.established(t), other.established(t)
		for _, s := range []daemon.Session{a, b} {
			if uris := strings.Fields(s.PeerPath); len(uris) != 2 || hostPort(uris[0]) != k.String() {
				t.Errorf("the peer's path has %d URIs, want the relay's first and one more", len(uris))
			}
		}
		one.sends(t, a, "there", numbers(60_000))
		other.hears(t, "there", numbers(60_000))
		other.sends(t, b, "back", numbers(50_000))
		one.hears(t, "back", numbers(50_000))
	})

	t.Run("R-009/a wrong password", func(t *testing.T) {
		d := behindRelay(t, k, "alice:relay.test:wrong")
		err := d.Call(t.Context(), "msrp_ua_start_session", startParams("sip:bob@127.0.0.1:9"), new(any))
		if err == nil || !strings.Contains(err.Error(), "refused the AUTH with 401") {
			t.Errorf("error %v", err)
		}
	})
}

// A relayed is a daemon behind the relay, with the events that it tells.
type relayed struct {
	*daemon.Daemon
	events *chat
}

// behindRelay starts a daemon that uses the relay; another credential may be the one it has.
func behindRelay(t *testing.T, at netip.AddrPort, credential ...string) relayed {
	t.Helper()
	addr, err := daemon.Address()
	if err != nil {
		t.Fatal(err)
	}
	key := append(credential, "alice:relay.test:open sesame")[0]
	config := daemon.Config(addr, fmt.Sprintf("uac_auth: {credential: [%q]}\nlog: {level: debug}\n", key))
	config = strings.Replace(config, "msrp_ua:\n", fmt.Sprintf("msrp_ua:\n  relay_uri: \"msrp://alice@%s;tcp\"\n", at), 1)
	return startRelayed(t, program(t), addr, config)
}

// startRelayed starts a daemon whose HTTP is on that address.
func startRelayed(t *testing.T, program string, addr netip.Addr, config string) relayed {
	t.Helper()
	d, err := daemon.Start(t.Context(), program, t.TempDir(), addr, config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), stopLimit)
		defer cancel()
		if err := d.Stop(ctx); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("%s wrote:\n%s", addr, d.Stderr())
		}
		if strings.Contains(d.Stderr(), "sesame") {
			t.Error("the log holds the password")
		}
	})
	return relayed{d, startChatOf(t, program, t.TempDir(), "events", "--output", "json", "--from", "0", "--url", strings.TrimSuffix(d.URL("/"), "/"))}
}

func startParams(to string) map[string]any {
	return map[string]any{"content_types": "text/plain", "from_uri": "sip:alice@example.org", "to_uri": to, "ruri": to}
}

func (d relayed) calls(t *testing.T, to string) {
	t.Helper()
	if err := d.Call(t.Context(), "msrp_ua_start_session", startParams(to), new(any)); err != nil {
		t.Fatal(err)
	}
}

// established waits for the daemon's only session.
func (d relayed) established(t *testing.T) (s daemon.Session) {
	t.Helper()
	eventually(t, answerLimit, func() (bool, string) {
		all, err := d.Sessions(t.Context())
		if len(all) == 1 {
			s = all[0]
		}
		return s.State == daemon.Established, fmt.Sprintf("sessions %+v (error %v)", all, err)
	})
	return s
}

func (d relayed) sends(t *testing.T, s daemon.Session, bodies ...string) {
	t.Helper()
	for _, b := range bodies {
		if err := d.Call(t.Context(), "msrp_ua_send_message", map[string]any{"session_id": s.SessionID, "mime": "text/plain", "body": b}, new(any)); err != nil {
			t.Fatal(err)
		}
	}
}

func (d relayed) hears(t *testing.T, bodies ...string) {
	t.Helper()
	for _, b := range bodies {
		text, _ := json.Marshal(b)
		eventually(t, answerLimit, func() (bool, string) {
			return strings.Contains(d.events.stdout.String(), string(text)), fmt.Sprintf("no message %.50q…; events:\n%.3000s", b, &d.events.stdout)
		})
	}
}

// numbers is a line of that many octets, each place of it recognisable.
func numbers(size int) string {
	var b strings.Builder
	for i := 0; b.Len() < size; i++ {
		fmt.Fprintf(&b, "%d ", i)
	}
	return strings.TrimSpace(b.String()[:size])
}

// startKamailio runs kamailio as MSRP relay until the end of the test, on a loopback address of its own.
func startKamailio(t *testing.T) netip.AddrPort {
	t.Helper()
	addr, err := daemon.Address()
	if err != nil {
		t.Fatal(err)
	}
	return startKamailioAt(t, addr)
}

func startKamailioAt(t *testing.T, addr netip.Addr) netip.AddrPort {
	t.Helper()
	path := tool(t, "kamailio", "kamailio")
	text, err := os.ReadFile("testdata/relay.cfg")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "kamailio.cfg")
	if err := os.WriteFile(file, []byte(strings.ReplaceAll(string(text), "ADDRESS", addr.String())), 0o600); err != nil {
		t.Fatal(err)
	}
	var out daemon.Output
	cmd := exec.Command(path, "-f", file, "-DD", "-E", "-m", "32", "-M", "4", "-Y", dir, "-P", filepath.Join(dir, "pid"))
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM) // it ends its children itself
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("kamailio wrote:\n%s", &out)
		}
	})
	at := netip.AddrPortFrom(addr, daemon.MSRPPort)
	eventually(t, answerLimit, func() (bool, string) {
		c, err := net.Dial("tcp", at.String())
		if err == nil {
			c.Close()
		}
		return err == nil, fmt.Sprintf("%v\n%s", err, &out)
	})
	return at
}
