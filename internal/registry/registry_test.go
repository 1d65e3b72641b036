package registry_test

import (
	"bytes"
	"flag"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/parley-msrp/parley/internal/registry"
)

var update = flag.Bool("update", false, "write the fixture anew")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t testing.TB, path string) (*registry.Registry, map[string]string) {
	t.Helper()
	r, err := registry.Open(path, false, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	there := map[string]string{}
	for key, record := range r.Records() {
		there[key] = string(record)
	}
	return r, there
}

func closed(t testing.TB, r *registry.Registry) {
	t.Helper()
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
}

func want(t testing.TB, got, want map[string]string) {
	t.Helper()
	if !maps.Equal(got, want) {
		t.Fatalf("there are %q, want %q", got, want)
	}
}

func TestRegistry(t *testing.T) {
	path := filepath.Join(t.TempDir(), "calls")
	r, there := open(t, path)
	want(t, there, nil)
	r.Keep("one", []byte("first"))
	r.Keep("two", []byte("second"))
	r.Keep("three", []byte("third"))
	r.Keep("one", []byte("first, changed"))
	r.Forget("two")
	closed(t, r)
	r, there = open(t, path)
	want(t, there, map[string]string{"one": "first, changed", "three": "third"})
	r.Forget("one")
	r.Forget("nobody")
	closed(t, r)
	r, there = open(t, path)
	want(t, there, map[string]string{"three": "third"})
	closed(t, r)
}

// TestShortCalls: what is forgotten before it was written costs no write.
func TestShortCalls(t *testing.T) {
	path := filepath.Join(t.TempDir(), "calls")
	r, _ := open(t, path)
	for i := range 1000 {
		key := fmt.Sprint(i)
		r.Keep(key, bytes.Repeat([]byte("x"), 1000))
		r.Forget(key)
	}
	closed(t, r)
	if info, err := os.Stat(path); err != nil || info.Size() > 100<<10 {
		t.Errorf("%d octets, %v", info.Size(), err)
	}
}

// TestCutOff cuts the file off at each octet of its last records: those before count.
func TestCutOff(t *testing.T) {
	path := filepath.Join(t.TempDir(), "calls")
	r, _ := open(t, path)
	r.Keep("one", []byte("first"))
	closed(t, r)
	first, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	r, _ = open(t, path)
	r.Keep("two", []byte("second"))
	closed(t, r)
	both, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for n := len(first); n < len(both); n++ {
		if err := os.WriteFile(path, both[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		r, there := open(t, path)
		want(t, there, map[string]string{"one": "first"})
		r.Keep("three", []byte("third"))
		closed(t, r)
		r, there = open(t, path)
		want(t, there, map[string]string{"one": "first", "three": "third"})
		closed(t, r)
	}
	damaged := bytes.Clone(both)
	damaged[len(damaged)-1] ^= 1
	if err := os.WriteFile(path, damaged, 0o600); err != nil {
		t.Fatal(err)
	}
	_, there := open(t, path)
	want(t, there, map[string]string{"one": "first"})
}

// TestCompaction: the file does not grow with what is over.
func TestCompaction(t *testing.T) {
	path := filepath.Join(t.TempDir(), "calls")
	r, _ := open(t, path)
	record := bytes.Repeat([]byte("r"), 10_000)
	r.Keep("stays", []byte("for ever"))
	deadline := time.Now().Add(30 * time.Second)
	for i, seen := 0, int64(0); ; i++ {
		r.Keep(fmt.Sprint(i%200), append(record, byte(i)))
		if i%100 == 0 {
			time.Sleep(time.Millisecond)
		}
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if info.Size() < seen && i > 1000 {
			break // it was copied
		}
		if seen = info.Size(); time.Now().After(deadline) {
			t.Fatalf("%d octets, and never compacted", seen)
		}
	}
	closed(t, r)
	_, there := open(t, path)
	if there["stays"] != "for ever" || len(there) != 201 || len(there["7"]) != len(record)+1 {
		t.Errorf("%d records, %q", len(there), there["stays"])
	}
}

// TestCompactionFails: where the file cannot be copied, nothing is lost, and nothing is written again and again.
func TestCompactionFails(t *testing.T) {
	path := filepath.Join(t.TempDir(), "calls")
	if err := os.Mkdir(path+".new", 0o700); err != nil { // in the way of the copy
		t.Fatal(err)
	}
	r, _ := open(t, path)
	record := bytes.Repeat([]byte("r"), 100_000)
	size := func() int64 {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		return info.Size()
	}
	deadline := time.Now().Add(30 * time.Second)
	for n := 0; size() < 3<<20; n++ {
		r.Keep("one", append(record, byte(n)))
		before := size()
		for size() == before {
			if time.Now().After(deadline) {
				t.Fatalf("%d octets after %d records", before, n)
			}
			time.Sleep(time.Millisecond)
		}
		if err := r.Err(); err != nil {
			t.Fatalf("the record was written: %v", err)
		}
	}
	r.Keep("two", []byte("the last"))
	closed(t, r)
	_, there := open(t, path)
	if len(there) != 2 || there["two"] != "the last" || len(there["one"]) != len(record)+1 {
		t.Errorf("%d records", len(there))
	}
}

func TestAnotherProgramsFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "calls")
	if err := os.WriteFile(path, []byte("parley-calls 2\nsomething"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := registry.Open(path, false, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "newer version") {
		t.Errorf("got %v", err)
	}
}

// TestFixture reads a file of the first version, which every later one has to read.
func TestFixture(t *testing.T) {
	const name = "testdata/calls-1"
	if *update {
		os.Remove(name)
		r, _ := open(t, name)
		r.Keep("9fbf724ab10d2f50b5d05646629761cb", []byte(`{"format":1}`))
		closed(t, r)
		r, _ = open(t, name)
		r.Keep("gone", []byte("gone"))
		closed(t, r)
		r, _ = open(t, name)
		r.Forget("gone")
		closed(t, r)
	}
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "calls")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	_, there := open(t, path)
	want(t, there, map[string]string{"9fbf724ab10d2f50b5d05646629761cb": `{"format":1}`})
}

func BenchmarkKeep(b *testing.B) {
	r, _ := open(b, filepath.Join(b.TempDir(), "calls"))
	record := bytes.Repeat([]byte("r"), 1500)
	keys := make([]string, 1<<14)
	for i := range keys {
		keys[i] = fmt.Sprintf("%032x", i)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		r.Keep(keys[i%len(keys)], record)
	}
}
