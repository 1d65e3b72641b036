package dialog

import (
	"runtime"
	"testing"
	"time"
	"unsafe"

	"github.com/parley-msrp/parley/internal/sip"
)

// TestMemory: many thousands of calls stand at a time, and most of them do nothing.
func TestMemory(t *testing.T) {
	const n, most = 10_000, 1024
	sdp := answerSDP + "t=0 0\r\nm=message 2855 TCP/MSRP *\r\na=accept-types:text/plain *\r\n" +
		"a=path:msrp://192.0.2.1:2855/49fh23kdi3jfkwe8d;tcp\r\nc=IN IP4 192.0.2.1\r\n"
	route := "Record-Route: <sip:192.0.2.50;lr;ftag=18273645>"
	for name, head := range map[string][]string{
		"bounded/an idle dialog costs at most 1 KiB":                        nil,
		"bounded/an idle dialog behind a proxy costs at most 1.5 KiB":       {route},
		"bounded/an idle dialog with a session timer costs at most 1.5 KiB": {"Supported: timer", "Session-Expires: 1800;refresher=uac"},
	} {
		limit := int64(most)
		if head != nil {
			limit = most + 512
		}
		underFakeTime(t, name, sip.UDP, Config{PerSource: Limits{Dialogs: n}}, func(t *testing.T, r *rig, _ *memNet) {
			r.set(func(h *hooks) {
				h.invite = func(in *Incoming) {
					_, err := in.Accept([]byte(sdp), r)
					check0(t, err)
				}
			})
			before := heap()
			for range n {
				r.newCall().setUp(head...)
				r.expect("established")
			}
			time.Sleep(40 * time.Second) // finished transactions live for 32
			each := (heap() - before) / n
			t.Logf("%d octets each; the record itself %d", each, unsafe.Sizeof(Dialog{}))
			if each > limit {
				t.Errorf("%d octets each, want at most %d", each, limit)
			}
			if r.e.Len() != n {
				t.Errorf("%d dialogs, want %d", r.e.Len(), n)
			}
			for _, d := range r.e.table.all() {
				c := call{peer: r.peer, id: d.callID, own: d.remoteTag, other: d.localTag, seq: 500, target: "sip:parley@192.0.2.1"}
				c.hangUp(r)
			}
		})
	}
}

func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
