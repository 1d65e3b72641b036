package interop

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/parley-msrp/parley/test/daemon"
)

// Whom the daemon knows where sipp calls, and sipp where the daemon does.
const sippUser, sippRealm, sippPassword = "alice", "interop", "secret"

// TestSIPpAuthenticates has sipp call a daemon that asks for credentials in every request, also within calls. A proxy is between: sipp reads only the
// first challenge, which is for SHA-256, and knows MD5 alone; so the proxy leaves it only that one.
func TestSIPpAuthenticates(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"u1", "t1"} {
		t.Run("authentication over "+transports[mode], func(t *testing.T) {
			t.Parallel()
			users := filepath.Join(t.TempDir(), "users")
			if err := os.WriteFile(users, fmt.Appendf(nil, "%s:%s:%s\n", sippUser, sippRealm, sippPassword), 0o600); err != nil {
				t.Fatal(err)
			}
			d := start(t, fmt.Sprintf("log: {level: warn}\nauth:\n  users: %q\n  realm: %s\n  listeners: [\"udp:HOST:5060\", \"tcp:HOST:5060\"]\n  md5: true\n", users, sippRealm))
			run := sippRun{scenario: "uac_authentication.xml", mode: mode, calls: figure(100, 5000), remote: startProxy(t, d.SIP())}
			run.more = []string{"-au", sippUser, "-ap", sippPassword}
			run.allSucceed(t, d)
		})
	}
}

// TestSIPpAsksForAuthentication has the daemon call sipp, which asks for credentials, checks them, and answers.
func TestSIPpAsksForAuthentication(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"u1", "t1"} {
		t.Run("asked for authentication over "+transports[mode], func(t *testing.T) {
			t.Parallel()
			d := start(t, fmt.Sprintf("log: {level: warn}\nuac_auth:\n  credential: [\"%s:%s:%s\"]\n", sippUser, sippRealm, sippPassword))
			run := sippRun{scenario: "uas_authentication.xml", mode: mode, calls: figure(10, 1000)}
			own := run.address(t)
			run.meanwhile = func(ctx context.Context) {
				for ctx.Err() == nil { // until sipp has seen its number
					callAndEnd(ctx, d, fmt.Sprintf("sip:bob@%s:5060;transport=%s", own, strings.ToLower(transports[mode])))
				}
			}
			run.allSucceed(t, d)
		})
	}
}

// callAndEnd makes a call, and ends it once it stands. One that the peer does not listen for yet has come to its end.
func callAndEnd(ctx context.Context, d *daemon.Daemon, to string) {
	id := startSession(ctx, d, to)
	last := context.WithoutCancel(ctx)
	for {
		sessions, err := d.Sessions(last)
		i := slices.IndexFunc(sessions, func(s daemon.Session) bool { return s.SessionID == id })
		switch {
		case err != nil || i < 0:
			return
		case ctx.Err() != nil || sessions[i].State == daemon.Established:
			_ = d.Call(last, "msrp_ua_end_session", map[string]string{"session_id": id}, new(string)) // it may be over by now
			return
		}
		select {
		case <-ctx.Done():
		case <-time.After(pollEvery):
		}
	}
}
