package sip

import (
	"cmp"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"testing"
)

func BenchmarkScanINVITE(b *testing.B) {
	octets := []byte(typicalInvite)
	b.SetBytes(int64(len(octets)))
	b.ReportAllocs()
	for b.Loop() {
		if m, f := scanDatagram(octets, 1<<16, 1<<16); m == nil || f.code != 0 {
			b.Fatal(f)
		}
	}
}

func BenchmarkScanAndCheckINVITE(b *testing.B) {
	octets := []byte(typicalInvite)
	b.ReportAllocs()
	for b.Loop() {
		m, _ := scanDatagram(octets, 1<<16, 1<<16)
		if _, _, f := check(m); f.code != 0 {
			b.Fatal(f)
		}
	}
}

// nowhere is a socket whose datagrams go nowhere.
type nowhere struct {
	net.PacketConn
	at string // "": 10.0.0.1:5060
}

func (n *nowhere) WriteTo(b []byte, _ net.Addr) (int, error) { return len(b), nil }

func (n *nowhere) ReadFrom([]byte) (int, net.Addr, error) { return 0, nil, net.ErrClosed }

func (n *nowhere) LocalAddr() net.Addr { return udpAddr(cmp.Or(n.at, "10.0.0.1:5060")) }
func (n *nowhere) Close() error        { return nil }

// answerer answers everything with a 200 that holds a body.
type answerer struct{ body []byte }

func (a *answerer) Request(tx *ServerTx, _ *Message) {
	_ = tx.Reply(200, "", []Header{{"Contact", "<sip:bob@10.0.0.1>"}, {"Content-Type", "application/sdp"}}, a.body)
	tx.Forget()
}
func (*answerer) Ack(Flow, *Message)         {}
func (*answerer) Cancel(*ServerTx, *Message) {}
func (*answerer) Stray(Flow, *Message)       {}

// BenchmarkServerTransaction is an INVITE from the datagram to its 200; the finished transactions stay in the table.
func BenchmarkServerTransaction(b *testing.B) {
	s, err := NewStack(Config{User: &answerer{body: make([]byte, 250)}, MaxServerTx: 1 << 30})
	if err != nil {
		b.Fatal(err)
	}
	u := newUDPSocket(s, &nowhere{})
	head, tail, _ := strings.Cut(typicalInvite, "3e8d.1f2a3b4c5d6e7f80")
	from := netip.MustParseAddrPort("192.0.2.10:5060")
	octets := make([]byte, 0, 2000)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		octets = append(octets[:0], head...)
		octets = strconv.AppendInt(octets, int64(i), 36)
		octets = append(octets, strings.Replace(tail, "3848276298220188511", strconv.Itoa(1_000_000_000_000_000_000+i), 1)...)
		u.datagram(octets, netip.Addr{}, from)
	}
	b.StopTimer()
	_ = s.Close(b.Context())
}
