package ua_test

import (
	"runtime"
	"testing"

	"github.com/parley-msrp/parley/ua"
)

// BenchmarkState is what the state of a call costs, each time that it is kept.
func BenchmarkState(b *testing.B) {
	k := &memory{}
	h := labelled{newRecorder(), "label"}
	c := answering(h, "text/plain")
	c.Keeper = k
	a := newAgent(b, c)
	newCaller(b, a, "text/plain message/cpim", 1).call(b)
	s := h.session(b)
	b.SetBytes(int64(len(k.only(b))))
	b.ReportAllocs()
	n := k.count()
	for b.Loop() {
		ua.KeepState(s.Call())
		for n++; k.count() < n; {
			runtime.Gosched()
		}
	}
}
