package journal

import (
	"strings"
	"testing"

	"github.com/parley-msrp/parley/internal/event"
)

// TestNewerFormat: a journal that a newer version made is refused, and left as it is.
func TestNewerFormat(t *testing.T) {
	c := Config{Dir: t.TempDir(), Node: "n"}.withDefaults()
	st, err := makeStore(t.Context(), &c)
	if err != nil {
		t.Fatal(err)
	}
	s, err := st.js.Stream(t.Context(), st.stream)
	if err != nil {
		t.Fatal(err)
	}
	changed := s.CachedInfo().Config
	changed.Metadata[event.MetaFormat] = "2"
	if _, err := st.js.UpdateStream(t.Context(), changed); err != nil {
		t.Fatal(err)
	}
	st.close()
	for range 2 {
		if _, err := Open(t.Context(), c); err == nil || !strings.Contains(err.Error(), `format "2", and this version of Parley reads 1: a newer Parley wrote it`) {
			t.Error(err)
		}
	}
}

func TestVersionOfServer(t *testing.T) {
	for v, want := range map[string]bool{"2.11.0": true, "2.15.2": true, "3.0.0-beta": true, "2.10.29": false, "1.4.1": false, "": false, "x": false} {
		if newEnough(v) != want {
			t.Errorf("%q: %v", v, !want)
		}
	}
}
