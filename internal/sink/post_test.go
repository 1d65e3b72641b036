package sink_test

import (
	"os"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/parley-msrp/parley/internal/sink"
)

// TestSignatureOfThePage signs the example of docs/http.md, which TestCommandsOfThePages has openssl sign.
func TestSignatureOfThePage(t *testing.T) {
	page, err := os.ReadFile("../../docs/http.md")
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile("(?s)timestamp=(\\d+)\nsecret=(\\S+)\nbody='(.*?)'\n.*?```text\n([0-9a-f]{64})\n").FindSubmatch(page)
	if m == nil {
		t.Fatal("the example is not there")
	}
	seconds, err := strconv.ParseInt(string(m[1]), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := sink.Sign(string(m[2]), time.Unix(seconds, 0), m[3]), "v1="+string(m[4]); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
