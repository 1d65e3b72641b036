package ua

import (
	"fmt"
	"strings"

	"github.com/parley-msrp/parley/internal/dialog"
	"github.com/parley-msrp/parley/internal/sip"
)

// inquiry is what an INVITE and an OPTIONS say of themselves.
type inquiry struct {
	agent *Agent
	m     *sip.Message
	flow  sip.Flow
	who   verified
}

// Message is the request.
func (i *inquiry) Message() *SIPMessage { return wrap(i.m) }

// CallID is the SIP Call-ID.
func (i *inquiry) CallID() string { return i.m.CallID() }

// From is the caller's URI as claimed.
func (i *inquiry) From() string { return i.m.From().URI.String() }

// To is the URI of the To header.
func (i *inquiry) To() string { return i.m.To().URI.String() }

// uris are From, To and RequestURI in one piece that does not hold the request.
func (i *inquiry) uris() (from, to, requestURI string) {
	var room [256]byte
	b := i.m.From().URI.AppendTo(room[:0])
	toFrom := len(b)
	b = i.m.To().URI.AppendTo(b)
	toTo := len(b)
	all := string(append(b, i.m.RequestURI...))
	return all[:toFrom], all[toFrom:toTo], all[toTo:]
}

// RequestURI is where the request went to.
func (i *inquiry) RequestURI() string { return i.m.RequestURI }

// Source is where the request came from, like "udp:192.0.2.1:5060".
func (i *inquiry) Source() string {
	return strings.ToLower(i.flow.Proto.String()) + ":" + i.flow.Remote.String()
}

// Query is an OPTIONS: it asks how a call to its request URI would be answered now (RFC 3261 §11.2). It makes no session. It is answered
// once, by Accept or Reject, from any goroutine.
type Query struct {
	inquiry
	q *dialog.Query
}

func newQuery(a *Agent, q *dialog.Query) *Query {
	query := &Query{inquiry: inquiry{agent: a, m: q.Message(), flow: q.Flow()}, q: q}
	query.who.guarded(a, q.User())
	return query
}

// Accept says that a call would be answered, with these media types; without any, with the default profile's.
func (q *Query) Accept(types ...string) error {
	accept, err := typesOr(types, q.agent.profile(DefaultProfile).types)
	if err != nil {
		return err
	}
	q.q.Accept(q.agent.capabilities(accept))
	return nil
}

// Reject says that a call would be refused with this code, from 300 to 699. A question to the node itself, whose request URI has no user, is
// answered with 200 all the same unless the code is 503.
func (q *Query) Reject(code int, reason string) error {
	if err := checkRefusal(code); err != nil {
		return err
	}
	q.q.Refuse(dialog.Refusal{Code: code, Reason: reason})
	return nil
}

func checkRefusal(code int) error {
	if code < 300 || code > 699 {
		return fmt.Errorf("code %d: a refusal has a code from 300 to 699", code)
	}
	return nil
}
