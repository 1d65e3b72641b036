package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
)

// row is one row of the table.
type row struct{ id, requirement string }

var rowLine = regexp.MustCompile(`^\| ([A-Z]-\d{3}) \| (.*?) \|`)

// readRows reads the rows of the table in their order.
func readRows(file string) ([]row, error) {
	var rows []row
	err := eachLine(file, func(line string) error {
		if m := rowLine.FindStringSubmatch(line); m != nil {
			rows = append(rows, row{m[1], m[2]})
		}
		return nil
	})
	if err == nil && len(rows) == 0 {
		err = fmt.Errorf("%s: no rows", file)
	}
	return rows, err
}

// readListed reads the rows that count although they pass on the stub: lines of the form "ID — reason".
func readListed(file string) (map[string]string, error) {
	listed := map[string]string{}
	err := eachLine(file, func(line string) error {
		if line == "" || strings.HasPrefix(line, "#") {
			return nil
		}
		id, reason, found := strings.Cut(line, " — ")
		if !found || reason == "" || len(rowsOf(id)) != 1 {
			return fmt.Errorf("%s: %q is not of the form ID — reason", file, line)
		}
		listed[id] = reason
		return nil
	})
	return listed, err
}

func eachLine(file string, f func(string) error) error {
	r, err := os.Open(file)
	if err != nil {
		return err
	}
	defer r.Close()
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		if err := f(strings.TrimSpace(lines.Text())); err != nil {
			return err
		}
	}
	return lines.Err()
}

// verdict is what the tests say of one row.
type verdict struct {
	row
	proofs  int      // leaf tests that passed and would not have on the stub, or are no tests of the suite
	hollow  int      // leaf tests that passed on the stub too
	failing []string // tests that failed
	listed  string   // why hollow ones count
}

func (v verdict) tested() bool {
	return len(v.failing) == 0 && (v.proofs > 0 || v.hollow > 0 && v.listed != "")
}

// judgement is what is printed.
type judgement struct {
	verdicts []verdict
	notes    []string
	broken   bool // something did not run
}

func judge(rows []row, daemon, stub, others results, listed map[string]string) judgement {
	byID := map[string]*verdict{}
	var j judgement
	j.verdicts = make([]verdict, len(rows))
	for i, r := range rows {
		j.verdicts[i] = verdict{row: r, listed: listed[r.id]}
		byID[r.id] = &j.verdicts[i]
	}
	add := func(from results, hollow func(test string) bool) {
		for _, test := range sorted(from.tests) {
			for _, id := range rowsOf(test) {
				v := byID[id]
				switch o := from.tests[test]; {
				case v == nil:
					j.notes = append(j.notes, test+": there is no row "+id)
				case from.failed(test):
					v.failing = append(v.failing, test)
				case o == passed && from.leaf(test) && hollow(test):
					v.hollow++
				case o == passed && from.leaf(test):
					v.proofs++
				}
			}
		}
		for _, test := range from.alone() {
			j.broken = true
			j.notes = append(j.notes, test+" fails, and carries no row")
		}
		for _, p := range from.incomplete() {
			j.broken = true
			j.notes = append(j.notes, p+" did not run to its end:\n"+from.output[p])
		}
	}
	add(daemon, func(test string) bool { return stub.tests[test] == passed })
	add(others, func(string) bool { return false })
	if len(daemon.tests) == 0 || len(stub.tests) == 0 {
		j.broken = true
		j.notes = append(j.notes, "the suite did not run")
	}
	for id := range listed {
		if v := byID[id]; v == nil || v.hollow == 0 || v.proofs > 0 {
			j.notes = append(j.notes, id+" is listed without need")
		}
	}
	slices.Sort(j.notes)
	return j
}

func sorted(tests map[string]outcome) []string {
	var names []string
	for n := range tests {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

// print writes the table, the notes, and for each prefix a line of counts. It says whether all is well.
func (j judgement) print(out io.Writer) bool {
	good := !j.broken
	var prefixes []string
	total, tested, failing := map[string]int{}, map[string]int{}, map[string]int{}
	for _, v := range j.verdicts {
		p := v.id[:1]
		if total[p] == 0 {
			prefixes = append(prefixes, p)
		}
		total[p]++
		state := "not yet"
		switch {
		case len(v.failing) > 0:
			state, good = "FAILING", false
			failing[p]++
		case v.tested():
			state = "tested"
			tested[p]++
		case v.hollow > 0:
			state = "not yet (its tests pass on the stub)"
		}
		fmt.Fprintf(out, "%s  %-8s  %s\n", v.id, state, shortened(v.requirement, 100))
		for _, f := range v.failing {
			fmt.Fprintf(out, "       fails: %s\n", f)
		}
	}
	fmt.Fprintln(out)
	for _, n := range j.notes {
		fmt.Fprintf(out, "note: %s\n", n)
	}
	for _, p := range prefixes {
		fmt.Fprintf(out, "conformance %s: %d of %d rows tested, %d failing\n", p, tested[p], total[p], failing[p])
	}
	return good
}

// shortened cuts a text to at most n characters.
func shortened(s string, n int) string {
	r := []rune(s)
	if len(r) <= n {
		return s
	}
	return string(r[:n-1]) + "…"
}
