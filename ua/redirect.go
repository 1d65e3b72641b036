package ua

import (
	"errors"
	"fmt"

	"github.com/parley-msrp/parley/internal/dialog"
	"github.com/parley-msrp/parley/internal/sip"
)

// Redirect refuses the call with 300, 301, 302 or 305, and names where to try in its place: URIs, or addresses with parameters of the Contact
// header such as "<sip:bob@example.org>;q=0.5", in the order of preference (RFC 3261 §21.3). Errors: *FieldError for what cannot be sent, after
// which the call waits on; ErrDecided, ErrOver.
func (i *Invitation) Redirect(code int, reason string, contacts ...string) error {
	r, err := redirection(code, reason, contacts)
	if err != nil {
		return err
	}
	return i.refuse(r)
}

// Redirect says that a call would be redirected; see Invitation.Redirect. As with Reject, a question to the node itself is answered with 200.
func (q *Query) Redirect(code int, reason string, contacts ...string) error {
	r, err := redirection(code, reason, contacts)
	if err != nil {
		return err
	}
	q.q.Refuse(*r)
	return nil
}

func redirection(code int, reason string, contacts []string) (*dialog.Refusal, error) {
	switch code {
	case 300, 301, 302, 305:
	default:
		return nil, &FieldError{Field: "code", Err: fmt.Errorf("%d: 300, 301, 302 and 305 redirect", code)}
	}
	r := &dialog.Refusal{Code: code, Reason: reason}
	for _, c := range contacts {
		a, err := sip.ParseLocation(c)
		if err != nil {
			return nil, &FieldError{Field: "contacts", Err: err}
		}
		r.Headers = append(r.Headers, sip.Header{Name: "Contact", Value: a.String()})
	}
	if len(r.Headers) == 0 {
		return nil, &FieldError{Field: "contacts", Err: errors.New("is empty")}
	}
	return r, nil
}
