package sip

import (
	"maps"
	"math/rand/v2"
	"testing"
)

// TestKeyIndexIsAMap compares the index with a map of the runtime's over many additions and removals, with keys whose kept part is often the same.
func TestKeyIndexIsAMap(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	const first = 1<<32 - 500 // the lower halves of the numbers begin anew meanwhile
	var x keyIndex
	want := map[uint64]txKey{}
	oldest := uint64(first)
	key := func() txKey { return txKey{random.Uint64N(64)<<32 | random.Uint64N(4), random.Uint64N(3)} }
	for number := uint64(first); number < first+2000; number++ {
		k := key()
		x.add(k, number)
		want[number] = k
		for len(want) > 300 || len(want) > 0 && random.IntN(3) == 0 {
			x.remove(want[oldest], oldest)
			x.remove(want[oldest], oldest) // it is gone
			delete(want, oldest)
			oldest++
		}
		sought := key()
		found := map[uint64]txKey{}
		x.find(sought, oldest, func(n uint64) bool {
			if want[n] == sought {
				found[n] = sought
			}
			return false
		})
		those := maps.Clone(want)
		maps.DeleteFunc(those, func(_ uint64, k txKey) bool { return k != sought })
		if !maps.Equal(found, those) {
			t.Fatalf("after %d: found %v, want %v", number, found, those)
		}
		if x.count() != len(want) {
			t.Fatalf("after %d: %d keys, want %d", number, x.count(), len(want))
		}
	}
}

// count is how many keys there are.
func (x *keyIndex) count() (n int) {
	for i := range x {
		n += x[i].used
	}
	return n
}
