// Package auth is digest authentication for SIP (RFC 3261 §22, RFC 8760), and towards MSRP relays (RFC 4976 §9.1): credentials for the challenges of
// others, and challenges of one's own.
// It knows header values only, nothing of messages and dialogs.
package auth

import (
	"errors"
	"log/slog"
	"strings"
)

// Credential is a user's name and password in one realm. It never shows its password: not in a log, not in an error.
type Credential struct{ Username, Realm, Password string }

var (
	errCredential = errors.New("is not of the form username:realm:password")
	errEmptyUser  = errors.New("has no username; username:realm:password would be right")
	errNoRealm    = errors.New("has no realm; username:realm:password would be right")
	errUnquotable = errors.New("has a quotation mark, a backslash or a control character in its username or realm")
)

// ParseCredential reads username:realm:password. The password is everything behind the second colon. The error does not show any of it.
func ParseCredential(s string) (Credential, error) {
	username, rest, found := strings.Cut(s, ":")
	realm, password, found2 := strings.Cut(rest, ":")
	switch {
	case !found || !found2:
		return Credential{}, errCredential
	case username == "":
		return Credential{}, errEmptyUser
	case realm == "":
		return Credential{}, errNoRealm
	}
	c := Credential{username, realm, password}
	return c, c.Check()
}

// Check says what makes the credential unusable; nil if nothing does.
func (c Credential) Check() error {
	if !quotable(c.Username) || !quotable(c.Realm) {
		return errUnquotable
	}
	return nil
}

// String is username and realm, without the password.
func (c Credential) String() string { return c.Username + ":" + c.Realm + ":***" }

// GoString is String, for %#v.
func (c Credential) GoString() string { return c.String() }

// LogValue is String, for slog.
func (c Credential) LogValue() slog.Value { return slog.StringValue(c.String()) }
