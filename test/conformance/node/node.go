// Package node runs the program under test as a process of its own, for tests that look at it from outside: each instance on a
// loopback address of its own, so that default ports can be used by many at once. It imports nothing of the program under test.
package node

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/parley-msrp/parley/test/daemon"
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
	p := &Program{dir: dir}
	pkg := daemon.Program
	if Target() == "stub" {
		pkg = "github.com/parley-msrp/parley/test/stub"
	}
	if p.path, err = daemon.Build(context.Background(), pkg, dir, race); err != nil {
		p.Close()
		return nil, err
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
	TLS    string   // lines of the tls section, likewise; "": none
	UA     string   // further lines of the msrp_ua section
	More   string   // further sections
	Media  string   // further lines of the msrp section
}

// Node is one running instance.
type Node struct {
	Host string // 127.x.y.z or ::1
	SIP  string // host:port
	MSRP string // host:port
	HTTP string // http://host:port

	sipPort, msrpPort, httpPort string

	program string
	args    []string
	process *daemon.Process
	events  *Events
}

// Start runs an instance and waits until it is ready. When the test ends it is told to end, and must do so in time, with status 0,
// and without having reported a panic or a data race.
func Start(t testing.TB, p *Program, c Config) *Node {
	t.Helper()
	n := &Node{sipPort: "5060", msrpPort: "2855", httpPort: "8888"}
	n.address(t, c.IPv6)
	n.run(t, p, c)
	t.Cleanup(func() { n.finish(t) })
	n.events = subscribe(t, n.HTTP+"/v1/events")
	return n
}

// address finds a loopback address that nobody else uses.
func (n *Node) address(t testing.TB, v6 bool) {
	t.Helper()
	if v6 {
		n.Host, n.sipPort, n.msrpPort, n.httpPort = "::1", freePort(t), freePort(t), freePort(t)
	} else {
		own, err := daemon.Address()
		if err != nil {
			t.Fatal(err)
		}
		n.Host = own.String()
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
		fmt.Fprintf(&b, "msrp:\n  listen: [\"%s\"]\n%s", c.MSRP, c.Media)
	}
	fmt.Fprintf(&b, "msrp_ua:\n  my_uri: \"%s\"\n%shttp:\n  listen: \"HOST:%s\"\n", c.MyURI, c.UA, n.httpPort)
	b.WriteString(c.More)
	if c.TLS != "" {
		b.WriteString("tls:\n" + c.TLS)
	}
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
	process, err := daemon.Run(t.Context(), p.path, t.TempDir(), n.HTTP+"/healthz", args...)
	if err != nil {
		t.Fatal(err)
	}
	n.program, n.args, n.process = p.path, args, process
}

// PID of the process.
func (n *Node) PID() int { return n.process.PID() }

// Log is what the process has written so far.
func (n *Node) Log() string { return n.process.Stdout() + n.process.Stderr() }

// Restart kills the process (SIGKILL) and runs another one with the same configuration.
func (n *Node) Restart(t testing.TB) {
	t.Helper()
	n.events.close()
	n.process.Kill()
	process, err := daemon.Run(t.Context(), n.program, t.TempDir(), n.HTTP+"/healthz", n.args...)
	if err != nil {
		t.Fatal(err)
	}
	n.process = process
	n.events = subscribe(t, n.HTTP+"/v1/events?from=0")
}

// Terminate tells the process to end (SIGTERM).
func (n *Node) Terminate() { n.process.Terminate() }

// Exited waits for the end of the process and returns its error.
func (n *Node) Exited(t testing.TB, within time.Duration) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	return n.process.Wait(ctx)
}

func (n *Node) finish(t testing.TB) {
	if n.events != nil {
		n.events.close()
	}
	n.Terminate()
	err := n.Exited(t, 20*time.Second)
	if Target() == "stub" {
		return
	}
	if err != nil {
		t.Errorf("the program ended badly: %v", err)
	}
	for _, bad := range []string{"DATA RACE", "panic:", "goroutine "} {
		if strings.Contains(n.Log(), bad) {
			t.Errorf("the program wrote %q", bad)
		}
	}
	if t.Failed() {
		t.Logf("%s wrote:\n%s", n.Host, tail(n.Log()))
	}
}

// tail is the last part of what was written.
func tail(s string) string {
	if len(s) > 8000 {
		s = "…" + s[len(s)-8000:]
	}
	return s
}
