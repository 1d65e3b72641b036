package peer

import (
	"crypto/rand"
	"encoding/hex"
)

// Ident returns a fresh identifier of 16 characters that suits a transaction id, a Message-ID, a tag and a Call-ID.
func Ident() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return hex.EncodeToString(b[:])
}

// Branch returns a fresh Via branch (RFC 3261 §8.1.1.7).
func Branch() string { return "z9hG4bK" + Ident() }
