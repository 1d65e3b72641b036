package msrpsdp

import (
	"strings"

	"github.com/pion/sdp/v3"
)

// Values of a=setup (RFC 4145 §4, RFC 6135 §4.2).
const (
	SetupActive  = "active"  // its author connects
	SetupPassive = "passive" // its author waits to be connected to
	SetupActpass = "actpass" // of an offer: either
)

// DiscardPort is the port in the path of who cannot be connected to, and is active therefore (RFC 6135 §4.2.2, X-005).
const DiscardPort = 9

// setup finds the role among attributes, else it is otherwise. The first one counts; "holdconn", which MSRP has no use for, and what is unknown is as if it
// were not there.
func setup(attributes []sdp.Attribute, otherwise string) string {
	for v := range all(attributes, "setup") {
		switch v = strings.ToLower(strings.TrimSpace(v)); v {
		case SetupActive, SetupPassive, SetupActpass:
			return v
		}
		return ""
	}
	return otherwise
}

// OfferedSetup is the role that an offer of ours has: reachable says whether its path leads to where connections are taken (RFC 6135 §4.2.2, X-002).
func OfferedSetup(reachable bool) string {
	if reachable {
		return SetupActpass
	}
	return SetupActive
}

// AnsweredSetup is the role that our answer to an offered one has (RFC 6135 §4.2.2, X-003). An offer without is one by the rule of RFC 4975: the offerer
// connects. So is "passive" not legal in one, but it says clearly who will not.
func AnsweredSetup(offered string, reachable bool) string {
	if offered == SetupPassive || offered == SetupActpass && !reachable {
		return SetupActive
	}
	return SetupPassive
}

// Connects says whether it is up to us to connect, after our role and the peer's were exchanged. What does not go together is as if the answer had
// none: then the offerer connects (RFC 4975 §5.4, X-003, X-008).
func Connects(own, peer string, offerer bool) bool {
	if !offerer {
		return own == SetupActive
	}
	return peer != SetupActive || own == SetupActive
}
