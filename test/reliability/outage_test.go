package reliability

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parley-msrp/parley/test/daemon"
	"github.com/parley-msrp/parley/test/peer"
)

// TestOutage: while nothing can be kept, nothing is answered 200; from 10 s on messages are refused with 413, and the node says that it is not well.
// When the journal can be written to again, everything goes on by itself. No message that was answered 200 is lost, whatever happened meanwhile.
func TestOutage(t *testing.T) {
	t.Run("disk full", func(t *testing.T) {
		dir := t.TempDir()
		run(t, "mount", "-t", "tmpfs", "-o", "size=40m", "none", dir)
		t.Cleanup(func() { run(t, "umount", "-l", dir) })
		filler := filepath.Join(dir, "filler")
		outage(t, dir, "", func() {
			f, err := os.Create(filler)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			for err == nil {
				_, err = f.Write(make([]byte, 64<<10))
			}
			for err = nil; err == nil; {
				_, err = f.Write([]byte{0})
			}
		}, func() { os.Remove(filler) })
	})
	t.Run("directory read-only", func(t *testing.T) {
		dir := t.TempDir()
		data := filepath.Join(dir, "parley", "jetstream")
		mend := func() { run(t, "chattr", "-R", "-i", data) }
		t.Cleanup(mend)
		outage(t, dir, "", func() { run(t, "chattr", "-R", "+i", data) }, mend)
	})
	t.Run("NATS stopped", func(t *testing.T) {
		dir := t.TempDir()
		server := natsProgram(t)
		port := freePort(t)
		var cmd *exec.Cmd
		begin := func() {
			cmd = exec.Command(server, "-js", "-sd", filepath.Join(dir, "nats"), "-a", "127.0.0.1", "-p", port)
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
		}
		end := func() {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
		begin()
		t.Cleanup(func() { end() })
		eventually(t, "NATS listens", func() bool {
			c, err := net.Dial("tcp", "127.0.0.1:"+port)
			if err == nil {
				c.Close()
			}
			return err == nil
		})
		outage(t, dir, "nats: {url: \"nats://127.0.0.1:"+port+"\"}\n", end, begin)
	})
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return fmt.Sprint(netip.MustParseAddrPort(l.Addr().String()).Port())
}

func run(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Errorf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
}

func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	end := time.After(limit)
	for !done() {
		select {
		case <-tick.C:
		case <-end:
			t.Fatalf("not in time: %s", what)
		}
	}
}

func healthy(d *daemon.Daemon) bool {
	r, err := http.Get(d.URL("/healthz"))
	if err != nil {
		return false
	}
	defer r.Body.Close()
	return r.StatusCode == http.StatusOK
}

// turnedAway: no new call is taken or made, and nobody is told that it could be; a live one can be changed and ended.
func turnedAway(t *testing.T, d *daemon.Daemon, live *call) {
	t.Helper()
	agent := peer.NewAgent(t, "udp", d.SIP().String())
	_, invited := agent.NewDialog("bob").Call(t, limit, peer.Offer("*", "msrp://127.0.0.1:9/"+peer.Ident()+";tcp"))
	asked := agent.Ask(t, limit, agent.NewDialog("bob").Request("OPTIONS"))
	for what, r := range map[string]*peer.Message{"a new call": invited, "OPTIONS": asked} {
		if r.Code() != 503 || r.Get("Retry-After") == "" || !strings.HasSuffix(r.Start, "Journal Unavailable") {
			t.Errorf("%s: %s, Retry-After %q", what, r.Start, r.Get("Retry-After"))
		}
	}
	err := d.Call(t.Context(), "msrp_ua:start_session", map[string]any{
		"content_types": "text/plain", "from_uri": "sip:bot@" + d.Addr.String(), "to_uri": agent.ContactURI(), "ruri": agent.ContactURI(),
	}, nil)
	if err == nil || !strings.Contains(err.Error(), "the journal is not available") {
		t.Errorf("start_session: %v", err)
	}
	if called := agent.Drop(func(m *peer.Message) bool { return m.Method() == "INVITE" }); len(called) != 0 {
		t.Error("start_session was refused, and yet an INVITE came")
	}
	if _, r := live.Call(t, limit, peer.Offer("*", live.session.Own)); r.Code() != 200 {
		t.Errorf("re-INVITE: %s", r.Start)
	}
	live.Ack(t)
	if r := live.Bye(t, limit); r.Code() != 200 {
		t.Errorf("BYE: %s", r.Start)
	}
}

func outage(t *testing.T, dir, more string, breakIt, mendIt func()) {
	addr, err := daemon.Address()
	if err != nil {
		t.Fatal(err)
	}
	d := start(t, dir, addr, daemon.Config(addr, "log: {level: warn}\n"+more))
	l := &ledger{answered: map[key]string{}, accepted: map[key]struct{}{}}
	answered := func() int {
		l.mu.Lock()
		defer l.mu.Unlock()
		return len(l.answered)
	}
	var loading sync.WaitGroup
	busy, quiet, live := []*call{place(t, d), place(t, d)}, place(t, d), place(t, d)
	for i, c := range busy {
		loading.Go(func() { c.load(l, fmt.Sprint(i), i == 1) })
	}
	eventually(t, "messages are answered", func() bool { return answered() > 200 })
	breakIt()
	eventually(t, "it says that it is not well", func() bool { return !healthy(d) })
	before := answered()
	began := time.Now()
	code := 0
	for code != 413 {
		f := quiet.session.Send("x")
		quiet.conn.Put(f.Bytes())
		code = quiet.conn.Response(t, limit, f.ID).Code
		if code == 200 {
			l.answer(key{quiet.id, f.Get("Message-ID")}, "x")
		}
		if code == 200 && time.Since(began) > limit {
			t.Fatal("messages are answered 200 all the time")
		}
	}
	waited := time.Since(began)
	if healthy(d) {
		t.Error("it says that it is well")
	}
	turnedAway(t, d, live)
	mendIt()
	eventually(t, "it says that it is well", func() bool { return healthy(d) })
	eventually(t, "messages are answered again", func() bool { return answered() > before+100 })
	for _, c := range busy {
		c.conn.Close()
	}
	loading.Wait()
	f := quiet.session.Send("after it")
	quiet.conn.Put(f.Bytes())
	if code := quiet.conn.Response(t, limit, f.ID).Code; code != 200 {
		t.Errorf("answered %d afterwards", code)
	}
	last := place(t, d)
	there := map[key]int{}
	numbers := map[string]int{}
	for _, e := range read(t, d, last.id) {
		if numbers[e.Subject]++; e.Sequence != fmt.Sprintf("%010d", numbers[e.Subject]) {
			t.Errorf("session %s: %s has number %s in place of %d", e.Subject, e.Type, e.Sequence, numbers[e.Subject])
		}
		if e.Type == "E_MSRP_MSG_RECEIVED" {
			there[key{e.Subject, e.text("message_id")}]++
		}
	}
	for k := range l.answered {
		if there[k] != 1 {
			t.Errorf("%v was answered 200 and is there %d times", k, there[k])
		}
	}
	t.Logf("refused after %s; %d messages answered 200, all there once", waited.Round(time.Second), len(l.answered))
	if err := d.Stop(t.Context()); err != nil {
		t.Error(err)
	}
}
