package interop

import (
	"crypto/sha256"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/parley-msrp/parley/test/daemon"
)

// cutter is a TCP proxy that resets its connections, one after the other, when they have passed on so much. Later ones it leaves alone.
type cutter struct {
	mu    sync.Mutex
	after []int64 // octets
	cuts  int
}

// proxy gives an address from which connections lead to another one, until the test ends.
func (c *cutter) proxy(t *testing.T, to string) (at string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	t.Cleanup(func() {
		l.Close()
		running.Wait()
	})
	running.Go(func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			running.Go(func() { c.pass(near, to) })
		}
	})
	return l.Addr().String()
}

func (c *cutter) pass(near net.Conn, to string) {
	defer near.Close()
	far, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	defer far.Close()
	limit := int64(1 << 40)
	c.mu.Lock()
	if len(c.after) > 0 {
		limit, c.after = c.after[0], c.after[1:]
	}
	c.mu.Unlock()
	end := func() {
		near.(*net.TCPConn).SetLinger(0)
		far.(*net.TCPConn).SetLinger(0)
		near.Close()
		far.Close()
	}
	pipe := func(to, from net.Conn) {
		if n, _ := io.CopyN(to, from, limit); n == limit {
			c.mu.Lock()
			c.cuts++
			c.mu.Unlock()
		}
		end()
	}
	var both sync.WaitGroup
	both.Go(func() { pipe(near, far) })
	pipe(far, near)
	both.Wait()
}

// cut says how many connections were cut.
func (c *cutter) cut() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.cuts
}

// TestRecovery has one program send another a file of 50 MB over a connection that breaks twice in the middle: it arrives once, and whole (M-054).
func TestRecovery(t *testing.T) {
	addr, err := daemon.Address()
	if err != nil {
		t.Fatal(err)
	}
	const size = 50 << 20
	dir := t.TempDir()
	sent := randomFile(t, filepath.Join(dir, "sent.bin"), size)
	kept := filepath.Join(dir, "kept")
	cuts := &cutter{after: []int64{size / 3, size / 2}}
	behind := func(port int) []string { // whoever connects after a loss, comes through the proxy
		to := fmt.Sprintf("%s:%d", addr, port)
		return []string{"--msrp", to, "--advertise", cuts.proxy(t, to)}
	}
	called := startChat(t, dir, append([]string{"chat", "--listen", "--sip", fmt.Sprintf("%s:%d", addr, daemon.SIPPort), "--save", kept}, behind(2855)...)...)
	called.shows(t, &called.stderr, answerLimit, "waiting for a call")
	caller := startChat(t, dir, append([]string{"chat", fmt.Sprintf("sip:bob@%s:%d", addr, daemon.SIPPort)}, behind(2856)...)...)
	for _, c := range []*chat{called, caller} {
		c.shows(t, &c.stderr, answerLimit, "connected with")
	}
	caller.types(t, "/file sent.bin")
	caller.shows(t, &caller.stderr, fileLimit, "the connection is lost")
	caller.types(t, "said while it was away")
	called.shows(t, &called.stdout, fileLimit, filepath.Join(kept, "sent.bin")+"\n")
	called.shows(t, &called.stdout, fileLimit, "peer: said while it was away\n")
	if n := cuts.cut(); n != 2 {
		t.Errorf("%d connections were cut, want 2", n)
	}
	if n := strings.Count(called.stdout.String(), "sent.bin"); n != 1 {
		t.Errorf("the file came %d times", n)
	}
	got, err := os.ReadFile(filepath.Join(kept, "sent.bin"))
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != size || sha256.Sum256(got) != sent {
		t.Errorf("%d octets came with SHA-256 %x, want %d with %x", len(got), sha256.Sum256(got), size, sent)
	}
	for _, c := range []*chat{called, caller} {
		if n := strings.Count(c.stderr.String(), "connected again"); n != 2 {
			t.Errorf("%q has recovered %d times\n%s", c.cmd.Args[1:], n, &c.stderr)
		}
	}
	caller.stdin.Close()
	for _, c := range []*chat{caller, called} {
		c.ends(t)
	}
}
