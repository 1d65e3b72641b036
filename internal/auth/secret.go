package auth

// Secret is what a user is known by: the password, or hashes of username:realm:password (RFC 7616 §3.4.2: A1) in hexadecimal.
type Secret struct{ Password, SHA256, MD5 string }

// String shows nothing.
func (Secret) String() string { return "***" }

// GoString shows nothing.
func (Secret) GoString() string { return "***" }

// hash is H(A1); false where the secret does not tell it.
func (s Secret) hash(a Algorithm, username, realm string) (string, bool) {
	kept := s.SHA256
	if a == MD5 {
		kept = s.MD5
	}
	if kept != "" || s.Password == "" {
		return kept, kept != ""
	}
	return a.hashA1(username, realm, s.Password), true
}

// Lookup finds a user's secret. Safe for concurrent use; it must not block.
type Lookup func(username, realm string) (Secret, bool)
