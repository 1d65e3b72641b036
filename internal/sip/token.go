package sip

import "crypto/rand"

// NewTag makes a tag with 128 random bits (RFC 3261 §19.3).
func NewTag() string { return rand.Text() }

// NewCallID makes a Call-ID with 128 random bits; it holds no address.
func NewCallID() string { return rand.Text() }

// newBranch makes a branch with 128 random bits behind the magic cookie (RFC 3261 §8.1.1.7).
func newBranch() string { return magicCookie + rand.Text() }
