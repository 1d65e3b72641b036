package msrp_test

import (
	"errors"
	"io"
	"testing"

	"github.com/parley-msrp/parley/msrp"
)

// streaming is a recorder that takes streams; they are events too.
type streaming struct{ *recorder }

func (h streaming) Stream(_ *msrp.Session, in *msrp.Incoming) { h.events <- in }

// streams makes a session's handler a Streamer.
func streams(c *msrp.SessionConfig) { c.Handler = streaming{c.Handler.(*recorder)} }

// sized sets a session's largest message.
func sized(n int64) func(*msrp.SessionConfig) {
	return func(c *msrp.SessionConfig) { c.MaxSize = n }
}

// body reads a stream to its end, which must be the regular one.
func body(t testing.TB, in *msrp.Incoming) string {
	t.Helper()
	b, err := io.ReadAll(in)
	if err != nil {
		t.Fatalf("%v after %d octets", err, len(b))
	}
	return string(b)
}

// incomplete reads a stream to its end, which must be an early one.
func incomplete(t testing.TB, in *msrp.Incoming) {
	t.Helper()
	if b, err := io.ReadAll(in); !errors.Is(err, msrp.ErrIncomplete) {
		t.Fatalf("%d octets, then %v, want %v", len(b), err, msrp.ErrIncomplete)
	}
}

// balanced shows that nothing counts as buffered or kept any more.
func balanced(t testing.TB, r *rig, s *msrp.Session) {
	t.Helper()
	poll(t, func() bool {
		octets, messages := s.Kept()
		return octets == 0 && messages == 0 && r.endpoint.Buffered() == 0
	})
}
