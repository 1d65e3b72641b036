package route

import (
	"errors"
	"fmt"

	"go.starlark.net/starlark"

	"github.com/parley-msrp/parley/internal/sip"
)

// Limits of redirect: the response has to fit a datagram.
const (
	maxContacts = 10
	maxContact  = 256 // octets
)

func redirect(thread *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var contact starlark.Value
	d := Decision{Code: 302}
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "contact", &contact, "code?", &d.Code, "reason?", &d.Reason); err != nil {
		return nil, err
	}
	switch d.Code {
	case 300, 301, 302, 305:
	default:
		return nil, fmt.Errorf("%s: code %d: 300, 301, 302 and 305 redirect", b.Name(), d.Code)
	}
	err := checkLine("reason", d.Reason)
	if err == nil {
		d.Contacts, err = contacts(contact)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", b.Name(), err)
	}
	return decide(thread, b, d)
}

func contacts(v starlark.Value) ([]string, error) {
	texts, err := oneOrMore(v)
	switch {
	case err != nil:
		return nil, fmt.Errorf("contact: %w", err)
	case len(texts) == 0:
		return nil, errors.New("contact: the list is empty")
	case len(texts) > maxContacts:
		return nil, fmt.Errorf("contact: %d of them, at most %d are taken", len(texts), maxContacts)
	}
	for i, text := range texts {
		a, err := sip.ParseLocation(text)
		if err != nil {
			return nil, fmt.Errorf("contact: %w; want a URI like sip:bob@example.org", err)
		}
		if texts[i] = a.String(); len(texts[i]) > maxContact {
			return nil, fmt.Errorf("contact: %.64q… is longer than %d octets", text, maxContact)
		}
	}
	return texts, nil
}
