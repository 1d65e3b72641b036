package route

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"go.starlark.net/starlark"
)

// Limits of the files that load_dict reads.
const (
	maxDicts = 8 << 20   // octets of all files of one script
	maxYAML  = 256 << 10 // octets of one YAML file: the time that its parser takes grows with their square
	maxDepth = 16        // lists and dictionaries in each other
)

// loading is a script that loads, kept in its thread.
type loading struct {
	folder string // of the script
	left   int64  // octets that load_dict may still read
}

const loadingKey = "loading"

// loadDict reads a file into a dictionary that cannot be changed.
func loadDict(thread *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var name string
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "file", &name); err != nil {
		return nil, err
	}
	l, ok := thread.Local(loadingKey).(*loading)
	if !ok {
		return nil, fmt.Errorf("%s is callable only while the script loads, at its top level", b.Name())
	}
	d, err := l.dict(name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", b.Name(), err)
	}
	d.Freeze()
	return d, nil
}

func (l *loading) dict(name string) (*starlark.Dict, error) {
	if name == "" {
		return nil, errors.New("the file has no name")
	}
	if !filepath.IsAbs(name) {
		name = filepath.Join(l.folder, name)
	}
	parse, limit := format(name), l.left
	if parse == nil {
		return nil, fmt.Errorf("%s: want a name that ends in .json, .yaml, .yml or .csv", name)
	}
	if isYAML(name) {
		limit = min(limit, maxYAML)
	}
	text, err := readFile(name, limit)
	if err != nil {
		return nil, err
	}
	l.left -= int64(len(text))
	f := &dictFile{name: name, text: bytes.TrimPrefix(text, []byte("\ufeff"))}
	if at := invalid(f.text); at >= 0 {
		return nil, f.wrongAt(at, "an octet that is not UTF-8")
	}
	return parse(f)
}

// format is what reads files of that name; nil: nothing does.
func format(name string) func(*dictFile) (*starlark.Dict, error) {
	switch strings.ToLower(filepath.Ext(name)) {
	case ".json":
		return readJSON
	case ".yaml", ".yml":
		return readYAML
	case ".csv":
		return readCSV
	}
	return nil
}

func isYAML(name string) bool {
	ext := strings.ToLower(filepath.Ext(name))
	return ext == ".yaml" || ext == ".yml"
}

// invalid is the index of the first octet that is not UTF-8, -1 if there is none.
func invalid(text []byte) int {
	if utf8.Valid(text) {
		return -1
	}
	for i := 0; ; {
		r, size := utf8.DecodeRune(text[i:])
		if r == utf8.RuneError && size == 1 {
			return i
		}
		i += size
	}
}

// dictFile is a file that load_dict reads.
type dictFile struct {
	name string
	text []byte
}

// wrong says what is wrong at a place in the file; line and column count from 1.
func (f *dictFile) wrong(line, column int, format string, args ...any) error {
	return &Error{File: f.name, Line: line, Column: column, Msg: fmt.Sprintf(format, args...)}
}

// wrongAt is wrong for the place of an octet.
func (f *dictFile) wrongAt(offset int, format string, args ...any) error {
	before := f.text[:min(offset, len(f.text))]
	line := bytes.Count(before, []byte("\n")) + 1
	column := utf8.RuneCount(before[bytes.LastIndexByte(before, '\n')+1:]) + 1
	return f.wrong(line, column, format, args...)
}

// errTwice is what is wrong with a key that stands twice in a dictionary.
func errTwice(key string) string { return fmt.Sprintf("%.80q stands twice", key) }

// put adds an entry, unless there is one of that name.
func put(d *starlark.Dict, key string, v starlark.Value) (added bool) {
	k := starlark.String(key)
	if _, there, _ := d.Get(k); there {
		return false
	}
	return d.SetKey(k, v) == nil
}

const (
	wantDict  = "want names with values at the top of the file"
	wantFlat  = "more than 16 lists and dictionaries in each other"
	wantOther = "want text, a number, true, false, null, a list or a dictionary"
)
