package msrp_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/parley-msrp/parley/msrp"
)

// counter is a Handler that accepts and counts.
type counter struct {
	messages atomic.Int64
	fates    chan msrp.Fate
}

func (c *counter) Message(_ *msrp.Session, m *msrp.Received) {
	c.messages.Add(1)
	m.Accept()
}
func (c *counter) Report(*msrp.Session, msrp.Report) {}
func (c *counter) Fate(_ *msrp.Session, f msrp.Fate) { c.fates <- f }
func (c *counter) Closed(*msrp.Session, error)       {}

// BenchmarkReceive receives messages over a loopback socket and answers them; window is how many are in one write.
func BenchmarkReceive(b *testing.B) {
	for _, c := range []struct{ size, window int }{{100, 1}, {100, 16}, {100, 64}, {64 << 10, 1}, {64 << 10, 16}} {
		b.Run(fmt.Sprintf("%dB/window%d", c.size, c.window), func(b *testing.B) {
			r := newRig(b, msrp.Config{})
			h := &counter{}
			s, err := r.endpoint.NewSession(msrp.SessionConfig{Base: r.base, Accept: msrp.Types{"*"}, Handler: h})
			if err != nil {
				b.Fatal(err)
			}
			p := r.peer(s)
			var out strings.Builder
			answers := 0
			for i := range c.window {
				_, req := p.text(fmt.Sprintf("m-%08d", i), strings.Repeat("x", c.size))
				out.WriteString(req)
				answers += len("MSRP tId0000000000000 200 OK\r\nTo-Path: \r\nFrom-Path: \r\n-------tId0000000000000$\r\n") + len(p.uri) + len(p.to)
			}
			octets := []byte(out.String())
			in := make([]byte, answers)
			b.ReportAllocs()
			b.SetBytes(int64(c.size))
			b.ResetTimer()
			for n := 0; n < b.N; n += c.window {
				if _, err := p.nc.Write(octets); err != nil {
					b.Fatal(err)
				}
				if _, err := io.ReadFull(p.nc, in); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkEcho is the same with a peer that only writes octets back: what the sockets cost.
func BenchmarkEcho(b *testing.B) {
	for _, window := range []int{1, 16, 64} {
		b.Run(fmt.Sprintf("100B/window%d", window), func(b *testing.B) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				b.Fatal(err)
			}
			defer l.Close()
			go func() {
				nc, err := l.Accept()
				if err != nil {
					return
				}
				defer nc.Close()
				buf := make([]byte, 64<<10)
				for {
					n, err := nc.Read(buf)
					if err != nil {
						return
					}
					nc.Write(buf[:n*2/3])
				}
			}()
			nc, err := net.Dial("tcp", l.Addr().String())
			if err != nil {
				b.Fatal(err)
			}
			defer nc.Close()
			out := make([]byte, 300*window)
			in := make([]byte, 200*window)
			b.ResetTimer()
			for n := 0; n < b.N; n += window {
				nc.Write(out)
				if _, err := io.ReadFull(nc, in); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkSend sends messages to an endpoint that accepts them; window is how many are under way.
func BenchmarkSend(b *testing.B) {
	for _, c := range []struct{ size, window int }{{100, 1}, {100, 64}} {
		b.Run(fmt.Sprintf("%dB/window%d", c.size, c.window), func(b *testing.B) {
			r := newRig(b, msrp.Config{})
			there := newRig(b, msrp.Config{})
			h := &counter{fates: make(chan msrp.Fate, c.window)}
			s, _ := r.endpoint.NewSession(msrp.SessionConfig{Base: r.base, Accept: msrp.Types{"*"}, Handler: h})
			s2, _ := there.endpoint.NewSession(msrp.SessionConfig{Base: there.base, Accept: msrp.Types{"*"}, Handler: &counter{}})
			s.SetPeer(msrp.Peer{Path: s2.Path(), Accept: msrp.Types{"*"}})
			if err := s.Connect(context.Background()); err != nil {
				b.Fatal(err)
			}
			body := make([]byte, c.size)
			b.ReportAllocs()
			b.ResetTimer()
			open := 0
			for range b.N {
				if open == c.window {
					<-h.fates
					open--
				}
				if _, err := s.Send(context.Background(), msrp.Outgoing{ContentType: "text/plain", Body: body}); err != nil {
					b.Fatal(err)
				}
				open++
			}
			for ; open > 0; open-- {
				<-h.fates
			}
		})
	}
}
