package hep

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/parley-msrp/parley/internal/trace"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const limit = 20 * time.Second

var (
	here   = netip.MustParseAddrPort("192.0.2.1:5060")
	there  = netip.MustParseAddrPort("192.0.2.7:5070")
	here6  = netip.MustParseAddrPort("[2001:db8::1]:2855")
	there6 = netip.MustParseAddrPort("[2001:db8::7]:12000")
)

const (
	invite = "INVITE sip:bob@192.0.2.7 SIP/2.0\r\nCall-ID: a84b4c76@h\r\nProxy-Authorization: Digest response=\"5ec4e7\"\r\nContent-Length: 3\r\n\r\nv=0"
	send   = "MSRP d93kswow SEND\r\nTo-Path: msrp://[2001:db8::7]:12000/peer;tcp\r\nFrom-Path: msrp://[2001:db8::1]:2855/s1;tcp\r\nMessage-ID: m1\r\n" +
		"Byte-Range: 1-6/6\r\nContent-Type: text/plain\r\n\r\nsecret\r\n-------d93kswow$\r\n"
)

// chunks reads a packet as the specification says, and nothing of how it was written.
func chunks(t *testing.T, packet []byte) map[uint16]string {
	t.Helper()
	if len(packet) < 6 || string(packet[:4]) != "HEP3" || int(binary.BigEndian.Uint16(packet[4:])) != len(packet) {
		t.Fatalf("no packet of its length: %q", packet)
	}
	all := map[uint16]string{}
	for rest := packet[6:]; len(rest) > 0; {
		if len(rest) < 6 {
			t.Fatalf("%d octets are left", len(rest))
		}
		vendor, kind, n := binary.BigEndian.Uint16(rest), binary.BigEndian.Uint16(rest[2:]), int(binary.BigEndian.Uint16(rest[4:]))
		if _, twice := all[kind]; vendor != 0 || n < 6 || n > len(rest) || twice {
			t.Fatalf("chunk %d of vendor %d, length %d", kind, vendor, n)
		}
		all[kind] = string(rest[6:n])
		rest = rest[n:]
	}
	return all
}

// pass lets an INVITE leave and a SEND come.
func pass(tap *trace.Tap) {
	tap.SIP("UDP", here, there, true, []byte(invite))
	tap.MSRP(net.TCPAddrFromAddrPort(here6), net.TCPAddrFromAddrPort(there6), true, []byte(send[:50]))
	tap.MSRP(net.TCPAddrFromAddrPort(here6), net.TCPAddrFromAddrPort(there6), true, []byte(send[50:]))
	tap.Settle()
}

func newTap(t *testing.T) *trace.Tap {
	tap := trace.NewTap()
	tap.Calls(func(id string) string { return map[string]string{"s1": "a84b4c76@h"}[id] })
	t.Cleanup(tap.Close)
	return tap
}

// TestPackets: what a server gets of a SIP and an MSRP message.
func TestPackets(t *testing.T) {
	heads := strings.Replace(send, "\r\nsecret\r\n", "", 1)
	for _, test := range []struct {
		name    string
		bodies  bool
		payload string
	}{{"heads", false, heads}, {"bodies", true, send}} {
		t.Run(test.name, func(t *testing.T) {
			server, err := net.ListenPacket("udp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer server.Close()
			tap := newTap(t)
			s := NewSender(Config{
				Network: "udp", Address: server.LocalAddr().String(), ID: 4_000_000_001, Node: "one", Password: "myHep", Bodies: test.bodies, Logger: slog.New(slog.DiscardHandler),
			}, tap)
			before := time.Now()
			pass(tap)
			s.Close()
			if sent, dropped := s.Counts(); sent != 2 || dropped != 0 {
				t.Errorf("%d sent, %d dropped", sent, dropped)
			}
			var got []map[uint16]string
			for range 2 {
				b := make([]byte, 65536)
				server.SetReadDeadline(time.Now().Add(limit))
				n, _, err := server.ReadFrom(b)
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, chunks(t, b[:n]))
			}
			both := map[uint16]string{12: "\xee\x6b\x28\x01", 14: "myHep", 17: "a84b4c76@h", 19: "one"}
			sip := map[uint16]string{
				1: "\x02", 2: "\x11", 3: "\xc0\x00\x02\x01", 4: "\xc0\x00\x02\x07", 7: "\x13\xc4", 8: "\x13\xce", 11: "\x01",
				15: strings.Replace(invite, `Digest response="5ec4e7"`, "(not shown)", 1),
			}
			one, seven := here6.Addr().As16(), there6.Addr().As16()
			msrp := map[uint16]string{1: "\x0a", 2: "\x06", 5: string(one[:]), 6: string(seven[:]), 7: "\x0b\x27", 8: "\x2e\xe0", 11: "\x64", 15: test.payload}
			for i, want := range []map[uint16]string{sip, msrp} {
				at := time.Unix(int64(binary.BigEndian.Uint32([]byte(got[i][9]))), int64(binary.BigEndian.Uint32([]byte(got[i][10])))*1000)
				if at.Before(before.Truncate(time.Microsecond)) || time.Since(at) > limit {
					t.Errorf("time %v", at)
				}
				delete(got[i], 9)
				delete(got[i], 10)
				for kind, value := range both {
					want[kind] = value
				}
				if diff := cmp.Diff(want, got[i]); diff != "" {
					t.Errorf("packet %d (-want +got):\n%s", i, diff)
				}
			}
		})
	}
}

// TestIncoming: what came has the peer as its source.
func TestIncoming(t *testing.T) {
	k := packet{}
	got := chunks(t, k.append(nil, &trace.Passed{Protocol: trace.SIP, Transport: "TLS", Local: here, Remote: there, Octets: []byte("x")}))
	if got[2] != "\x06" || got[3] != "\xc0\x00\x02\x07" || got[4] != "\xc0\x00\x02\x01" || got[7] != "\x13\xce" || got[8] != "\x13\xc4" {
		t.Errorf("%v", got)
	}
	for _, kind := range []uint16{14, 17, 19} {
		if _, there := got[kind]; there {
			t.Errorf("chunk %d without a value", kind)
		}
	}
}

// records is a log that a test reads.
type records struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (r *records) Write(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.b.Write(b)
}

func (r *records) count(s string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Count(r.b.String(), s)
}

// TestServerComesLater: a server that is not there holds nobody up, is told of once, and gets what comes once it is there.
func TestServerComesLater(t *testing.T) {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := free.Addr().String()
	free.Close()
	tap, log := newTap(t), &records{}
	s := NewSender(Config{Network: "tcp", Address: address, Logger: slog.New(slog.NewTextHandler(log, nil))}, tap)
	defer s.Close()
	for range maxQueue {
		pass(tap)
	}
	if _, dropped := s.Counts(); dropped < maxQueue/2 {
		t.Errorf("%d were dropped", dropped)
	}
	server, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	server.(*net.TCPListener).SetDeadline(time.Now().Add(limit))
	conn, err := server.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetReadDeadline(time.Now().Add(limit))
	for r := bufio.NewReader(conn); ; {
		head, err := r.Peek(6)
		if err != nil {
			t.Fatal(err)
		}
		packet := make([]byte, binary.BigEndian.Uint16(head[4:]))
		if _, err := io.ReadFull(r, packet); err != nil {
			t.Fatal(err)
		}
		if got := chunks(t, packet); strings.HasPrefix(got[15], "MSRP") {
			break
		}
	}
	if n := log.count("not reached"); n != 1 {
		t.Errorf("%d lines of the log", n)
	}
}
