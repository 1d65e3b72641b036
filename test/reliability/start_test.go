package reliability

import (
	"fmt"
	"regexp"
	"sync"
	"testing"

	"github.com/parley-msrp/parley/test/daemon"
	"github.com/parley-msrp/parley/test/peer"
)

// TestStartKilled: the daemon is killed when the INVITE of a start_session has come, whether the caller heard of it or not. The same command with the same key
// calls nobody again: it names the session, as a result or in the error, and the journal says once what became of that.
func TestStartKilled(t *testing.T) {
	const times = 6
	dir := t.TempDir()
	addr, err := daemon.Address()
	if err != nil {
		t.Fatal(err)
	}
	config := daemon.Config(addr, "log: {level: error}\n")
	d := start(t, dir, addr, config)
	a := peer.NewAgent(t, "udp", d.SIP().String())
	named := regexp.MustCompile("[0-9a-f]{32}")
	made := make([]string, times)
	came := map[string]bool{} // Call-IDs
	for n := range made {
		params := map[string]any{
			"content_types": "text/plain", "from_uri": "sip:bot@" + addr.String(), "to_uri": a.ContactURI(), "ruri": a.ContactURI(), "idempotency_key": fmt.Sprint("k", n), "return": "id",
		}
		ask := func() string {
			var result struct {
				SessionID string `json:"session_id"`
			}
			if err := d.Call(t.Context(), "msrp_ua:start_session", params, &result); err != nil {
				return named.FindString(err.Error())
			}
			return result.SessionID
		}
		var asking sync.WaitGroup
		heard := ""
		asking.Go(func() { heard = ask() })
		invite := a.Request(t, limit, "INVITE")
		for came[invite.Get("Call-ID")] { // sent again before the kill
			invite = a.Request(t, limit, "INVITE")
		}
		came[invite.Get("Call-ID")] = true
		d.Kill()
		asking.Wait()
		d = start(t, dir, addr, config)
		made[n] = ask()
		if made[n] == "" || heard != "" && heard != made[n] {
			t.Errorf("time %d: the session is %q, and was %q", n, made[n], heard)
		}
	}
	again := a.Drop(func(m *peer.Message) bool { return m.Method() == "INVITE" && !came[m.Get("Call-ID")] })
	if len(again) != 0 {
		t.Errorf("called %d times more", len(again))
	}
	failed := map[string]int{}
	for _, e := range read(t, d, place(t, d).id) {
		if e.Type == "E_MSRP_SESSION_FAILED" {
			failed[e.Subject]++
		}
	}
	for n, id := range made {
		if failed[id] != 1 {
			t.Errorf("time %d: %d events say that the session %s failed", n, failed[id], id)
		}
	}
	if err := d.Stop(t.Context()); err != nil {
		t.Error(err)
	}
}
