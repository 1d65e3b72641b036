package msrp

import (
	"testing"

	"pgregory.net/rapid"
)

func TestSpans(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const size = 60
		var s spans
		var model [size + 1]bool
		for range rapid.IntRange(0, 30).Draw(t, "adds") {
			from := rapid.Int64Range(1, size).Draw(t, "from")
			to := rapid.Int64Range(0, size).Draw(t, "to")
			s.add(from, to)
			for i := from; i <= to; i++ {
				model[i] = true
			}
		}
		whole := int64(0)
		for whole < size && model[whole+1] {
			whole++
		}
		for n := range int64(size + 1) {
			if s.covers(n) != (n <= whole) {
				t.Fatalf("%v covers %d: %v", s, n, s.covers(n))
			}
		}
		for i := 1; i < len(s); i++ {
			if s[i].from <= s[i-1].to+1 {
				t.Fatalf("%v is not in its shortest form", s)
			}
		}
	})
	t.Run("bounded", func(t *testing.T) {
		var s spans
		for i := range int64(2 * maxSpans) {
			s.add(2*i+1, 2*i+1)
		}
		if len(s) != maxSpans {
			t.Fatalf("%d spans", len(s))
		}
		s.add(1, 5*maxSpans)
		if len(s) != 1 || !s.covers(5*maxSpans) {
			t.Fatalf("%v", s)
		}
	})
}

// TestPartial compares the joining of chunks with a plain array of octets.
func TestPartial(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const size = 200
		p := &partial{end: unknownEnd, total: rapid.SampledFrom([]int64{0, 50, size, 1 << 40}).Draw(t, "total")}
		var model, there [size + 1]byte
		for i := range rapid.IntRange(1, 40).Draw(t, "chunks") {
			from := rapid.Int64Range(1, size).Draw(t, "from")
			data := make([]byte, rapid.Int64Range(0, size-from+1).Draw(t, "len"))
			for j := range data {
				data[j] = byte(i + 1)
				model[from+int64(j)], there[from+int64(j)] = byte(i+1), 1
			}
			if !p.put(from, data) {
				t.Fatal("refused")
			}
		}
		p.end = rapid.Int64Range(0, size).Draw(t, "end")
		whole, kept := true, int64(0)
		for i := int64(1); i <= size; i++ {
			whole = whole && (there[i] == 1 || i > p.end)
			kept += int64(there[i])
		}
		if p.whole() != whole {
			t.Fatalf("whole: %v", p.whole())
		}
		if p.kept != kept+segmentCost*int64(len(p.segments)) {
			t.Fatalf("%d octets are counted, %d are there in %d segments", p.kept, kept, len(p.segments))
		}
		if whole && string(p.body()) != string(model[1:p.end+1]) {
			t.Fatalf("got %v, want %v", p.body(), model[1:p.end+1])
		}
	})
}

func TestTransactionText(t *testing.T) {
	var d idents
	for range 1000 {
		id := d.transaction()
		if got, ok := parseTransaction([]byte(transactionText(id))); !ok || got != id {
			t.Fatalf("%x became %x", id, got)
		}
	}
	for _, bad := range []string{"", "0123456789abcde", "0123456789abcdeF", "0123456789abcdeg", "0123456789abcdef0"} {
		if _, ok := parseTransaction([]byte(bad)); ok {
			t.Errorf("%q is taken", bad)
		}
	}
}
