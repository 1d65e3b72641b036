package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
)

// outcome is what became of a test.
type outcome string

const (
	passed  outcome = "pass"
	failed  outcome = "fail"
	skipped outcome = "skip"
	begun   outcome = "run" // and nothing more: the program ended before the test did, which is a failure too
)

// results are the outcomes of a run of go test -json.
type results struct {
	tests    map[string]outcome // by test name
	packages map[string]outcome // by import path
	output   map[string]string  // by test or package
	within   map[string]string  // package of each test
}

// event is one line of go test -json (see go doc test2json).
type event struct {
	Action, Package, Test, Output, ImportPath string
}

// collect reads the output of go test -json, as far as it is about packages that of says yes to. Tests of equal names in several
// packages are one: it has failed if one of them has.
func collect(r io.Reader, of func(path string) bool) (results, error) {
	res := results{tests: map[string]outcome{}, packages: map[string]outcome{}, output: map[string]string{}, within: map[string]string{}}
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var e event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			return res, fmt.Errorf("not a line of go test -json: %q", lines.Text())
		}
		if path, _, _ := strings.Cut(cmp.Or(e.Package, e.ImportPath), " "); of(path) {
			res.add(e)
		}
	}
	return res, lines.Err()
}

func (r results) add(e event) {
	key := e.Test
	if key == "" {
		key = e.Package
	}
	if key == "" {
		key, _, _ = strings.Cut(e.ImportPath, " ")
	}
	switch e.Action {
	case "build-fail":
		r.packages[key] = failed
	case "output", "build-output":
		r.output[key] += e.Output
	case "run", "pass", "fail", "skip":
		if e.Test == "" {
			if r.packages[key] != failed {
				r.packages[key] = outcome(e.Action)
			}
			return
		}
		r.within[key] = e.Package
		if r.tests[key] != failed {
			r.tests[key] = outcome(e.Action)
		}
	}
}

// leaf says whether a test has no subtests.
func (r results) leaf(name string) bool {
	for other := range r.tests {
		if strings.HasPrefix(other, name+"/") {
			return false
		}
	}
	return true
}

// failed says whether a test failed, or did not come to its end.
func (r results) failed(test string) bool { return r.tests[test] == failed || r.tests[test] == begun }

// incomplete lists the packages that failed but for the failing of a test: they did not build, or ended early.
func (r results) incomplete() []string {
	failing, early := map[string]bool{}, map[string]bool{}
	for test, o := range r.tests {
		failing[r.within[test]] = failing[r.within[test]] || o == failed
		early[r.within[test]] = early[r.within[test]] || o == begun
	}
	var list []string
	for p, o := range r.packages {
		if o != skipped && o != passed && (early[p] || !failing[p]) {
			list = append(list, p)
		}
	}
	slices.Sort(list)
	return list
}

// alone lists the failing tests that carry no row and of which no subtest fails.
func (r results) alone() []string {
	var list []string
	for test := range r.tests {
		if !r.failed(test) || len(rowsOf(test)) > 0 {
			continue
		}
		below := false
		for other := range r.tests {
			below = below || strings.HasPrefix(other, test+"/") && r.failed(other)
		}
		if !below {
			list = append(list, test)
		}
	}
	slices.Sort(list)
	return list
}

var rowID = regexp.MustCompile(`(?:^|[^A-Za-z0-9])([MDRXPFCSG]-\d{3})(?:[^0-9]|$)`)

// rowsOf are the rows that a test's name carries.
func rowsOf(test string) []string {
	var list []string
	for rest := test; ; {
		m := rowID.FindStringSubmatchIndex(rest)
		if m == nil {
			return list
		}
		if id := rest[m[2]:m[3]]; !slices.Contains(list, id) {
			list = append(list, id)
		}
		rest = rest[m[3]:]
	}
}
