package msrpsdp

import (
	"fmt"
	"iter"
	"net/netip"
	"strconv"
	"strings"

	"github.com/pion/sdp/v3"

	"github.com/parley-msrp/parley/msrp"
)

// read fills the line from its own attributes and says what is wrong with it. session and role are the direction and the set-up role given at session
// level; everything else of MSRP counts at media level only (RFC 4975 §15.7, D-022).
func (l *Line) read(attributes []sdp.Attribute, session, role string) {
	if err := l.readAttributes(attributes, session, role); err != nil {
		l.Problem = err
	}
}

func (l *Line) readAttributes(attributes []sdp.Attribute, session, role string) *LineError {
	switch {
	case l.Media != "message":
		return problem(WarnMedia, "media type "+l.Media+" is not available")
	case l.Proto != TCP && l.Proto != TLS:
		return problem(WarnTransport, "transport protocol "+l.Proto+" is not MSRP over TCP or TLS")
	}
	l.MSRP = true
	l.Direction = direction(attributes, session)
	l.Setup = setup(attributes, role)
	for range all(attributes, "msrp-cema") {
		l.CEMA = true
	}
	l.MaxSize = maxSize(attributes)
	l.Fingerprints = fingerprints(attributes)
	l.Wrapped, _ = types(attributes, "accept-wrapped-types")
	var accepts bool
	l.Accept, accepts = types(attributes, "accept-types")
	var wrong *LineError
	l.Path, wrong = path(attributes)
	switch {
	case l.Port == 0:
		return problem(WarnMedia, "the port is 0")
	case wrong != nil:
		return wrong
	case !accepts:
		return problem(WarnFormat, "a=accept-types is missing")
	case len(l.Accept) == 0:
		return problem(WarnFormat, "a=accept-types names no media type")
	}
	return l.checkPath()
}

// checkPath applies the rules that tie path and m-line together. The texts never hold the path itself: it is the peer's secret.
func (l *Line) checkPath() *LineError {
	for i, u := range l.Path {
		// RFC 4975 §6: a literal address stands with its port (M-034).
		if _, err := netip.ParseAddr(u.Host); err == nil && u.Port == 0 {
			return problem(WarnMiscellaneous, fmt.Sprintf("URI %d of a=path has an IP address without a port", i+1))
		}
	}
	// The left-most URI is the hop that the m-line's protocol speaks of (M-067).
	next := l.Path[0]
	switch {
	case next.Secure && !l.TLS():
		return problem(WarnTransport, "a=path is msrps, but the protocol is "+l.Proto)
	case !next.Secure && l.TLS():
		return problem(WarnTransport, "a=path is msrp, but the protocol is "+l.Proto)
	case !strings.EqualFold(next.Transport, "tcp"):
		return problem(WarnTransport, "the transport of a=path is not tcp")
	}
	return nil
}

// path reads the only a=path of a line (RFC 4975 §8.2, D-003).
func path(attributes []sdp.Attribute) ([]msrp.URI, *LineError) {
	value, count := "", 0
	for value = range all(attributes, "path") {
		count++
	}
	switch count {
	case 0:
		return nil, problem(WarnMiscellaneous, "a=path is missing")
	case 1:
	default:
		return nil, problem(WarnMiscellaneous, "a=path stands more than once")
	}
	words := 0
	for range strings.FieldsSeq(value) {
		words++
	}
	if words == 0 {
		return nil, problem(WarnMiscellaneous, "a=path names no URI")
	}
	if words > MaxPath {
		return nil, problem(WarnMiscellaneous, fmt.Sprintf("a=path has %d URIs, %d are taken", words, MaxPath))
	}
	p := make([]msrp.URI, 0, words)
	for w := range strings.FieldsSeq(value) {
		u, err := msrp.ParseURI(w)
		if err != nil {
			return nil, problem(WarnMiscellaneous, fmt.Sprintf("URI %d of a=path is not a valid MSRP URI", len(p)+1))
		}
		p = append(p, u)
	}
	return p, nil
}

// types reads a list of media types; found says whether the attribute is there at all. Entries that are no media type are left
// out, so that a peer's extension does not cost the session. White space after the colon is tolerated (D-021).
func types(attributes []sdp.Attribute, name string) (list msrp.Types, found bool) {
	for v := range all(attributes, name) {
		found = true
		v = strings.TrimSpace(v)
		if t, err := msrp.ParseTypes(v); err == nil {
			if list == nil {
				list = t
			} else {
				list = append(list, t...)
			}
			continue
		}
		for w := range strings.FieldsSeq(v) {
			if t, err := msrp.ParseTypes(w); err == nil {
				list = append(list, t...)
			}
		}
	}
	return list, found
}

// fingerprints reads a=fingerprint; nil where there is none.
func fingerprints(attributes []sdp.Attribute) (list []msrp.Fingerprint) {
	for v := range all(attributes, "fingerprint") {
		f, err := msrp.ParseFingerprint(v)
		if err != nil {
			f = msrp.Fingerprint{} // not as if there were none: then any certificate would do
		}
		list = append(list, f)
	}
	return list
}

// maxSize reads a=max-size. D-012: what is no positive number says nothing.
func maxSize(attributes []sdp.Attribute) int64 {
	for v := range all(attributes, "max-size") {
		v = strings.TrimSpace(v)
		if n, err := strconv.ParseUint(v, 10, 63); err == nil {
			return int64(n)
		}
	}
	return 0
}

// all gives the values of every attribute of that name, in order.
func all(attributes []sdp.Attribute, name string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for i := range attributes {
			if attributes[i].Key == name && !yield(attributes[i].Value) {
				return
			}
		}
	}
}
