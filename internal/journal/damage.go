package journal

import (
	"fmt"
	"sync"

	"github.com/parley-msrp/parley/internal/event"
)

// damage is the packs that were found not to be readable, each once. Their events are lost, and who reads is told how many; the rest of the journal is good.
type damage struct {
	mu    sync.Mutex
	known map[uint64]struct{} // sequences
}

// maxDamage is how many are told apart; more are neither logged nor counted.
const maxDamage = 10_000

// damaged notes that a pack cannot be read, or a part of it.
func (j *Durable) damaged(p *pack, lost int, err error) {
	d := &j.damage
	d.mu.Lock()
	_, known := d.known[p.sequence]
	if !known && len(d.known) < maxDamage {
		if d.known == nil {
			d.known = map[uint64]struct{}{}
		}
		d.known[p.sequence] = struct{}{}
	} else {
		known = true
	}
	d.mu.Unlock()
	if known {
		return
	}
	what := fmt.Sprintf("%d events of a pack cannot be read, and are lost", lost)
	if p.alien != nil {
		what = "a message in the stream is no pack of events, and is left out"
	}
	j.cfg.Logger.Error("the journal is damaged: "+what, "pack", p.sequence, "err", err)
}

// count says how many packs are known to be damaged.
func (d *damage) count() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.known)
}

// read reads the events of a pack, and notes damage. An event that cannot be read has no Name.
func (j *Durable) read(p *pack) (events []event.Event, whole bool) {
	events, lost, err := p.events()
	if err != nil {
		j.damaged(p, lost, err)
	}
	return events, err == nil
}
