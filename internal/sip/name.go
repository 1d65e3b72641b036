package sip

// Header names that come in every message; used where this package itself reads or writes them.
const (
	hVia           = "Via"
	hFrom          = "From"
	hTo            = "To"
	hCallID        = "Call-ID"
	hCSeq          = "CSeq"
	hContact       = "Contact"
	hRoute         = "Route"
	hMaxForwards   = "Max-Forwards"
	hTimestamp     = "Timestamp"
	hContentLength = "Content-Length"
	hRetryAfter    = "Retry-After"
)

// namesByLength holds the canonical spelling of every header name that is recognised in any case; never changed after start.
var namesByLength = groupByLength(
	hVia, hFrom, hTo, hCallID, hCSeq, hContact, hRoute, hMaxForwards, hTimestamp, hContentLength, hRetryAfter,
	"Accept", "Accept-Contact", "Accept-Encoding", "Accept-Language", "Alert-Info", "Allow", "Allow-Events",
	"Authentication-Info", "Authorization", "Call-Info", "Content-Disposition", "Content-Encoding",
	"Content-Language", "Content-Type", "Date", "Error-Info", "Event", "Expires", "Geolocation", "Identity",
	"Identity-Info", "In-Reply-To", "Min-Expires", "Min-SE", "MIME-Version", "Organization",
	"P-Asserted-Identity", "P-Preferred-Identity", "Path", "Priority", "Privacy", "Proxy-Authenticate",
	"Proxy-Authorization", "Proxy-Require", "RAck", "Reason", "Record-Route", "Refer-To", "Referred-By",
	"Reject-Contact", "Replaces", "Reply-To", "Request-Disposition", "Require", "RSeq", "Server",
	"Service-Route", "Session-Expires", "SIP-ETag", "SIP-If-Match", "Subject", "Subscription-State",
	"Supported", "Unsupported", "User-Agent", "Warning", "WWW-Authenticate",
)

func groupByLength(names ...string) [24][]string {
	var t [24][]string
	for _, n := range names {
		t[len(n)] = append(t[len(n)], n)
	}
	return t
}

// canonical gives the long name in its usual spelling (RFC 3261 §7.3.3: compact and any-case names mean the same); an
// unknown name is returned as it is.
func canonical(name string) string {
	if len(name) == 1 {
		return longName(name)
	}
	if len(name) < len(namesByLength) {
		for _, n := range namesByLength[len(name)] {
			if lower(n[0]) == lower(name[0]) && (n == name || foldEqual(n, name)) {
				return n
			}
		}
	}
	return name
}

// longName expands a compact name.
func longName(name string) string {
	switch name[0] | 0x20 {
	case 'a':
		return "Accept-Contact"
	case 'b':
		return "Referred-By"
	case 'c':
		return "Content-Type"
	case 'd':
		return "Request-Disposition"
	case 'e':
		return "Content-Encoding"
	case 'f':
		return hFrom
	case 'i':
		return hCallID
	case 'j':
		return "Reject-Contact"
	case 'k':
		return "Supported"
	case 'l':
		return hContentLength
	case 'm':
		return hContact
	case 'n':
		return "Identity-Info"
	case 'o':
		return "Event"
	case 'r':
		return "Refer-To"
	case 's':
		return "Subject"
	case 't':
		return hTo
	case 'u':
		return "Allow-Events"
	case 'v':
		return hVia
	case 'x':
		return "Session-Expires"
	case 'y':
		return "Identity"
	}
	return name
}

// foldEqual compares ASCII without regard to case.
func foldEqual(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := 0; i < len(a); i++ {
		if a[i] != b[i] && lower(a[i]) != lower(b[i]) {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c | 0x20
	}
	return c
}

// isToken tells whether s is a token of RFC 3261 §25.1.
func isToken(s string) bool {
	for i := 0; i < len(s); i++ {
		if !tokenChar[s[i]] {
			return false
		}
	}
	return s != ""
}

var tokenChar = charSet("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.!%*_+`'~")

func charSet(chars string) (t [256]bool) {
	for i := 0; i < len(chars); i++ {
		t[chars[i]] = true
	}
	return t
}
