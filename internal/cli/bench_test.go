package cli

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/parley-msrp/parley/internal/load"
	"github.com/parley-msrp/parley/ua"
)

func TestBench(t *testing.T) {
	a, err := ua.New(ua.Config{
		SIPListen: []string{"udp:127.0.0.1:0"}, MSRPListen: []string{"tcp:127.0.0.1:0"},
		OnInvite: func(inv *ua.Invitation) { _, _ = inv.Answer(ua.Quiet{}) },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close(context.Background()) })
	to := "sip:peer@" + strings.TrimPrefix(a.SIPAddrs()[0], "udp:")
	run := func(args ...string) (int, string, string) {
		return parley(strings.NewReader(""), nil, append([]string{"bench", to, "--duration", "200ms"}, args...)...)
	}
	status, out, errOut := run("--sessions", "2", "--max-failed", "0", "--min-rate", "1", "--max-p99", "1m")
	for _, want := range []string{"calls     2 started, 2 established, 0 failed, 0 lost\n", " 0 failed, ", "latency   p50 "} {
		if status != 0 || !strings.Contains(out, want) {
			t.Errorf("status %d, no %q in\n%s%s", status, want, out, errOut)
		}
	}
	status, out, errOut = run("--calls", "20", "--output", "json")
	var r load.Result
	if err := json.Unmarshal([]byte(out), &r); err != nil || status != 0 || r.Calls.Established == 0 || r.Calls.Rate <= 0 {
		t.Errorf("status %d, %v\n%s%s", status, err, out, errOut)
	}
	status, out, errOut = run("--sessions", "1", "--rate", "50", "--max-p99", "1ns", "--min-rate", "1000")
	if status != 1 || !strings.Contains(errOut, "(--max-p99)") || !strings.Contains(errOut, "there should be 1000 (--min-rate)") || !strings.Contains(out, "messages  ") {
		t.Errorf("status %d\n%s%s", status, out, errOut)
	}
	for _, args := range []string{"bench", "bench sip:a@b --listen 127.0.0.1:0", "bench sip:a@b --echo"} {
		if status, _, errOut := parley(strings.NewReader(""), nil, strings.Fields(args)...); status != 2 {
			t.Errorf("%s: status %d %s", args, status, errOut)
		}
	}
	if status, _, errOut := parley(strings.NewReader(""), nil, "bench", "tel:1"); status != 1 || !strings.Contains(errOut, "want a SIP URI") {
		t.Errorf("status %d %s", status, errOut)
	}
}
