// Package node runs the program under test as a process of its own, for tests that look at it from outside: each instance on a
// loopback address of its own, so that default ports can be used by many at once. It imports nothing of the module under test.
package node

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Target is what the tests run against, by the environment variable PARLEY_TARGET: "daemon" (also if unset), or "stub".
// The absolute path of a built program is a daemon, too.
func Target() string {
	if os.Getenv("PARLEY_TARGET") == "stub" {
		return "stub"
	}
	return "daemon"
}

// Patience is how long to wait for what must come: long for the daemon, where waiting in vain is a failure, short for the stub, where it is usual.
func Patience() time.Duration {
	if Target() == "stub" {
		return 300 * time.Millisecond
	}
	return 30 * time.Second
}

// Program is the built program under test.
type Program struct{ dir, path string }

// Build compiles the program under test once, with the race detector if the tests run with it. Close removes it.
func Build() (*Program, error) {
	if built := os.Getenv("PARLEY_TARGET"); filepath.IsAbs(built) {
		return &Program{path: built}, nil
	}
	dir, err := os.MkdirTemp("", "parley-conformance-")
	if err != nil {
		return nil, err
	}
	p := &Program{dir, filepath.Join(dir, "parley")}
	pkg := "github.com/parley-msrp/parley/cmd/parley"
	if Target() == "stub" {
		pkg = "github.com/parley-msrp/parley/test/stub"
	}
	args := []string{"build", "-o", p.path}
	if race {
		args = append(args, "-race")
	}
	if out, err := exec.Command("go", append(args, pkg)...).CombinedOutput(); err != nil {
		p.Close()
		return nil, fmt.Errorf("go %s %s: %w\n%s", strings.Join(args, " "), pkg, err, out)
	}
	return p, nil
}

// Close removes what Build made.
func (p *Program) Close() {
	if p.dir != "" {
		_ = os.RemoveAll(p.dir)
	}
}

// Config is what differs from one instance to the next. The zero value is a plain one.
type Config struct {
	IPv6   bool     // listen on [::1] with free ports in place of an own IPv4 address
	Listen []string // sip.listen, with HOST for the address; default udp:HOST:5060 and tcp:HOST:5060
	MyURI  string   // msrp_ua.my_uri, with HOST for the address; default msrp://HOST:2855;tcp
	MSRP   string   // msrp.listen, with HOST; "-": leave the key out; default tcp:HOST:2855
	Route  string   // text of the request route; "": none
	SIP    string   // further lines of the sip section, each "  key: value\n"
	UA     string   // further lines of the msrp_ua section
}

// Node is one running instance.
type Node struct {
	Host string // 127.x.y.z or ::1
	SIP  string // host:port
	MSRP string // host:port
	HTTP string // http://host:port

	sipPort, msrpPort, httpPort string

	cmd    *exec.Cmd
	log    *logFile
	exited chan struct{}
	err    error // of the process, once exited is closed
	lock   net.Listener
	events *Events
}

// Start runs an instance and waits until it is ready. When the test ends it is told to end, and must do so in time, with status 0,
// and without having reported a panic or a data race.
func Start(t testing.TB, p *Program, c Config) *Node {
	t.Helper()
	n := &Node{exited: make(chan struct{}), sipPort: "5060", msrpPort: "2855", httpPort: "8888"}
	n.address(t, c.IPv6)
	n.run(t, p, c)
	t.Cleanup(func() { n.finish(t) })
	n.awaitReady(t)
	n.events = subscribe(t, n.HTTP+"/v1/events")
	return n
}

// address finds a loopback address that nobody else uses: the owner of a port on it, by agreement of all who use this package.
func (n *Node) address(t testing.TB, v6 bool) {
	t.Helper()
	if v6 {
		n.Host, n.sipPort, n.msrpPort, n.httpPort = "::1", freePort(t), freePort(t), freePort(t)
	}
	for range 1000 {
		if v6 {
			break
		}
		host := fmt.Sprintf("127.%d.%d.%d", 2+rand.IntN(250), rand.IntN(256), 1+rand.IntN(254))
		if l, err := net.Listen("tcp", host+":1"); err == nil {
			n.Host, n.lock = host, l
			break
		}
	}
	if n.Host == "" {
		t.Fatal("no free loopback address")
	}
	n.SIP, n.MSRP = net.JoinHostPort(n.Host, n.sipPort), net.JoinHostPort(n.Host, n.msrpPort)
	n.HTTP = "http://" + net.JoinHostPort(n.Host, n.httpPort)
}

func freePort(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "[::1]:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

// file writes the configuration and returns its name.
func (n *Node) file(t testing.TB, c Config) string {
	t.Helper()
	host := n.Host
	if c.IPv6 {
		host = "[" + host + "]"
	}
	if c.Listen == nil {
		c.Listen = []string{"udp:HOST:" + n.sipPort, "tcp:HOST:" + n.sipPort}
	}
	if c.MyURI == "" {
		c.MyURI = "msrp://HOST:" + n.msrpPort + ";tcp"
	}
	if c.MSRP == "" {
		c.MSRP = "tcp:HOST:" + n.msrpPort
	}
	dir := t.TempDir()
	var b strings.Builder
	fmt.Fprintf(&b, "sip:\n  listen: [\"%s\"]\n%s", strings.Join(c.Listen, `", "`), c.SIP)
	if c.MSRP != "-" {
		fmt.Fprintf(&b, "msrp:\n  listen: [\"%s\"]\n", c.MSRP)
	}
	fmt.Fprintf(&b, "msrp_ua:\n  my_uri: \"%s\"\n%shttp:\n  listen: \"HOST:%s\"\n", c.MyURI, c.UA, n.httpPort)
	if c.Route != "" {
		script := filepath.Join(dir, "route.star")
		if err := os.WriteFile(script, []byte(c.Route), 0o600); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "route: %q\n", script)
	}
	name := filepath.Join(dir, "parley.yaml")
	if err := os.WriteFile(name, []byte(strings.ReplaceAll(b.String(), "HOST", host)), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func (n *Node) run(t testing.TB, p *Program, c Config) {
	t.Helper()
	args := []string{"serve", "--config", n.file(t, c)}
	if Target() == "stub" {
		args = []string{"-host", n.Host, "-sip", n.sipPort, "-msrp", n.msrpPort, "-http", n.httpPort}
	}
	n.log = &logFile{}
	n.cmd = exec.Command(p.path, args...)
	n.cmd.Stdout, n.cmd.Stderr = n.log, n.log
	if err := n.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { // ends with the process, which finish waits for
		n.err = n.cmd.Wait()
		close(n.exited)
	}()
}

func (n *Node) awaitReady(t testing.TB) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, n.HTTP+"/healthz", nil)
		if err != nil {
			t.Fatal(err)
		}
		if r, err := http.DefaultClient.Do(req); err == nil {
			r.Body.Close()
			if r.StatusCode == http.StatusOK {
				return
			}
		}
		select {
		case <-n.exited:
			t.Fatalf("the program ended: %v\n%s", n.err, n.log.tail())
		case <-ctx.Done():
			t.Fatalf("the program is not ready\n%s", n.log.tail())
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// PID of the process.
func (n *Node) PID() int { return n.cmd.Process.Pid }

// Log is what the process has written so far.
func (n *Node) Log() string { return n.log.String() }

// Terminate tells the process to end (SIGTERM).
func (n *Node) Terminate() { _ = n.cmd.Process.Signal(syscall.SIGTERM) }

// Exited waits for the end of the process and returns its error.
func (n *Node) Exited(t testing.TB, within time.Duration) error {
	t.Helper()
	select {
	case <-n.exited:
		return n.err
	case <-time.After(within):
		t.Fatalf("the program did not end within %v", within)
		return nil
	}
}

func (n *Node) finish(t testing.TB) {
	if n.events != nil {
		n.events.close()
	}
	n.Terminate()
	select {
	case <-n.exited:
	case <-time.After(20 * time.Second):
		_ = n.cmd.Process.Signal(syscall.SIGQUIT) // for the goroutines' stacks in the log
		<-n.exited
		n.err = errors.New("did not end within 20 s of SIGTERM")
	}
	if n.lock != nil {
		n.lock.Close()
	}
	if Target() == "stub" {
		return
	}
	if n.err != nil {
		t.Errorf("the program ended badly: %v", n.err)
	}
	for _, bad := range []string{"DATA RACE", "panic:", "goroutine "} {
		if strings.Contains(n.log.String(), bad) {
			t.Errorf("the program wrote %q", bad)
		}
	}
	if t.Failed() {
		t.Logf("%s wrote:\n%s", n.Host, n.log.tail())
	}
}

// logFile keeps what the process writes.
type logFile struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logFile) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logFile) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// tail is the last part of it.
func (l *logFile) tail() string {
	s := l.String()
	if len(s) > 8000 {
		s = "…" + s[len(s)-8000:]
	}
	return s
}
