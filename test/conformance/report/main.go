// Command report runs the tests that carry rows of docs/conformance.md in their names, and says of each row whether it is tested,
// fails, or is not covered yet. The suite of package conformance is run twice: against the daemon, and against a stub that knows
// nothing; what passes there too proves nothing. It ends with status 1 if a row fails, if another of these tests fails, or if a package's tests did not run to their end.
//
// Run it in the module's root: go run ./test/conformance/report
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
)

const (
	module = "github.com/parley-msrp/parley"
	suite  = "./test/conformance"
)

func main() {
	suiteOnly := flag.Bool("suite-only", false, "run the suite of test/conformance only, not the tests of the other packages")
	binary := flag.String("binary", "", "test this built program in place of building one")
	testsFile := flag.String("tests", "", "take what go test -json ./... has written to this file, in place of running the tests; those of the stub are run")
	race := flag.Bool("race", false, "run everything with the race detector")
	rowsFile := flag.String("rows", "docs/conformance.md", "the table of rows")
	listFile := flag.String("stub-passes", "test/conformance/stub_passes.txt", "rows that count although their tests pass on the stub")
	flag.Parse()
	daemon := "daemon"
	if *binary != "" {
		daemon = *binary
	}
	good, err := report(*rowsFile, *listFile, source{target: daemon, file: *testsFile, race: *race}, *suiteOnly, os.Stdout)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	if !good {
		os.Exit(1)
	}
}

// source is where the results of tests come from: a file that has them already, or a run.
type source struct {
	target string // that the suite is run against
	file   string // "": there is none
	race   bool
}

// results gives those of packages, each with all below it where it ends in /...
func (s source) results(packages ...string) (results, error) {
	if s.file == "" {
		return run(s.target, s.race, packages...)
	}
	f, err := os.Open(s.file)
	if err != nil {
		return results{}, err
	}
	defer f.Close()
	return collect(f, func(path string) bool {
		return slices.ContainsFunc(packages, func(p string) bool {
			within, all := strings.CutSuffix(strings.TrimPrefix(p, "."), "/...")
			return path == module+within || all && strings.HasPrefix(path, module+within+"/")
		})
	})
}

func report(rowsFile, listFile string, s source, suiteOnly bool, out io.Writer) (good bool, err error) {
	rows, err := readRows(rowsFile)
	if err != nil {
		return false, err
	}
	listed, err := readListed(listFile)
	if err != nil {
		return false, err
	}
	daemon, err := s.results(suite)
	if err != nil {
		return false, err
	}
	stub, err := run("stub", false, suite)
	if err != nil {
		return false, err
	}
	var others results
	if !suiteOnly {
		if others, err = s.results("./msrp/...", "./msrpsdp/...", "./ua/...", "./internal/..."); err != nil {
			return false, err
		}
	}
	j := judge(rows, daemon, stub, others, listed)
	return j.print(out), nil
}

// run runs packages' tests and collects what became of them. That tests fail is no error.
func run(target string, race bool, packages ...string) (results, error) {
	args := []string{"test", "-json", "-count=1"}
	if race {
		args = append(args, "-race")
	}
	fmt.Fprintf(os.Stderr, "go test %v, against the %s …\n", packages, target)
	cmd := exec.Command("go", append(args, packages...)...)
	cmd.Env = append(os.Environ(), "PARLEY_TARGET="+target)
	cmd.Stderr = os.Stderr
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		return results{}, err
	}
	if err := cmd.Start(); err != nil {
		return results{}, err
	}
	r, err := collect(pipe, func(string) bool { return true })
	_ = cmd.Wait() // its status is that of the tests, which r knows
	return r, err
}
