package wire

// Lengths of an ident (RFC 4975 §9), in octets.
const (
	minIdent = 4
	maxIdent = 32
)

// ValidIdent says whether s is an ident of the grammar of RFC 4975 §9: 4 to 32 characters, the first one a letter or a
// digit, the others letters, digits or one of ". - + % =" (M-002).
func ValidIdent(s string) bool { return validIdent(s) }

func validIdent[T string | []byte](s T) bool {
	if len(s) < minIdent || len(s) > maxIdent || !isAlphanum(s[0]) {
		return false
	}
	for i := 1; i < len(s); i++ {
		if !isAlphanum(s[i]) && !isIdentMark(s[i]) {
			return false
		}
	}
	return true
}

func isIdentMark(c byte) bool {
	switch c {
	case '.', '-', '+', '%', '=':
		return true
	}
	return false
}

func isDigit(c byte) bool    { return '0' <= c && c <= '9' }
func isUpper(c byte) bool    { return 'A' <= c && c <= 'Z' }
func isAlpha(c byte) bool    { return isUpper(c &^ 0x20) }
func isAlphanum(c byte) bool { return isDigit(c) || isAlpha(c) }

// isToken holds for the characters of the token rule of RFC 4975 §9.
func isToken(c byte) bool {
	switch {
	case isAlphanum(c):
		return true
	case c <= ' ' || c >= 0x7f:
		return false
	}
	switch c {
	case '"', '(', ')', ',', '/', ':', ';', '<', '=', '>', '?', '@', '[', '\\', ']':
		return false
	}
	return true
}

// foldEqual compares two texts without regard to the case of ASCII letters.
func foldEqual[A, B string | []byte](a A, b B) bool {
	if len(a) != len(b) {
		return false
	}
	for i := 0; i < len(a); i++ {
		if a[i] != b[i] && (a[i]|0x20 != b[i]|0x20 || !isAlpha(a[i])) {
			return false
		}
	}
	return true
}
