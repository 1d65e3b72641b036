package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-msrp/parley/msrp"
	"github.com/parley-msrp/parley/ua"
)

func TestSafeName(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"photo.png", "photo.png"},
		{"../../etc/passwd", "passwd"},
		{`..\..\windows\system.ini`, "system.ini"},
		{"/", ""},
		{"..", ""},
		{".profile", "profile"},
		{"a\x00b\nc\x1b[2J", "a_b_c__2J"},
		{"$(rm -rf ~);`x`|y", "__rm -rf ____x__y"},
		{"Grüße 東京.txt", "Grüße 東京.txt"},
		{" . name . ", "name"},
		{"bad\xffutf8", "bad_utf8"},
		{"", ""},
	} {
		if got := safeName(c.in); got != c.want {
			t.Errorf("%q: %q, want %q", c.in, got, c.want)
		}
	}
	long := safeName(strings.Repeat("ü", 200) + ".png")
	if len(long) > maxName || !utf8.ValidString(long) || !strings.HasSuffix(long, "ü.png") {
		t.Errorf("long: %q, %d octets", long, len(long))
	}
}

func FuzzSafeName(f *testing.F) {
	f.Add("../x")
	f.Add("a/\xff. ")
	f.Fuzz(func(t *testing.T, s string) {
		got := safeName(s)
		if got != "" && (filepath.Base(got) != got || strings.HasPrefix(got, ".") || len(got) > maxName || !utf8.ValidString(got) || printable(got) != got) {
			t.Errorf("%q: %q", s, got)
		}
	})
}

func TestPrintable(t *testing.T) {
	for in, want := range map[string]string{
		"hello\n\tGrüße": "hello\n\tGrüße",
		"\x1b[2J\a\r":    "\ufffd[2J\ufffd\ufffd",
		"\u009b1m":       "\ufffd1m",
		"a\u202eb":       "a\ufffdb", // turns the reading direction around
		"bad\xff":        "bad\ufffd",
	} {
		if got := printable(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestKeep(t *testing.T) {
	root := t.TempDir()
	dir := filepath.Join(root, "kept")
	type message struct{ id, disposition, body string }
	keep := func(dir string, m message) (string, error) {
		c := ua.Content{ContentType: "image/png", Body: []byte(m.body)}
		if m.disposition != "" {
			c.Headers = []msrp.Header{{Name: "content-disposition", Value: m.disposition}}
		}
		return keep(dir, m.id, c)
	}
	for _, c := range []struct {
		m    message
		want string
	}{
		{message{"id1", `attachment; filename="a.png"`, "1"}, "a.png"},
		{message{"id2", `attachment; filename="a.png"`, "2"}, "a-1.png"},
		{message{"id3", `attachment; filename="/tmp/../a.png"`, "3"}, "a-2.png"},
		{message{"id4", `attachment; filename*=UTF-8''%E6%9D%B1.png`, "4"}, "東.png"},
		{message{"id5", "", "5"}, "message-id5"},
		{message{"id6", `attachment; filename=".."`, "6"}, "message-id6"},
		{message{"id7", "nonsense;;;", "7"}, "message-id7"},
		{message{"../id8", "", "8"}, "message-id8"},
	} {
		path, err := keep(dir, c.m)
		if err != nil || path != filepath.Join(dir, c.want) {
			t.Errorf("%s: %q, %v", c.want, path, err)
			continue
		}
		if got, _ := os.ReadFile(path); string(got) != c.m.body {
			t.Errorf("%s holds %q", path, got)
		}
	}
	// Neither an existing file nor where a link leads is touched.
	victim := filepath.Join(root, "victim")
	if err := os.WriteFile(victim, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(victim, filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	if path, err := keep(dir, message{"x", `attachment; filename=link`, "evil"}); err != nil || filepath.Base(path) != "link-1" {
		t.Errorf("%q, %v", path, err)
	}
	if got, _ := os.ReadFile(victim); string(got) != "mine" {
		t.Errorf("the victim holds %q", got)
	}
	var names []string
	entries, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if diff := cmp.Diff([]string{"kept", "victim"}, names); diff != "" {
		t.Error("outside of the directory:", diff)
	}
	if _, err := keep(victim, message{"x", "", "y"}); err == nil {
		t.Error("a file was taken for a directory")
	}
}
