package interop

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parley-msrp/parley/test/peer"
)

// A direction is what one side of a TCP connection sent to the other.
type direction struct {
	from, to netip.AddrPort
	octets   []byte
}

// directions puts the captured TCP connections together of the packets that the display filter lets through.
func directions(t *testing.T, file, filter string) []*direction {
	t.Helper()
	var all []*direction
	known := make(map[string]*direction)
	for _, line := range tshark(t, file, filter+" && tcp.len > 0", nil, "tcp.stream", "ip.src", "tcp.srcport", "ip.dst", "tcp.dstport", "tcp.payload") {
		f := strings.Split(line, "|")
		key := strings.Join(f[:5], "|")
		d := known[key]
		if d == nil {
			d = &direction{from: netip.MustParseAddrPort(f[1] + ":" + f[2]), to: netip.MustParseAddrPort(f[3] + ":" + f[4])}
			known[key] = d
			all = append(all, d)
		}
		b, err := hex.DecodeString(f[5])
		if err != nil {
			t.Fatal(err)
		}
		d.octets = append(d.octets, b...)
	}
	return all
}

// cutFrames writes a capture that holds each MSRP frame of the directions in a TCP segment of its own. Wireshark's MSRP dissector sees one frame in a segment and takes
// what follows it for its body, so that frames that left in one write, as they may, would stay unseen.
func cutFrames(t *testing.T, all []*direction) (file string) {
	t.Helper()
	capture := newPcap()
	for _, d := range all {
		for rest := d.octets; len(rest) > 0; {
			frame, err := peer.ReadFrame(bufio.NewReader(bytes.NewReader(rest)))
			if errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("MSRP from %s to %s: %v", d.from, d.to, err)
			}
			capture.segment(d.from, d.to, len(d.octets)-len(rest), rest[:frame.Raw])
			rest = rest[frame.Raw:]
		}
	}
	file = filepath.Join(t.TempDir(), "frames.pcap")
	if err := os.WriteFile(file, capture.octets, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// A pcap is a capture file in the making.
type pcap struct {
	octets []byte
	count  uint32
}

const (
	pcapMagic    = 0xa1b2c3d4
	linktypeRaw  = 101 // packets begin with the IP header
	ipv4Header   = 20
	tcpHeader    = 20
	tcpDataStart = tcpHeader / 4 << 4
	tcpPushAck   = 0x18
)

func newPcap() *pcap {
	b := binary.BigEndian.AppendUint32(nil, pcapMagic)
	b = binary.BigEndian.AppendUint16(b, 2) // version 2.4
	b = binary.BigEndian.AppendUint16(b, 4)
	b = append(b, make([]byte, 8)...)            // UTC, accuracy
	b = binary.BigEndian.AppendUint32(b, 0xffff) // longest packet
	b = binary.BigEndian.AppendUint32(b, linktypeRaw)
	return &pcap{octets: b}
}

// segment adds a TCP segment that stands at an offset of its stream. Checksums stay 0.
func (p *pcap) segment(from, to netip.AddrPort, offset int, payload []byte) {
	p.count++
	length := ipv4Header + tcpHeader + len(payload)
	b := binary.BigEndian.AppendUint32(p.octets, p.count) // seconds
	b = binary.BigEndian.AppendUint32(b, 0)
	b = binary.BigEndian.AppendUint32(b, uint32(length)) // captured
	b = binary.BigEndian.AppendUint32(b, uint32(length)) // in all

	b = append(b, 4<<4|ipv4Header/4, 0)
	b = binary.BigEndian.AppendUint16(b, uint16(length))
	b = append(b, 0, 0, 0, 0, 64, 6, 0, 0) // not fragmented, time to live, TCP
	b = append(b, from.Addr().AsSlice()...)
	b = append(b, to.Addr().AsSlice()...)

	b = binary.BigEndian.AppendUint16(b, from.Port())
	b = binary.BigEndian.AppendUint16(b, to.Port())
	b = binary.BigEndian.AppendUint32(b, uint32(1+offset))
	b = binary.BigEndian.AppendUint32(b, 1)
	b = append(b, tcpDataStart, tcpPushAck, 0xff, 0xff, 0, 0, 0, 0)
	p.octets = append(b, payload...)
}
