// Package readme does what the README tells its reader to do, word for word, and looks for what it promises.
package readme

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/parley-msrp/parley/test/daemon"
	"github.com/parley-msrp/parley/test/peer"
)

const (
	root  = "../.."
	limit = 10 * time.Second
	// buildLimit is for what compiles the program first.
	buildLimit = 5 * time.Minute
)

// block is one fenced block of a document.
type block struct{ language, text string }

// blocks are those of a section, in order.
func blocks(t *testing.T, section string) []block {
	t.Helper()
	readme, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, text, found := strings.Cut(string(readme), "\n## "+section+"\n")
	if !found {
		t.Fatalf("the README has no section %q", section)
	}
	text, _, _ = strings.Cut(text, "\n## ")
	return fenced(text)
}

// allBlocks are those of a document, in order.
func allBlocks(t *testing.T, document string) []block {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, document))
	if err != nil {
		t.Fatal(err)
	}
	return fenced(string(text))
}

func fenced(text string) []block {
	var all []block
	for _, m := range regexp.MustCompile("(?ms)^```([a-z]+)\n(.*?)^```$").FindAllStringSubmatch(text, -1) {
		all = append(all, block{m[1], m[2]})
	}
	return all
}

// commands are the lines of the sh blocks, those that end in a backslash joined with the next one, and the other blocks, whole.
func commands(all []block) (lines []string, files map[string]string) {
	files = map[string]string{}
	for _, b := range all {
		if b.language != "sh" {
			files[b.language] += b.text
			continue
		}
		text := strings.ReplaceAll(b.text, "\\\n", "")
		lines = append(lines, strings.Split(strings.TrimSuffix(text, "\n"), "\n")...)
	}
	return lines, files
}

// usual keeps the usual ports for this test, and fails it if another program has one.
func usual(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	free, err := daemon.Usual(ctx)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(free)
	for _, address := range []string{"127.0.0.1:5060", "127.0.0.1:2855", "127.0.0.1:8888", "127.0.0.1:5090"} {
		l, err := net.Listen("tcp", address)
		if err != nil {
			t.Fatalf("the README's tour needs %s, which another program has: %v", address, err)
		}
		l.Close()
	}
}

// TestTour goes through the five minutes.
func TestTour(t *testing.T) {
	usual(t)
	dir := t.TempDir() // a reader's own files are kept out of the source
	abs, err := filepath.Abs(filepath.Join(root, "build"))
	if err == nil {
		err = os.Symlink(abs, filepath.Join(dir, "build"))
	}
	if err != nil {
		t.Fatal(err)
	}
	tour, files := commands(blocks(t, "Five minutes"))
	next := func(want string) string {
		t.Helper()
		if len(tour) == 0 || !strings.HasPrefix(tour[0], want) {
			t.Fatalf("the README goes on with %q, this test with %q", tour, want)
		}
		line := tour[0]
		tour = tour[1:]
		return line
	}

	node := start(t, root, next("make run"))
	node.prints(t, buildLimit, "is ready", "udp:127.0.0.1:5060", "tcp:127.0.0.1:5060", "tcp:127.0.0.1:2855", "http://127.0.0.1:8888", "./build/parley chat sip:")

	chat := start(t, dir, next("./build/parley chat sip:bob@127.0.0.1"))
	chat.prints(t, limit, "connected with sip:bob@127.0.0.1")
	chat.types(t, "hello from the chat")

	list := run(t, dir, next("./build/parley sessions"))
	m := regexp.MustCompile(`(?m)^([0-9a-f]{32}) +UAS +established `).FindStringSubmatch(list)
	if m == nil {
		t.Fatalf("sessions shows:\n%s", list)
	}
	events := start(t, dir, next("./build/parley events --from 0"))
	events.prints(t, limit, "E_MSRP_SESSION_NEW", m[1], "E_MSRP_MSG_RECEIVED", "hello from the chat")

	run(t, dir, strings.Replace(next("./build/parley send SESSION_ID "), "SESSION_ID", m[1], 1))
	chat.prints(t, limit, "peer: hello from the daemon")

	if got := run(t, dir, next("curl -s http://127.0.0.1:8888/v1/sessions")); !strings.Contains(got, `"session_id":"`+m[1]+`"`) {
		t.Errorf("/v1/sessions shows:\n%s", got)
	}
	if got := run(t, dir, next("curl -s http://127.0.0.1:8888/mi ")); !strings.Contains(got, `"session_id":"`+m[1]+`"`) {
		t.Errorf("list_sessions over HTTP shows:\n%s", got)
	}
	stream := start(t, dir, next("curl -sN http://127.0.0.1:8888/v1/events"))
	stream.prints(t, limit, "retry:")

	waiting := start(t, dir, next("./build/parley chat --listen --sip 127.0.0.1:5090"))
	waiting.prints(t, limit, "waiting for a call")
	id := strings.TrimSpace(run(t, dir, next("./build/parley sessions start sip:you@127.0.0.1:5090")))
	waiting.prints(t, limit, "connected with ")
	stream.prints(t, limit, "event: E_MSRP_SESSION_NEW", id)

	write(t, filepath.Join(dir, "route.star"), files["python"])
	write(t, filepath.Join(dir, "parley.yaml"), files["yaml"])
	if got := run(t, dir, next("./build/parley config check parley.yaml")); got != "" {
		t.Errorf("config check says:\n%s", got)
	}
	node.interrupt()
	node.prints(t, limit, "draining")
	chat.prints(t, limit, "the conversation is over: by peer")
	waiting.prints(t, limit, "the conversation is over: by peer")
	stream.prints(t, limit, "event: E_MSRP_SESSION_END", m[1])
	for _, p := range []*process{node, chat, waiting, events, stream} {
		p.ends(t)
	}

	routed := start(t, dir, next("./build/parley serve --config parley.yaml"))
	routed.prints(t, limit, "is ready")
	for types, code := range map[string]int{"text/plain": 200, "image/png": 488} {
		d := peer.NewAgent(t, "udp", "127.0.0.1:5060").NewDialog("bob")
		if _, r := d.Call(t, limit, peer.Offer(types, "msrp://127.0.0.1:9/x;tcp")); r.Code() != code {
			t.Errorf("an offer of %s was answered %s", types, r.Start)
		} else if code == 200 {
			d.Ack(t)
			d.Bye(t, limit)
		}
	}
	routed.interrupt()
	routed.ends(t)
	if len(tour) > 0 {
		t.Errorf("the README goes on with %q", tour)
	}
}

// TestLibrary builds the README's program and talks with it.
func TestLibrary(t *testing.T) {
	usual(t)
	_, files := commands(blocks(t, "As a library"))
	dir := t.TempDir()
	source, program, client := filepath.Join(dir, "main.go"), filepath.Join(dir, "echo"), filepath.Join(dir, "parley")
	write(t, source, files["go"])
	for output, what := range map[string]string{program: source, client: "./cmd/parley"} {
		cmd := exec.CommandContext(t.Context(), "go", "build", "-o", output, what)
		cmd.Dir = root
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	echo := start(t, dir, program)
	listens(t, "127.0.0.1:5060") // the program says nothing of it
	chat := start(t, dir, client+" chat sip:bob@127.0.0.1")
	chat.prints(t, limit, "connected with ")
	chat.types(t, "say that again")
	chat.prints(t, limit, "peer: say that again")
	echo.interrupt()
	chat.prints(t, limit, "the conversation is over: by peer")
	echo.ends(t)
	chat.ends(t)
}

func listens(t *testing.T, address string) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	end := time.After(limit)
	for {
		c, err := net.Dial("tcp", address)
		if err == nil {
			c.Close()
			return
		}
		select {
		case <-tick.C:
		case <-end:
			t.Fatal(err)
		}
	}
}

// TestCommands: what the README calls the two commands are there.
func TestCommands(t *testing.T) {
	makefile, err := os.ReadFile(filepath.Join(root, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	lines, _ := commands(blocks(t, "Two commands"))
	if len(lines) != 2 {
		t.Errorf("%d commands: %q", len(lines), lines)
	}
	for _, line := range lines {
		target := strings.Fields(line)[1]
		if !strings.HasPrefix(line, "make ") || !strings.Contains(string(makefile), "\n"+target+":") {
			t.Errorf("there is no %q", line)
		}
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if text == "" {
		t.Fatalf("the README has nothing for %s", filepath.Base(path))
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
