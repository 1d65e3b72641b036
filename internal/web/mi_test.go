package web_test

import (
	"bufio"
	"encoding/json"
	"os"
	"regexp"
	"testing"
)

// Parley tells why it could not start a session; OpenSIPS' answers have no such member.
var reason = regexp.MustCompile(`("message":"Failed to (?:start session|send message)"),"data":"[^"\\]*(?:\\.[^"\\]*)*"`)

func TestRecordedExchanges(t *testing.T) {
	recorded, err := os.Open("../mi/testdata/opensips-mi.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer recorded.Close()
	s := start(t, emptyNode{}, nil)
	replayed := 0
	for lines := bufio.NewScanner(recorded); lines.Scan(); {
		var exchange struct{ Request, Response string }
		if err := json.Unmarshal(lines.Bytes(), &exchange); err != nil {
			t.Fatal(err)
		}
		t.Run(exchange.Request, func(t *testing.T) {
			_, got := s.do(t, "POST", "/mi", exchange.Request, "Content-Type", "application/json")
			replayed++
			if got := reason.ReplaceAllString(got, "$1"); got != exchange.Response {
				t.Errorf("answer %s\nwant   %s", got, exchange.Response)
			}
		})
	}
	if replayed == 0 {
		t.Error("nothing was replayed")
	}
}
