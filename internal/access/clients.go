package access

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
)

// Caller is who makes a request.
type Caller struct {
	Name   string // of the file of clients; "": nobody in particular
	Rights Rights
}

// Clients are the callers of a file: who shows one of its tokens or certificates. Immutable.
type Clients struct {
	tokens       []token
	certificates map[string]Caller // by what the certificate is for
}

type token struct {
	hash   [sha256.Size]byte
	caller Caller
}

const (
	// MinToken is how long a token is at least, in octets: it is not meant to be remembered.
	MinToken = 32
	// maxToken bounds what is hashed.
	maxToken       = 1024
	maxClientsFile = 1 << 20 // octets
	maxClients     = 1000
)

// The kinds of credentials in a file.
const (
	plainToken  = "token:"
	hashedToken = "sha256:"
	certificate = "certificate:"
)

// LoadClients reads a file of clients, one on each line: name, rights and credential, with blanks between.
//
//	bot      read,send   sha256:9c56cc51b374c3ba189210d5b6d4bf57790d351c96c47c02190ecf1e430635ab
//	ops      all         token:0b2c…
//	metrics  read        certificate:prometheus.example.com
//
// A token stands there by its SHA-256 hash or itself. Empty lines, and lines that begin with #, count as none. A file that others than its owner may
// write to is refused, and one that others may read where a token stands in it itself. Errors name file and line, and show nothing of it.
func LoadClients(path string) (*Clients, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(f, maxClientsFile+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxClientsFile {
		return nil, fmt.Errorf("%s: a file of clients has at most %d octets", path, maxClientsFile)
	}
	c := &Clients{certificates: map[string]Caller{}}
	plain, number := false, 0
	for line := range bytes.Lines(text) {
		number++
		fields := strings.Fields(string(line))
		if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		if err := c.add(fields); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", path, number, err)
		}
		plain = plain || strings.HasPrefix(fields[2], plainToken)
	}
	return c, checkMode(path, info.Mode().Perm(), plain)
}

func checkMode(path string, mode fs.FileMode, plain bool) error {
	switch {
	case mode&0o022 != 0:
		return fmt.Errorf("%s may be written to by others than its owner (mode %04o); chmod 600 would be right", path, uint32(mode))
	case plain && mode&0o077 != 0:
		return fmt.Errorf("%s holds tokens and may be read by others than its owner (mode %04o); chmod 600 would be right, or hashes in place of the tokens", path, uint32(mode))
	}
	return nil
}

var (
	errClientLine  = errors.New("the line is not of the form NAME RIGHTS CREDENTIAL")
	errCredential  = errors.New("the credential is none; token:TOKEN, sha256:HASH or certificate:NAME would be right")
	errHash        = errors.New("the hash does not have 64 hexadecimal digits")
	errShortToken  = fmt.Errorf("the token is not of %d to %d octets; parley token makes one", MinToken, maxToken)
	errTwice       = errors.New("the credential stands on a line before")
	errManyClients = fmt.Errorf("there are more than %d clients", maxClients)
)

func (c *Clients) add(fields []string) error {
	if len(fields) != 3 {
		return errClientLine
	}
	rights, err := ParseRights(fields[1])
	if err != nil {
		return err
	}
	caller, credential := Caller{fields[0], rights | Known}, fields[2]
	if len(c.tokens)+len(c.certificates) == maxClients {
		return errManyClients
	}
	switch {
	case strings.HasPrefix(credential, plainToken):
		secret := strings.TrimPrefix(credential, plainToken)
		if len(secret) < MinToken || len(secret) > maxToken {
			return errShortToken
		}
		return c.addToken(sha256.Sum256([]byte(secret)), caller)
	case strings.HasPrefix(credential, hashedToken):
		var hash [sha256.Size]byte
		digits := strings.TrimPrefix(credential, hashedToken)
		if n, err := hex.Decode(hash[:], []byte(digits[:min(len(digits), 2*len(hash))])); err != nil || n != len(hash) || len(digits) != 2*len(hash) {
			return errHash
		}
		return c.addToken(hash, caller)
	case strings.HasPrefix(credential, certificate) && len(credential) > len(certificate):
		name := strings.ToLower(strings.TrimPrefix(credential, certificate))
		if _, twice := c.certificates[name]; twice {
			return errTwice
		}
		c.certificates[name] = caller
		return nil
	}
	return errCredential
}

func (c *Clients) addToken(hash [sha256.Size]byte, caller Caller) error {
	for _, t := range c.tokens {
		if t.hash == hash {
			return errTwice
		}
	}
	c.tokens = append(c.tokens, token{hash, caller})
	return nil
}

// ByToken finds whose token it is. How long that takes does not depend on what is right about it.
func (c *Clients) ByToken(secret string) (Caller, bool) {
	if c == nil || len(secret) > maxToken {
		return Caller{}, false
	}
	hash := sha256.Sum256([]byte(secret))
	found := -1
	for i := range c.tokens {
		found = subtle.ConstantTimeSelect(subtle.ConstantTimeCompare(hash[:], c.tokens[i].hash[:]), i, found)
	}
	if found < 0 {
		return Caller{}, false
	}
	return c.tokens[found].caller, true
}

// byHeaders finds whose token the Authorization headers of a request hold.
func (c *Clients) byHeaders(headers []string) (Caller, bool) {
	scheme, secret, _ := strings.Cut(headers[0], " ")
	if len(headers) != 1 || !strings.EqualFold(scheme, "Bearer") {
		return Caller{}, false
	}
	return c.ByToken(strings.TrimLeft(secret, " "))
}

// ByCertificate finds whose certificate it is, which was verified: by a DNS name or URI of its subjectAltName, or else by its CN.
func (c *Clients) ByCertificate(leaf *x509.Certificate) (Caller, bool) {
	if c == nil {
		return Caller{}, false
	}
	names := leaf.DNSNames
	for _, u := range leaf.URIs {
		names = append(names[:len(names):len(names)], u.String())
	}
	if len(names) == 0 && leaf.Subject.CommonName != "" {
		names = []string{leaf.Subject.CommonName}
	}
	for _, name := range names {
		if caller, found := c.certificates[strings.ToLower(name)]; found {
			return caller, true
		}
	}
	return Caller{}, false
}
