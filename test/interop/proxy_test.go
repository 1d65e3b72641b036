package interop

import (
	"bytes"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/parley-msrp/parley/test/daemon"
)

// TestThroughProxy has sipp call the daemon through kamailio, which stays in the dialog by Record-Route: ACK, re-INVITE and BYE go through it too.
func TestThroughProxy(t *testing.T) {
	for _, mode := range []string{"u1", "t1"} {
		t.Run("re-INVITE through a proxy with Record-Route over "+transports[mode], func(t *testing.T) {
			t.Parallel()
			d := start(t, "log: {level: warn}\n")
			run := sippRun{scenario: "uac_reinvite.xml", mode: mode, calls: figure(50, 5000), remote: startProxy(t, d.SIP())}
			run.allSucceed(t, d)
		})
	}
}

// startProxy runs kamailio in front of a SIP address until the end of the test, and gives its own.
func startProxy(t *testing.T, target netip.AddrPort) string {
	t.Helper()
	kamailio := tool(t, "kamailio", "kamailio")
	own, err := daemon.Address()
	if err != nil {
		t.Fatal(err)
	}
	at := netip.AddrPortFrom(own, daemon.SIPPort).String()
	config, err := os.ReadFile("testdata/proxy.cfg")
	if err != nil {
		t.Fatal(err)
	}
	config = bytes.ReplaceAll(bytes.ReplaceAll(config, []byte("LISTEN"), []byte(at)), []byte("TARGET"), []byte(target.String()))
	dir := t.TempDir()
	file := filepath.Join(dir, "proxy.cfg")
	if err := os.WriteFile(file, config, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), kamailio, "-f", file, "-DD", "-E", "-Y", dir, "-P", filepath.Join(dir, "pid"), "-m", "64", "-M", "8")
	var output daemon.Output
	cmd.Stdout, cmd.Stderr = &output, &output
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) } // takes its children with it
	cmd.WaitDelay = stopLimit
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait() // however it ends
	})
	eventually(t, answerLimit, func() (bool, string) {
		c, err := net.Dial("tcp", at)
		if err != nil {
			return false, "kamailio does not listen: " + output.String()
		}
		return c.Close() == nil, ""
	})
	return at
}
