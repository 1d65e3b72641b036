// Package interop runs the built program against other people's programs, and against scripted peers, and looks at it from outside only; and it has Wireshark read what
// package wire reads.
package interop

import (
	"context"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parley-msrp/parley/test/daemon"
)

const (
	stopLimit   = 30 * time.Second
	answerLimit = 10 * time.Second // for one answer of the daemon
	pollEvery   = 20 * time.Millisecond
)

// build builds the program once, with the race detector: a data race makes its exit status 66, and so fails the test that stops it.
var build = sync.OnceValues(func() (string, error) {
	dir, err := filepath.Abs("../../build/race") // absolute, for the program runs in directories of its own
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	return daemon.Build(context.Background(), daemon.Program, dir, true)
})

func program(t *testing.T) string {
	t.Helper()
	path, err := build()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// start runs a daemon until the end of the test, where it has to stop by SIGTERM with status 0. HOST in its configuration is its address.
func start(t *testing.T, more string) *daemon.Daemon {
	t.Helper()
	d := launch(t, more)
	stopAtEnd(t, d)
	return d
}

func stopAtEnd(t *testing.T, d *daemon.Daemon) {
	t.Helper()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), stopLimit)
		defer cancel()
		if err := d.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
}

// launch runs a daemon; the test ends it. HOST in its configuration is its address.
func launch(t *testing.T, more string) *daemon.Daemon {
	t.Helper()
	addr, err := daemon.Address()
	if err != nil {
		t.Fatal(err)
	}
	return launchAt(t, addr, daemon.Config(addr, strings.ReplaceAll(more, "HOST", addr.String())))
}

// launchAt runs a daemon with a configuration like daemon.Config's.
func launchAt(t *testing.T, addr netip.Addr, config string) *daemon.Daemon {
	t.Helper()
	d, err := daemon.Start(t.Context(), program(t), t.TempDir(), addr, config)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// tool finds another program, or fails the test with the name of the package that holds it.
func tool(t *testing.T, name, debianPackage string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		path, err = exec.LookPath(filepath.Join("/usr/sbin", name)) // where PATH does not lead everybody
	}
	if err != nil {
		t.Fatalf("%s is not installed; it is in the package %s", name, debianPackage)
	}
	return path
}

// soak says whether the long figures are wanted (make soak).
func soak() bool { return os.Getenv("PARLEY_SOAK") != "" }

// figure is the short one in make test, and the long one in make soak.
func figure(short, long int) int {
	if soak() {
		return long
	}
	return short
}

// eventually polls until done says yes; at the deadline it fails the test with what done said last.
func eventually(t *testing.T, within time.Duration, done func() (ok bool, seen string)) {
	t.Helper()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	end := time.NewTimer(within)
	defer end.Stop()
	for {
		ok, seen := done()
		if ok {
			return
		}
		select {
		case <-tick.C:
		case <-end.C:
			t.Fatalf("not within %s: %s", within, seen)
		}
	}
}

// lines splits a text into its lines, without an empty last one.
func lines(text string) []string {
	text = strings.TrimRight(text, "\n")
	if text == "" {
		return nil
	}
	return strings.Split(text, "\n")
}

// hostPort is where an MSRP URI leads to.
func hostPort(uri string) string {
	s, _, _ := strings.Cut(strings.TrimPrefix(uri, "msrp://"), "/")
	return s
}
