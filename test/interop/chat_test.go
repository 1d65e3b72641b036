package interop

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/parley-msrp/parley/test/daemon"
)

// fileLimit is how long a file of some MiB may take, with the race detector on and other tests on the same cores.
const fileLimit = time.Minute

// TestChat lets two terminal clients talk: lines in both directions, and a binary message of 10 MiB, which arrives identical.
func TestChat(t *testing.T) {
	addr, err := daemon.Address()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	sent := randomFile(t, filepath.Join(dir, "sent.bin"), 10<<20)
	kept := filepath.Join(dir, "kept")

	called := startChat(t, dir, "chat", "--listen", "--sip", fmt.Sprintf("%s:%d", addr, daemon.SIPPort), "--save", kept)
	called.shows(t, &called.stderr, answerLimit, "waiting for a call")
	caller := startChat(t, dir, "chat", fmt.Sprintf("sip:bob@%s:%d", addr, daemon.SIPPort))
	for _, c := range []*chat{called, caller} {
		c.shows(t, &c.stderr, answerLimit, "connected with")
	}
	caller.types(t, "hello from the caller")
	called.shows(t, &called.stdout, answerLimit, "peer: hello from the caller\n")
	called.types(t, "ça va, merci")
	caller.shows(t, &caller.stdout, answerLimit, "peer: ça va, merci\n")

	caller.types(t, "/file sent.bin")
	called.shows(t, &called.stdout, fileLimit, filepath.Join(kept, "sent.bin")+"\n")
	got, err := os.ReadFile(filepath.Join(kept, "sent.bin"))
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 10<<20 || sha256.Sum256(got) != sent {
		t.Errorf("the file came as %d octets with SHA-256 %x, want %d with %x", len(got), sha256.Sum256(got), 10<<20, sent)
	}

	caller.stdin.Close() // leaves
	for _, c := range []*chat{caller, called} {
		c.ends(t)
	}
}

// randomFile writes a file with every octet value in it and gives its digest.
func randomFile(t *testing.T, path string, size int) [sha256.Size]byte {
	t.Helper()
	b := make([]byte, size)
	if _, err := rand.NewChaCha8([32]byte{}).Read(b); err != nil {
		t.Fatal(err)
	}
	copy(b, "\x00\r\n-------\r\n") // what some stacks trip over
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return sha256.Sum256(b)
}

// A chat is a running terminal client.
type chat struct {
	cmd            *exec.Cmd
	stdin          io.WriteCloser
	stdout, stderr daemon.Output
	done           chan error // its end
}

func startChat(t *testing.T, dir string, args ...string) *chat {
	t.Helper()
	return startChatOf(t, program(t), dir, args...)
}

func startChatOf(t *testing.T, program, dir string, args ...string) *chat {
	t.Helper()
	c := &chat{done: make(chan error, 1)}
	ctx, cancel := context.WithCancel(context.Background())
	c.cmd = exec.CommandContext(ctx, program, args...)
	c.cmd.Dir = dir
	c.cmd.Stdout, c.cmd.Stderr = &c.stdout, &c.stderr
	var err error
	if c.stdin, err = c.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { // ends with the process
		c.done <- c.cmd.Wait()
		close(c.done)
	}()
	t.Cleanup(func() {
		cancel()
		<-c.done
	})
	return c
}

func (c *chat) types(t *testing.T, line string) {
	t.Helper()
	if _, err := fmt.Fprintln(c.stdin, line); err != nil {
		t.Fatal(err)
	}
}

func (c *chat) shows(t *testing.T, out *daemon.Output, within time.Duration, text string) {
	t.Helper()
	eventually(t, within, func() (bool, string) {
		return strings.Contains(out.String(), text),
			fmt.Sprintf("%q does not show; %q has on its standard output:\n%s\nand on its standard error:\n%s", text, c.cmd.Args[1:], &c.stdout, &c.stderr)
	})
}

func (c *chat) ends(t *testing.T) {
	t.Helper()
	select {
	case err := <-c.done:
		if err != nil {
			t.Errorf("%q ended with %v\n%s", c.cmd.Args[1:], err, &c.stderr)
		}
	case <-time.After(stopLimit):
		t.Errorf("%q does not end\n%s", c.cmd.Args[1:], &c.stderr)
	}
}
