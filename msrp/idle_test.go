package msrp_test

import (
	"net"
	"runtime"
	"testing"

	"github.com/parley-msrp/parley/msrp"
)

// BenchmarkIdle says what a session on a connection of its own holds while nothing happens: heap and stacks, in octets,
// with the peer's end of the connection, which is in this process too.
func BenchmarkIdle(b *testing.B) {
	const sessions = 1000
	r := newRig(b, msrp.Config{})
	h := &counter{}
	before := held()
	var all []*msrp.Session
	var conns []net.Conn
	for range sessions {
		s, err := r.endpoint.NewSession(msrp.SessionConfig{Base: r.base, Accept: msrp.Types{"text/plain"}, Handler: h})
		if err != nil {
			b.Fatal(err)
		}
		s.SetPeer(known(b, peerURI))
		p := rawPeer{uri: peerURI, to: s.URI().String()}
		_, req := p.text("m-idle", "hello")
		nc := r.dial()
		defer nc.Close()
		if _, err := nc.Write([]byte(req)); err != nil {
			b.Fatal(err)
		}
		all, conns = append(all, s), append(conns, nc)
	}
	poll(b, func() bool { return h.messages.Load() == sessions })
	b.ReportMetric(float64(held()-before)/sessions, "B/session")
	runtime.KeepAlive(all)
	runtime.KeepAlive(conns)
}

func held() int64 {
	runtime.GC()
	runtime.GC() // pools are emptied by the second one
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapInuse + m.StackInuse)
}
