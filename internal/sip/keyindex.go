package sip

// keyIndex finds the numbers of entries by their keys. A key is a hash that nobody outside can foresee, so that any part of it is as good a place as another; a slot
// keeps no more than such a part, and who asks compares the entry's whole key. A map of the runtime's would take four times the octets, and its look-ups, which do
// little but wait for memory, twice the time. The index is cut into parts, so that growing never takes long.
type keyIndex [keyParts]keyPart

// keyPart is a table with linear probing. A slot holds half of the key's hash, and the lower half of the entry's number; 0: nothing.
type keyPart struct {
	slots []uint64
	used  int
}

const (
	keyParts   = 256
	firstSlots = 64
	takenSlot  = 1 << 63 // in each slot that holds something
)

// of gives the part for a key.
func (x *keyIndex) of(key txKey) *keyPart { return &x[key[1]%keyParts] }

func slotOf(key txKey, number uint64) uint64 {
	return takenSlot | key[0]&^(1<<32-1) | number&(1<<32-1)
}

func (p *keyPart) home(slot uint64) int { return int(slot>>32) & (len(p.slots) - 1) }

// find asks is of each number that may be the key's until it says yes. All numbers are at least from, and less than 2^32 above it.
func (x *keyIndex) find(key txKey, from uint64, is func(number uint64) bool) (number uint64, ok bool) {
	p, sought := x.of(key), slotOf(key, 0)
	if p.used == 0 {
		return 0, false
	}
	for i := p.home(sought); p.slots[i] != 0; i = (i + 1) & (len(p.slots) - 1) {
		if slot := p.slots[i]; slot>>32 == sought>>32 {
			if number = from + uint64(uint32(slot)-uint32(from)); is(number) {
				return number, true
			}
		}
	}
	return 0, false
}

func (x *keyIndex) add(key txKey, number uint64) {
	p := x.of(key)
	if 2*(p.used+1) > len(p.slots) {
		p.grow()
	}
	p.put(slotOf(key, number))
	p.used++
}

func (p *keyPart) put(slot uint64) {
	i := p.home(slot)
	for p.slots[i] != 0 {
		i = (i + 1) & (len(p.slots) - 1)
	}
	p.slots[i] = slot
}

func (p *keyPart) grow() {
	old := p.slots
	p.slots = make([]uint64, max(2*len(old), firstSlots))
	for _, slot := range old {
		if slot != 0 {
			p.put(slot)
		}
	}
}

// remove takes out a key that was added with that number.
func (x *keyIndex) remove(key txKey, number uint64) {
	p, slot := x.of(key), slotOf(key, number)
	if p.used == 0 {
		return
	}
	mask := len(p.slots) - 1
	i := p.home(slot)
	for ; p.slots[i] != slot; i = (i + 1) & mask {
		if p.slots[i] == 0 {
			return
		}
	}
	for next := (i + 1) & mask; p.slots[next] != 0; next = (next + 1) & mask { // those behind it close the gap, unless they would stand before their home
		if home := p.home(p.slots[next]); (next-home)&mask >= (next-i)&mask {
			p.slots[i] = p.slots[next]
			i = next
		}
	}
	p.slots[i] = 0
	p.used--
}
