package cpim_test

import (
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/parley-msrp/parley/cpim"
)

func TestRead(t *testing.T) {
	more := strings.Repeat("x", 5000)
	for name, wrap := range map[string]func(io.Reader) io.Reader{
		"as it comes":     func(r io.Reader) io.Reader { return r },
		"octet by octet":  iotest.OneByteReader,
		"end at once":     iotest.DataErrReader,
		"half of a piece": iotest.HalfReader,
	} {
		t.Run(name, func(t *testing.T) {
			m, content, err := cpim.Read(wrap(strings.NewReader(usual + more)))
			if err != nil {
				t.Fatal(err)
			}
			rest, err := io.ReadAll(content)
			if err != nil || m.From().Name != "Alice" || m.Content != nil || string(rest) != "Did the parcel arrive?"+more {
				t.Errorf("%v %.100q", err, rest)
			}
		})
	}
	for _, s := range []string{"", fromTo, fromTo + "\r\nContent-Type: a/b\r\n", strings.Repeat("x", 1<<20), "x\r\n\r\ny\r\n\r\n"} {
		if _, _, err := cpim.Read(strings.NewReader(s)); err == nil {
			t.Errorf("%.100q was taken", s)
		}
	}
	if _, _, err := cpim.Read(iotest.TimeoutReader(iotest.OneByteReader(strings.NewReader(usual)))); err != iotest.ErrTimeout {
		t.Error(err)
	}
	if _, _, err := cpim.Read(silent{}); err != io.ErrNoProgress {
		t.Error(err)
	}
}

// silent returns nothing, for ever.
type silent struct{}

func (silent) Read([]byte) (int, error) { return 0, nil }
