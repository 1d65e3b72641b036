package interop

import (
	"context"
	"encoding/csv"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parley-msrp/parley/test/daemon"
)

const callsPerSecond = 100

// TestSIPpCalls has sipp make calls at a steady rate: none fails, and nothing is left of them.
func TestSIPpCalls(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, scenario string
		modes          []string // sipp's -t: one socket for all calls
		calls, long    int
		lost           int // of a hundred messages, each way
		endHere        bool
	}{
		{name: "ordinary, ACK and BYE back to back", scenario: "uac.xml", modes: []string{"u1", "t1"}, calls: 1000, long: 10000},
		{name: "re-INVITE", scenario: "uac_reinvite.xml", modes: []string{"u1", "t1"}, calls: 100, long: 5000},
		{name: "late offer", scenario: "uac_late_offer.xml", modes: []string{"u1", "t1"}, calls: 100, long: 5000},
		{name: "BYE from both sides at once", scenario: "uac_both_bye.xml", modes: []string{"u1", "t1"}, calls: 20, long: 1000, endHere: true},
		{name: "no ACK", scenario: "uac_no_ack.xml", modes: []string{"u1", "t1"}, calls: 5, long: 1000},
		{name: "one packet in ten is lost", scenario: "uac.xml", modes: []string{"u1"}, calls: 100, long: 5000, lost: 10},
	}
	for _, test := range tests {
		for _, mode := range test.modes {
			calls := figure(test.calls, test.long)
			t.Run(fmt.Sprintf("%s, %d calls over %s", test.name, calls, transports[mode]), func(t *testing.T) {
				t.Parallel()
				// sipp has no MSRP: what late offers have connected to never answers.
				d := start(t, "log: {level: warn}\nmsrp: {connect_attempts: 0}\n")
				run := sippRun{scenario: test.scenario, mode: mode, calls: calls, remote: d.SIP().String()}
				if test.lost > 0 {
					run.more = []string{"-lost", strconv.Itoa(test.lost)}
				}
				if test.endHere {
					run.meanwhile = func(ctx context.Context) { endSessions(ctx, d) }
				}
				run.allSucceed(t, d)
			})
		}
	}
}

var transports = map[string]string{"u1": "UDP", "t1": "TCP"}

// lossLimit is for what hangs on a lost packet: 64*T1, and the BYE after that.
const lossLimit = 80 * time.Second

// endSessions ends each session as soon as it is established.
func endSessions(ctx context.Context, d *daemon.Daemon) {
	for ctx.Err() == nil {
		sessions, _ := d.Sessions(ctx)
		for _, s := range sessions {
			if s.State == daemon.Established {
				_ = d.Call(ctx, "msrp_ua_end_session", map[string]string{"session_id": s.SessionID}, new(string)) // one that is over by now is none
			}
		}
		select {
		case <-ctx.Done():
		case <-time.After(pollEvery):
		}
	}
}

// TestSIPpCancelled has the daemon call sipp, which rings, and give up.
func TestSIPpCancelled(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"u1", "t1"} {
		t.Run("cancelled over "+transports[mode], func(t *testing.T) {
			t.Parallel()
			d := start(t, "log: {level: warn}\n")
			run := sippRun{scenario: "uas_cancelled.xml", mode: mode, calls: figure(10, 1000)}
			own := run.address(t)
			run.meanwhile = func(ctx context.Context) {
				for ctx.Err() == nil { // until sipp has seen its number
					callAndCancel(ctx, d, fmt.Sprintf("sip:bob@%s:5060;transport=%s", own, strings.ToLower(transports[mode])))
				}
			}
			run.allSucceed(t, d)
		})
	}
}

// callAndCancel gives a call up a moment later, by when its INVITE has usually left: one that has not is not seen by the peer, and one that
// the peer does not listen for yet has come to its end.
func callAndCancel(ctx context.Context, d *daemon.Daemon, to string) {
	id := startSession(ctx, d, to)
	select {
	case <-ctx.Done():
	case <-time.After(2 * pollEvery):
	}
	_ = d.Call(context.WithoutCancel(ctx), "msrp_ua_end_session", map[string]string{"session_id": id}, new(string))
}

// startSession has the daemon call.
func startSession(ctx context.Context, d *daemon.Daemon, to string) (id string) {
	var made struct {
		SessionID string `json:"session_id"`
	}
	params := map[string]string{"content_types": "text/plain", "from_uri": "sip:bot@" + d.Addr.String(), "to_uri": to, "ruri": to, "return": "id"}
	_ = d.Call(ctx, "msrp_ua_start_session", params, &made) // without an id where ctx is over
	return made.SessionID
}

type sippCounts struct{ successful, failed, retransmissions int }

// A sippRun is one run of a scenario.
type sippRun struct {
	scenario  string // in testdata
	mode      string
	calls     int
	remote    string // whom to call; empty: nobody, it is called
	more      []string
	meanwhile func(context.Context) // done until sipp has ended; it may not be interested in ctx
	own       netip.Addr
}

// address is sipp's own; its port is 5060.
func (r *sippRun) address(t *testing.T) netip.Addr {
	t.Helper()
	if !r.own.IsValid() {
		var err error
		if r.own, err = daemon.Address(); err != nil { // on 127.0.0.1 its port is left to daemons without a configuration
			t.Fatal(err)
		}
	}
	return r.own
}

// allSucceed runs the scenario: no call of it may fail, and nothing may be left of them in the daemon.
func (r *sippRun) allSucceed(t *testing.T, d *daemon.Daemon) {
	t.Helper()
	s := r.of(t, d)
	if s.successful != r.calls || s.failed != 0 {
		t.Errorf("sipp counts %d calls as successful and %d as failed, of %d", s.successful, s.failed, r.calls)
	}
	t.Logf("%d calls, %d retransmissions", s.successful, s.retransmissions)
	eventually(t, lossLimit, func() (bool, string) {
		sessions, err := d.Sessions(t.Context())
		return err == nil && len(sessions) == 0, fmt.Sprintf("%d sessions are left in the list (error %v)", len(sessions), err)
	})
}

// of runs the scenario and reads sipp's statistics. sipp's exit status is 0 only when no call failed.
func (r *sippRun) of(t *testing.T, d *daemon.Daemon) sippCounts {
	t.Helper()
	sipp := tool(t, "sipp", "sip-tester")
	scenario, err := filepath.Abs(filepath.Join("testdata", r.scenario))
	if err != nil {
		t.Fatal(err)
	}
	own := r.address(t)
	media, err := net.Listen("tcp", netip.AddrPortFrom(own, 9999).String()) // the path in the scenarios' descriptions
	if err != nil {
		t.Fatal(err)
	}
	defer media.Close()
	dir := t.TempDir()
	limit := 5*time.Minute + 3*time.Duration(r.calls/callsPerSecond)*time.Second
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	args := []string{
		"-sf", scenario, "-s", "bob", "-i", own.String(), "-p", "5060", "-t", r.mode,
		"-r", strconv.Itoa(callsPerSecond), "-m", strconv.Itoa(r.calls), "-nostdin",
		"-trace_err", "-error_file", "errors.log", "-trace_stat", "-stf", "statistics.csv",
	}
	if r.remote != "" {
		args = append([]string{r.remote}, args...)
	}
	cmd := exec.CommandContext(ctx, sipp, append(args, r.more...)...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "TERM=dumb")
	var aside sync.WaitGroup
	if r.meanwhile != nil {
		aside.Go(func() { r.meanwhile(ctx) }) // ends with sipp
	}
	out, err := cmd.CombinedOutput()
	cancel()
	aside.Wait()
	if err != nil {
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
