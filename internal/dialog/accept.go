package dialog

import (
	"strings"

	"github.com/parley-msrp/parley/internal/sip"
)

// takesSDP says whether the answer to m may be a session description: the most specific range of Accept decides, and without
// Accept it may (RFC 3261 §20.1, S-017).
func takesSDP(m *sip.Message) bool {
	if !m.Has("Accept") {
		return true
	}
	takes, best := false, 0
	for _, r := range m.List("Accept") {
		media, params, _ := strings.Cut(r, ";")
		if n := specificity(media); n > best {
			takes, best = !zeroQuality(params), n
		}
	}
	return takes
}

// specificity of a media range that holds application/sdp; 0 for one that does not.
func specificity(media string) int {
	switch strings.ToLower(strings.Join(strings.Fields(media), "")) {
	case sdpType:
		return 3
	case "application/*":
		return 2
	case "*/*":
		return 1
	default:
		return 0
	}
}

func zeroQuality(params string) bool {
	for p := range strings.SplitSeq(params, ";") {
		name, value, _ := strings.Cut(p, "=")
		if strings.EqualFold(strings.TrimSpace(name), "q") {
			value = strings.TrimSpace(value)
			return value != "" && strings.Trim(value, "0.") == ""
		}
	}
	return false
}
