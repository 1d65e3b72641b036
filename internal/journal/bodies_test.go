package journal_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/parley-msrp/parley/internal/event"
	"github.com/parley-msrp/parley/internal/journal"
)

func content(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{byte(n)}).Read(b)
	return b
}

// TestBodies: a body comes back octet for octet, in whatever order it is read, also where several are kept at a time, and after a restart.
func TestBodies(t *testing.T) {
	dir := t.TempDir()
	j := open(t, journal.Config{Dir: dir})
	sizes := []int{0, 1, 256 << 10, 256<<10 + 1, 5_000_001, 3_333_333, 4_444_444}
	refs := make([]event.BodyRef, len(sizes))
	var putting sync.WaitGroup
	for i, n := range sizes {
		putting.Go(func() {
			var err error
			if refs[i], err = j.PutBody(t.Context(), iotest.HalfReader(bytes.NewReader(content(n)))); err != nil {
				t.Error(err)
			}
		})
	}
	putting.Wait()
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	j = open(t, journal.Config{Dir: dir})
	for i, n := range sizes {
		want := content(n)
		sum := sha256.Sum256(want)
		b, err := j.OpenBody(t.Context(), refs[i].ID)
		if err != nil {
			t.Fatal(err)
		}
		if b.BodyRef != refs[i] || b.Octets != int64(n) || b.SHA256 != hex.EncodeToString(sum[:]) || b.Kept.IsZero() {
			t.Errorf("%+v, want %+v", b.BodyRef, refs[i])
		}
		got, err := io.ReadAll(b)
		if err != nil || !bytes.Equal(got, want) {
			t.Fatalf("%d octets: %d came back, %v", n, len(got), err)
		}
		for range 20 {
			if n < 2 {
				break
			}
			from := rand.IntN(n)
			part := make([]byte, rand.IntN(min(n-from, 300_000))+1)
			if _, err := b.Seek(int64(from), io.SeekStart); err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadFull(b, part[:min(len(part), n-from)]); err != nil || !bytes.Equal(part[:min(len(part), n-from)], want[from:min(n, from+len(part))]) {
				t.Fatalf("%d octets from %d: %v", len(part), from, err)
			}
		}
	}
	for _, id := range []string{"", "x", refs[0].ID + "0", "00000000000000000000000000000000", "*", ">"} {
		if _, err := j.OpenBody(t.Context(), id); !errors.Is(err, journal.ErrNoBody) {
			t.Errorf("%q: %v", id, err)
		}
	}
	t.Run("one that breaks off is not kept", func(t *testing.T) {
		broken := errors.New("broken")
		_, err := j.PutBody(t.Context(), io.MultiReader(bytes.NewReader(content(3_000_000)), iotest.ErrReader(broken)))
		if !errors.Is(err, broken) {
			t.Error(err)
		}
	})
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// TestLargeBody: keeping and reading take little memory, however large the body is.
func TestLargeBody(t *testing.T) {
	j := open(t, journal.Config{})
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	ref, err := j.PutBody(t.Context(), io.LimitReader(zeros{}, 96<<20))
	if err != nil {
		t.Fatal(err)
	}
	b, err := j.OpenBody(t.Context(), ref.ID)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := io.Copy(io.Discard, b); n != 96<<20 || err != nil {
		t.Errorf("%d octets, %v", n, err)
	}
	runtime.ReadMemStats(&after)
	if took := int64(after.HeapSys) - int64(before.HeapSys); took > 60<<20 {
		t.Errorf("%d MiB of memory", took>>20)
	}
}
