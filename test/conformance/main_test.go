// Package conformance holds the rows of docs/conformance.md against the built program, from outside: a scripted peer talks SIP and
// MSRP to it over real sockets, the management interface and the event stream are used as an application would.
// With PARLEY_TARGET=stub the same tests run against a program that knows nothing (package stub), to see which of them prove something.
package conformance

import (
	"flag"
	"fmt"
	"os"
	"runtime/debug"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/parley-msrp/parley/test/conformance/node"
)

// program under test; set by TestMain, only read afterwards.
var program *node.Program

func TestMain(m *testing.M) {
	flag.Parse()
	_ = flag.Set("test.parallel", "12") // the tests mostly wait
	p, err := node.Build()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	program = p
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		p.Close()
		os.Exit(code)
	}))
}

// start runs an instance that ends with the test.
func start(t *testing.T, c node.Config) *node.Node {
	t.Helper()
	return node.Start(t, program, c)
}

// row runs one subtest beside the others. Its name begins with the row that it shows. A panic, on an answer that lacks what f takes from it, fails
// this row and not the whole run, which the daemons would outlive.
func row(t *testing.T, name string, f func(t *testing.T)) {
	t.Run(name, func(t *testing.T) {
		t.Parallel()
		defer func() {
			if r := recover(); r != nil {
				t.Errorf("panic: %v\n%s", r, debug.Stack())
			}
		}()
		f(t)
	})
}

// patience is how long to wait for what must come.
func patience() time.Duration { return node.Patience() }

// moment is how long to watch that nothing comes, where no marker can show it.
const moment = 150 * time.Millisecond
