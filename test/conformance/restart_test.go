package conformance

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/parley-msrp/parley/test/conformance/node"
	"github.com/parley-msrp/parley/test/peer"
)

// durable is a configuration with a data directory.
func durable(t *testing.T, media string) (c node.Config, dir string) {
	dir = t.TempDir()
	return node.Config{More: fmt.Sprintf("journal:\n  durability: process\ndata_dir: %q\n", dir), Media: media}, dir
}

// TestRestart kills the program while calls are established.
func TestRestart(t *testing.T) {
	t.Parallel()
	for _, who := range []struct {
		name string
		call func(*testing.T, *node.Node, setup) *call
	}{{"called", answered}, {"calling", started}} {
		row(t, "M-054/S-043/killed and started again, "+who.name+": a re-INVITE with another path, in the same dialog, and the session goes on", func(t *testing.T) {
			config, dir := durable(t, "")
			n := start(t, config)
			c := who.call(t, n, setup{})
			c.received(t)
			seq := c.d.CSeq
			kept(t, dir, c)
			n.Restart(t)
			invite := c.reoffered(t)
			if invite.Get("Call-ID") != c.d.CallID || invite.Tag("To") != c.d.LocalTag || invite.CSeq() <= seq && who.name == "calling" {
				t.Errorf("%s", invite.Start)
			}
			c.recovers(t, invite)
			bind := c.c.Request(t, patience(), "SEND")
			c.c.Answer(bind, 200, "OK")
			n.Await(t, c.id, "E_MSRP_CONNECTION_LOST", 1)
			n.Await(t, c.id, "E_MSRP_SESSION_RECOVERED", 1)
			c.ok(t, c.s.Send("after the restart"))
			id := n.SendMessage(t, c.id, "text/plain", "from the new process")
			f := c.c.Request(t, patience(), "SEND")
			if f.Get("Message-ID") != id {
				t.Errorf("%q", f.Head)
			}
			c.c.Answer(f, 200, "OK")
			if s := n.Session(t, c.id); s == nil {
				t.Error("the session is not listed")
			}
			c.bye(t)
			c.gone(t)
			n.Await(t, c.id, "E_MSRP_SESSION_END", 1)
			numbered := slices.DeleteFunc(n.Events(c.id, ""), func(e node.Event) bool { return e.Sequence == nil })
			for i, e := range numbered {
				if e.Sequence != fmt.Sprintf("%010d", i+1) {
					t.Errorf("event %d of the session is numbered %s: %s", i+1, e.Sequence, e.Raw)
				}
			}
			if len(numbered) < 6 {
				t.Errorf("%d events", len(numbered))
			}
		})
	}
	row(t, "M-054/killed before the journal had anything of the session: its beginning is told first", func(t *testing.T) {
		config, dir := durable(t, "")
		n := start(t, config)
		c := answered(t, n, setup{})
		kept(t, dir, c)
		// The call is in its file; that the journal has nothing is a matter of milliseconds otherwise.
		if err := os.RemoveAll(filepath.Join(dir, "jetstream")); err != nil {
			t.Fatal(err)
		}
		n.Restart(t)
		c.recovers(t, c.reoffered(t))
		n.Await(t, c.id, "E_MSRP_CONNECTION_LOST", 1)
		events := n.Events(c.id, "")
		if len(events) < 2 || events[0].Type != "E_MSRP_SESSION_NEW" || events[0].Sequence != "0000000001" || events[1].Type != "E_MSRP_CONNECTION_LOST" || events[1].Sequence != "0000000002" {
			t.Errorf("%+v", events)
		}
	})
	row(t, "M-054/killed and started again, recovery_after_restart off: BYE, and an end", func(t *testing.T) {
		config, dir := durable(t, "  recovery_after_restart: false\n")
		n := start(t, config)
		c := answered(t, n, setup{})
		kept(t, dir, c)
		n.Restart(t)
		if bye := c.byeCame(t); !strings.Contains(bye.Get("Reason"), "restarted") || bye.Get("Call-ID") != c.d.CallID {
			t.Errorf("%s, Reason %q", bye.Start, bye.Get("Reason"))
		}
		if e := n.Await(t, c.id, "E_MSRP_SESSION_END", 1)[0]; !strings.Contains(e.Text("reason"), "restarted") {
			t.Errorf("%s", e.Raw)
		}
		quiet(t, c.a, "after the BYE", func(m *peer.Message) bool { return m.IsRequest() })
	})
}

// kept waits until the call is in the file that outlives the process.
func kept(t *testing.T, dir string, c *call) {
	t.Helper()
	if node.Target() == "stub" {
		t.Fatal("the stub keeps nothing")
	}
	file := filepath.Join(dir, "calls")
	for end := time.Now().Add(patience()); ; time.Sleep(5 * time.Millisecond) {
		b, err := os.ReadFile(file)
		if err == nil && strings.Contains(string(b), c.id) {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("the call is not kept: %v", err)
		}
	}
}
