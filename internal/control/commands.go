package control

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"

	"github.com/parley-msrp/parley/internal/event"
)

const (
	// KeyField is the Field of errors that are about a caller's key.
	KeyField = "idempotency_key"
	// MaxKey is how many octets a caller's key may have.
	MaxKey = 128
	// rememberedKeys is how many commands with keys are remembered, the newest ones.
	rememberedKeys = 10_000
)

// Errors of keys.
var (
	ErrKeyReused = &FieldError{KeyField, errors.New("was used for another command; each takes a key of its own")}
	errKeyLength = &FieldError{KeyField, fmt.Errorf("has more than %d octets", MaxKey)}
)

// commands remembers commands by the keys that their callers gave them.
type commands struct {
	mu     sync.Mutex
	known  map[string]*command
	oldest []string // keys in their order
}

type command struct {
	digest string
	result string
	done   chan struct{} // closed when it is; then result or err is set
	err    error
}

// once does a command, or says what it came to before. One that failed may be tried again. Whoever asks meanwhile waits.
func (k *commands) once(key, digest string, do func() (string, error)) (string, error) {
	if len(key) > MaxKey {
		return "", errKeyLength
	}
	k.mu.Lock()
	c := k.known[key]
	if c != nil {
		k.mu.Unlock()
		if c.digest != digest {
			return "", ErrKeyReused
		}
		<-c.done
		return c.result, c.err
	}
	c = k.add(key, digest)
	k.mu.Unlock()
	c.result, c.err = do()
	if c.err != nil {
		k.forget(key, c)
	}
	close(c.done)
	return c.result, c.err
}

// forget takes out a command that failed: it takes no place from those that did not.
func (k *commands) forget(key string, c *command) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.known[key] != c {
		return // so many came since
	}
	delete(k.known, key)
	i := slices.Index(k.oldest, key)
	k.oldest = slices.Delete(k.oldest, i, i+1)
}

// add notes a command. Holding k.mu.
func (k *commands) add(key, digest string) *command {
	if k.known == nil {
		k.known = map[string]*command{}
	}
	c := &command{digest: digest, done: make(chan struct{})}
	k.known[key] = c
	k.oldest = append(k.oldest, key)
	for len(k.oldest) > rememberedKeys {
		delete(k.known, k.oldest[0])
		k.oldest = k.oldest[1:]
	}
	return c
}

// recall notes a command of before the process began, with what it came to.
func (k *commands) recall(key, digest, result string, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	c := k.add(key, digest)
	c.result, c.err = result, err
	close(c.done)
}

// errCut says that the process was killed while a command with a key started a session. It is not done again: the peer may have been called.
func errCut(sessionID string) error {
	return &FieldError{KeyField, fmt.Errorf("was used to start the session %s, which is over: the process was killed meanwhile, and whether the peer was called is not known; "+
		"another key starts another session", sessionID)}
}

// once does a command that leaves no event of its own which has its key, and keeps that it was done.
func (c *Control) once(key, digest string, do func() (string, error)) (string, error) {
	if key == "" {
		return do()
	}
	return c.commands.once(key, digest, func() (string, error) {
		result, err := do()
		if err != nil {
			return "", err
		}
		// The command was done, whatever becomes of the record.
		if err := c.keep(event.NewCommand(key, digest, result)); err != nil {
			c.log.Warn("a command's key was not kept", "err", err)
		}
		return result, nil
	})
}

// digest tells one command from another.
func digest(words ...string) string {
	h := sha256.New()
	for _, w := range words {
		h.Write(strconv.AppendInt(nil, int64(len(w)), 10))
		h.Write([]byte{':'})
		h.Write([]byte(w))
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}
