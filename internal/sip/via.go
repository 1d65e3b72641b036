package sip

import (
	"errors"
	"net/netip"
	"strconv"
	"strings"
)

// via is one Via value (RFC 3261 §20.42).
type via struct {
	Transport string // as written
	Host      string // sent-by; IPv6 without brackets
	Port      int    // 0: none given
	Params    string // raw, each with its leading ';'
}

var errVia = errors.New("broken Via")

const (
	magicCookie    = "z9hG4bK"
	defaultPort    = 5060
	defaultTLSPort = 5061
)

// parseVia parses the first Via value of a row and tells how long it is there.
func parseVia(row string) (v via, length int, err error) {
	length = elementEnd(row)
	s := trim(row[:length])
	// sent-protocol: blanks are legal around both slashes.
	name, s, ok1 := strings.Cut(s, "/")
	version, s, ok2 := strings.Cut(s, "/")
	if !ok1 || !ok2 || !foldEqual(trim(name), "SIP") || trim(version) != "2.0" {
		return v, length, errVia
	}
	s = trimLeft(s)
	end := blankIn(s)
	if end == len(s) || !isToken(s[:end]) {
		return v, length, errVia
	}
	v.Transport, s = s[:end], trim(s[end:])
	sentBy := s
	if p := strings.IndexByte(s, ';'); p >= 0 {
		sentBy, v.Params = trim(s[:p]), s[p:]
	}
	if v.Host, v.Port, err = parseSentBy(sentBy); err != nil {
		return v, length, errVia
	}
	if checkParams(v.Params) != nil {
		return v, length, errVia
	}
	return v, length, nil
}

// parseSentBy takes blanks around the colon, and IPv6 in brackets.
func parseSentBy(s string) (string, int, error) {
	if blankIn(s) < len(s) {
		at := strings.LastIndexByte(s, ':')
		if at < 0 {
			return "", 0, errVia
		}
		s = trim(s[:at]) + ":" + trim(s[at+1:])
	}
	return parseHostPort(s)
}

func (v via) param(name string) (string, bool) { return param(v.Params, name) }

func (v via) branch() string {
	b, _ := v.param("branch")
	return b
}

// sentByPort is where answers go without rport.
func (v via) sentByPort() uint16 {
	switch {
	case v.Port != 0:
		return uint16(v.Port)
	case foldEqual(v.Transport, "TLS"):
		return defaultTLSPort
	}
	return defaultPort
}

// stampVia writes received and rport into the top Via value of a request's first Via row (RFC 3261 §18.2.1, RFC 3581 §4;
// S-013): received if sent-by is a name or another address than the source, and always with rport. What a client wrote there
// itself is not believed. The row is written behind b, which is room that nobody else has, or nil.
func stampVia(b []byte, row string, v via, length int, source netip.AddrPort) string {
	_, rport := v.param("rport")
	_, received := v.param("received")
	addr, err := netip.ParseAddr(v.Host)
	differs := err != nil || addr.Unmap() != source.Addr().WithZone("")
	if !rport && !received && !differs {
		return row
	}
	if b == nil {
		b = make([]byte, 0, len(row)+stampSize)
	}
	b = append(b, "SIP/2.0/"...)
	b = append(b, v.Transport...)
	b = append(b, ' ')
	b = appendHostPort(b, v.Host, v.Port)
	for params := v.Params; params != ""; {
		whole := params
		name, _, _, rest := cutParam(params)
		if params = rest; name == "" || foldEqual(name, "received") || foldEqual(name, "rport") {
			continue
		}
		b = append(b, trim(whole[:len(whole)-len(rest)])...)
	}
	if differs || rport {
		b = append(b, ";received="...)
		b = source.Addr().WithZone("").AppendTo(b)
	}
	if rport {
		b = append(b, ";rport="...)
		b = strconv.AppendUint(b, uint64(source.Port()), 10)
	}
	return asString(append(b, row[length:]...))
}

// stampSize is room for what stampVia adds, of whatever kind the addresses are.
const stampSize = 72

// newVia makes the Via value of a request of ours, with an empty rport (RFC 3581 §3).
func newVia(p Proto, sentBy netip.AddrPort, branch string) string {
	b := make([]byte, 0, 96)
	b = append(b, "SIP/2.0/"...)
	b = append(b, p.String()...)
	b = append(b, ' ')
	b = sentBy.AppendTo(b)
	b = append(b, ";rport;branch="...)
	b = append(b, branch...)
	return string(b)
}
