package cpim_test

import (
	"bytes"
	"io"
	"testing"

	"github.com/parley-msrp/parley/cpim"
)

// FuzzParse: what is taken is written again octet by octet, whole and as a stream, and answers every question. Its seeds are in testdata.
func FuzzParse(f *testing.F) {
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := cpim.Parse(b)
		streamed, content, streamErr := cpim.Read(bytes.NewReader(b))
		if (err == nil) != (streamErr == nil) {
			t.Fatalf("whole: %v, streamed: %v", err, streamErr)
		}
		if err != nil {
			return
		}
		if got := m.AppendTo(nil); !bytes.Equal(got, b) || m.Len() != len(b) {
			t.Errorf("written again as %q", got)
		}
		if rest, err := io.ReadAll(content); err != nil || !bytes.Equal(append(streamed.AppendHead(nil), rest...), b) {
			t.Errorf("streamed: %v %q", err, rest)
		}
		again, err := cpim.ParseAddress(m.From().String())
		if err != nil || m.From().URI == "" || again.Name != m.From().Name {
			t.Errorf("From %+v, read again %+v %v", m.From(), again, err)
		}
		for i, h := range m.Headers {
			m.Resolve(i)
			if _, err := cpim.ParseHeader(h.String()); err != nil {
				t.Errorf("%q: %v", h, err)
			}
			h.Text()
			h.Param("lang")
		}
		m.Subject()
		m.DateTime()
		_ = m.CheckRequire(nil)
		if chain, err := cpim.ParseChain(b); err == nil && (len(chain) == 0 || len(chain) > cpim.MaxDepth || len(chain.Senders()) != len(chain)) {
			t.Errorf("chain of %d", len(chain))
		}
	})
}
