package sip

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
)

func parse(t *testing.T, octets string) *Message {
	t.Helper()
	m, f := scanDatagram([]byte(octets), 1<<16, 1<<20)
	if m == nil || f.code != 0 {
		t.Fatalf("broken message (%v):\n%s", f, octets)
	}
	return m
}

// startLine shortens a start line to what matters: status and phrase, or method.
func startLine(octets string) string {
	line, _, _ := strings.Cut(octets, "\r\n")
	if rest, ok := strings.CutPrefix(line, "SIP/2.0 "); ok {
		return rest
	}
	method, _, _ := strings.Cut(line, " ")
	return method
}

// lines makes a message of lines without their CRLFs.
func lines(l ...string) string { return strings.Join(l, "\r\n") + "\r\n\r\n" }

// request makes a request as a peer at 10.0.0.2:5060 would send it; change replaces rows by their beginning, and adds others.
func request(method, branch string, change ...string) string {
	proto := "UDP"
	rows := []string{
		method + " sip:bob@10.0.0.1 SIP/2.0",
		"Via: SIP/2.0/" + proto + " 10.0.0.2:5060;branch=z9hG4bK" + branch,
		"Max-Forwards: 70",
		"From: <sip:alice@10.0.0.2>;tag=a1",
		"To: <sip:bob@10.0.0.1>",
		"Call-ID: call1",
		"CSeq: 1 " + method,
		"Contact: <sip:alice@10.0.0.2:5060>",
		"Content-Length: 0",
	}
next:
	for _, c := range change {
		name, _, _ := strings.Cut(c, ":")
		for i, r := range rows {
			if i > 0 && strings.HasPrefix(r, name+":") {
				rows[i] = c
				continue next
			}
		}
		rows = append(rows, c)
	}
	kept := rows[:0]
	for _, r := range rows {
		if !strings.HasSuffix(r, ": -") { // "Name: -" takes the row away
			kept = append(kept, r)
		}
	}
	return lines(kept...)
}

// answer makes a peer's response to a request that the stack sent.
func answer(req *Message, code int, toTag string, rows ...string) string {
	out := []string{fmt.Sprintf("SIP/2.0 %d X", code), "Via: " + req.Get("Via"), "From: " + req.Get("From")}
	to := req.Get("To")
	if toTag != "" {
		to += ";tag=" + toTag
	}
	out = append(out, "To: "+to, "Call-ID: "+req.CallID(), "CSeq: "+req.Get("CSeq"))
	out = append(out, rows...)
	return lines(append(out, "Content-Length: 0")...)
}

// outgoing makes a request of our own.
func outgoing(method string) *Message {
	m := NewRequest(method, "sip:alice@10.0.0.2")
	m.Add("From", "<sip:bob@10.0.0.1>;tag=b1")
	m.Add("To", "<sip:alice@10.0.0.2>")
	m.Add("Call-ID", "out1")
	m.Add("CSeq", "7 "+method)
	m.Add("Contact", "<sip:bob@10.0.0.1>")
	return m
}

func target(p Proto, addr string) Target {
	return Target{Proto: p, Addr: netip.MustParseAddrPort(addr)}
}
