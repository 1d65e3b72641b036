package cpim_test

import (
	"testing"

	"github.com/parley-msrp/parley/cpim"
)

func BenchmarkParse(b *testing.B) {
	octets := []byte(usual)
	b.ReportAllocs()
	b.SetBytes(int64(len(octets)))
	for b.Loop() {
		if _, err := cpim.Parse(octets); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppendTo(b *testing.B) {
	m := parse(b, usual)
	buffer := make([]byte, 0, m.Len())
	b.ReportAllocs()
	for b.Loop() {
		buffer = m.AppendTo(buffer[:0])
	}
}

// TestAllocations: a usual message costs two allocations, its text and itself; writing it costs none.
func TestAllocations(t *testing.T) {
	octets := []byte(usual)
	m := parse(t, usual)
	buffer := make([]byte, 0, m.Len())
	if n := testing.AllocsPerRun(100, func() { _, _ = cpim.Parse(octets) }); n > 2 {
		t.Errorf("parsing takes %v allocations", n)
	}
	if n := testing.AllocsPerRun(100, func() { buffer = m.AppendTo(buffer[:0]) }); n > 0 {
		t.Errorf("writing takes %v allocations", n)
	}
}
