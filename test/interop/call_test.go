package interop

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parley-msrp/parley/test/daemon"
)

// TestCall has a daemon call a terminal client: the command that stays with the session talks through the daemon, and a file and the standard input go the same way.
func TestCall(t *testing.T) {
	addr, err := daemon.Address()
	if err != nil {
		t.Fatal(err)
	}
	d, err := daemon.Start(t.Context(), program(t), t.TempDir(), addr, daemon.Config(addr, ""))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Kill)
	url := strings.TrimSuffix(d.URL("/"), "/")
	dir := t.TempDir()
	sent := randomFile(t, filepath.Join(dir, "sent.bin"), 1<<20)
	kept := filepath.Join(dir, "kept")

	called := startChat(t, dir, "chat", "--listen", "--sip", fmt.Sprintf("%s:%d", addr, daemon.SIPPort+1), "--save", kept)
	called.shows(t, &called.stderr, answerLimit, "waiting for a call")
	caller := startChat(t, dir, "call", fmt.Sprintf("sip:bob@%s:%d", addr, daemon.SIPPort+1), "--url", url)
	caller.shows(t, &caller.stderr, answerLimit, "connected;")
	called.shows(t, &called.stderr, answerLimit, "connected with")
	caller.types(t, "hello through the daemon")
	called.shows(t, &called.stdout, answerLimit, "peer: hello through the daemon\n")
	called.types(t, "ça va, merci")
	caller.shows(t, &caller.stdout, answerLimit, "peer: ça va, merci\n")

	_, rest, _ := strings.Cut(caller.stderr.String(), "the session is ")
	id, _, _ := strings.Cut(rest, "\n")
	file := startChat(t, dir, "send", id, "--file", "sent.bin", "--url", url)
	file.ends(t)
	called.shows(t, &called.stdout, fileLimit, filepath.Join(kept, "sent.bin")+"\n")
	if got, err := os.ReadFile(filepath.Join(kept, "sent.bin")); err != nil || sha256.Sum256(got) != sent {
		t.Errorf("%d octets came, and %v", len(got), err)
	}
	piped := startChat(t, dir, "send", id, "--file", "-", "--name", "notes.txt", "--url", url)
	fmt.Fprint(piped.stdin, "from the standard input")
	piped.stdin.Close()
	piped.ends(t)
	called.shows(t, &called.stdout, fileLimit, filepath.Join(kept, "notes.txt")+"\n")
	if got, err := os.ReadFile(filepath.Join(kept, "notes.txt")); err != nil || string(got) != "from the standard input" {
		t.Errorf("%q came, and %v", got, err)
	}

	caller.stdin.Close() // leaves
	caller.ends(t)
	called.ends(t)

	// Nobody is there any more.
	alone := startChat(t, dir, "call", fmt.Sprintf("sip:bob@%s:%d;transport=tcp", addr, daemon.SIPPort+1), "--url", url)
	if err := <-alone.done; err == nil || !strings.Contains(alone.stderr.String(), "parley: no session: 503") {
		t.Errorf("%v\n%s", err, &alone.stderr)
	}
}
