// Package floors holds the order of the house: a package imports only packages on floors below its own.
package floors

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const module = "github.com/parley-msrp/parley"

// floorOf gives each room of the house its floor, as ARCHITECTURE.md draws it. A package below a room (internal/sip/x)
// belongs to it, unless it is a room of its own (msrp/relay).
var floorOf = map[string]int{
	"cmd/parley":           9,
	"examples":             9,
	"internal/daemon":      8,
	"internal/cli":         8,
	"internal/mi":          7,
	"internal/web":         7,
	"internal/control":     6,
	"internal/sink":        5,
	"internal/hep":         5,
	"internal/journal":     4,
	"events":               4,
	"internal/registry":    4,
	"internal/route":       4,
	"internal/trace":       4,
	"internal/access":      4,
	"ua":                   3,
	"internal/event":       3,
	"internal/config":      3,
	"internal/telemetry":   3,
	"internal/doctor":      4,
	"internal/load":        4,
	"internal/opensips":    4,
	"internal/dialog":      2,
	"msrp/relay":           2,
	"msrpsdp":              2,
	"msrp":                 1,
	"cpim":                 1,
	"internal/auth":        0,
	"internal/wire":        0,
	"internal/pcap":        0,
	"internal/sip":         0,
	"internal/version":     0,
	"internal/statistics":  0,
	"internal/certificate": 0,
}

// public are the rooms of the library: they take nothing of the daemon with them into a program that imports them.
var public = []string{"msrp", "msrp/relay", "msrpsdp", "cpim", "ua"}

// daemonOnly are import paths (and all below them) that the library must not reach, not even through others.
var daemonOnly = []string{
	"net/http",
	"github.com/nats-io",
	"github.com/prometheus",
	"go.opentelemetry.io",
	"go.starlark.net",
	"github.com/alecthomas/kong",
	"github.com/goccy/go-yaml",
}

// strangers are packages of the tests that share no code with what they test.
var strangers = []string{"test/peer"}

// A pkg is what go list says of a package.
type pkg struct {
	ImportPath string
	GoFiles    []string
	Imports    []string // direct
	Deps       []string // all, through others too
}

func TestFloors(t *testing.T) {
	pkgs := list(t)
	if len(pkgs) < 5 {
		t.Fatalf("go list gave %d packages of this module: it looked in the wrong place", len(pkgs))
	}
	for _, v := range violations(pkgs) {
		t.Error(v)
	}
}

// TestViolationsAreSeen shows that each rule can fail.
func TestViolationsAreSeen(t *testing.T) {
	tests := []struct {
		name string
		pkg  pkg
		want []string
	}{
		{
			name: "a package below may be imported",
			pkg:  pkg{ImportPath: module + "/ua", Imports: []string{"io", module + "/msrp", module + "/internal/dialog"}},
		},
		{
			name: "a package above may not",
			pkg:  pkg{ImportPath: module + "/internal/wire", Imports: []string{module + "/msrp"}},
			want: []string{"internal/wire (floor 0) imports msrp (floor 1)"},
		},
		{
			name: "nor one on the same floor",
			pkg:  pkg{ImportPath: module + "/internal/cli", Imports: []string{module + "/internal/daemon"}},
			want: []string{"internal/cli (floor 8) imports internal/daemon (floor 8)"},
		},
		{
			name: "a part of a room may import its room",
			pkg:  pkg{ImportPath: module + "/internal/sip/transport", Imports: []string{module + "/internal/sip"}},
		},
		{
			name: "msrp/relay is a room of its own",
			pkg:  pkg{ImportPath: module + "/msrp", Imports: []string{module + "/msrp/relay"}},
			want: []string{"msrp (floor 1) imports msrp/relay (floor 2)"},
		},
		{
			name: "a package without a floor",
			pkg:  pkg{ImportPath: module + "/internal/attic"},
			want: []string{"internal/attic has no floor: give it one in floorOf and in ARCHITECTURE.md"},
		},
		{
			name: "the library reaches HTTP through another package",
			pkg:  pkg{ImportPath: module + "/cpim", Imports: []string{"example.org/x"}, Deps: []string{"example.org/x", "net/http"}},
			want: []string{"cpim is of the library and must not reach net/http"},
		},
		{
			name: "the library reaches NATS",
			pkg:  pkg{ImportPath: module + "/ua", Deps: []string{"github.com/nats-io/nats.go/jetstream"}},
			want: []string{"ua is of the library and must not reach github.com/nats-io/nats.go/jetstream"},
		},
		{
			name: "the tests' peer uses the engine",
			pkg:  pkg{ImportPath: module + "/test/peer", Imports: []string{module + "/internal/wire"}, Deps: []string{module + "/internal/wire"}},
			want: []string{"test/peer shares no code with this module, yet reaches internal/wire"},
		},
		{
			name: "the program imports code of the tests",
			pkg:  pkg{ImportPath: module + "/internal/web", Imports: []string{module + "/test/peer"}},
			want: []string{"internal/web imports test/peer, which is for tests alone"},
		},
		{
			name: "the program imports testing",
			pkg:  pkg{ImportPath: module + "/internal/web", Imports: []string{"testing/synctest"}},
			want: []string{"internal/web imports testing/synctest, which is for tests alone"},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			test.pkg.GoFiles = []string{"a.go"}
			if diff := cmp.Diff(test.want, violations([]pkg{test.pkg})); diff != "" {
				t.Errorf("violations (-want +got):\n%s", diff)
			}
		})
	}
}

// list asks the Go tool for the packages of this module that have code outside of tests.
func list(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-deps", "-json=ImportPath,GoFiles,Imports,Deps", "./...")
	cmd.Dir = "../.."
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, &stderr)
	}
	var pkgs []pkg
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return pkgs
		} else if err != nil {
			t.Fatalf("go list -json: %v", err)
		}
		if ours(p.ImportPath) && len(p.GoFiles) > 0 {
			pkgs = append(pkgs, p)
		}
	}
}

// violations says, a line each, what in pkgs breaks the order of the house.
func violations(pkgs []pkg) []string {
	var found []string
	for _, p := range pkgs {
		name := short(p.ImportPath)
		if slices.Contains(strangers, name) {
			found = append(found, strangerViolations(name, p)...)
		}
		if isTest(name) {
			continue
		}
		found = append(found, floorViolations(name, p)...)
		if slices.Contains(public, room(name)) {
			for _, dep := range p.Deps {
				if slices.ContainsFunc(daemonOnly, func(d string) bool { return within(dep, d) }) {
					found = append(found, fmt.Sprintf("%s is of the library and must not reach %s", name, dep))
				}
			}
		}
	}
	return found
}

func floorViolations(name string, p pkg) []string {
	own, known := floorOf[room(name)]
	if !known {
		return []string{name + " has no floor: give it one in floorOf and in ARCHITECTURE.md"}
	}
	var found []string
	for _, path := range p.Imports {
		imported := short(path)
		switch {
		case ours(path) && isTest(imported), within(path, "testing"):
			found = append(found, fmt.Sprintf("%s imports %s, which is for tests alone", name, imported))
		case !ours(path), room(imported) == room(name):
		case floorOf[room(imported)] >= own:
			found = append(found, fmt.Sprintf("%s (floor %d) imports %s (floor %d)", name, own, imported, floorOf[room(imported)]))
		}
	}
	return found
}

func strangerViolations(name string, p pkg) []string {
	var found []string
	for _, dep := range p.Deps {
		if ours(dep) {
			found = append(found, fmt.Sprintf("%s shares no code with this module, yet reaches %s", name, short(dep)))
		}
	}
	return found
}

// room is the longest path in floorOf that name lies in; name itself where there is none.
func room(name string) string {
	for r := name; r != ""; {
		if _, ok := floorOf[r]; ok {
			return r
		}
		i := strings.LastIndexByte(r, '/')
		if i < 0 {
			break
		}
		r = r[:i]
	}
	return name
}

func ours(path string) bool    { return within(path, module) }
func isTest(name string) bool  { return within(name, "test") }
func short(path string) string { return strings.TrimPrefix(path, module+"/") }

// within says whether path is dir or below it.
func within(path, dir string) bool {
	return path == dir || strings.HasPrefix(path, dir+"/")
}
