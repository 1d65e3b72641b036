package cpim_test

import (
	"fmt"
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

// BenchmarkHostile reads the dearest head there is: each header has every declaration of a prefix to look at.
func BenchmarkHostile(b *testing.B) {
	var headers []string
	for i := range cpim.MaxHeaders - 2 {
		headers = append(headers, fmt.Sprintf("NS: a%0100d <urn:%030d>", i, i))
	}
	for i := range cpim.MaxHeaders/2 - 2 {
		headers[cpim.MaxHeaders/2+i] = fmt.Sprintf("a%0100d.X: y", 0)
	}
	octets := []byte(with(headers...))
	b.SetBytes(int64(len(octets)))
	for b.Loop() {
		if _, err := cpim.Parse(octets); err != nil {
			b.Fatal(err)
		}
	}
}
