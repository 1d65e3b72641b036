package interop

import (
	"context"
	"encoding/csv"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/parley-msrp/parley/test/daemon"
)

const callsPerSecond = 100

// TestSIPpCalls has sipp make calls at a steady rate: none fails, and nothing is left of them.
func TestSIPpCalls(t *testing.T) {
	tests := []struct {
		transport   string
		mode        string // sipp's -t: one socket for all calls
		calls, long int
	}{
		{transport: "UDP", mode: "u1", calls: 1000, long: 10000},
		{transport: "TCP", mode: "t1", calls: 200, long: 2000},
	}
	for _, test := range tests {
		calls := test.calls
		if soak() {
			calls = test.long
		}
		t.Run(fmt.Sprintf("%d calls over %s", calls, test.transport), func(t *testing.T) {
			d := start(t, "log: {level: warn}\n")
			s := runSIPp(t, d, test.mode, calls)
			if s.successful != calls || s.failed != 0 {
				t.Errorf("sipp counts %d calls as successful and %d as failed, of %d", s.successful, s.failed, calls)
			}
			t.Logf("%d calls, %d retransmissions", s.successful, s.retransmissions)
			eventually(t, answerLimit, func() (bool, string) {
				sessions, err := d.Sessions(t.Context())
				return err == nil && len(sessions) == 0, fmt.Sprintf("%d sessions are left in the list (error %v)", len(sessions), err)
			})
		})
	}
}

type sippCounts struct{ successful, failed, retransmissions int }

// runSIPp runs the scenario and reads sipp's statistics. sipp's exit status is 0 only when no call failed.
func runSIPp(t *testing.T, d *daemon.Daemon, mode string, calls int) sippCounts {
	t.Helper()
	sipp := tool(t, "sipp", "sip-tester")
	scenario, err := filepath.Abs("testdata/uac.xml")
	if err != nil {
		t.Fatal(err)
	}
	own, err := daemon.Address() // sipp's own port is 5060 too, which on 127.0.0.1 is left to daemons without a configuration
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	limit := time.Minute + 3*time.Duration(calls/callsPerSecond)*time.Second
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, sipp, d.SIP().String(), "-sf", scenario, "-s", "bob", "-i", own.String(), "-t", mode,
		"-r", strconv.Itoa(callsPerSecond), "-m", strconv.Itoa(calls), "-nostdin",
		"-trace_err", "-error_file", "errors.log", "-trace_stat", "-stf", "statistics.csv")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "TERM=dumb")
	if out, err := cmd.CombinedOutput(); err != nil {
		errors, _ := os.ReadFile(filepath.Join(dir, "errors.log"))
		t.Fatalf("sipp: %v\nerrors:\n%.4000s\nlast screen:\n%s\ndaemon:\n%.4000s", err, errors, last(out, 4000), d.Stderr())
	}
	return readSIPp(t, filepath.Join(dir, "statistics.csv"))
}

// readSIPp reads the totals in the last row of sipp's statistics.
func readSIPp(t *testing.T, file string) sippCounts {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r := csv.NewReader(f)
	r.Comma, r.FieldsPerRecord = ';', -1
	rows, err := r.ReadAll()
	if err != nil || len(rows) < 2 {
		t.Fatalf("sipp's statistics have %d rows (error %v)", len(rows), err)
	}
	column := make(map[string]string)
	for i, name := range rows[0] {
		if i < len(rows[len(rows)-1]) {
			column[name] = rows[len(rows)-1][i]
		}
	}
	count := func(name string) int {
		n, err := strconv.Atoi(column[name])
		if err != nil {
			t.Fatalf("sipp's statistics: %s is %q", name, column[name])
		}
		return n
	}
	return sippCounts{successful: count("SuccessfulCall(C)"), failed: count("FailedCall(C)"), retransmissions: count("Retransmissions(C)")}
}

// last gives the end of a long output.
func last(b []byte, n int) []byte { return b[max(0, len(b)-n):] }
