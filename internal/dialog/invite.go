package dialog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/textproto"
	"strings"
	"time"

	"github.com/parley-msrp/parley/internal/sip"
)

// Invite is what a new call as caller needs.
type Invite struct {
	RequestURI string       // required; a sip or sips URI
	From, To   string       // required; URI or name-addr, without tag
	CallID     string       // empty: a new one
	Contact    sip.URI      // own Contact; zero: the endpoint's
	Offer      []byte       // session description; required
	Headers    []sip.Header // further ones; Route rows are the route that the INVITE takes
	Owner      Owner        // required
}

var errRequired = errors.New("is required")

// Invite starts a call: checks the input (an *InputError names the field), makes the Dialog and sends the INVITE from a goroutine of
// its own (resolving may block). Everything after that comes through Owner. ErrClosed and ErrLimit say that no call can start now.
func (e *Endpoint) Invite(inv Invite) (*Dialog, error) {
	if e.closed.Load() {
		return nil, ErrClosed
	}
	d, err := e.newCall(inv)
	if err != nil {
		return nil, err
	}
	if !e.register(d) {
		return nil, ErrLimit
	}
	start := d.out.start
	if e.closed.Load() {
		d.End("") // Close may have missed it
	}
	e.spawn(func() { d.tasks.run(start) })
	return d, nil
}

// newCall makes the dialog of a call that is to start.
func (e *Endpoint) newCall(inv Invite) (*Dialog, error) {
	l, err := e.legFor(inv)
	if err != nil {
		return nil, err
	}
	switch {
	case len(inv.Offer) == 0:
		return nil, &InputError{Field: "Offer", Err: errRequired}
	case inv.Owner == nil:
		return nil, &InputError{Field: "Owner", Err: errRequired}
	}
	d := &Dialog{leg: *l, e: e, owner: inv.Owner, caller: true, phase: calling}
	if inv.Contact.Scheme != "" {
		d.contact = e.contactValue(inv.Contact)
	}
	o := &outgoing{d: d, offer: bytes.Clone(inv.Offer), seq: l.seq, acks: map[string]*sentAck{}}
	for _, h := range inv.Headers {
		if err := checkHeader(h); err != nil {
			return nil, &InputError{Field: "Headers", Err: err}
		}
		if strings.EqualFold(h.Name, "Route") {
			d.routes = append(d.routes, h.Value)
		} else {
			o.headers = append(o.headers, h)
		}
	}
	if len(d.routes) == 0 {
		d.routes = e.proxied()
	}
	if _, _, hop, err := route(d.target, d.routes); err != nil || e.canReach(hop.Scheme) != nil {
		return nil, &InputError{Field: "Headers", Err: errors.New("want a sip URI in Route; a sips URI where there is a TLS listener")}
	}
	o.ctx, o.cancel = context.WithCancel(e.ctx)
	o.req = o.newAttempt()
	d.out = o
	return d, nil
}

// proxied is the route of requests that begin with the outbound proxy; nil: there is none.
func (e *Endpoint) proxied() []string {
	if e.cfg.Proxy == (sip.URI{}) {
		return nil
	}
	return []string{"<" + e.cfg.Proxy.String() + ">"}
}

// canReach says why no URI of that scheme can be called; nil if one can.
func (e *Endpoint) canReach(scheme string) error {
	switch {
	case scheme == "sips" && !e.stack.Secure():
		return errors.New("a sips URI needs TLS, and there is no TLS listener")
	case scheme != "sip" && scheme != "sips":
		return fmt.Errorf("scheme %q is not supported, only sip and sips", scheme)
	}
	return nil
}

// legFor reads the addresses of a call that is to start.
func (e *Endpoint) legFor(inv Invite) (*leg, error) {
	target, err := sip.ParseURI(inv.RequestURI)
	switch {
	case err != nil:
		return nil, &InputError{Field: "RequestURI", Err: err}
	case e.canReach(target.Scheme) != nil:
		return nil, &InputError{Field: "RequestURI", Err: e.canReach(target.Scheme)}
	case target.Header != "":
		return nil, &InputError{Field: "RequestURI", Err: errors.New("header fields in the URI are not taken")}
	}
	from, err := nameAddr(inv.From)
	if err != nil {
		return nil, &InputError{Field: "From", Err: err}
	}
	to, err := nameAddr(inv.To)
	if err != nil {
		return nil, &InputError{Field: "To", Err: err}
	}
	l := &leg{callID: inv.CallID, localTag: sip.NewTag(), remote: to, target: requestTarget(target), seq: firstSeq()}
	l.local = withTag(from, l.localTag)
	if l.callID == "" {
		l.callID = sip.NewCallID()
	}
	if !validCallID(l.callID) {
		return nil, &InputError{Field: "CallID", Err: errors.New("blanks and control characters are not allowed")}
	}
	return l, nil
}

// nameAddr reads a URI or name-addr and writes it as name-addr. In a bare URI parameters belong to the URI.
func nameAddr(s string) (string, error) {
	a := sip.Address{}
	var err error
	if strings.Contains(s, "<") {
		a, err = sip.ParseAddress(s)
	} else {
		a.URI, err = sip.ParseURI(s)
	}
	switch {
	case err != nil:
		return "", err
	case a.Tag() != "":
		return "", errors.New("a tag is not taken")
	}
	value := a.String()
	if oneLine(value) != value {
		return "", errors.New("control characters are not allowed")
	}
	return value, nil
}

func validCallID(id string) bool {
	return strings.IndexFunc(id, func(r rune) bool { return r <= ' ' || r == 0x7f }) < 0
}

// checkHeader refuses headers that this package or the stack writes, and broken ones.
func checkHeader(h sip.Header) error {
	switch textproto.CanonicalMIMEHeaderKey(h.Name) {
	case "Via", "From", "To", "Call-Id", "Cseq", "Contact", "Content-Length", "Content-Type", "Content-Encoding", "Max-Forwards",
		"Allow", "Supported", "Require", "User-Agent", "Record-Route",
		"V", "F", "T", "I", "M", "L", "C", "E", "K":
		return fmt.Errorf("%s is written by the dialog", h.Name)
	}
	if !validHeader(h) {
		return fmt.Errorf("%q is no header", h.Name)
	}
	return nil
}

// setupTime is how long the set-up may take: no longer than an own Expires (RFC 3261 §13.2.1; S-037).
func setupTime(headers []sip.Header, limit time.Duration) time.Duration {
	for _, h := range headers {
		if x, ok := expires(h.Value); ok && strings.EqualFold(h.Name, "Expires") {
			return min(x, limit)
		}
	}
	return limit
}
