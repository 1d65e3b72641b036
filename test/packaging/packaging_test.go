// Package packaging looks at what is given away: the Debian package, the unit, and that the same commit gives the same octets.
package packaging

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/parley-msrp/parley/test/daemon"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// limit is how long a command may take, and what is due at once.
const limit = 5 * time.Minute

func command(t *testing.T, name string, args ...string) string {
	t.Helper()
	c := exec.CommandContext(t.Context(), name, args...)
	c.Dir = "../.."
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// TestRelease builds the release for amd64 twice, installs the Debian package into a root of its own, and runs what it installed as systemd would.
func TestRelease(t *testing.T) {
	dir := t.TempDir()
	sums := make([]string, 2)
	for i := range sums {
		out := filepath.Join(dir, "release")
		command(t, "scripts/release", out, "amd64")
		b, err := os.ReadFile(filepath.Join(out, "SHA256SUMS"))
		if err != nil {
			t.Fatal(err)
		}
		sums[i] = string(b)
	}
	if sums[0] != sums[1] || strings.Count(sums[0], "\n") != 2 {
		t.Fatalf("the same commit gave\n%sand\n%s", sums[0], sums[1])
	}
	packages, err := filepath.Glob(filepath.Join(dir, "release", "*.deb"))
	if err != nil || len(packages) != 1 {
		t.Fatalf("%v %v", packages, err)
	}
	root := install(t, packages[0])
	binary := filepath.Join(root, "usr/bin/parley")
	if out := command(t, binary, "version"); !strings.HasPrefix(out, "Parley ") {
		t.Errorf("version: %q", out)
	}
	command(t, binary, "config", "check", filepath.Join(root, "etc/parley/parley.yaml"))
	for _, name := range []string{"usr/share/man/man1/parley.1.gz", "usr/share/man/man1/parley-sessions-start.1.gz", "usr/share/bash-completion/completions/parley"} {
		if s, err := os.Stat(filepath.Join(root, name)); err != nil || s.Size() == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
	verify(t, root)
	notify(t, binary)
}

// install puts the package into a root of its own, as dpkg does it where root runs it; else its files alone.
func install(t *testing.T, deb string) string {
	root := t.TempDir()
	if os.Geteuid() != 0 {
		command(t, "dpkg-deb", "-x", deb, root)
		return root
	}
	for _, d := range []string{"updates", "info"} {
		if err := os.MkdirAll(filepath.Join(root, "var/lib/dpkg", d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range []string{"status", "available"} {
		if err := os.WriteFile(filepath.Join(root, "var/lib/dpkg", f), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	command(t, "dpkg", "--root="+root, "--log=/dev/null", "-i", deb)
	if out := command(t, "dpkg", "--root="+root, "-s", "parley"); !strings.Contains(out, "Status: install ok installed") || !strings.Contains(out, "/etc/parley/parley.yaml") {
		t.Errorf("dpkg says\n%s", out)
	}
	return root
}

// verify has systemd read the unit, with the program where the package put it.
func verify(t *testing.T, root string) {
	unit, err := os.ReadFile(filepath.Join(root, "usr/lib/systemd/system/parley.service"))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "parley.service")
	if err := os.WriteFile(path, []byte(strings.ReplaceAll(string(unit), "/usr/bin/parley", filepath.Join(root, "usr/bin/parley"))), 0o644); err != nil {
		t.Fatal(err)
	}
	if out := command(t, "systemd-analyze", "verify", "--man=no", path); strings.Contains(out, "parley.service") {
		t.Errorf("systemd says\n%s", out)
	}
}

// notify runs the daemon as systemd does: it is told READY, then WATCHDOG again and again, then STOPPING.
func notify(t *testing.T, binary string) {
	socket := filepath.Join(t.TempDir(), "notify")
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	t.Setenv("NOTIFY_SOCKET", socket)
	t.Setenv("WATCHDOG_USEC", "200000")
	addr, err := daemon.Address()
	if err != nil {
		t.Fatal(err)
	}
	d, err := daemon.Start(t.Context(), binary, t.TempDir(), addr, daemon.Config(addr, ""))
	if err != nil {
		t.Fatal(err)
	}
	defer d.Kill()
	var told []string
	until := func(state string) {
		for !slices.Contains(told, state) {
			b := make([]byte, 256)
			c.SetReadDeadline(time.Now().Add(limit))
			n, err := c.Read(b)
			if err != nil {
				t.Fatalf("no %s: %v; told %q\n%s", state, err, told, d.Stderr())
			}
			told = append(told, string(b[:n]))
		}
	}
	until("WATCHDOG=1")
	if told[0] != "READY=1" {
		t.Errorf("told %q", told)
	}
	if err := d.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	until("STOPPING=1")
}
