package main

import (
	"encoding/json"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestReport shows the members of a figure, by the names under which others read them.
func TestReport(t *testing.T) {
	outcomes := [][]outcome{
		{{Count: 300, Elapsed: time.Second, CPU: 3 * time.Millisecond, Generator: 6 * time.Millisecond}, {Count: 200, Elapsed: time.Second, CPU: 4 * time.Millisecond, Generator: 4 * time.Millisecond}, {Count: 100, Elapsed: time.Second}},
		{{Count: 400, Elapsed: time.Second, CPU: 2 * time.Millisecond, Generator: 4 * time.Millisecond}},
	}
	var lines strings.Builder
	r := row{Work: "messages", Sessions: 10, Window: 16, OneWrite: true, Body: 100}
	if err := report(io.Discard, &lines, r, []server{{name: "parley"}, {name: "echo"}}, outcomes); err != nil {
		t.Fatal(err)
	}
	var got []map[string]any
	for line := range strings.Lines(lines.String()) {
		var f map[string]any
		if err := json.Unmarshal([]byte(line), &f); err != nil {
			t.Fatal(err)
		}
		got = append(got, f)
	}
	const name = "/messages/body=100/sessions=10/window=16/write=window"
	want := []map[string]any{
		{
			"name": "parley" + name, "value": 200.0, "unit": "messages/s", "ratio_to_echo": 0.5, "cpu_us_per_message": 10.0,
			"generator_cpu_us_per_message": 20.0,
			"least":                        100.0, "most": 300.0, "runs": 3.0,
		},
		{
			"name": "echo" + name, "value": 400.0, "unit": "messages/s", "ratio_to_echo": 1.0, "cpu_us_per_message": 5.0,
			"generator_cpu_us_per_message": 10.0,
			"least":                        400.0, "most": 400.0, "runs": 1.0,
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("figures (-want +got):\n%s", diff)
	}
}
