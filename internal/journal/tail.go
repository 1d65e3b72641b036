package journal

import (
	"slices"

	"github.com/parley-msrp/parley/internal/event"
)

// tail is the newest packs in memory, for those who follow closely: they need not be read from the stream again.
type tail struct {
	packs  []recent
	octets int64
	last   uint64 // sequence of the last pack that is kept, in memory or not
	number uint64 // of the last event in it
}

// recent is a pack of the tail. It never changes.
type recent struct {
	sequence, first uint64
	events          []event.Event
	octets          int64
}

func (t *tail) add(p *outgoing) {
	t.packs = append(t.packs, recent{p.sequence, p.first, p.events, int64(len(p.lines))})
	t.octets += int64(len(p.lines))
	t.last, t.number = p.sequence, p.first+uint64(len(p.events))-1
	n := 0
	for n < len(t.packs)-1 && (t.octets > tailOctets || len(t.packs)-n > tailPacks) {
		t.octets -= t.packs[n].octets
		t.packs[n] = recent{}
		n++
	}
	t.packs = t.packs[n:]
}

// find is the first pack from sequence on, if it is certain that there is none between.
func (t *tail) find(sequence uint64) (recent, bool) {
	if len(t.packs) == 0 || sequence < t.packs[0].sequence {
		return recent{}, false
	}
	i, _ := slices.BinarySearchFunc(t.packs, sequence, func(p recent, sequence uint64) int {
		if p.sequence < sequence {
			return -1
		}
		return int(min(p.sequence-sequence, 1))
	})
	if i == len(t.packs) {
		return recent{}, false
	}
	return t.packs[i], true
}
