package msrp_test

import (
	"iter"
	"math/rand/v2"
	"testing"
	"testing/synctest"

	"github.com/parley-msrp/parley/msrp"
)

// ways runs a scenario under fake time again and again: what the peers write comes in one write for each, octet by octet, and cut once at each offset of all
// that they write. With the race detector, and over TLS, where each write is a record, 64 of the offsets do: make test runs the torture without
// either too.
func ways(t *testing.T, name string, cfg msrp.Config, scenario func(t *testing.T, r *rig)) {
	t.Run(name, func(t *testing.T) {
		(&cutter{}).run(t, cfg, scenario)
		each := &cutter{octets: true}
		each.run(t, cfg, scenario)
		for _, at := range cuts(each.written) {
			(&cutter{at: at}).run(t, cfg, scenario)
		}
	})
}

// cutter cuts what peers write.
type cutter struct {
	octets  bool // into octets
	at      int  // at this offset of all that they write; 0: nowhere
	written int
}

func (c *cutter) run(t *testing.T, cfg msrp.Config, scenario func(t *testing.T, r *rig)) {
	defer func() {
		if t.Failed() {
			t.Logf("octet by octet: %t, or cut at offset %d", c.octets, c.at)
		}
	}()
	synctest.Test(t, func(t *testing.T) {
		r := newFakeRig(t, cfg)
		r.cut = c
		scenario(t, r)
	})
}

// whole says whether nothing is cut: then a long scenario runs in its full length.
func (c *cutter) whole() bool { return !c.octets && c.at == 0 }

// times is how often a long scenario does a thing: few times where it runs often.
func (c *cutter) times(all, few int) int {
	if c.whole() {
		return all
	}
	return few
}

// parts are the writes that a text leaves in.
func (c *cutter) parts(text string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for len(text) > 0 {
			n := len(text)
			switch {
			case c == nil:
			case c.octets:
				n = 1
			case c.written < c.at && c.at < c.written+n:
				n = c.at - c.written
			}
			if c != nil {
				c.written += n
			}
			if !yield(text[:n]) {
				return
			}
			text = text[n:]
		}
	}
}

// octets cuts between all octets.
func octets(text string) []string {
	parts := make([]string, len(text))
	for i := range parts {
		parts[i] = text[i : i+1]
	}
	return parts
}

// cuts are the places to cut an input of n octets at: all of them, or 64 of a long one.
func cuts(n int) []int {
	if n > 4096 || raced || overTLS {
		return someCuts(n)
	}
	at := make([]int, n-1)
	for i := range at {
		at[i] = 1 + i
	}
	return at
}

// someCuts are at most 64 of them, always the same.
func someCuts(n int) []int {
	rnd := rand.New(rand.NewPCG(1, 2))
	var at []int
	for range min(64, n-1) {
		at = append(at, 1+rnd.IntN(n-1))
	}
	return at
}
