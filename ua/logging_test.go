package ua

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestLogLines: whatever line of the log has a Call-ID has its session_id, too, or somebody who looks for a session does not find it.
func TestLogLines(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || !logs(call) {
				return true
			}
			var words []string
			ast.Inspect(call, func(n ast.Node) bool {
				if l, ok := n.(*ast.BasicLit); ok && l.Kind == token.STRING {
					words = append(words, strings.Trim(l.Value, `"`))
				}
				return true
			})
			seen++
			if slices.Contains(words, "call_id") != slices.Contains(words, "session_id") {
				t.Errorf("%s: a line with %q", set.Position(call.Pos()), words)
			}
			return true
		})
	}
	if seen < 10 {
		t.Errorf("only %d lines of the log were found", seen)
	}
}

// logs says whether a call is one of a logger that is called log.
func logs(call *ast.CallExpr) bool {
	method, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || !slices.Contains([]string{"Debug", "Info", "Warn", "Error", "LogAttrs", "With"}, method.Sel.Name) {
		return false
	}
	logger, ok := method.X.(*ast.SelectorExpr)
	return ok && logger.Sel.Name == "log"
}
