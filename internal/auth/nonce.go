package auth

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"sync"
	"time"
)

// The parts of a nonce, in octets: when it was issued, what makes it unique, and a proof that it is ours.
const (
	timeSize, uniqueSize, proofSize = 8, 12, 16
	nonceSize                       = timeSize + uniqueSize + proofSize
)

type unique [uniqueSize]byte

// nonces issues nonces without keeping them, and remembers those that were used with good credentials: only users that are known can fill it.
type nonces struct {
	key      [32]byte
	started  time.Time
	lifetime time.Duration
	limit    int

	mu                sync.Mutex
	current, previous map[unique]uses
	turned            time.Duration // when current was begun
	floor             time.Duration // nonces that were issued before are stale
}

// uses says which counts a nonce was used with: requests may overtake each other.
type uses struct {
	highest uint32
	below   uint64 // bit n: highest-1-n
}

func (n *nonces) init(lifetime time.Duration, limit int) {
	_, _ = rand.Read(n.key[:]) // never fails (crypto/rand)
	n.started, n.lifetime, n.limit = time.Now(), lifetime, limit
	n.current, n.previous = map[unique]uses{}, map[unique]uses{}
}

// now counts from the start, by the monotonic clock.
func (n *nonces) now() time.Duration { return time.Since(n.started) }

func (n *nonces) issue(realm string, a Algorithm) string {
	var b [nonceSize]byte
	binary.BigEndian.PutUint64(b[:], uint64(n.now()))
	_, _ = rand.Read(b[timeSize : timeSize+uniqueSize])
	n.prove(b[timeSize+uniqueSize:], b[:timeSize+uniqueSize], realm, a)
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// prove writes the proof of what stands before it: good for one realm and algorithm.
func (n *nonces) prove(proof, head []byte, realm string, a Algorithm) {
	h := hmac.New(sha256.New, n.key[:])
	h.Write(head)
	h.Write([]byte{byte(a)})
	h.Write([]byte(realm))
	copy(proof, h.Sum(nil))
}

// use notes that a nonce was used with a count; false if it is not ours, too old, or was used with that count before.
func (n *nonces) use(nonce, realm string, a Algorithm, count uint32) bool {
	b, err := base64.RawURLEncoding.DecodeString(nonce)
	if err != nil || len(b) != nonceSize {
		return false
	}
	var proof [proofSize]byte
	n.prove(proof[:], b[:timeSize+uniqueSize], realm, a)
	if !hmac.Equal(proof[:], b[timeSize+uniqueSize:]) {
		return false
	}
	issued := time.Duration(binary.BigEndian.Uint64(b))
	n.mu.Lock()
	defer n.mu.Unlock()
	now := n.now()
	if now-issued > n.lifetime || issued < n.floor {
		return false
	}
	n.turn(now)
	return n.count(unique(b[timeSize:timeSize+uniqueSize]), count)
}

// turn forgets nonces that are too old to be taken. The lock is held.
func (n *nonces) turn(now time.Duration) {
	switch {
	case len(n.current) >= n.limit:
		// Bounded memory: everybody gets a new nonce.
		n.current, n.previous, n.floor, n.turned = map[unique]uses{}, map[unique]uses{}, now, now
	case now-n.turned > n.lifetime:
		n.previous, n.current, n.turned = n.current, map[unique]uses{}, now
	}
}

// count notes a count; false if it was there before, or is too far below the highest one to tell. The lock is held.
func (n *nonces) count(id unique, count uint32) bool {
	u, found := n.current[id]
	if !found {
		u = n.previous[id]
	}
	switch distance := int64(count) - int64(u.highest); {
	case distance > 0:
		u.below = u.below<<min(distance, 64) | 1<<min(distance-1, 64)
		u.highest = count
	case distance == 0, distance < -64, u.below&(1<<(-distance-1)) != 0:
		return false
	default:
		u.below |= 1 << (-distance - 1)
	}
	n.current[id] = u
	return true
}
