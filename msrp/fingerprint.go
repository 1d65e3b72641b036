package msrp

import (
	"bytes"
	"crypto"
	_ "crypto/sha1" // still found in session descriptions; the weakest that is taken
	_ "crypto/sha256"
	_ "crypto/sha512"
	"encoding/hex"
	"fmt"
	"strings"
)

// Fingerprint is the hash of a certificate in DER, as an a=fingerprint attribute has it (RFC 8122 §5).
type Fingerprint struct {
	Hash  string // "sha-256", in lower case
	Value string // octets, not their text
}

// fingerprintHashes are those that are known, the best first (M-064). MD5 and MD2 are not.
var fingerprintHashes = [...]struct {
	name string
	hash crypto.Hash
}{
	{"sha-512", crypto.SHA512}, {"sha-384", crypto.SHA384}, {"sha-256", crypto.SHA256}, {"sha-224", crypto.SHA224}, {"sha-1", crypto.SHA1},
}

// hashOf finds a hash, and its rank among those known, the best being 0.
func hashOf(name string) (h crypto.Hash, rank int, known bool) {
	for i, f := range fingerprintHashes {
		if f.name == name {
			return f.hash, i, true
		}
	}
	return 0, 0, false
}

// FingerprintOf makes the SHA-256 fingerprint of a certificate in DER.
func FingerprintOf(der []byte) Fingerprint {
	return Fingerprint{Hash: "sha-256", Value: sum(crypto.SHA256, der)}
}

func sum(h crypto.Hash, der []byte) string {
	d := h.New()
	d.Write(der)
	return string(d.Sum(nil))
}

// ParseFingerprint reads the value of an a=fingerprint attribute: "sha-256 4A:AD:…". The name of the hash is read in any case, as are the
// digits. A hash that is not known is no error; nothing matches it.
func ParseFingerprint(s string) (Fingerprint, error) {
	name, digits, found := strings.Cut(strings.TrimSpace(s), " ")
	f := Fingerprint{Hash: strings.ToLower(name)}
	digits = strings.TrimSpace(digits)
	pairs := strings.Split(digits, ":")
	value, err := hex.DecodeString(strings.Join(pairs, ""))
	if !found || err != nil || len(value) != len(pairs) {
		return Fingerprint{}, fmt.Errorf("fingerprint %.100q: want the name of a hash and pairs of hexadecimal digits with colons between them", s)
	}
	if h, _, known := hashOf(f.Hash); known && len(value) != h.Size() {
		return Fingerprint{}, fmt.Errorf("fingerprint %.100q: %s has %d octets", s, f.Hash, h.Size())
	}
	f.Value = string(value)
	return f, nil
}

// String is the value of an a=fingerprint attribute: upper-case digits with colons between them (M-064).
func (f Fingerprint) String() string {
	var b strings.Builder
	b.WriteString(f.Hash)
	for i := range len(f.Value) {
		sep := byte(':')
		if i == 0 {
			sep = ' '
		}
		fmt.Fprintf(&b, "%c%02X", sep, f.Value[i])
	}
	return b.String()
}

// matches says whether a certificate in DER has one of the fingerprints: of those with the best hash that is known (RFC 8122 §5, M-064).
func matches(all []Fingerprint, der []byte) bool {
	best := len(fingerprintHashes)
	for _, f := range all {
		if _, rank, known := hashOf(f.Hash); known {
			best = min(best, rank)
		}
	}
	if best == len(fingerprintHashes) || len(der) == 0 {
		return false
	}
	want := []byte(sum(fingerprintHashes[best].hash, der))
	for _, f := range all {
		if f.Hash == fingerprintHashes[best].name && bytes.Equal([]byte(f.Value), want) {
			return true
		}
	}
	return false
}
