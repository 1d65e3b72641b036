package wire

import (
	"net/netip"
	"strconv"
	"strings"
)

// URI is an MSRP or MSRPS URI (RFC 4975 §6, grammar §9).
type URI struct {
	Secure    bool   // scheme msrps
	User      string // userinfo; "": none. Never holds a password (M-035)
	Host      string // name or address, percent-coded unreserved characters decoded; IPv6 without brackets
	Port      int    // 0: none. There is no default port (M-037)
	SessionID string // "": none
	Transport string // "tcp", or any other token (M-042); never "" after ParseURI
	Params    string // further parameters as they stood, each with its leading ';'
}

// URIError says what ParseURI finds wrong. Its text names the part, and holds nothing of the URI itself, so that it can
// be logged (session-ids are secrets).
type URIError struct {
	Part   string // "scheme", "userinfo", "host", "port", "session-id", "transport" or "parameter"
	Reason string
}

func (e *URIError) Error() string { return "msrp uri: " + e.Part + ": " + e.Reason }

const (
	schemeMSRP  = "msrp://"
	schemeMSRPS = "msrps://"
)

// ParseURI reads one URI by the grammar of RFC 4975 §9 (M-032); an error is a *URIError. An address without a port is
// read too: whether one may stand there depends on where the URI came from (M-034).
func ParseURI(s string) (URI, error) {
	var u URI
	switch {
	case len(s) >= len(schemeMSRP) && foldEqual(s[:len(schemeMSRP)], schemeMSRP):
		s = s[len(schemeMSRP):]
	case len(s) >= len(schemeMSRPS) && foldEqual(s[:len(schemeMSRPS)], schemeMSRPS):
		u.Secure, s = true, s[len(schemeMSRPS):]
	default:
		return URI{}, &URIError{"scheme", "neither msrp:// nor msrps://"}
	}
	authority, rest := s, ""
	if i := strings.IndexAny(s, "/;"); i >= 0 {
		authority, rest = s[:i], s[i:]
	}
	if err := u.parseAuthority(authority); err != nil {
		return URI{}, err
	}
	if strings.HasPrefix(rest, "/") {
		id, params := rest[1:], ""
		if i := strings.IndexByte(rest, ';'); i >= 0 {
			id, params = rest[1:i], rest[i:]
		}
		if !validSessionID(id) {
			return URI{}, &URIError{"session-id", "empty, or holds a character outside letters, digits and -._~+=/"}
		}
		u.SessionID, rest = id, params
	}
	if err := u.parseParams(rest); err != nil {
		return URI{}, err
	}
	return u, nil
}

func (u *URI) parseAuthority(s string) error {
	if i := strings.IndexByte(s, '@'); i >= 0 {
		user, host := s[:i], s[i+1:]
		if strings.IndexByte(user, ':') >= 0 {
			return &URIError{"userinfo", "holds a password"}
		}
		var ok bool
		if u.User, ok = decodeUnreserved(user); !ok || user == "" {
			return &URIError{"userinfo", "empty, or holds a character that is not allowed"}
		}
		s = host
	}
	port := ""
	if strings.HasPrefix(s, "[") {
		i := strings.IndexByte(s, ']')
		if i < 0 {
			return &URIError{"host", "'[' without ']'"}
		}
		a, err := netip.ParseAddr(s[1:i])
		if err != nil || !a.Is6() || a.Zone() != "" {
			return &URIError{"host", "not an IPv6 address between the brackets"}
		}
		u.Host, port = s[1:i], s[i+1:]
	} else {
		host := s
		if i := strings.IndexByte(s, ':'); i >= 0 {
			host, port = s[:i], s[i:]
		}
		var ok bool
		if u.Host, ok = decodeUnreserved(host); !ok || host == "" {
			return &URIError{"host", "empty, or holds a character that is not allowed"}
		}
	}
	return u.parsePort(port)
}

func (u *URI) parsePort(s string) error {
	if s == "" {
		return nil
	}
	n := 0
	for i := 1; i < len(s) && i <= 5; i++ {
		if !isDigit(s[i]) {
			return &URIError{"port", "not a number"}
		}
		n = n*10 + int(s[i]-'0')
	}
	if s[0] != ':' || len(s) > 6 || n < 1 || n > 65535 {
		return &URIError{"port", "not a number from 1 to 65535"}
	}
	u.Port = n
	return nil
}

func (u *URI) parseParams(s string) error {
	if s == "" {
		return &URIError{"transport", "missing; ';tcp' is usual"}
	}
	s = s[1:]
	transport := s
	if i := strings.IndexByte(s, ';'); i >= 0 {
		transport, u.Params = s[:i], s[i:]
	}
	if !validToken(transport) {
		return &URIError{"transport", "not a token"}
	}
	u.Transport = transport
	for rest := u.Params; rest != ""; {
		p := rest[1:]
		rest = ""
		if i := strings.IndexByte(p, ';'); i >= 0 {
			p, rest = p[:i], p[i:]
		}
		name, value, found := strings.Cut(p, "=")
		if !validToken(name) || found && !validToken(value) {
			return &URIError{"parameter", "not of the form name or name=value"}
		}
	}
	return nil
}

func validToken(s string) bool {
	for i := 0; i < len(s); i++ {
		if !isToken(s[i]) {
			return false
		}
	}
	return s != ""
}

func validSessionID(s string) bool {
	for i := 0; i < len(s); i++ {
		if !isUnreserved(s[i]) && s[i] != '+' && s[i] != '=' && s[i] != '/' {
			return false
		}
	}
	return s != ""
}

// isUnreserved holds for the characters of the unreserved rule of RFC 3986 §2.3.
func isUnreserved(c byte) bool {
	return isAlphanum(c) || c == '-' || c == '.' || c == '_' || c == '~'
}

// isSubDelim holds for the sub-delims of RFC 3986 §2.2 but ';', which ends an authority here.
func isSubDelim(c byte) bool {
	switch c {
	case '!', '$', '&', '\'', '(', ')', '*', '+', ',', '=':
		return true
	}
	return false
}

// decodeUnreserved checks a userinfo or a host, and decodes the percent-coded characters of it that needed no coding
// (RFC 4975 §6.1, M-036). It allocates only if there are any.
func decodeUnreserved(s string) (string, bool) {
	coded := false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case isUnreserved(c), isSubDelim(c):
		case c == '%' && i+2 < len(s) && isHex(s[i+1]) && isHex(s[i+2]):
			coded = coded || isUnreserved(unhex(s[i+1])<<4|unhex(s[i+2]))
			i += 2
		default:
			return "", false
		}
	}
	if !coded {
		return s, true
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '%' {
			if c := unhex(s[i+1])<<4 | unhex(s[i+2]); isUnreserved(c) {
				b = append(b, c)
			} else {
				b = append(b, s[i:i+3]...)
			}
			i += 2
			continue
		}
		b = append(b, s[i])
	}
	return string(b), true
}

func isHex(c byte) bool { return isDigit(c) || 'a' <= c|0x20 && c|0x20 <= 'f' }

func unhex(c byte) byte {
	if isDigit(c) {
		return c - '0'
	}
	return c&^0x20 - 'A' + 10
}

// String returns the URI as text.
func (u URI) String() string {
	var room [128]byte
	return string(u.AppendTo(room[:0]))
}

// AppendTo appends the URI as text. IPv6 hosts are put in brackets.
func (u URI) AppendTo(b []byte) []byte {
	if u.Secure {
		b = append(b, schemeMSRPS...)
	} else {
		b = append(b, schemeMSRP...)
	}
	if u.User != "" {
		b = append(b, u.User...)
		b = append(b, '@')
	}
	if strings.IndexByte(u.Host, ':') >= 0 {
		b = append(b, '[')
		b = append(b, u.Host...)
		b = append(b, ']')
	} else {
		b = append(b, u.Host...)
	}
	if u.Port != 0 {
		b = append(b, ':')
		b = strconv.AppendInt(b, int64(u.Port), 10)
	}
	if u.SessionID != "" {
		b = append(b, '/')
		b = append(b, u.SessionID...)
	}
	b = append(b, ';')
	b = append(b, u.Transport...)
	return append(b, u.Params...)
}

// Equal compares by RFC 4975 §6.1: scheme, host and transport without regard to case, addresses by value, session-id
// octet by octet, a port or a session-id never equal to none; userinfo and further parameters play no part (M-035 to
// M-039). It does not allocate.
func (u URI) Equal(o URI) bool {
	return u.Secure == o.Secure && u.Port == o.Port && u.SessionID == o.SessionID &&
		foldEqual(u.Transport, o.Transport) && equalHost(u.Host, o.Host)
}

func equalHost(a, b string) bool {
	if foldEqual(a, b) {
		return true
	}
	// Only IPv6 has several spellings of one value.
	if strings.IndexByte(a, ':') < 0 || strings.IndexByte(b, ':') < 0 {
		return false
	}
	x, errX := netip.ParseAddr(a)
	y, errY := netip.ParseAddr(b)
	return errX == nil && errY == nil && x == y
}
