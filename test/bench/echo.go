package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
)

// serveEcho is the measure of all things here: it reads what is there, finds the SENDs in it by their end-lines, and answers all of them in one write,
// with responses of the size that the daemon's have. It parses nothing else and keeps nothing. It writes its address to out once it listens, and serves until ctx ends.
func serveEcho(ctx context.Context, addr string, out io.Writer) error {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	context.AfterFunc(ctx, func() { l.Close() })
	fmt.Fprintln(out, l.Addr())
	for {
		conn, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return nil
		} else if err != nil {
			return err
		}
		go func() { // ends with its connection
			defer conn.Close()
			echo(conn)
		}()
	}
}

func echo(conn io.ReadWriter) error {
	buf := make([]byte, 64<<10)
	var have int
	var answers []byte
	for {
		n, err := conn.Read(buf[have:])
		have += n
		if err != nil {
			return err
		}
		rest := buf[:have]
		answers = answers[:0]
		for len(rest) > 0 {
			var id, frame []byte
			id, _, frame, rest, err = cutFrame(rest)
			if errors.Is(err, errIncomplete) {
				break
			} else if err != nil {
				return err
			}
			answers = appendAnswer(answers, id, frame)
		}
		have = copy(buf, rest)
		if have == len(buf) {
			buf = append(buf, make([]byte, len(buf))...)
		}
		if len(answers) == 0 {
			continue
		}
		if _, err := conn.Write(answers); err != nil {
			return err
		}
	}
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
