package dialog

import "github.com/parley-msrp/parley/internal/sip"

// Counter counts calls, for statistics. Its methods must be cheap, not block, and not call back; they are called concurrently.
type Counter interface {
	// Called counts an INVITE that came and would make a call, by the code of its final response.
	Called(code int)
	// Calling counts an own INVITE: 200 once the call is established, else the Code of its End.
	Calling(code int)
	// Limited counts a call that came and was refused because a limit was reached; it is counted as Called, too.
	Limited()
}

// countReply counts a response that is the final one of an INVITE that would make a call.
func (e *Endpoint) countReply(tx *sip.ServerTx, code int) {
	if e.cfg.Counter == nil || code < 200 {
		return
	}
	if m := tx.Request(); m.Method == "INVITE" && m.ToTag() == "" {
		e.cfg.Counter.Called(code)
	}
}

// countShed counts an INVITE that was refused at first sight.
func (e *Endpoint) countShed(m *sip.Message, code int) {
	if e.cfg.Counter == nil || m.Method != "INVITE" {
		return
	}
	e.cfg.Counter.Called(code)
	e.countLimited()
}

// countLimited counts an INVITE that a limit refuses; while the endpoint closes or is unavailable, that is no limit.
func (e *Endpoint) countLimited() {
	if e.cfg.Counter != nil && !e.draining.Load() && e.unavailable() == "" {
		e.cfg.Counter.Limited()
	}
}

// countCalling counts what an own INVITE came to.
func (d *Dialog) countCalling(code int) {
	if k := d.e.cfg.Counter; k != nil && d.caller {
		k.Calling(code)
	}
}
