// Package examples runs the bots of examples/ against the built program.
package examples

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/parley-msrp/parley/test/daemon"
	"github.com/parley-msrp/parley/test/peer"
)

// limit is how long anything may take that is due at once, on a machine that has much else to do.
const limit = 30 * time.Second

// TestBots: each greets who calls, and says back what it hears where that is text.
func TestBots(t *testing.T) {
	dir := t.TempDir()
	binary, err := daemon.Build(t.Context(), daemon.Program, dir, false)
	if err != nil {
		t.Fatal(err)
	}
	bot := filepath.Join(dir, "bot")
	if out, err := exec.Command("go", "build", "-o", bot, "../../examples/bot-go").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for name, command := range map[string][]string{
		"Go":         {bot},
		"Python":     {"python3", "../../examples/bot-python/bot.py"},
		"JavaScript": {"node", "../../examples/bot-javascript/bot.mjs"},
	} {
		t.Run(name, func(t *testing.T) {
			addr, err := daemon.Address()
			if err != nil {
				t.Fatal(err)
			}
			d, err := daemon.Start(t.Context(), binary, t.TempDir(), addr, daemon.Config(addr, ""))
			if err != nil {
				t.Fatal(err)
			}
			defer d.Kill()
			said := run(t, command, d.URL(""))
			await(t, said, "listening")
			c := dial(t, d)
			c.hear(t, "Hello! Say something.")
			for _, text := range []string{"hello", "grüß dich\n\"quoted\" <b>"} {
				c.say(t, "text/plain", text)
				c.hear(t, "You said: "+text)
			}
			c.say(t, "application/octet-stream", "\xff\xfe")
			c.say(t, "text/plain;charset=utf-8", "still there?")
			c.hear(t, "You said: still there?")
		})
	}
}

// run starts a bot, which ends with the test, and gives what it says on standard error.
func run(t *testing.T, command []string, url string) *daemon.Output {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	said := &daemon.Output{}
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Env = append(os.Environ(), "PARLEY_URL="+url)
	cmd.Stderr = said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		_ = cmd.Wait() // it was killed
		if t.Failed() {
			t.Logf("the bot said:\n%s", said)
		}
	})
	return said
}

func await(t *testing.T, said *daemon.Output, what string) {
	t.Helper()
	for deadline := time.Now().Add(limit); !strings.Contains(said.String(), what); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("the bot does not say %q:\n%s", what, said)
		}
	}
}

// caller is a scripted peer that calls the daemon.
type caller struct {
	conn    *peer.Conn
	session peer.Session
}

func dial(t *testing.T, d *daemon.Daemon) *caller {
	t.Helper()
	dialog := peer.NewAgent(t, "udp", d.SIP().String()).NewDialog("bot")
	c := &caller{session: peer.Session{Own: "msrp://127.0.0.1:9/" + peer.Ident() + ";tcp"}}
	_, r := dialog.Call(t, limit, peer.Offer("*", c.session.Own))
	if r.Code() != 200 {
		t.Fatalf("the INVITE was answered %s", r.Start)
	}
	dialog.Ack(t)
	line := peer.ParseSDP(r.Body).Media[0]
	c.session.Remote = line.Path()
	c.conn = peer.DialMSRP(t, d.Addr.String()+":"+line.Port())
	bind := c.session.Bodiless()
	c.conn.Put(bind.Bytes())
	c.conn.Response(t, limit, bind.ID)
	return c
}

func (c *caller) say(t *testing.T, contentType, text string) {
	t.Helper()
	send := c.session.Send(text).Set("Content-Type", contentType)
	c.conn.Put(send.Bytes())
	if f := c.conn.Response(t, limit, send.ID); f.Code != 200 {
		t.Fatalf("the SEND was answered %d", f.Code)
	}
}

func (c *caller) hear(t *testing.T, want string) {
	t.Helper()
	send := c.conn.Request(t, limit, "SEND")
	c.conn.Answer(send, 200, "OK")
	if string(send.Body) != want {
		t.Fatalf("the bot says %q, want %q", send.Body, want)
	}
}
