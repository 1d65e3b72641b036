package control

import "sync"

// keeping are the messages on their way into the journal, each with the repeats that came meanwhile: none is answered before it is
// known what became of the first.
type keeping struct {
	mu      sync.Mutex
	repeats map[messageKey][]completable
}

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
}

// repeat completes a message that was handed over before: now, or together with the one that is on its way.
func (k *keeping) repeat(key messageKey, m completable) {
	k.mu.Lock()
	waiting, underWay := k.repeats[key]
	if underWay {
		k.repeats[key] = append(waiting, m)
	}
	k.mu.Unlock()
	if !underWay {
		m.Accept()
	}
}

// done completes a message and its repeats: its 200 says that it is kept.
func (k *keeping) done(key messageKey, m completable, err error) {
	k.mu.Lock()
	all := append(k.repeats[key], m)
	delete(k.repeats, key)
	k.mu.Unlock()
	for _, m := range all {
		if err != nil {
			m.Reject(413, "message cannot be kept")
			continue
		}
		m.Accept()
	}
}

// drop forgets a message that does not go to the journal after all.
func (k *keeping) drop(key messageKey) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.repeats, key)
}
