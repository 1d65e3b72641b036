package peer

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
)

// DigestParams reads the parameters of a Digest header value, names in lower case, values without quotes. It knows no escapes and no commas in quotes.
func DigestParams(value string) map[string]string {
	p := map[string]string{}
	rest, found := strings.CutPrefix(value, "Digest ")
	if !found {
		return p
	}
	for f := range strings.SplitSeq(rest, ",") {
		name, v, _ := strings.Cut(strings.TrimSpace(f), "=")
		p[strings.ToLower(name)] = strings.Trim(v, `"`)
	}
	return p
}

// DigestResponse computes what the response parameter must be (RFC 7616 §3.4.1), with the other parameters as they stand in p.
func DigestResponse(p map[string]string, method, password string) string {
	h := func(parts ...string) string {
		text := []byte(strings.Join(parts, ":"))
		if p["algorithm"] == "SHA-256" {
			sum := sha256.Sum256(text)
			return hex.EncodeToString(sum[:])
		}
		sum := md5.Sum(text)
		return hex.EncodeToString(sum[:])
	}
	ha1, ha2 := h(p["username"], p["realm"], password), h(method, p["uri"])
	if p["qop"] == "" {
		return h(ha1, p["nonce"], ha2)
	}
	return h(ha1, p["nonce"], p["nc"], p["cnonce"], p["qop"], ha2)
}

// Credentials answers a challenge, with the nonce counted as nc.
func Credentials(challenge string, nc int, username, password string, request *Message) string {
	c := DigestParams(challenge)
	p := map[string]string{
		"username": username, "realm": c["realm"], "nonce": c["nonce"], "algorithm": c["algorithm"], "uri": request.URI(),
		"qop": c["qop"], "nc": fmt.Sprintf("%08x", nc), "cnonce": Ident(),
	}
	return fmt.Sprintf(`Digest username="%s", realm="%s", nonce="%s", uri="%s", response="%s", algorithm=%s, cnonce="%s", qop=%s, nc=%s`,
		p["username"], p["realm"], p["nonce"], p["uri"], DigestResponse(p, request.Method(), password), p["algorithm"], p["cnonce"], p["qop"], p["nc"])
}
