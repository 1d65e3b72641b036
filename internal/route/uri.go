package route

import (
	"strings"

	"go.starlark.net/starlark"

	"github.com/parley-msrp/parley/internal/sip"
)

// parseURI is the builtin uri: None for None and for what is no URI, since much of what is looked at comes from callers.
func parseURI(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var text starlark.Value
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "text", &text); err != nil {
		return nil, err
	}
	if text == starlark.None {
		return starlark.None, nil
	}
	var s string
	if err := starlark.UnpackPositionalArgs(b.Name(), starlark.Tuple{text}, nil, 1, &s); err != nil {
		return nil, err
	}
	a, err := sip.ParseLocation(s)
	if err != nil {
		return starlark.None, nil
	}
	return newURI(a.URI), nil
}

func newURI(u sip.URI) *record {
	params := u.Params
	if u.Scheme == "tel" {
		_, params, _ = strings.Cut(u.Opaque, ";")
	}
	return &record{kind: "uri", text: u.String(), attributes: starlark.StringDict{
		"scheme": starlark.String(u.Scheme),
		"user":   starlark.String(user(u)),
		"host":   starlark.String(strings.ToLower(u.Host)),
		"port":   starlark.MakeInt(u.Port),
		"params": parameters(params),
	}}
}

// user is who a URI names: the user part of a SIP URI without the password, the number of a tel URI. RFC 3261 §19.1.4: a character and its
// escape are the same user.
func user(u sip.URI) string {
	switch u.Scheme {
	case "sip", "sips":
		name, _, _ := strings.Cut(u.User, ":")
		return unescape(name)
	case "tel":
		number, _, _ := strings.Cut(u.Opaque, ";")
		return unescape(number)
	}
	return ""
}

// parameters are those of a URI, by their names in lower case; of two with one name the first counts.
func parameters(raw string) *starlark.Dict {
	d := starlark.NewDict(0)
	for p := range strings.SplitSeq(raw, ";") {
		name, value, _ := strings.Cut(p, "=")
		key := starlark.String(strings.ToLower(unescape(name)))
		if _, there, _ := d.Get(key); there || key == "" {
			continue
		}
		_ = d.SetKey(key, starlark.String(unescape(value))) // fails on keys that cannot be hashed only
	}
	d.Freeze()
	return d
}

// unescape puts the octets for their escapes (RFC 3986 §2.1). What is no escape stays as it is.
func unescape(s string) string {
	if strings.IndexByte(s, '%') < 0 {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			high, low := hexDigit(s[i+1]), hexDigit(s[i+2])
			if high >= 0 && low >= 0 {
				b = append(b, byte(high<<4|low))
				i += 2
				continue
			}
		}
		b = append(b, s[i])
	}
	return string(b)
}

func hexDigit(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return int(c|0x20-'a') + 10
	}
	return -1
}
