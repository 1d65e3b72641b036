package control

import (
	"slices"
	"sync"
)

// keeping are the messages on their way into the journal, each with the repeats that came meanwhile: none is answered before it is
// known what became of the first.
type keeping struct {
	mu      sync.Mutex
	repeats map[messageKey][]completable
	refused []refusal // the newest ones
}

// refusal is what a message got that is not kept. A repeat of it may be under way already, which the engine took for one of a message
// that was handed over and not rejected.
type refusal struct {
	key     messageKey
	code    int
	comment string
}

// maxRefused is how many refusals are remembered: repeats that cross them come at once.
const maxRefused = 64

// completable is a message that came, whole or as a stream.
type completable interface {
	Accept()
	Reject(code int, comment string)
}

type messageKey struct{ session, message string }

// begin notes a message that goes to the journal.
func (k *keeping) begin(key messageKey) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.repeats == nil {
		k.repeats = map[messageKey][]completable{}
	}
	k.repeats[key] = nil
	k.refused = slices.DeleteFunc(k.refused, func(r refusal) bool { return r.key == key })
}

// repeat completes a message that was handed over before: as that one was, or together with it while it is on its way.
func (k *keeping) repeat(key messageKey, m completable) {
	k.mu.Lock()
	waiting, underWay := k.repeats[key]
	if underWay {
		k.repeats[key] = append(waiting, m)
	}
	var first refusal
	i := slices.IndexFunc(k.refused, func(r refusal) bool { return r.key == key })
	if i >= 0 {
		first = k.refused[i]
	}
	k.mu.Unlock()
	switch {
	case underWay:
	case i >= 0:
		m.Reject(first.code, first.comment)
	default:
		m.Accept()
	}
}

// done completes a message that went to the journal, and its repeats: its 200 says that it is kept.
func (k *keeping) done(key messageKey, m completable, err error) {
	if err != nil {
		k.refuse(key, m, 413, "message cannot be kept")
		return
	}
	k.accept(key, m)
}

// accept accepts a message and its repeats.
func (k *keeping) accept(key messageKey, m completable) {
	k.mu.Lock()
	repeats := k.take(key)
	k.mu.Unlock()
	m.Accept()
	for _, m := range repeats {
		m.Accept()
	}
}

// refuse rejects a message and its repeats.
func (k *keeping) refuse(key messageKey, m completable, code int, comment string) {
	k.mu.Lock()
	repeats := k.take(key)
	if len(k.refused) == maxRefused {
		k.refused = slices.Delete(k.refused, 0, 1)
	}
	k.refused = append(k.refused, refusal{key, code, comment})
	k.mu.Unlock()
	m.Reject(code, comment)
	for _, m := range repeats {
		m.Reject(code, comment)
	}
}

// take takes out a message and gives its repeats. Holding k.mu.
func (k *keeping) take(key messageKey) []completable {
	repeats := k.repeats[key]
	delete(k.repeats, key)
	return repeats
}
