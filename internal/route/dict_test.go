package route_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/parley-msrp/parley/internal/route"
)

// loadBeside loads a script that prints what load_dict makes of a file beside it.
func loadBeside(t *testing.T, name, text string) (got string, err error) {
	t.Helper()
	dir := t.TempDir()
	put := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	put(name, text)
	_, err = route.Load(put("route.star", "print(repr(load_dict(\""+name+"\")))\ndef request(msg):\n    reject(400)\n"),
		route.WithPrint(func(p route.Print) { got = p.Text }))
	if err != nil {
		return strings.ReplaceAll(err.Error(), dir+"/", ""), err
	}
	return got, nil
}

func TestDict(t *testing.T) {
	deep := strings.Repeat(`{"a":`, 17) + "1" + strings.Repeat("}", 17)
	for _, c := range []struct{ name, file, text, want string }{
		{"every kind of value", "d.json", `{"s":"ü\n","i":12,"big":12345678901234567890,"f":1.5,"t":true,"n":null,"l":[1,["x"]],"d":{"a":{}}}`, `{"s": "ü\n", "i": 12, "big": 12345678901234567890, "f": 1.5, "t": True, "n": None, "l": [1, ["x"]], "d": {"a": {}}}`},
		{"nothing", "d.json", " {} \n", `{}`},
		{"a mark at the beginning", "d.json", "\ufeff{}", `{}`},
		{"empty", "d.json", "", `d.json:1:1: the file ends too early`},
		{"a list", "d.json", "[1]", `d.json:1:1: want names with values at the top of the file`},
		{"a name that stands twice", "d.json", "{\n  \"a\": 1,\n  \"b\": 1, \"a\": 2\n}", `d.json:3:13: "a" stands twice`},
		{"no JSON", "d.json", "{\n  \"a\": x\n}", `d.json:2:8: invalid character 'x'`},
		{"a string of two lines", "d.json", "{\n  \"a\": \"x\ny\"}", `d.json:2:8: invalid character '\n'`},
		{"cut off", "d.json", "{\"a\": [1,", `d.json:1:10: the file ends too early`},
		{"two documents", "d.json", "{}\n{}", `d.json:2:2: something behind the end`},
		{"too deep", "d.json", deep, `more than 16 lists and dictionaries in each other`},
		{"a number too large", "d.json", `{"a": 1e999}`, `d.json:1:12: a number that is too large`},
		{"not UTF-8", "d.json", "{\n\"a\": \"\xff\"}", `d.json:2:7: an octet that is not UTF-8`},

		{"every kind of value", "d.yaml", "s: text\nq: \"0301\"\ni: 12\nn: -3\nf: 1.5\nt: true\nz: null\ne:\nl: [1, x]\nd:\n  a: {}\np: |\n  one\n  two\n", `{"s": "text", "q": "0301", "i": 12, "n": -3, "f": 1.5, "t": True, "z": None, "e": None, "l": [1, "x"], "d": {"a": {}}, "p": "one\ntwo\n"}`},
		{"names are texts as they are written", "d.yml", "0301234: a\n+4930: b\n1.50: c\ntrue: d\n'x y': e\n", `{"0301234": "a", "+4930": "b", "1.50": "c", "true": "d", "x y": "e"}`},
		{"one entry", "d.yaml", "a: 1", `{"a": 1}`},
		{"empty", "d.yaml", "# nothing\n", `{}`},
		{"a list", "d.yaml", "- a\n", `d.yaml:1:1: want names with values at the top of the file`},
		{"a name that stands twice", "d.yaml", "a: 1\nb: 1\na: 2\n", `d.yaml:3:1: `},
		{"a text that could be a number", "d.yaml", "b: 1\na: 0301234\n", `d.yaml:2:4: 0301234 may be a number or a text`},
		{"a telephone number", "d.yaml", "a: +4930123\n", `d.yaml:1:4: +4930123 may be a number or a text`},
		{"an anchor", "d.yaml", "a: &x 1\n", `d.yaml:1:4: want text, a number`},
		{"an alias", "d.yaml", "a: *x\n", `d.yaml:1:4: want text, a number`},
		{"a tag", "d.yaml", "a: !!binary aGk=\n", `d.yaml:1:4: want text, a number`},
		{"a merge", "d.yaml", "<<: {a: 1}\n", `d.yaml:1:1: a name that is no text`},
		{"infinity", "d.yaml", "a: .inf\n", `d.yaml:1:4: want text, a number`},
		{"two documents", "d.yaml", "a: 1\n---\nb: 2\n", `d.yaml:2:1: a second document`},
		{"no YAML", "d.yaml", "a: 1\nb: [\n", `d.yaml:2:4: `},
		{"too deep", "d.yaml", deep, `more than 16 lists and dictionaries in each other`},
		{"too long", "d.yaml", "a: " + strings.Repeat("x", 256<<10), `has more than 262144 octets`},

		{"names with a value", "d.csv", "# customers\nalice, acme\n\"b,ob\",\"x \"\"y\"\"\"\n\n", `{"alice": "acme", "b,ob": "x \"y\""}`},
		{"names alone", "d.csv", "+4930123\r\n+4930124\r\n", `{"+4930123": True, "+4930124": True}`},
		{"names with several values", "d.csv", "alice,acme,gold\nbob,,\n", `{"alice": ["acme", "gold"], "bob": ["", ""]}`},
		{"empty", "d.csv", "", `{}`},
		{"rows of different length", "d.csv", "a,b\n# x\nc\n", `d.csv:3:1: a row of 1 fields after rows of 2`},
		{"a name that stands twice", "d.csv", "a,b\nc,d\na,e\n", `d.csv:3:1: "a" stands twice`},
		{"a quote in the middle", "d.csv", "a,b\"c\n", `d.csv:1:4: bare " in non-quoted-field`},
		{"a quote without end", "d.csv", "a,b\nx,\"c\n", `d.csv:2:`},

		{"another format", "d.txt", "a b", `d.txt: want a name that ends in .json, .yaml, .yml or .csv`},
		{"a format in capitals", "d.JSON", `{}`, `{}`},
	} {
		t.Run(c.file+"/"+c.name, func(t *testing.T) {
			got, err := loadBeside(t, c.file, c.text)
			if err == nil && got != c.want {
				t.Errorf("is %s, want %s", got, c.want)
			}
			if err != nil && (!strings.Contains(got, c.want) || !strings.HasPrefix(got, "route.star:1:21: load_dict: ")) {
				t.Errorf("error %s, want %s", got, c.want)
			}
		})
	}
}

func TestDictFiles(t *testing.T) {
	load := func(t *testing.T, name string) error {
		t.Helper()
		path := write(t, "d = load_dict("+`"`+name+`"`+")\ndef request(msg):\n    d[\"x\"] = 1\n")
		s, err := route.Load(path)
		if err != nil {
			return err
		}
		_, err = s.Run(t.Context(), invite())
		return err
	}
	dir := t.TempDir()
	fifo, good := filepath.Join(dir, "fifo.json"), filepath.Join(dir, "good.json")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(good, []byte(`{"a": 1}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(good, filepath.Join(dir, "link.json")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "folder.json"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, file, want string }{
		{"no such file", filepath.Join(dir, "none.json"), "no such file"},
		{"a FIFO is not waited for", fifo, "is no regular file"},
		{"a folder", filepath.Join(dir, "folder.json"), "is no regular file"},
		{"a device", "/dev/null/x.json", "not a directory"},
		{"no name", "", "the file has no name"},
		{"a file elsewhere; what it holds is frozen", good, "frozen hash table"},
		{"a link to a file", filepath.Join(dir, "link.json"), "frozen hash table"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := load(t, c.file); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error is %v, want %q", err, c.want)
			}
		})
	}
	t.Run("all files of a script together are bounded", func(t *testing.T) {
		large := filepath.Join(dir, "large.csv")
		if err := os.WriteFile(large, []byte("a,"+strings.Repeat("x", 6<<20)), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := route.Load(write(t, "[load_dict(\""+large+"\") for _ in range(3)]\ndef request(msg):\n    reject(400)\n"))
		if err == nil || !strings.Contains(err.Error(), "which is too much") {
			t.Errorf("error is %v", err)
		}
	})
}

// FuzzDict: whatever a file says, it is a dictionary or an error that has a place.
func FuzzDict(f *testing.F) {
	for _, seed := range []string{"", "{}", `{"a":[1,{"b":null}]}`, "a: 1\nb: [x, {y: z}]\n", "a,b\nc,\"d\"\n", "a: |\n  x\n", "? a\n: b\n", "- &a *a\n"} {
		for kind := range byte(3) {
			f.Add(kind, seed)
		}
	}
	f.Fuzz(func(t *testing.T, kind byte, text string) {
		if len(text) > 4096 {
			return
		}
		name := []string{"d.json", "d.yaml", "d.csv"}[kind%3]
		got, err := loadBeside(t, name, text)
		if err == nil && !strings.HasPrefix(got, "{") {
			t.Errorf("is %s", got)
		}
		if err != nil && (!strings.HasPrefix(got, "route.star:1:21: load_dict: "+name+":") || strings.Contains(got, "\n")) {
			t.Errorf("error %s", got)
		}
	})
}
