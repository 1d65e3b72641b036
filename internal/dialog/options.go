package dialog

import "github.com/parley-msrp/parley/internal/sip"

// options answers an OPTIONS outside of a dialog with the code that an INVITE would get now (RFC 3261 §11.2; S-020).
func (e *Endpoint) options(tx *sip.ServerTx, m *sip.Message) {
	if e.draining.Load() {
		e.refuse(tx, overloaded("Shutting Down"))
		return
	}
	if e.dialogs.count() >= e.cfg.MaxDialogs {
		e.refuse(tx, overloaded("Too Many Calls"))
		return
	}
	code, sdp := e.user.Options(m)
	switch {
	case code == 503:
		e.refuse(tx, overloaded(""))
	case code >= 300 && !toNode(m):
		e.refuse(tx, &Refusal{Code: code})
	default:
		e.capable(tx, m, sdp)
	}
}

// toNode says whether the request is for the node itself, not for a user of it: asked whether it lives.
func toNode(m *sip.Message) bool {
	u, err := sip.ParseURI(m.RequestURI)
	return err == nil && u.User == ""
}

// capable sends the 200 of an OPTIONS: what this side can do. It has no effect on a dialog.
func (e *Endpoint) capable(tx *sip.ServerTx, m *sip.Message, sdp []byte) {
	if !takesSDP(m) {
		sdp = nil
	}
	h := append(capabilities(),
		sip.Header{Name: "Accept", Value: accept},
		sip.Header{Name: "Accept-Encoding", Value: acceptEncoding},
		sip.Header{Name: "Accept-Language", Value: acceptLanguage})
	if contact, err := e.contactOn(tx.Flow()); err == nil {
		h = append(h, sip.Header{Name: "Contact", Value: contact})
	}
	e.reply(tx, 200, "OK", h, sdp)
}
