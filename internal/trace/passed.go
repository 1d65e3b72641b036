package trace

import (
	"net/netip"
	"strings"
	"time"

	"github.com/parley-msrp/parley/msrp"
)

// Protocol is what a message is of.
type Protocol string

// The protocols.
const (
	SIP  Protocol = "SIP"
	MSRP Protocol = "MSRP"
)

// Enum lists the protocols.
func (Protocol) Enum() []string { return []string{string(SIP), string(MSRP)} }

// Passed is a SIP or MSRP message as it passed.
type Passed struct {
	Time          time.Time // UTC
	Protocol      Protocol
	Transport     string // of SIP: UDP, TCP or TLS
	Sent          bool   // by this node
	Local, Remote netip.AddrPort

	CallID    string // of MSRP: that of the session's call, where the session is known
	SessionID string // of MSRP: the session, by its URI

	// Octets are the message, or its first 16 KiB, without credentials. Whoever is handed it must neither change nor keep them.
	Octets []byte
	Length int  // octets of the whole message
	Flag   byte // MSRP: the continuation flag that it ends with
}

// Text is the message as text: octets that are none are replaced.
func (p *Passed) Text() string { return strings.ToValidUTF8(string(p.Octets), "\ufffd") }

// Head is the message without its body: of MSRP with the end-line.
func (p *Passed) Head() []byte {
	end := 0
	for line := range headOf(p.Octets) {
		end += len(line) + 2
	}
	head := p.Octets[:min(end, len(p.Octets)):min(end, len(p.Octets))]
	if p.Protocol != MSRP {
		return head
	}
	tid, ok := transactionID(p.Octets)
	if !ok || strings.HasSuffix(string(head), "\r\n-------"+tid+string(p.Flag)+"\r\n") {
		return head
	}
	return append(head, "-------"+tid+string(p.Flag)+"\r\n"...)
}

// sessionIDs are those of the paths of an MSRP message: the own one first.
func sessionIDs(frame []byte, sent bool) []string {
	names := []string{"To-Path", "From-Path"}
	if sent {
		names[0], names[1] = names[1], names[0]
	}
	var ids []string
	for _, name := range names {
		for uri := range strings.FieldsSeq(headerOf(frame, name, "")) {
			if u, err := msrp.ParseURI(uri); err == nil {
				ids = append(ids, msrp.SessionOf(u.SessionID))
			}
		}
	}
	return ids
}
