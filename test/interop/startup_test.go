package interop

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parley-msrp/parley/test/daemon"
	"github.com/parley-msrp/parley/test/peer"
)

// TestWithoutConfiguration starts the daemon with nothing but its defaults: it listens on the usual ports of 127.0.0.1, and says so.
func TestWithoutConfiguration(t *testing.T) {
	addr := netip.MustParseAddr("127.0.0.1")
	free, err := daemon.Usual(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(free)
	d, err := daemon.Start(t.Context(), program(t), t.TempDir(), addr, "")
	if err != nil {
		t.Fatal(err) // also when another program listens there
	}
	t.Cleanup(d.Kill)
	for _, want := range []string{"udp:127.0.0.1:5060", "tcp:127.0.0.1:5060", "127.0.0.1:2855", "127.0.0.1:8888", "parley chat sip:"} {
		eventually(t, answerLimit, func() (bool, string) { // it is printed once the node is ready
			return strings.Contains(d.Stdout(), want), fmt.Sprintf("standard output lacks %q:\n%s", want, d.Stdout())
		})
	}
	agent := peer.NewAgent(t, "udp", d.SIP().String())
	dialog := agent.NewDialog("anyone")
	if _, answer := dialog.Call(t, answerLimit, peer.Offer("text/plain", "msrp://127.0.0.1:9999/"+peer.Ident()+";tcp")); answer.Code() != 200 {
		t.Fatalf("an MSRP offer was answered %s", answer.Start)
	}
	dialog.Ack(t)
	if bye := dialog.Bye(t, answerLimit); bye.Code() != 200 {
		t.Errorf("the BYE was answered %s", bye.Start)
	}
	ctx, cancel := context.WithTimeout(t.Context(), stopLimit)
	defer cancel()
	if err := d.Stop(ctx); err != nil {
		t.Error(err)
	}
}

// TestPortInUse has another listener on each of the daemon's ports in turn: one line says which, and the exit status is 1.
func TestPortInUse(t *testing.T) {
	tests := []struct {
		network string
		port    uint16
	}{
		{"udp", daemon.SIPPort},
		{"tcp", daemon.SIPPort},
		{"tcp", daemon.MSRPPort},
		{"tcp", daemon.HTTPPort},
	}
	for _, test := range tests {
		t.Run(fmt.Sprintf("%s port %d", test.network, test.port), func(t *testing.T) {
			addr, err := daemon.Address()
			if err != nil {
				t.Fatal(err)
			}
			taken := netip.AddrPortFrom(addr, test.port).String()
			occupy(t, test.network, taken)
			stderr := refuses(t, "parley.yaml", map[string]string{"parley.yaml": daemon.Config(addr, "")})
			if said := lines(stderr); len(said) != 1 || !strings.Contains(said[0], taken) || !strings.Contains(said[0], "in use") {
				t.Errorf("standard error should be one line that names %s and says that it is in use:\n%s", taken, stderr)
			}
		})
	}
}

func occupy(t *testing.T, network, addr string) {
	t.Helper()
	var closer interface{ Close() error }
	var err error
	if network == "udp" {
		closer, err = net.ListenPacket(network, addr)
	} else {
		closer, err = net.Listen(network, addr)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closer.Close() })
}

// TestBadConfiguration starts the daemon with configurations and route scripts that are wrong: it says what and where, and the exit status is 1.
func TestBadConfiguration(t *testing.T) {
	tests := []struct {
		name  string
		files map[string]string
		want  []string // in standard error
	}{
		{
			name:  "no such file",
			files: map[string]string{},
			want:  []string{"parley.yaml", "no such file"},
		},
		{
			name:  "not YAML",
			files: map[string]string{"parley.yaml": "sip: [\n"},
			want:  []string{"parley.yaml"},
		},
		{
			name:  "unknown key",
			files: map[string]string{"parley.yaml": "msrp_ua:\n  my_uri: \"msrp://127.0.0.1:2855;tcp\"\n  max_durration: 60\n"},
			want:  []string{"parley.yaml", "3", "max_durration", "^"},
		},
		{
			name:  "value out of range",
			files: map[string]string{"parley.yaml": "msrp_ua:\n  hash_size: 21\n"},
			want:  []string{"parley.yaml", "2", "hash_size", "20"},
		},
		{
			name:  "route script that is not there",
			files: map[string]string{"parley.yaml": "route: nowhere.star\n"},
			want:  []string{"nowhere.star", "no such file"},
		},
		{
			name:  "route script with a syntax error",
			files: map[string]string{"parley.yaml": "route: route.star\n", "route.star": "def request(msg):\n    msrp_ua_answer(\n"},
			want:  []string{"route.star:"},
		},
		{
			name:  "route script without request",
			files: map[string]string{"parley.yaml": "route: route.star\n", "route.star": "def other(msg):\n    pass\n"},
			want:  []string{"route.star", "request(msg)"},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			stderr := refuses(t, "parley.yaml", test.files)
			for _, want := range test.want {
				if !strings.Contains(stderr, want) {
					t.Errorf("standard error lacks %q:\n%s", want, stderr)
				}
			}
			if n := len(lines(stderr)); n == 0 || n > 8 || strings.Contains(stderr, "goroutine ") {
				t.Errorf("standard error is no clear message:\n%s", stderr)
			}
		})
	}
}

// refuses runs the daemon in a directory with the files, and demands that it ends by itself with status 1. It returns what it wrote to its standard error.
func refuses(t *testing.T, config string, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), stopLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, program(t), "serve", "--config", config)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "XDG_STATE_HOME="+dir)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	cmd.Run()
	if code := cmd.ProcessState.ExitCode(); code != 1 {
		t.Errorf("exit status %d, want 1\n%s", code, &stderr)
	}
	return stderr.String()
}
