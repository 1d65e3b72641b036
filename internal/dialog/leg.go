package dialog

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/parley-msrp/parley/internal/sip"
)

// maxKept bounds the octets of headers that a dialog keeps of its peer's: Call-ID, From, To, Contact and route set.
const maxKept = 8 << 10

// leg is the state that in-dialog requests are made of (RFC 3261 §12).
type leg struct {
	callID    string
	localTag  string
	remoteTag string         // guarded by the dialog's serial where it may still change
	local     string         // From of own requests, tag included
	remote    string         // To of own requests, tag included if there is one
	target    string         // the remote target: a URI
	routes    []string       // route set: values of Route, the first hop first
	seq       uint32         // CSeq of the last own request
	from      netip.AddrPort // the listener that the dialog's requests leave from; zero: the one that fits the peer
}

// newRequest makes a request of the leg, with every header but Via, and says where it goes: the first hop (RFC 3261 §12.2.1.1, S-010).
func (l *leg) newRequest(method string, seq uint32) (m *sip.Message, hop sip.URI, err error) {
	requestURI, routes, hop, err := route(l.target, l.routes)
	if err != nil {
		return nil, hop, err
	}
	m = sip.NewRequest(method, requestURI)
	m.Add("Max-Forwards", "70")
	for _, r := range routes {
		m.Add("Route", r)
	}
	m.Add("From", l.local)
	m.Add("To", l.remote)
	m.Add("Call-ID", l.callID)
	m.Add("CSeq", strconv.FormatUint(uint64(seq), 10)+" "+method)
	return m, hop, nil
}

// nextSeq counts the CSeq up for a new request.
func (l *leg) nextSeq() uint32 {
	l.seq++
	return l.seq
}

// route lays out target and route set as Request-URI and Route values, and says where the request goes first. That is over TLS where the
// Request-URI is a sips URI (RFC 3261 §8.1.2).
func route(target string, set []string) (requestURI string, routes []string, hop sip.URI, err error) {
	requestURI, routes, hop, err = layOut(target, set)
	if isSIPS(requestURI) {
		hop.Scheme = "sips"
	}
	return requestURI, routes, hop, err
}

func layOut(target string, set []string) (requestURI string, routes []string, hop sip.URI, err error) {
	if len(set) == 0 {
		hop, err = sip.ParseURI(target)
		if err != nil {
			return "", nil, hop, fmt.Errorf("remote target: %w", err)
		}
		return requestTarget(hop), nil, hop, nil
	}
	first, err := sip.ParseAddress(set[0])
	if err != nil {
		return "", nil, hop, fmt.Errorf("route set: %w", err)
	}
	if _, loose := first.URI.Param("lr"); loose {
		if u, err := sip.ParseURI(target); err == nil {
			target = requestTarget(u)
		}
		return target, set, first.URI, nil
	}
	// A strict router takes its own URI off the Request-URI, and finds the remote target at the end of the Route.
	routes = append(append(make([]string, 0, len(set)), set[1:]...), "<"+target+">")
	return requestTarget(first.URI), routes, first.URI, nil
}

// requestTarget writes a URI without what a Request-URI must not have (RFC 3261 §19.1.1): headers and method=.
func requestTarget(u sip.URI) string {
	u.Header = ""
	if _, has := u.Param("method"); has {
		u.Params = withoutParam(u.Params, "method")
	}
	return u.String()
}

func withoutParam(params, name string) string {
	var b strings.Builder
	for p := range strings.SplitSeq(strings.TrimPrefix(params, ";"), ";") {
		key, _, _ := strings.Cut(p, "=")
		if !strings.EqualFold(strings.TrimSpace(key), name) {
			b.WriteString(";" + p)
		}
	}
	return b.String()
}

// reversed is the route set of the calling side: Record-Route from the last to the first (RFC 3261 §12.1.2).
func reversed(recordRoute []string) []string {
	set := make([]string, len(recordRoute))
	for i, r := range recordRoute {
		set[len(set)-1-i] = r
	}
	return set
}

// keep copies strings that are cut from a message's octets into one allocation of their own, so that the message can be forgotten.
func keep(fields ...*string) {
	n := 0
	for _, f := range fields {
		n += len(*f)
	}
	var b strings.Builder
	b.Grow(n)
	for _, f := range fields {
		b.WriteString(*f)
	}
	all := b.String()
	for _, f := range fields {
		n := len(*f)
		*f, all = all[:n], all[n:]
	}
}

// calledLeg is the leg that an INVITE from outside makes, with the target in its Contact. Its texts are one piece of their own.
func calledLeg(m *sip.Message, tag string, target sip.URI, routes []string) leg {
	callID, remoteTag, to, from := m.CallID(), m.FromTag(), m.Get("To"), m.Get("From")
	var room [512]byte
	b := append(append(room[:0], callID...), tag...)
	b = append(append(b, remoteTag...), from...)
	b = append(append(append(b, to...), ";tag="...), tag...)
	b = target.AppendTo(b)
	for _, r := range routes {
		b = append(b, r...)
	}
	all := string(b)
	cut := func(n int) (s string) {
		s, all = all[:n], all[n:]
		return s
	}
	l := leg{
		callID: cut(len(callID)), localTag: cut(len(tag)), remoteTag: cut(len(remoteTag)), remote: cut(len(from)),
		local: cut(len(to) + len(";tag=") + len(tag)), routes: routes, seq: firstSeq(),
	}
	behind := 0
	for _, r := range routes {
		behind += len(r)
	}
	l.target = cut(len(all) - behind)
	for i, r := range routes {
		l.routes[i] = cut(len(r))
	}
	return l
}

// keep makes the leg independent of the messages that it was read from.
func (l *leg) keep() {
	fields := make([]*string, 0, 6+len(l.routes))
	fields = append(fields, &l.callID, &l.localTag, &l.remoteTag, &l.local, &l.remote, &l.target)
	for i := range l.routes {
		fields = append(fields, &l.routes[i])
	}
	keep(fields...)
}

// size counts the octets that the leg keeps.
func (l *leg) size() int {
	n := len(l.callID) + len(l.local) + len(l.remote) + len(l.target)
	for _, r := range l.routes {
		n += len(r)
	}
	return n
}

// withTag writes a From or To value with a tag behind it.
func withTag(value, tag string) string { return value + ";tag=" + tag }
