package datagram_test

import (
	"errors"
	"net"
	"net/netip"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"testing"

	"github.com/parley-msrp/parley/internal/sip/datagram"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t *testing.T, network, addr string) (*datagram.Socket, netip.AddrPort) {
	t.Helper()
	pc, err := net.ListenPacket(network, addr)
	if err != nil {
		t.Fatal(err)
	}
	at := pc.LocalAddr().(*net.UDPAddr).AddrPort()
	s, err := datagram.Take(pc.(*net.UDPConn))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s, at
}

// take reads datagrams until there are so many, and gives them with where they came from.
func take(t *testing.T, r *datagram.Reader, want int) (octets []string, from []netip.AddrPort) {
	t.Helper()
	for len(octets) < want {
		n, err := r.Read()
		if err != nil {
			t.Fatal(err)
		}
		for i := range n {
			b, _, a := r.Datagram(i)
			octets, from = append(octets, string(b)), append(from, a)
		}
	}
	return octets, from
}

func TestManyAtOnce(t *testing.T) {
	for _, c := range []struct{ name, network, a, b string }{
		{"IPv4", "udp", "127.0.0.1:0", "127.0.0.1:0"},
		{"IPv6", "udp", "[::1]:0", "[::1]:0"},
		{"IPv4 from a socket of IPv6", "udp", "[::]:0", "127.0.0.1:0"},
	} {
		t.Run(c.name+": all arrive, whole and in order, whatever their sizes", func(t *testing.T) {
			a, aAt := open(t, c.network, c.a)
			b, bAt := open(t, c.network, c.b)
			w := a.NewWriter(7, 16)
			var want []string
			for i := range 50 {
				want = append(want, strconv.Itoa(i)+string(make([]byte, i*i%1400)))
			}
			r := b.NewReader(5, 2000, 0)
			var got []string
			var from []netip.AddrPort
			for group := range slices.Chunk(want, 7) {
				for _, d := range group {
					w.Add([]byte(d), nil, bAt)
				}
				if n, err := w.Flush(); n != len(group) || err != nil {
					t.Fatalf("%d of %d, %v", n, len(group), err)
				}
				octets, addrs := take(t, r, len(group))
				got, from = append(got, octets...), append(from, addrs...)
			}
			if !slices.Equal(got, want) {
				t.Errorf("got %q", got)
			}
			if from[0].Port() != aAt.Port() || !from[0].Addr().IsLoopback() || from[0].Addr().Is4In6() {
				t.Errorf("from %v", from[0])
			}
		})
	}
	t.Run("what there is no room for is cut off, and an empty datagram is one", func(t *testing.T) {
		a, _ := open(t, "udp", "127.0.0.1:0")
		b, at := open(t, "udp", "127.0.0.1:0")
		w := a.NewWriter(3, 16)
		for _, d := range []string{"123456", "", "78"} {
			w.Add([]byte(d), nil, at)
		}
		if _, err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		if got, _ := take(t, b.NewReader(8, 4, 0), 3); !slices.Equal(got, []string{"1234", "", "78"}) {
			t.Errorf("%q", got)
		}
	})
}

func TestWriteErrors(t *testing.T) {
	t.Run("one that cannot be sent stops the others until it is skipped", func(t *testing.T) {
		a, _ := open(t, "udp", "127.0.0.1:0")
		b, at := open(t, "udp", "127.0.0.1:0")
		w := a.NewWriter(3, 16)
		w.Add([]byte("first"), nil, at)
		w.Add([]byte("to the other family"), nil, netip.MustParseAddrPort("[::1]:9"))
		w.Add([]byte("last"), nil, at)
		if n, err := w.Flush(); n != 1 || !errors.Is(err, syscall.EDESTADDRREQ) {
			t.Fatalf("%d, %v", n, err)
		}
		if w.Len() != 2 || string(w.Skip()) != "to the other family" {
			t.Fatal("another one was skipped")
		}
		if n, err := w.Flush(); n != 1 || err != nil || w.Len() != 0 || w.Full() {
			t.Fatalf("%d, %v, %d left", n, err, w.Len())
		}
		if got, _ := take(t, b.NewReader(8, 100, 0), 2); !slices.Equal(got, []string{"first", "last"}) {
			t.Errorf("%q", got)
		}
	})
}

func TestClose(t *testing.T) {
	t.Run("ends who waits, frees the address, and nothing works afterwards", func(t *testing.T) {
		var s *datagram.Socket
		var at netip.AddrPort
		for range 200 { // that Read waits already, or does not yet
			s, at = open(t, "udp", "127.0.0.1:0")
			r := s.NewReader(4, 100, 0)
			var reading sync.WaitGroup
			var err error
			reading.Go(func() { _, err = r.Read() })
			runtime.Gosched()
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			reading.Wait()
			if !errors.Is(err, net.ErrClosed) {
				t.Fatalf("Read: %v", err)
			}
		}
		w := s.NewWriter(1, 10)
		w.Add([]byte("x"), nil, at)
		if _, err := w.Flush(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("Flush: %v", err)
		}
		if err := s.Control(func(uintptr) { t.Error("called") }); !errors.Is(err, net.ErrClosed) {
			t.Errorf("Control: %v", err)
		}
		if err := s.Close(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("Close: %v", err)
		}
		again, err := net.ListenPacket("udp", at.String())
		if err != nil {
			t.Fatal(err)
		}
		again.Close()
	})
}
