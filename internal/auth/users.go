package auth

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// Users are the users of a file.
type Users struct{ secrets map[userKey]Secret }

type userKey struct{ username, realm string }

// maxUsersFile bounds a users file, in octets.
const maxUsersFile = 16 << 20

// plain comes before a password that looks like a hash.
const plain = "plain:"

// LoadUsers reads a file of users: username:realm:secret in each line. A secret of 32 hexadecimal digits is the MD5 hash that htdigest writes, one of
// 64 digits the SHA-256 hash of username:realm:password, anything else the password; one behind "plain:" always is. A user may have one of each hash, on
// two lines. Empty lines, and lines that begin with #, count as none. Errors name file and line, and show nothing of it.
func LoadUsers(path string) (*Users, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxUsersFile+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxUsersFile {
		return nil, fmt.Errorf("%s: a users file is at most %d octets long", path, maxUsersFile)
	}
	u := &Users{secrets: map[userKey]Secret{}}
	number := 0
	for line := range bytes.Lines(text) {
		number++
		if err := u.add(strings.TrimRight(string(line), "\r\n")); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", path, number, err)
		}
	}
	return u, nil
}

var (
	errUserLine  = errors.New("the line is not of the form username:realm:secret")
	errNoSecret  = errors.New("the secret is empty")
	errUserTwice = errors.New("this user has a secret of this kind on a line before")
)

func (u *Users) add(line string) error {
	if strings.TrimSpace(line) == "" || strings.HasPrefix(line, "#") {
		return nil
	}
	c, err := ParseCredential(line)
	switch {
	case errors.Is(err, errUnquotable):
		return fmt.Errorf("the line %w", err)
	case err != nil:
		return errUserLine
	case c.Password == "":
		return errNoSecret
	}
	key := userKey{c.Username, c.Realm}
	s := u.secrets[key]
	field := &s.Password
	password, isPlain := strings.CutPrefix(c.Password, plain)
	switch {
	case isPlain:
	case isHex(password) && len(password) == 32:
		field, password = &s.MD5, strings.ToLower(password)
	case isHex(password) && len(password) == 64:
		field, password = &s.SHA256, strings.ToLower(password)
	}
	if password == "" {
		return errNoSecret
	}
	if *field != "" {
		return errUserTwice
	}
	*field = password
	u.secrets[key] = s
	return nil
}

// Lookup finds a user's secret.
func (u *Users) Lookup(username, realm string) (Secret, bool) {
	s, found := u.secrets[userKey{username, realm}]
	return s, found
}

// OnlyMD5 counts the users that cannot be authenticated where MD5 is not offered.
func (u *Users) OnlyMD5() int {
	n := 0
	for _, s := range u.secrets {
		if s.Password == "" && s.SHA256 == "" {
			n++
		}
	}
	return n
}

func isHex(s string) bool {
	return strings.Trim(s, "0123456789abcdefABCDEF") == "" && s != ""
}
