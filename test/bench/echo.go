package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"sync/atomic"
)

// serveEcho is the measure of all things here, a process that does with raw octets what the engine does with messages. It serves until in ends.
func serveEcho(ctx context.Context, addr string, in io.Reader, out io.Writer) error {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	defer l.Close()
	over, err := listenAt(net.JoinHostPort(host(l.Addr().String()), "0"), true)
	if err != nil {
		return err
	}
	defer over.Close()
	for _, l := range []net.Listener{l, over} {
		go accept(l, func(conn net.Conn) { new(echo).serve(conn) }) // ends with l
	}
	return serve(ctx, addresses{MSRP: l.Addr().String()}, in, out, func() subject {
		return &raw{addr: l.Addr().String(), secure: over.Addr().String()}
	})
}

// An echo reads what is there, finds the SENDs in it by their end-lines, and answers all of them in one write, with responses of the size that the
// daemon's have. It parses nothing else and keeps nothing.
type echo struct {
	answered atomic.Int64
	octets   atomic.Int64 // of the responses

	buf     []byte
	have    int
	answers []byte
	pending []byte // the answer to a SEND larger than bigFrame, whose body is under way
	end     []byte // what its end-line begins with
}

// bigFrame: a SEND of which this much has come, and not all of it, is not kept.
const bigFrame = 8 << 10

func (e *echo) serve(conn io.ReadWriter) error {
	e.buf = make([]byte, 64<<10)
	for {
		if err := e.step(conn); err != nil {
			return err
		}
	}
}

// step reads once, and answers.
func (e *echo) step(conn io.ReadWriter) error {
	n, err := conn.Read(e.buf[e.have:])
	e.have += n
	if err != nil {
		return err
	}
	rest, answered, err := e.consume(e.buf[:e.have])
	if err != nil {
		return err
	}
	e.have = copy(e.buf, rest)
	if answered == 0 {
		return nil
	}
	if _, err := conn.Write(e.answers); err != nil {
		return err
	}
	e.octets.Add(int64(len(e.answers)))
	e.answered.Add(answered)
	e.answers = e.answers[:0]
	return nil
}

// consume answers the SENDs in b and returns what is left over.
func (e *echo) consume(b []byte) (rest []byte, answered int64, err error) {
	for len(b) > 0 {
		if len(e.pending) > 0 {
			i := bytes.Index(b, e.end)
			after := i + len(e.end) + len("$\r\n")
			if i < 0 {
				return b[max(0, len(b)-len(e.end)+1):], answered, nil
			} else if len(b) < after {
				return b[i:], answered, nil
			}
			e.answers = append(e.answers, e.pending...)
			e.pending = e.pending[:0]
			b = b[after:]
			answered++
			continue
		}
		id, _, frame, left, err := cutFrame(b)
		switch {
		case err == nil:
			e.answers = appendAnswer(e.answers, id, frame)
			b = left
			answered++
		case !errors.Is(err, errIncomplete):
			return b, answered, err
		case len(b) < bigFrame:
			return b, answered, nil
		default:
			line, _, _ := bytes.Cut(b, crlf)
			id, _, _ := bytes.Cut(bytes.TrimPrefix(line, []byte("MSRP ")), []byte(" "))
			e.pending = appendAnswer(e.pending, id, b)
			e.end = append(append(e.end[:0], endMark...), id...)
		}
	}
	return b, answered, nil
}

// appendAnswer appends the 200 to a SEND: the two lines after the start line change places.
func appendAnswer(b, id, frame []byte) []byte {
	_, head, _ := bytes.Cut(frame, crlf)
	to, head, _ := bytes.Cut(head, crlf)
	from, _, _ := bytes.Cut(head, crlf)
	b = append(b, "MSRP "...)
	b = append(b, id...)
	b = append(b, " 200 OK\r\nTo-Path: "...)
	b = append(b, bytes.TrimPrefix(from, []byte("From-Path: "))...)
	b = append(b, "\r\nFrom-Path: "...)
	b = append(b, bytes.TrimPrefix(to, []byte("To-Path: "))...)
	b = append(b, crlf...)
	b = append(b, dashes...)
	b = append(b, id...)
	return append(b, "$\r\n"...)
}
