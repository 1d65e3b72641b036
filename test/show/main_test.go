package main

import (
	"strings"
	"testing"
)

func TestShow(t *testing.T) {
	in := `{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Test":"TestA","Output":"=== RUN   TestA\n"}
{"Action":"output","Package":"p","Test":"TestB","Output":"    b_test.go:1: wrong\n"}
{"Action":"output","Package":"p","Test":"TestA","Output":"--- PASS: TestA\n"}
{"Action":"pass","Package":"p","Test":"TestA"}
{"Action":"fail","Package":"p","Test":"TestB"}
{"Action":"skip","Package":"p","Test":"TestC"}
{"Action":"output","Package":"p","Output":"FAIL\n"}
{"Action":"fail","Package":"p","Elapsed":1.25}
{"Action":"pass","Package":"q","Elapsed":0.5}
{"ImportPath":"r [r.test]","Action":"build-output","Output":"r.go:1: does not compile\n"}
{"ImportPath":"r [r.test]","Action":"build-fail"}
{"Action":"fail","Package":"r","Elapsed":0,"FailedBuild":"r [r.test]"}
go: something else
`
	want := "    b_test.go:1: wrong\nskipped\tp\tTestC\nFAIL\nFAIL\tp\t1.2 s\nok\tq\t0.5 s\nr.go:1: does not compile\nFAIL\tr\t0.0 s\ngo: something else\n"
	var out strings.Builder
	if err := show(strings.NewReader(in), &out); err != nil || out.String() != want {
		t.Errorf("%v\n%s\nwant\n%s", err, &out, want)
	}
}
