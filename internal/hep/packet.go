package hep

import (
	"encoding/binary"
	"net/netip"

	"github.com/parley-msrp/parley/internal/trace"
)

// Chunk types of the vendor 0 (HEP3 Network Protocol Specification, rev. 36, "Generic chunk types").
const (
	chunkFamily        = 1
	chunkProtocol      = 2
	chunkSource4       = 3
	chunkDestination4  = 4
	chunkSource6       = 5
	chunkDestination6  = 6
	chunkSourcePort    = 7
	chunkDestPort      = 8
	chunkSeconds       = 9
	chunkMicroseconds  = 10
	chunkProtocolType  = 11
	chunkCaptureAgent  = 12
	chunkAuthKey       = 14
	chunkPayload       = 15
	chunkCorrelationID = 17
	chunkNodeName      = 19
)

const (
	familyIPv4, familyIPv6 = 2, 10 // as Linux numbers them, and all that send HEP
	protocolTCP            = 6
	protocolUDP            = 17

	// TypeSIP and TypeMSRP are the protocol types. HEP has none for MSRP: 100 is what Homer shows as a log beside the SIP messages of the same correlation ID.
	TypeSIP  = 1
	TypeMSRP = 100
)

// packet makes packets of messages.
type packet struct {
	id       uint32
	node     string
	password string
	bodies   bool
}

// append appends the packet of a message.
func (k *packet) append(b []byte, m *trace.Passed) []byte {
	start := len(b)
	b = append(b, "HEP3\x00\x00"...)
	source, destination := m.Remote, m.Local
	if m.Sent {
		source, destination = destination, source
	}
	b = appendAddresses(b, source, destination)
	protocol, kind, payload := byte(protocolTCP), byte(TypeMSRP), m.Octets
	if m.Protocol == trace.SIP {
		kind = TypeSIP
		if m.Transport == "UDP" {
			protocol = protocolUDP
		}
	} else if !k.bodies {
		payload = m.Head()
	}
	b = appendChunk(b, chunkProtocol, protocol)
	b = appendUint32(b, chunkSeconds, uint32(m.Time.Unix()))
	b = appendUint32(b, chunkMicroseconds, uint32(m.Time.Nanosecond()/1000))
	b = appendChunk(b, chunkProtocolType, kind)
	b = appendUint32(b, chunkCaptureAgent, k.id)
	if k.node != "" {
		b = appendChunk(b, chunkNodeName, []byte(k.node)...)
	}
	if k.password != "" {
		b = appendChunk(b, chunkAuthKey, []byte(k.password)...)
	}
	if m.CallID != "" {
		b = appendChunk(b, chunkCorrelationID, []byte(m.CallID[:min(len(m.CallID), maxCallID)])...)
	}
	b = appendChunk(b, chunkPayload, payload...)
	binary.BigEndian.PutUint16(b[start+4:], uint16(len(b)-start))
	return b
}

// maxCallID keeps a packet within its 65,535 octets: a message has 16 KiB at most, and no Call-ID that is longer is told apart.
const maxCallID = 1024

func appendAddresses(b []byte, source, destination netip.AddrPort) []byte {
	from, to := source.Addr().Unmap(), destination.Addr().Unmap()
	if from.Is4() && to.Is4() {
		b = appendChunk(b, chunkFamily, familyIPv4)
		from4, to4 := from.As4(), to.As4()
		b = appendChunk(b, chunkSource4, from4[:]...)
		b = appendChunk(b, chunkDestination4, to4[:]...)
	} else {
		b = appendChunk(b, chunkFamily, familyIPv6)
		from6, to6 := from16(from), from16(to)
		b = appendChunk(b, chunkSource6, from6[:]...)
		b = appendChunk(b, chunkDestination6, to6[:]...)
	}
	b = appendChunk(b, chunkSourcePort, byte(source.Port()>>8), byte(source.Port()))
	return appendChunk(b, chunkDestPort, byte(destination.Port()>>8), byte(destination.Port()))
}

// from16 is an address in 16 octets; of none, zeros.
func from16(a netip.Addr) (octets [16]byte) {
	if a.IsValid() {
		octets = a.As16()
	}
	return octets
}

func appendUint32(b []byte, kind uint16, v uint32) []byte {
	return appendChunk(b, kind, byte(v>>24), byte(v>>16), byte(v>>8), byte(v))
}

// appendChunk appends a chunk of the vendor 0: vendor, type, length with these six octets, value.
func appendChunk(b []byte, kind uint16, value ...byte) []byte {
	b = append(b, 0, 0)
	b = binary.BigEndian.AppendUint16(b, kind)
	b = binary.BigEndian.AppendUint16(b, uint16(6+len(value)))
	return append(b, value...)
}
