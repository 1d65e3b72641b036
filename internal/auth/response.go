package auth

import (
	"crypto/md5"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"strings"
)

// Algorithm is a digest algorithm (RFC 8760 §2.2).
type Algorithm uint8

// The algorithms.
const (
	SHA256 Algorithm = iota
	MD5
	SHA512t256
)

var algorithmNames = [...]string{SHA256: "SHA-256", MD5: "MD5", SHA512t256: "SHA-512-256"}

// String is the name in headers.
func (a Algorithm) String() string { return algorithmNames[a] }

// algorithmOf reads the name; none means MD5 (RFC 7616 §3.3).
func algorithmOf(name string) (Algorithm, bool) {
	if name == "" {
		return MD5, true
	}
	for a, n := range algorithmNames {
		if strings.EqualFold(n, name) {
			return Algorithm(a), true
		}
	}
	return 0, false
}

// hash is H(text) in hexadecimal.
func (a Algorithm) hash(text string) string {
	switch a {
	case MD5:
		sum := md5.Sum([]byte(text))
		return hex.EncodeToString(sum[:])
	case SHA512t256:
		sum := sha512.Sum512_256([]byte(text))
		return hex.EncodeToString(sum[:])
	default:
		sum := sha256.Sum256([]byte(text))
		return hex.EncodeToString(sum[:])
	}
}

// hashA1 is H(A1) (RFC 7616 §3.4.2).
func (a Algorithm) hashA1(username, realm, password string) string {
	return a.hash(username + ":" + realm + ":" + password)
}

// proof is what a response is made over.
type proof struct {
	algorithm   Algorithm
	ha1         string
	nonce       string
	qop, cnonce string // "": without quality of protection, as older servers ask for it
	nc          uint32
	request     Request
}

// response is the value of that parameter (RFC 7616 §3.4.1).
func (p *proof) response() string {
	a2 := p.request.Method + ":" + p.request.URI
	if p.qop == "auth-int" {
		a2 += ":" + p.algorithm.hash(string(p.request.Body))
	}
	ha2 := p.algorithm.hash(a2)
	if p.qop == "" {
		return p.algorithm.hash(p.ha1 + ":" + p.nonce + ":" + ha2)
	}
	return p.algorithm.hash(fmt.Sprintf("%s:%s:%08x:%s:%s:%s", p.ha1, p.nonce, p.nc, p.cnonce, p.qop, ha2))
}
