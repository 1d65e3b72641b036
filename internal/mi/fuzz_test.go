package mi_test

import (
	"bufio"
	"encoding/json"
	"os"
	"testing"

	"github.com/parley-msrp/parley/internal/access"
)

// FuzzServe: whatever comes, what goes back is nothing or a JSON-RPC answer, or a batch of them.
func FuzzServe(f *testing.F) {
	recorded, err := os.Open("testdata/opensips-mi.jsonl")
	if err != nil {
		f.Fatal(err)
	}
	defer recorded.Close()
	for lines := bufio.NewScanner(recorded); lines.Scan(); {
		var exchange struct{ Request string }
		if err := json.Unmarshal(lines.Bytes(), &exchange); err != nil {
			f.Fatal(err)
		}
		f.Add([]byte(exchange.Request))
		f.Add([]byte("[" + exchange.Request + "," + exchange.Request + "]"))
	}
	s := server(f, &node{})
	f.Fuzz(func(t *testing.T, request []byte) {
		answer := s.Serve(t.Context(), access.All, request)
		if answer == nil {
			return
		}
		if !json.Valid(answer) {
			t.Fatalf("not JSON: %q", answer)
		}
		var batch []map[string]any
		if answer[0] != '[' {
			answer = append(append([]byte{'['}, answer...), ']')
		}
		if err := json.Unmarshal(answer, &batch); err != nil || len(batch) == 0 {
			t.Fatalf("neither an object nor objects: %q", answer)
		}
		for _, one := range batch {
			_, result := one["result"]
			_, failure := one["error"]
			_, id := one["id"]
			if one["jsonrpc"] != "2.0" || result == failure || !id || len(one) != 3 {
				t.Fatalf("no JSON-RPC answer: %q", answer)
			}
		}
	})
}
