package sip

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// URI is a SIP URI or, with another Scheme, an opaque one (tel:, urn:).
type URI struct {
	Scheme string // lower case
	User   string // as written, password included
	Host   string // IPv6 without brackets
	Port   int    // 0: none given
	Params string // raw, each with its leading ';'
	Header string // raw, with '?'
	Opaque string // of another scheme: what follows the colon
}

var (
	errURIScheme = errors.New("no scheme")
	errURIChar   = errors.New("character that a URI cannot hold")
	errURIUser   = errors.New("empty user part")
	errURIHost   = errors.New("broken host")
	errURIPort   = errors.New("broken port")
	errURIEmpty  = errors.New("nothing behind the scheme")
	errURIParams = errors.New("broken parameters")
)

// ParseURI parses a URI that stands alone, without angle brackets (RFC 3261 §19.1).
func ParseURI(s string) (URI, error) {
	u, err := parseURI(s)
	if err != nil {
		return URI{}, fmt.Errorf("URI %.64q: %w", s, err)
	}
	return u, nil
}

func parseURI(s string) (URI, error) {
	var u URI
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c <= ' ', c == 0x7f, c == '<', c == '>', c == '"':
			return u, errURIChar
		}
	}
	colon := strings.IndexByte(s, ':')
	if colon < 1 || !isScheme(s[:colon]) {
		return u, errURIScheme
	}
	u.Scheme = strings.ToLower(s[:colon])
	s = s[colon+1:]
	if s == "" {
		return u, errURIEmpty
	}
	if !u.IsSIP() {
		u.Opaque = s
		return u, nil
	}
	// A user part may hold ';' and '?', but '@' appears unescaped only behind it.
	if at := strings.IndexByte(s, '@'); at >= 0 {
		if at == 0 {
			return u, errURIUser
		}
		u.User, s = s[:at], s[at+1:]
	}
	if q := strings.IndexByte(s, '?'); q >= 0 {
		s, u.Header = s[:q], s[q:]
	}
	if p := strings.IndexByte(s, ';'); p >= 0 {
		s, u.Params = s[:p], s[p:]
	}
	if strings.IndexByte(u.Params, '@') >= 0 || strings.IndexByte(u.Header, '@') >= 0 {
		return u, errURIParams
	}
	var err error
	u.Host, u.Port, err = parseHostPort(s)
	return u, err
}

// parseHostPort parses host [":" port] without blanks; port 0 means none.
func parseHostPort(s string) (host string, port int, err error) {
	digits, given := "", false
	if strings.HasPrefix(s, "[") {
		end := strings.IndexByte(s, ']')
		if end < 0 {
			return "", 0, errURIHost
		}
		host = s[1:end]
		if a, err := netip.ParseAddr(host); err != nil || !a.Is6() {
			return "", 0, errURIHost
		}
		if end+1 < len(s) {
			if s[end+1] != ':' {
				return "", 0, errURIHost
			}
			digits, given = s[end+2:], true
		}
	} else {
		host, digits, given = strings.Cut(s, ":")
		if !isHostname(host) {
			return "", 0, errURIHost
		}
	}
	if given {
		if port, err = parsePort(digits); err != nil {
			return "", 0, err
		}
	}
	return host, port, nil
}

func parsePort(s string) (int, error) {
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil || n == 0 || len(s) > 5 {
		return 0, errURIPort
	}
	return int(n), nil
}

// isHostname takes names and IPv4 addresses; an underscore is no legal character there but is met in practice.
func isHostname(s string) bool {
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '.', c == '-', c == '_':
		default:
			return false
		}
	}
	return s != "" && len(s) <= 255
}

func isScheme(s string) bool {
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z':
		case i > 0 && (c >= '0' && c <= '9' || c == '+' || c == '-' || c == '.'):
		default:
			return false
		}
	}
	return s != ""
}

// String writes the URI as it stands in a Request-URI or between angle brackets.
func (u URI) String() string {
	var room [128]byte
	return string(u.AppendTo(room[:0]))
}

// AppendTo appends what String gives.
func (u URI) AppendTo(b []byte) []byte {
	b = append(b, u.Scheme...)
	b = append(b, ':')
	if !u.IsSIP() {
		return append(b, u.Opaque...)
	}
	if u.User != "" {
		b = append(b, u.User...)
		b = append(b, '@')
	}
	b = appendHostPort(b, u.Host, u.Port)
	b = append(b, u.Params...)
	return append(b, u.Header...)
}

func appendHostPort(b []byte, host string, port int) []byte {
	if strings.IndexByte(host, ':') >= 0 {
		b = append(b, '[')
		b = append(b, host...)
		b = append(b, ']')
	} else {
		b = append(b, host...)
	}
	if port != 0 {
		b = append(b, ':')
		b = strconv.AppendInt(b, int64(port), 10)
	}
	return b
}

// Param returns a URI parameter's value by its name, in any case; ok tells an absent one from an empty one.
func (u URI) Param(name string) (value string, ok bool) { return param(u.Params, name) }

// IsSIP tells whether the scheme is sip or sips.
func (u URI) IsSIP() bool { return u.Scheme == "sip" || u.Scheme == "sips" }
