package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// recorded reads lines of go test -json that were recorded.
func recorded(t *testing.T, name string) results {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := collect(f, func(string) bool { return true })
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// lines reads lines written here.
func lines(t *testing.T, text string) results {
	t.Helper()
	r, err := collect(strings.NewReader(text), func(string) bool { return true })
	if err != nil {
		t.Fatal(err)
	}
	return r
}

var someRows = []row{{"M-033", "URIs made for SDP"}, {"M-047", "The passive side"}, {"M-048", "To-Path that matches"}, {"S-034", "ACK to 2xx"}}

func printed(j judgement) (string, bool) {
	var b bytes.Buffer
	good := j.print(&b)
	return b.String(), good
}

func TestRecordedRun(t *testing.T) {
	j := judge(someRows, recorded(t, "daemon.json"), recorded(t, "stub.json"), results{}, nil)
	out, good := printed(j)
	if good {
		t.Error("a failing row is no good end")
	}
	for _, want := range []string{
		"M-033  tested ", // one of its tests proves nothing, the other one does
		"M-047  FAILING", // one of its tests passes, one fails
		"fails: TestConnection/M-047/an_invalid_requ", //
		"M-048  not yet   ",                           //
		"S-034  not yet (its tests pass on the stub)", //
		"\nconformance M: 1 of 3 rows tested, 1 failing\nconformance S: 0 of 1 rows tested, 0 failing\n",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not in\n%s", want, out)
		}
	}
	if !strings.HasSuffix(out, "failing\n") {
		t.Errorf("something stands behind the counts:\n%s", out)
	}
}

func TestListedRow(t *testing.T) {
	j := judge(someRows, recorded(t, "daemon.json"), recorded(t, "stub.json"), results{}, map[string]string{"S-034": "nothing can come back", "M-033": "no need"})
	out, _ := printed(j)
	if !strings.Contains(out, "conformance S: 1 of 1 rows tested, 0 failing") || !strings.Contains(out, "M-033 is listed without need") {
		t.Error(out)
	}
}

func TestOtherPackages(t *testing.T) {
	others := lines(t, `{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"run","Package":"p","Test":"TestA/M-048/unknown"}
{"Action":"pass","Package":"p","Test":"TestA/M-048/unknown"}
{"Action":"pass","Package":"p","Test":"TestA"}
{"Action":"skip","Package":"p","Test":"TestB/S-034/skipped"}
{"Action":"pass","Package":"p"}`)
	passing := lines(t, `{"Action":"pass","Package":"s","Test":"TestX/M-033"}`)
	j := judge(someRows, passing, lines(t, `{"Action":"fail","Package":"s","Test":"TestX/M-033"}`), others, nil)
	out, good := printed(j)
	if !good || !strings.Contains(out, "conformance M: 2 of 3 rows tested, 0 failing") || !strings.Contains(out, "conformance S: 0 of 1 rows tested, 0 failing") {
		t.Errorf("good %v\n%s", good, out)
	}
}

func TestWhatDidNotRun(t *testing.T) {
	fine := lines(t, `{"Action":"pass","Package":"s","Test":"TestX/M-033"}`)
	for name, bad := range map[string]string{
		"did not build": `{"ImportPath":"p [p.test]","Action":"build-output","Output":"x.go:1: no\n"}
{"ImportPath":"p [p.test]","Action":"build-fail"}
{"Action":"start","Package":"p"}
{"Action":"output","Package":"p","Output":"FAIL\tp [build failed]\n"}
{"Action":"fail","Package":"p","FailedBuild":"p [p.test]"}`,
		"panicked": `{"Action":"run","Package":"p","Test":"TestA/M-048"}
{"Action":"output","Package":"p","Test":"TestA/M-048","Output":"panic: no\n"}
{"Action":"fail","Package":"p"}`,
		"failed without row": `{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"fail","Package":"p","Test":"TestA"}
{"Action":"fail","Package":"p"}`,
		"parent fails": `{"Action":"pass","Package":"p","Test":"TestA/M-048"}
{"Action":"fail","Package":"p","Test":"TestA"}
{"Action":"fail","Package":"p"}`,
	} {
		out, good := printed(judge(someRows, fine, fine, lines(t, bad), nil))
		if good || !strings.Contains(out, "note: ") {
			t.Errorf("%s: good %v\n%s", name, good, out)
		}
	}
	if out, good := printed(judge(someRows, results{}, results{}, results{}, nil)); good || !strings.Contains(out, "the suite did not run") {
		t.Error(out)
	}
}

func TestRowsOf(t *testing.T) {
	for test, want := range map[string][]string{
		"TestX/M-093/SEND_answer":             {"M-093"},
		"TestX/deep/S-001/M-002_and_M-002":    {"S-001", "M-002"},
		"TestM093":                            nil,
		"TestX/M-0931":                        nil,
		"TestX/M-112/T-001_33_characters/one": {"M-112"},
		"TestX/XM-093":                        nil,
	} {
		if got := rowsOf(test); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", test, got, want)
		}
	}
}

func TestFiles(t *testing.T) {
	rows, err := readRows("../../../docs/conformance.md")
	if err != nil || len(rows) != 324 || rows[0].id != "M-001" || rows[323].id != "G-012" {
		t.Errorf("%d rows, %v", len(rows), err)
	}
	if _, err := readListed("../stub_passes.txt"); err != nil {
		t.Error(err)
	}
	bad := filepath.Join(t.TempDir(), "bad.txt")
	if err := os.WriteFile(bad, []byte("M-001 no reason\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := readListed(bad); err == nil {
		t.Error("a line without reason was taken")
	}
}
