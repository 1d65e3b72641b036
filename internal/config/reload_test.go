package config_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-msrp/parley/internal/config"
)

// TestAgain: what may change in a running node changes, what may not stays, and what is wrong changes nothing.
func TestAgain(t *testing.T) {
	const before = "log: {level: info}\nsip: {setup_timeout: 30, listen: [\"udp:127.0.0.1:5070\"]}\nroute: a.star\nmsrp_ua: {my_uri: \"msrp://127.0.0.1:2855;tcp\"}\n"
	for _, c := range []struct {
		name, after      string
		taken, nextStart []string
		level, listen    string
		err              string
	}{
		{name: "nothing", after: before, level: "info", listen: "udp:127.0.0.1:5070"},
		{
			name:  "some of each",
			after: "log: {level: debug, format: json}\nsip: {listen: [\"udp:127.0.0.1:5080\"]}\nroute: b.star\n",
			taken: []string{"sip.setup_timeout", "route", "log.level"}, nextStart: []string{"sip.listen", "log.format"},
			level: "debug", listen: "udp:127.0.0.1:5070",
		},
		{name: "a key that is not known", after: "logs: {}\n", err: "unknown key"},
		{name: "a value that is wrong", after: "log: {level: loud}\n", err: "log.level: "},
		{
			name: "what goes only with what stays", after: strings.ReplaceAll(before, "2855", "2856"),
			err: `msrp_ua.my_uri: "msrp://127.0.0.1:2856;tcp" leads to no tcp listener of msrp.listen (tcp:127.0.0.1:2855)`,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			file := write(t, "parley.yaml", before)
			running, err := config.Load(file)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, []byte(c.after), 0o600); err != nil {
				t.Fatal(err)
			}
			was := running
			next, changes, err := running.Again()
			if diff := cmp.Diff(was, running); diff != "" {
				t.Error(diff)
			}
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Errorf("%v, want …%s…", err, c.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(changes.Taken, c.taken) || !slices.Equal(changes.NextStart, c.nextStart) {
				t.Errorf("%+v", changes)
			}
			if next.Log.Level != c.level || next.SIP.Listen[0] != c.listen || next.File != file {
				t.Errorf("%+v", next)
			}
			// Asked again, it says again what waits for the next start.
			if _, again, err := next.Again(); err != nil || again.Taken != nil || !slices.Equal(again.NextStart, c.nextStart) {
				t.Errorf("%+v, %v", again, err)
			}
		})
	}
	t.Run("the file is gone", func(t *testing.T) {
		running := config.Default()
		running.File = filepath.Join(t.TempDir(), "parley.yaml")
		if _, _, err := running.Again(); err == nil {
			t.Error("no error")
		}
	})
}

// TestAgainWhatFollows: the certificate of HTTPS follows from that of SIP; it does so too for a listener that stays until the next start.
func TestAgainWhatFollows(t *testing.T) {
	const tls = "tls: {certificate: node.pem, private_key: node.key}\n"
	file := write(t, "parley.yaml", tls+"http: {listen_tls: [\"127.0.0.1:8443\"], clients: clients}\n")
	running, err := config.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(tls+"http: {clients: clients}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	next, changes, err := running.Again()
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(changes.NextStart, []string{"http.listen_tls"}) || len(changes.Taken) > 0 || next.HTTP.Certificate != running.HTTP.Certificate || next.HTTP.Certificate == "" {
		t.Errorf("%+v %q", changes, next.HTTP.Certificate)
	}
}

// TestSecretsAsTheNodeTakesThem: what the check lets pass, the node starts with.
func TestSecretsAsTheNodeTakesThem(t *testing.T) {
	for _, secret := range []string{"äääääääääääääääää", "with blanks in the middle of it"} {
		_, err := config.Load(write(t, "parley.yaml", "ask: {url: \"https://example.org/\", secret: \""+secret+"\"}\n"))
		if err == nil || !strings.Contains(err.Error(), "printable characters of ASCII") || strings.Contains(err.Error(), secret) {
			t.Errorf("%v", err)
		}
	}
}
