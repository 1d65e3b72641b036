package msrp

import (
	"bytes"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestUncut: chunks cut by uncut hold no CRLF with seven hyphens, wherever slices of them begin, and nothing else is cut.
func TestUncut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		words := rapid.SliceOf(rapid.SampledFrom([]string{"\r", "\n", "\r\n", "-", "------", "-------", "x", "\r\n-------", "\r\n------"})).Draw(t, "words")
		body := []byte(strings.Join(words, ""))
		slice := rapid.IntRange(1, 50).Draw(t, "slice")
		var chunks [][]byte
		var w openChunk
		var chunk []byte
		for rest := body; len(rest) > 0; {
			octets := rest[:min(slice, len(rest))]
			n, _ := uncut(w.tail, octets)
			chunk = append(chunk, octets[:n]...)
			w.keepTail(octets[:n])
			if n < len(octets) {
				if len(chunk) == 0 {
					t.Fatal("no progress")
				}
				chunks, chunk, w = append(chunks, chunk), nil, openChunk{}
			}
			rest = rest[n:]
		}
		chunks = append(chunks, chunk)
		if !bytes.Equal(bytes.Join(chunks, nil), body) {
			t.Fatal("the chunks are not the body")
		}
		for i, c := range chunks {
			if bytes.Contains(c, endLineStart) {
				t.Fatalf("chunk %d is %q", i, c)
			}
			if i+1 < len(chunks) && !bytes.HasPrefix(append(bytes.Clone(c[max(0, len(c)-8):]), chunks[i+1]...), endLineStart) {
				t.Fatalf("chunk %d ends without need: %q, then %q", i, c, chunks[i+1])
			}
		}
	})
}

// TestKeepTail: the tail of a chunk is its last octets, as many as an end-line could begin in.
func TestKeepTail(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var w openChunk
		var all []byte
		for _, octets := range rapid.SliceOf(rapid.SliceOfN(rapid.Byte(), 0, 60)).Draw(t, "slices") {
			w.keepTail(octets)
			all = append(all, octets...)
			if want := all[max(0, len(all)-maxEndLine):]; !bytes.Equal(w.tail, want) {
				t.Fatalf("%q, want %q", w.tail, want)
			}
		}
	})
}
