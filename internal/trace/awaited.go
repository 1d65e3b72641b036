package trace

import (
	"bytes"
	"strings"
	"time"
)

// maxNames is how many calls have their sessions remembered until their INVITE is shown.
const maxNames = 256

// Await records the next calls that come in, from their INVITE on, as if each were begun then. It replaces what was said of that before; 0: none.
func (r *Recorder) Await(calls int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.await(calls)
}

// await is Await, holding r.mu.
func (r *Recorder) await(calls int) {
	if r.patience != nil {
		r.patience.Stop()
	}
	r.awaited, r.names = calls, nil
	if calls == 0 {
		r.rest(time.Now())
		return
	}
	r.join()
	r.patience = time.AfterFunc(Patience, func() { r.Await(0) })
}

// Name says which sessions a call has that came in. It may come before the call's INVITE is shown.
func (r *Recorder) Name(callID string, sessionIDs ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if t := r.byCall[callID]; t != nil {
		r.name(t, callID, sessionIDs)
		return
	}
	if r.awaited == 0 {
		return
	}
	if r.names == nil || len(r.names) >= maxNames {
		r.names = map[string][]string{}
	}
	r.names[callID] = append(r.names[callID], sessionIDs...)
}

// meet begins the trace of a call that was waited for, if this is its INVITE. Holding r.mu.
func (r *Recorder) meet(p *Passed) {
	if r.awaited == 0 || p.Protocol != SIP || p.Sent || r.byCall[p.CallID] != nil || !bytes.HasPrefix(p.Octets, []byte("INVITE ")) ||
		strings.Contains(headerOf(p.Octets, "To", "t"), ";tag=") {
		return
	}
	now := time.Now()
	if r.recording(now) >= maxTraces {
		return
	}
	r.awaited--
	r.name(r.begin(now), p.CallID, r.names[p.CallID])
}
