package dialog

import "github.com/parley-msrp/parley/internal/sip"

// Query is an OPTIONS outside of a dialog: it asks how an INVITE would be answered now (RFC 3261 §11.2). It is answered once, from any goroutine.
type Query struct {
	e    *Endpoint
	tx   *sip.ServerTx
	m    *sip.Message
	user string
}

// Message is the OPTIONS. It is not to be changed.
func (q *Query) Message() *sip.Message { return q.m }

// User is whose the OPTIONS is, by Config.Guard; "" where that does not tell.
func (q *Query) User() string { return q.user }

// Flow is the way the OPTIONS came.
func (q *Query) Flow() sip.Flow { return q.tx.Flow() }

// Accept answers with 200 and the own capabilities; sdp nil: none are described.
func (q *Query) Accept(sdp []byte) {
	contact, _ := q.e.contactOn(q.tx.Flow(), q.e.asksForSIPS(q.m))
	q.e.capable(q.tx, q.m, contact, sdp)
}

// Refuse answers as an INVITE would be refused. A question to the node itself, not to a user of it, is whether it lives: it gets a 200
// unless the node is overloaded (S-020).
func (q *Query) Refuse(r Refusal) {
	switch {
	case r.Code == 503:
		q.e.refuse(q.tx, r.timed())
	case toNode(q.m):
		q.Accept(q.e.user.Capabilities())
	default:
		q.e.refuse(q.tx, &r)
	}
}

// options hands up an OPTIONS outside of a dialog (S-020).
func (e *Endpoint) options(tx *sip.ServerTx, m *sip.Message, user string) {
	e.user.Query(&Query{e: e, tx: tx, m: m, user: user})
}

// toNode says whether the request is for the node itself, not for a user of it: asked whether it lives.
func toNode(m *sip.Message) bool {
	u, err := sip.ParseURI(m.RequestURI)
	return err == nil && u.User == ""
}

// capable sends the 200 of an OPTIONS: what this side can do. It has no effect on a dialog.
func (e *Endpoint) capable(tx *sip.ServerTx, m *sip.Message, contact string, sdp []byte) {
	if !takesSDP(m) {
		sdp = nil
	}
	h := append(e.capabilities(),
		sip.Header{Name: "Accept", Value: accept},
		sip.Header{Name: "Accept-Encoding", Value: acceptEncoding},
		sip.Header{Name: "Accept-Language", Value: acceptLanguage})
	if contact != "" {
		h = append(h, sip.Header{Name: "Contact", Value: contact})
	}
	e.reply(tx, 200, "OK", h, sdp)
}
