// Package pcap writes messages as a capture file that Wireshark reads: in TCP and UDP packets that were never on a wire, but could have been.
package pcap

import (
	"encoding/binary"
	"fmt"
	"io"
	"net/netip"
	"time"
)

const (
	linkRaw   = 101 // LINKTYPE_RAW: a packet begins with its IP header
	maxPacket = 65535

	tcp, udp                 = 6, 17
	ip4Header, ip6Header     = 20, 40
	tcpHeader, udpHeader     = 20, 8
	tcpPush, tcpAck      int = 0x08, 0x10
)

// Message is what one packet carries.
type Message struct {
	Time        time.Time
	From, To    netip.AddrPort // both of one family
	UDP         bool           // else TCP
	Payload     []byte
	PayloadSize int // octets that there were; more than those of Payload where that is only the beginning
}

// Writer writes a capture file. It is for one goroutine at a time.
type Writer struct {
	to  io.Writer
	seq map[flow]uint32 // octets so far, of TCP
}

type flow struct{ from, to netip.AddrPort }

// NewWriter writes the head of the file.
func NewWriter(to io.Writer) (*Writer, error) {
	b := binary.LittleEndian.AppendUint32(nil, 0xa1b2c3d4) // times in microseconds
	b = binary.LittleEndian.AppendUint16(b, 2)             // version 2.4
	b = binary.LittleEndian.AppendUint16(b, 4)
	b = append(b, make([]byte, 8)...)
	b = binary.LittleEndian.AppendUint32(b, maxPacket)
	b = binary.LittleEndian.AppendUint32(b, linkRaw)
	_, err := to.Write(b)
	return &Writer{to: to, seq: map[flow]uint32{}}, err
}

// Write writes a message, in one Write of the file. Its error is that of the file, or says that a message's addresses go into no packet.
func (w *Writer) Write(m *Message) error {
	from, to := m.From.Addr().Unmap(), m.To.Addr().Unmap()
	if !from.IsValid() || !to.IsValid() || from.Is4() != to.Is4() {
		return fmt.Errorf("no packet leads from %s to %s", m.From, m.To)
	}
	headers := ip6Header
	if from.Is4() {
		headers = ip4Header
	}
	headers += tcpHeader
	if m.UDP {
		headers += udpHeader - tcpHeader
	}
	size := min(max(m.PayloadSize, len(m.Payload)), maxPacket-headers)
	payload := m.Payload[:min(len(m.Payload), size)]

	packet := w.appendRecord(nil, m.Time, headers+len(payload), headers+size)
	start := len(packet)
	protocol := byte(tcp)
	if m.UDP {
		protocol = udp
	}
	packet = appendIP(packet, from, to, protocol, headers+size)
	segment := len(packet)
	if m.UDP {
		packet = appendUDP(packet, m, size)
	} else {
		packet = w.appendTCP(packet, m, size)
	}
	packet = append(packet, payload...)
	if len(payload) == size { // of a part there is no checksum
		setChecksum(packet[segment:], from, to, protocol)
	}
	if from.Is4() {
		binary.BigEndian.PutUint16(packet[start+10:], checksum(0, packet[start:start+ip4Header]))
	}
	_, err := w.to.Write(packet)
	return err
}

func (w *Writer) appendRecord(b []byte, at time.Time, captured, size int) []byte {
	b = binary.LittleEndian.AppendUint32(b, uint32(at.Unix()))
	b = binary.LittleEndian.AppendUint32(b, uint32(at.Nanosecond()/1000))
	b = binary.LittleEndian.AppendUint32(b, uint32(captured))
	return binary.LittleEndian.AppendUint32(b, uint32(size))
}

func appendIP(b []byte, from, to netip.Addr, protocol byte, size int) []byte {
	const hops = 64
	if from.Is4() {
		b = append(b, 0x45, 0)
		b = binary.BigEndian.AppendUint16(b, uint16(size))
		b = append(b, 0, 0, 0x40, 0, hops, protocol, 0, 0) // not to be fragmented; the checksum comes later
	} else {
		b = append(b, 0x60, 0, 0, 0)
		b = binary.BigEndian.AppendUint16(b, uint16(size-ip6Header))
		b = append(b, protocol, hops)
	}
	b = append(b, from.AsSlice()...)
	return append(b, to.AsSlice()...)
}

func appendPorts(b []byte, m *Message) []byte {
	b = binary.BigEndian.AppendUint16(b, m.From.Port())
	return binary.BigEndian.AppendUint16(b, m.To.Port())
}

func appendUDP(b []byte, m *Message, size int) []byte {
	b = appendPorts(b, m)
	b = binary.BigEndian.AppendUint16(b, uint16(udpHeader+size))
	return append(b, 0, 0)
}

// appendTCP acknowledges all that went the other way.
func (w *Writer) appendTCP(b []byte, m *Message, size int) []byte {
	there, back := flow{m.From, m.To}, flow{m.To, m.From}
	b = appendPorts(b, m)
	b = binary.BigEndian.AppendUint32(b, 1+w.seq[there])
	b = binary.BigEndian.AppendUint32(b, 1+w.seq[back])
	b = binary.BigEndian.AppendUint16(b, uint16(tcpHeader/4<<12|tcpPush|tcpAck))
	w.seq[there] += uint32(size)
	return append(b, 0xff, 0xff, 0, 0, 0, 0) // window; checksum and urgent pointer
}

// setChecksum sets that of a segment, over it and the addresses (RFC 9293 §3.1, RFC 768).
func setChecksum(segment []byte, from, to netip.Addr, protocol byte) {
	pseudo := append(from.AsSlice(), to.AsSlice()...)
	pseudo = binary.BigEndian.AppendUint32(pseudo, uint32(len(segment)))
	pseudo = append(pseudo, 0, 0, 0, protocol)
	sum := checksum(uint32(^checksum(0, pseudo)), segment)
	at := 16
	if protocol == udp {
		at = 6
		if sum == 0 {
			sum = 0xffff
		}
	}
	binary.BigEndian.PutUint16(segment[at:], sum)
}

// checksum is that of the Internet (RFC 1071), beginning with a sum.
func checksum(sum uint32, b []byte) uint16 {
	for ; len(b) >= 2; b = b[2:] {
		sum += uint32(binary.BigEndian.Uint16(b))
	}
	if len(b) == 1 {
		sum += uint32(b[0]) << 8
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}
