package ua_test

import (
	"encoding/json"
	"testing"

	"github.com/parley-msrp/parley/ua"
)

// BenchmarkState is what the state of a call costs, each time that it is kept, but for that of its dialog.
func BenchmarkState(b *testing.B) {
	k := &memory{}
	h := labelled{newRecorder(), "label"}
	c := answering(h, "text/plain")
	c.Keeper = k
	a := newAgent(b, c)
	newCaller(b, a, "text/plain message/cpim", 1).call(b)
	s := h.session(b)
	state := k.only(b)
	var parts struct{ Dialog json.RawMessage }
	if err := json.Unmarshal(state, &parts); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.ReportMetric(float64(len(state)), "octets")
	for b.Loop() {
		if _, err := ua.WriteState(s.Call(), parts.Dialog); err != nil {
			b.Fatal(err)
		}
	}
}
