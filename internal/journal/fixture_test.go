package journal_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"flag"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-msrp/parley/internal/event"
	"github.com/parley-msrp/parley/internal/journal"
)

var update = flag.Bool("update", false, "write the fixture of this format, if there is none yet")

// A fixture is the folder of a journal as the first version with its format wrote it, and what was in it. It is never changed: -update makes one where
// there is none.
const (
	fixture      = "testdata/format-1.tar.gz"
	fixtureLines = "testdata/format-1.jsonl" // the events, a line each, with their cursors; then "body ID"
	fixtureBody  = 300_000                   // octets of the body in it, all of them 'x'
)

// TestFixture: what an older version wrote is read, event for event.
func TestFixture(t *testing.T) {
	if _, err := os.Stat(fixture); *update && errors.Is(err, fs.ErrNotExist) {
		writeFixture(t)
	}
	want, err := os.ReadFile(fixtureLines)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	unpack(t, dir)
	j := open(t, journal.Config{Dir: dir, MaxAge: -1})
	events, body, _ := strings.Cut(string(want), "body ")
	if diff := cmp.Diff(events, lines(t, j, strings.Count(events, "\n"))); diff != "" {
		t.Error(diff)
	}
	b, err := j.OpenBody(t.Context(), strings.TrimSpace(body))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(b); err != nil || len(got) != fixtureBody || strings.Trim(string(got), "x") != "" {
		t.Errorf("%d octets, %v", len(got), err)
	}
	r, err := j.Recall(t.Context(), nil)
	if err != nil || len(r.Commands) != 1 || r.Commands[0].Key != "key" {
		t.Errorf("%+v, %v", r, err)
	}
	keep(t, j, 1, 10) // it goes on
}

func lines(t *testing.T, j journal.Journal, n int) string {
	t.Helper()
	r := follow(t, j, journal.Oldest)
	var b []byte
	for range n {
		e, err := r.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		b = append(e.AppendCloudEvent(b), '\n')
	}
	return string(b)
}

func writeFixture(t *testing.T) {
	dir := t.TempDir()
	j := open(t, journal.Config{Dir: dir, MaxAge: -1})
	n := 0
	for _, k := range event.Catalogue() {
		j.Append(k.Example, nil)
		n++
	}
	j.Append(event.NewCommand("key", "digest", "result"), nil)
	keep(t, j, 1, 3)
	ref, err := j.PutBody(t.Context(), strings.NewReader(strings.Repeat("x", fixtureBody)))
	if err != nil {
		t.Fatal(err)
	}
	text := lines(t, j, n+3) + "body " + ref.ID + "\n"
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	if err := errors.Join(w.AddFS(os.DirFS(dir)), w.Close(), z.Close(), os.WriteFile(fixtureLines, []byte(text), 0o644), os.WriteFile(fixture, b.Bytes(), 0o644)); err != nil {
		t.Fatal(err)
	}
}

func unpack(t *testing.T, dir string) {
	t.Helper()
	f, err := os.Open(fixture)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if err == io.EOF {
			return
		}
		name := filepath.Join(dir, filepath.FromSlash(h.Name))
		if h.Typeflag == tar.TypeDir {
			err = errors.Join(err, os.MkdirAll(name, 0o700))
		} else {
			b, errRead := io.ReadAll(r)
			err = errors.Join(err, errRead, os.MkdirAll(filepath.Dir(name), 0o700), os.WriteFile(name, b, 0o600))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}
