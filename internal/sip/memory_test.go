package sip

import (
	"net/netip"
	"runtime"
	"strconv"
	"strings"
	"testing"
)

// TestMemory: finished transactions stay for 32 s, many thousands of them at a time.
func TestMemory(t *testing.T) {
	const n, most = 20_000, 700
	for _, method := range []string{"INVITE", "BYE"} {
		t.Run("bounded/a finished "+method+" costs at most 700 octets", func(t *testing.T) {
			user := &answerer{}
			if method == "INVITE" {
				user.body = make([]byte, 250)
			}
			s, err := NewStack(Config{User: user})
			if err != nil {
				t.Fatal(err)
			}
			u := newUDPSocket(s, &nowhere{})
			from := netip.MustParseAddrPort("192.0.2.10:5060")
			octets := strings.ReplaceAll(typicalInvite, "INVITE", method)
			before := heap()
			for i := range n {
				id := strconv.Itoa(1_000_000_000_000_000_000 + i)
				u.datagram([]byte(strings.NewReplacer("3848276298220188511", id, "1f2a3b4c5d6e7f80", id).Replace(octets)), netip.Addr{}, from)
			}
			each := (heap() - before) / n
			t.Logf("%d octets each", each)
			if each > most {
				t.Errorf("%d octets each, want at most %d", each, most)
			}
			if got := s.server.count(); got != n {
				t.Errorf("%d transactions, want %d", got, n)
			}
			_ = s.Close(t.Context())
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
