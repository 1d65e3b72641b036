package auth

import "strings"

// challenge is what a peer asks for.
type challenge struct {
	realm, nonce, opaque string
	named                string // the algorithm as it was written; may be empty
	algorithm            Algorithm
	qop                  string // that is answered; "": none
	stale, userhash      bool
}

// readChallenge reads a challenge; false if it is broken, or asks for what is not supported.
func readChallenge(value string) (c challenge, ok bool) {
	p, ok := parseDigest(value)
	if !ok {
		return c, false
	}
	c = challenge{
		realm: strings.Clone(p["realm"]), nonce: strings.Clone(p["nonce"]), opaque: strings.Clone(p["opaque"]), named: strings.Clone(p["algorithm"]),
		stale: strings.EqualFold(p["stale"], "true"), userhash: strings.EqualFold(p["userhash"], "true"),
	}
	var known, protectable bool
	c.algorithm, known = algorithmOf(c.named)
	c.qop, protectable = chooseQOP(p["qop"])
	_, hasRealm := p["realm"]
	return c, known && protectable && hasRealm && c.nonce != ""
}

// chooseQOP picks of what is offered: auth before auth-int, whose hash of the body a proxy may break. Older servers offer none at all (S-027).
func chooseQOP(offered string) (qop string, ok bool) {
	none := true
	for q := range strings.SplitSeq(strings.ToLower(offered), ",") {
		switch q = strings.Trim(q, " \t"); q {
		case "":
			continue
		case "auth":
			return q, true
		case "auth-int":
			qop = q
		}
		none = false
	}
	return qop, none || qop != ""
}
