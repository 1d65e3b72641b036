package msrpsdp

import (
	"strings"

	"github.com/parley-msrp/parley/msrp"
)

// DefaultAccept is what is accepted where nobody said anything else: through "*" also message/cpim, multipart/mixed,
// multipart/alternative and multipart/signed, which every endpoint signals (RFC 4975 §7.3.1, §13, §14.3; D-011).
const DefaultAccept = "text/plain *"

// Prefer chooses among the media types that a message is available in, best first, the one to send to a peer with these
// accept-types: one that the peer names outright is preferred to one that only a wildcard covers (RFC 4975 §8.6, D-008), in the
// order of the peer's list. The choice is false where the peer takes none of them.
func Prefer(accept msrp.Types, available ...string) (string, bool) {
	for _, wildcard := range []bool{false, true} {
		for _, entry := range accept {
			if strings.HasSuffix(entry, "*") != wildcard {
				continue
			}
			for _, t := range available {
				if (msrp.Types{entry}).Accepts(t) {
					return t, true
				}
			}
		}
	}
	return "", false
}
