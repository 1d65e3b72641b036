package dialog

import (
	"slices"
	"strings"

	"github.com/parley-msrp/parley/internal/sip"
)

// check looks at a request in the order of S-043: method, URI scheme, Require, Accept, body. It gives the session description
// in the body, or what the request is refused with; a refused request changes nothing. over is the protocol that it came by.
func (e *Endpoint) check(m *sip.Message, over sip.Proto, inDialog bool) (offer []byte, r *Refusal) {
	if r := e.checkMethod(m.Method, inDialog); r != nil {
		return nil, r
	}
	if !e.spoken(m.Method) {
		return nil, nil // refused by serve, or for want of a dialog: what else is wrong does not matter
	}
	if r := checkScheme(m, over); r != nil {
		return nil, r
	}
	if unknown := e.unsupported(m); len(unknown) > 0 {
		return nil, &Refusal{Code: 420, Headers: []sip.Header{{Name: "Unsupported", Value: strings.Join(unknown, ", ")}}}
	}
	if m.Method == "INVITE" && !takesSDP(m) {
		return nil, &Refusal{Code: 406}
	}
	if m.Method == "BYE" || m.Method == "REFER" {
		return nil, nil // does what it says whatever its body is
	}
	return sessionDescription(m)
}

// unsupported lists the extensions that m requires and that are not spoken (S-015).
func (e *Endpoint) unsupported(m *sip.Message) []string {
	return slices.DeleteFunc(m.List("Require"), func(tag string) bool {
		return slices.ContainsFunc(e.extensions(), func(own string) bool { return strings.EqualFold(own, strings.TrimSpace(tag)) })
	})
}

// extensions are those that a request may require.
func (e *Endpoint) extensions() []string { return strings.Split(e.supported(), ", ") }

// spoken says whether requests of that method are served.
func (e *Endpoint) spoken(method string) bool {
	switch method {
	case "INVITE", "OPTIONS", "BYE", "UPDATE", "PRACK":
		return true
	case "REFER":
		return e.cfg.Refer
	default:
		return false
	}
}

// checkMethod refuses methods that are not spoken. Those that only live in dialogs pass where they may be in one.
func (e *Endpoint) checkMethod(method string, inDialog bool) *Refusal {
	if e.spoken(method) && (method != "REFER" || inDialog) {
		return nil
	}
	switch method {
	case "INFO":
		return nil // without a dialog 481 (S-035)
	case "NOTIFY":
		return noDialog() // without subscriptions none matches (S-044)
	case "SUBSCRIBE":
		if inDialog {
			return nil
		}
		return &Refusal{Code: 489}
	case "REFER":
		if inDialog {
			return e.notAllowed()
		}
		return &Refusal{Code: 403} // nobody is authorised to refer (S-044)
	case "MESSAGE", "PUBLISH", "REGISTER":
		return e.notAllowed()
	default:
		return &Refusal{Code: 501} // no method of the IANA registry (S-014)
	}
}

func (e *Endpoint) notAllowed() *Refusal {
	return &Refusal{Code: 405, Headers: []sip.Header{{Name: "Allow", Value: e.allow()}}}
}

// noDialog is the refusal of a request with a To tag of no known dialog, or without one where a dialog is needed (S-035).
func noDialog() *Refusal { return &Refusal{Code: 481} }

func checkScheme(m *sip.Message, over sip.Proto) *Refusal {
	u, err := sip.ParseURI(m.RequestURI)
	switch {
	case err == nil && u.Scheme == "sips" && over == sip.TLS:
		return nil
	case err != nil && strings.HasPrefix(strings.ToLower(m.RequestURI), "sip:"):
		return &Refusal{Code: 400, Reason: "Broken Request-URI"}
	case err != nil || u.Scheme != "sip":
		// Also sips without TLS, on the last hop too (RFC 5630 §3.1.3).
		return &Refusal{Code: 416}
	default:
		return nil
	}
}

// checkPeer looks at what a new INVITE says about the way back to the caller; secure: there may be sips URIs in it.
func checkPeer(m *sip.Message, recordRoute []string, secure bool) (contact sip.URI, r *Refusal) {
	address, ok := m.Contact()
	if !ok {
		return contact, &Refusal{Code: 400, Reason: "Contact missing or broken"}
	}
	contact = address.URI
	if len(recordRoute) > 0 {
		first, err := sip.ParseAddress(recordRoute[0])
		if err != nil {
			return contact, &Refusal{Code: 400, Reason: "Broken Record-Route"}
		}
		if first.URI.Scheme == "sips" && !secure {
			return contact, noSIPS()
		}
	}
	switch {
	case !contact.IsSIP():
		return contact, &Refusal{Code: 400, Reason: "Contact is no SIP URI"}
	case contact.Scheme == "sips" && !secure:
		return contact, noSIPS()
	default:
		return contact, nil
	}
}

// noSIPS refuses what asks for a sips Contact where there is no TLS listener (S-011; RFC 5630 §5.3).
func noSIPS() *Refusal {
	return &Refusal{Code: 480, Headers: []sip.Header{warning(380, "SIPS Not Allowed")}}
}
