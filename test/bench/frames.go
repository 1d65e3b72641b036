package main

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
)

var (
	crlf    = []byte("\r\n")
	dashes  = []byte("-------")
	endMark = []byte("\r\n-------")
)

// maxFrame bounds what is read in search of an end-line.
const maxFrame = 1 << 20

// A template is a window of SENDs in one buffer, whose transaction ids and Message-IDs are rewritten in place for each use.
type template struct {
	octets []byte
	frame  int    // octets of one SEND
	digits []int  // where in a frame its number stands
	next   uint64 // number of the next SEND
}

const (
	numberWidth = 12              // hex digits
	idWidth     = 1 + numberWidth // octets of a transaction id
)

// plainChunk is the largest body of a chunk that may announce its end (RFC 4975 §7.1.1), in octets.
const plainChunk = 2048

func newTemplate(toPath, fromPath string, body, window int) *template {
	const number = "############"
	frame := fmt.Appendf(nil, "MSRP t%s SEND\r\nTo-Path: %s\r\nFrom-Path: %s\r\nMessage-ID: m%s\r\n", number, toPath, fromPath, number)
	if body > 0 {
		frame = fmt.Appendf(frame, "Byte-Range: %s\r\nContent-Type: text/plain\r\n\r\n%s\r\n", byteRange(body), bytes.Repeat([]byte("x"), body))
	} else {
		frame = append(frame, "Byte-Range: 1-0/0\r\n"...)
	}
	frame = fmt.Appendf(frame, "-------t%s$\r\n", number)
	t := &template{octets: bytes.Repeat(frame, window), frame: len(frame)}
	for at := 0; ; {
		i := bytes.Index(frame[at:], []byte(number))
		if i < 0 {
			return t
		}
		t.digits = append(t.digits, at+i)
		at += i + numberWidth
	}
}

func byteRange(body int) string {
	if body > plainChunk {
		return fmt.Sprintf("1-*/%d", body)
	}
	return fmt.Sprintf("1-%d/%d", body, body)
}

// bulkFrame is what stands before and after the body of a message in one chunk.
func bulkFrame(toPath, fromPath string, body int) (head, tail []byte) {
	id := "t" + random(numberWidth)
	head = fmt.Appendf(nil, "MSRP %s SEND\r\nTo-Path: %s\r\nFrom-Path: %s\r\nMessage-ID: m%s\r\nByte-Range: %s\r\nContent-Type: text/plain\r\n\r\n",
		id, toPath, fromPath, random(numberWidth), byteRange(body))
	return head, fmt.Appendf(nil, "\r\n-------%s$\r\n", id)
}

// take numbers the next n SENDs (at most the window) and returns them, valid until the next call.
func (t *template) take(n int) []byte {
	var number [numberWidth / 2]byte
	for i := range n {
		t.next++
		for k := range number {
			number[k] = byte(t.next >> (8 * (len(number) - 1 - k)))
		}
		frame := t.octets[i*t.frame:]
		for _, at := range t.digits {
			hex.Encode(frame[at:at+numberWidth], number[:])
		}
	}
	return t.octets[:n*t.frame]
}

var errIncomplete = errors.New("incomplete frame")

// cutFrame splits buf after its first frame, whose start line is split into transaction id and what follows it.
// The frame's end is found by its end-line; it is errIncomplete as long as that has not come.
func cutFrame(buf []byte) (id, kind, frame, rest []byte, err error) {
	line, _, ok := bytes.Cut(buf, crlf)
	if !ok {
		return nil, nil, nil, buf, incomplete(buf)
	}
	protocol, line, ok := bytes.Cut(line, []byte(" "))
	id, kind, ok2 := bytes.Cut(line, []byte(" "))
	if !ok || !ok2 || string(protocol) != "MSRP" {
		return nil, nil, nil, buf, fmt.Errorf("not an MSRP start line: %.100q", buf)
	}
	for at := 0; ; {
		i := bytes.Index(buf[at:], endMark)
		if i < 0 {
			return nil, nil, nil, buf, incomplete(buf)
		}
		at += i + len(endMark)
		end := at + len(id) + 3 // $ CR LF
		if len(buf) < end {
			return nil, nil, nil, buf, incomplete(buf)
		}
		if bytes.Equal(buf[at:at+len(id)], id) {
			return id, kind, buf[:end], buf[end:], nil
		}
	}
}

func incomplete(buf []byte) error {
	if len(buf) > maxFrame {
		return fmt.Errorf("no end-line in %d octets: %.100q", len(buf), buf)
	}
	return errIncomplete
}
