package sip

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// TestFinishedTable compares the table with a plain map, through many entries that come to their ends in another order than they came in.
func TestFinishedTable(t *testing.T) {
	type kept struct {
		octets []byte
		way    path
		due    time.Duration
		invite bool
	}
	const life = 1000
	random := rand.New(rand.NewPCG(1, 2))
	table := finishedTable{}
	model := map[txKey]kept{}
	now := time.Duration(0)
	check := func(key txKey) {
		t.Helper()
		want, is := model[key]
		is = is && want.due > now
		got, ok := table.find(key, now)
		switch {
		case ok != is:
			t.Fatalf("%v at %d: found %t, want %t", key, now, ok, is)
		case ok && (!bytes.Equal(got.octets, want.octets) || got.invite != want.invite || !want.invite && got.path != want.way):
			t.Fatalf("%v: got %v, want %v", key, got, want)
		}
	}
	for range 20_000 {
		now += time.Duration(random.IntN(4))
		key := txKey{1, uint64(random.IntN(3000))}
		check(key)
		if table.has(key, now) {
			continue
		}
		r := &serverRecord{key: key, invite: random.IntN(2) == 0, path: path{port: random.IntN(6)}}
		due := now + life
		if r.invite {
			due -= time.Duration(random.IntN(life)) // its ACK came late
			r.merge = txKey{2, key[1]}
		}
		octets := fmt.Appendf(nil, "answer %d %d", key[1], now)
		table.add(r, octets, due)
		model[key] = kept{octets, r.path, due, r.invite}
		if r.invite {
			model[r.merge] = model[key]
		} else {
			delete(model, txKey{2, key[1]})
		}
		table.sweep(now, random.IntN(6))
		check(key)
		check(txKey{2, uint64(random.IntN(3000))})
	}
	if n := table.count(); n > 2*life {
		t.Errorf("%d entries at the end, of which only those of the last %d ticks count", n, life)
	}
	now += life
	for !table.sweep(now, 7) {
	}
	if table.count() != 0 || table.numbers.count() != 0 || len(table.pages) != 0 {
		t.Errorf("left: %d entries, %d keys, %d pages", table.count(), table.numbers.count(), len(table.pages))
	}
}
