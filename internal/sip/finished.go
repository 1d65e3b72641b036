package sip

import (
	"slices"
	"time"
)

// finishedTable holds server transactions that have done their work and only take repeats: an INVITE whose 2xx was acknowledged, and any
// other request over UDP with its answer. They stay for 32 s, many thousands of them at a time, so that an entry is little and holds no
// pointers, which the garbage collector would follow each time: entries stand in pages, in the order in which they came, and go in that order.
// Guarded by the server table's lock.
type finishedTable struct {
	numbers keyIndex        // of the entries by their keys, and by what copies of their requests share
	pages   []*finishedPage // that with the entry gone first
	gone    uint64          // how many entries have gone; the number of the first that is left
	next    uint64          // number of the next entry
}

const pageEntries = 256

// finishedPage holds the entries of so many numbers in a row.
type finishedPage struct {
	entries []finishedEntry
	octets  []byte // theirs, one behind the other; never changed once written
	paths   []path // those of the entries; peers are often the same
}

type finishedEntry struct {
	key, merge txKey
	due        time.Duration // its end, since the clock's start
	end        uint32        // of its octets in the page's
	path       uint8         // in the page's
	invite     bool
}

// finished is what was kept of a transaction.
type finished struct {
	invite bool
	path   path
	octets []byte // of an INVITE the local tag, else the answer; not to be changed
}

func (t *finishedTable) count() int { return int(t.next - t.gone) }

// add enters a transaction that has the keys of r, until due.
func (t *finishedTable) add(r *serverRecord, octets []byte, due time.Duration) {
	if t.next%pageEntries == 0 || len(t.pages) == 0 {
		t.addPage()
	}
	p := t.pages[len(t.pages)-1]
	e := finishedEntry{key: r.key, merge: r.merge, due: due, invite: r.invite}
	if !r.invite {
		e.path = p.keep(r.path)
	}
	p.octets = append(p.octets, octets...)
	e.end = uint32(len(p.octets))
	p.entries = append(p.entries, e)
	t.numbers.add(e.key, t.next)
	if e.merge != (txKey{}) {
		t.numbers.add(e.merge, t.next)
	}
	t.next++
}

// addPage makes a page, as large as the one before came to be.
func (t *finishedTable) addPage() {
	p := &finishedPage{}
	if n := len(t.pages); n > 0 {
		last := t.pages[n-1]
		p.entries, p.octets = make([]finishedEntry, 0, pageEntries), make([]byte, 0, len(last.octets)+len(last.octets)/16)
	}
	t.pages = append(t.pages, p)
}

// keep gives a path its place in the page.
func (p *finishedPage) keep(way path) uint8 {
	const near = 4
	from := max(len(p.paths)-near, 0)
	if i := slices.Index(p.paths[from:], way); i >= 0 {
		return uint8(from + i)
	}
	p.paths = append(p.paths, way)
	return uint8(len(p.paths) - 1) // an entry has one at most
}

// at gives an entry that has not gone, and its page.
func (t *finishedTable) at(number uint64) (*finishedPage, int) {
	return t.pages[number/pageEntries-t.gone/pageEntries], int(number % pageEntries)
}

// number finds an entry with that key which has not come to its end.
func (t *finishedTable) number(key txKey, now time.Duration) (uint64, bool) {
	return t.numbers.find(key, t.gone, func(number uint64) bool {
		p, i := t.at(number)
		e := &p.entries[i]
		return (e.key == key || e.merge == key) && e.due > now
	})
}

func (t *finishedTable) has(key txKey, now time.Duration) bool {
	_, ok := t.number(key, now)
	return ok
}

// find gives what was kept.
func (t *finishedTable) find(key txKey, now time.Duration) (f finished, ok bool) {
	number, ok := t.number(key, now)
	if !ok {
		return f, false
	}
	p, i := t.at(number)
	e, start := &p.entries[i], uint32(0)
	if i > 0 {
		start = p.entries[i-1].end
	}
	f.invite, f.octets = e.invite, p.octets[start:e.end:e.end]
	if !e.invite {
		f.path = p.paths[e.path]
	}
	return f, true
}

// sweep takes out those first ones that have come to their end, at most so many, and says whether that were all of these. One that ends
// earlier than one before it, because its ACK came late, stays so long; it is not found any more.
func (t *finishedTable) sweep(now time.Duration, most int) (all bool) {
	for ; t.gone < t.next; most-- {
		p, i := t.at(t.gone)
		e := &p.entries[i]
		if e.due > now {
			return true
		}
		if most == 0 {
			return false
		}
		t.numbers.remove(e.key, t.gone)
		if e.merge != (txKey{}) {
			t.numbers.remove(e.merge, t.gone)
		}
		if t.gone++; t.gone%pageEntries == 0 {
			t.pages[0] = nil
			t.pages = t.pages[1:]
		}
	}
	// Nothing is left. The next one begins a page.
	t.next = (t.next + pageEntries - 1) / pageEntries * pageEntries
	t.gone, t.pages = t.next, nil
	return true
}
