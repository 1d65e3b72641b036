package cli

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/parley-msrp/parley/internal/config"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// limit is how long anything may take that is due at once.
const limit = 30 * time.Second

// screen is what a command prints; it may be read meanwhile.
type screen struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *screen) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(b)
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// wait polls until the text is on the screen.
func (s *screen) wait(t *testing.T, text string) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	end := time.After(limit)
	for !strings.Contains(s.String(), text) {
		select {
		case <-tick.C:
		case <-end:
			t.Fatalf("%q is not printed:\n%s", text, s)
		}
	}
}

// parley runs a command line whose daemon, if it starts one, ends at once with err.
func parley(in io.Reader, err error, args ...string) (status int, out, errOut string) {
	var o, e screen
	status = Main(args, IO{In: in, Out: &o, Err: &e}, func(context.Context, config.Config, io.Writer, io.Writer) error { return err })
	return status, o.String(), e.String()
}

var errNoStart = errors.New("port in use")
