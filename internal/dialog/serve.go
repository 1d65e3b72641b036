package dialog

import (
	"strings"

	"github.com/parley-msrp/parley/internal/sip"
)

// request has a request inside the dialog served in its turn.
func (d *Dialog) request(tx *sip.ServerTx, m *sip.Message, offer []byte) {
	if d.tasks.take() {
		d.serve(tx, m, offer)
		d.tasks.drain()
		return
	}
	d.tasks.run(func() { d.serve(tx, m, offer) })
}

// serve answers a request inside the dialog, which passed the checks of S-043.
func (d *Dialog) serve(tx *sip.ServerTx, m *sip.Message, offer []byte) {
	if r := d.admit(m); r != nil {
		d.e.refuse(tx, r)
		return
	}
	switch m.Method {
	case "BYE":
		d.serveBye(tx, m)
	case "INVITE":
		d.serveInvite(tx, m, offer)
	case "UPDATE":
		d.serveUpdate(tx, m, offer)
	case "PRACK":
		d.servePrack(tx, m, offer)
	case "REFER":
		d.serveRefer(tx, m)
	case "OPTIONS":
		contact, _ := d.contactOn(m, tx.Flow())
		d.e.capable(tx, m, contact, d.e.user.Capabilities())
	case "SUBSCRIBE":
		d.e.refuse(tx, &Refusal{Code: 489})
	default:
		d.e.refuse(tx, d.e.notAllowed()) // INFO (S-014)
	}
}

// admit matches the request with the dialog, and its CSeq number with those before.
func (d *Dialog) admit(m *sip.Message) *Refusal {
	tag := m.FromTag()
	switch {
	case d.phase == over, tag != d.remoteTag, d.phase == calling && tag == "":
		return noDialog()
	case d.phase == closing && m.Method != "BYE":
		return noDialog()
	}
	seq, _ := m.CSeq()
	if d.sequenced && seq <= d.remoteSeq {
		return &Refusal{Code: 500, Reason: "CSeq Out of Order"} // RFC 3261 §12.2.2 (S-008)
	}
	d.sequenced, d.remoteSeq = true, seq
	return nil
}

// serveBye ends the dialog at the peer's wish (S-006).
func (d *Dialog) serveBye(tx *sip.ServerTx, m *sip.Message) {
	d.e.reply(tx, 200, "OK", nil, nil)
	end := End{Cause: Remote, Code: 200, Reason: reasonText(m.Get("Reason"), "BYE"), Message: m}
	switch d.phase {
	case ringing:
		end.Code = 487
		d.giveUp(end)
	case calling:
		end.Code = 487
		d.out.abandon(&leaving{end: end})
	case closing:
		// Both sides sent BYE: the answer to ours ends the dialog.
	default:
		if d.leave != nil {
			end = d.leave.end // End was called before
		}
		d.finish(end)
	}
}

// reasonText is the text of a Reason header (RFC 3326), or the fallback.
func reasonText(value, fallback string) string {
	_, text, found := strings.Cut(value, `text="`)
	if !found {
		return fallback
	}
	text, _, _ = strings.Cut(text, `"`)
	return oneLine(text)
}
