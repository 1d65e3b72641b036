package web_test

import (
	"bufio"
	"encoding/json"
	"os"
	"regexp"
	"testing"
)

// notYet are the methods of the recorded exchanges that are not built. A name goes when its method comes.
var notYet = map[string]bool{
	"event_subscribe": true,
}

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
		var call struct{ Method string }
		_ = json.Unmarshal([]byte(exchange.Request), &call) // one of them is no JSON
		t.Run(exchange.Request, func(t *testing.T) {
			_, got := s.do(t, "POST", "/mi", exchange.Request, "Content-Type", "application/json")
			if notYet[call.Method] {
				if !regexp.MustCompile(`"code":-32601`).MatchString(got) {
					t.Errorf("%s is there now: take it off the list. It answers %s", call.Method, got)
				}
				return
			}
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
