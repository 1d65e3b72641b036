// Command show reads the output of go test -json and prints what go test would print: a line for each package as it ends, and all that a test that failed has said.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
)

func main() {
	if err := show(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "show:", err)
		os.Exit(1)
	}
}

// event is one line of go test -json (see go doc test2json).
type event struct {
	Action, Package, Test, Output, ImportPath string
	Elapsed                                   float64
}

// maxLine bounds a line, in octets.
const maxLine = 16 << 20

// show prints the failures, and the packages.
func show(in io.Reader, out io.Writer) error {
	said := map[string]*strings.Builder{} // by package and test; builds by their import path
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		var e event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			fmt.Fprintln(out, lines.Text()) // what go says itself
			continue
		}
		key := e.Package + " " + e.Test
		if e.Package == "" {
			key, _, _ = strings.Cut(e.ImportPath, " ")
		}
		switch e.Action {
		case "output", "build-output":
			if said[key] == nil {
				said[key] = &strings.Builder{}
			}
			said[key].WriteString(e.Output)
		case "fail", "build-fail":
			if said[key] != nil {
				fmt.Fprint(out, said[key])
			}
			delete(said, key)
			if e.Test == "" && e.Package != "" {
				fmt.Fprintf(out, "FAIL\t%s\t%.1f s\n", e.Package, e.Elapsed)
			}
		case "skip":
			if e.Test != "" {
				fmt.Fprintf(out, "skipped\t%s\t%s\n", e.Package, e.Test)
			}
			delete(said, key)
		case "pass":
			delete(said, key)
			if e.Test == "" {
				fmt.Fprintf(out, "ok\t%s\t%.1f s\n", e.Package, e.Elapsed)
			}
		}
	}
	return lines.Err()
}
