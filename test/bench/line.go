package main

import (
	"bytes"
	"errors"
	"net"
	"net/netip"
	"strconv"

	"github.com/parley-msrp/parley/internal/sip/datagram"
)

// A line leads to whom the phone calls.
type line interface {
	// read waits for messages, and and has all of one read dealt with at once; its error is the end of the line.
	read(whole func(messages [][]byte)) error
	// poster gives a function that sends what is in an outbox. It is for one goroutine.
	poster() func(o *outbox)
	close()
}

func newLine(c net.Conn) (line, error) {
	u, ok := c.(*net.UDPConn)
	if !ok {
		return &stream{conn: c}, nil
	}
	_ = u.SetReadBuffer(4 << 20)
	s, err := datagram.Take(u)
	return &datagrams{socket: s}, err
}

// stream is a TCP connection.
type stream struct{ conn net.Conn }

func (l *stream) close() { l.conn.Close() }

func (l *stream) poster() func(*outbox) {
	return func(o *outbox) { _, _ = l.conn.Write(o.data) }
}

func (l *stream) read(whole func([][]byte)) error {
	buf := make([]byte, 256<<10)
	var messages [][]byte
	for have := 0; ; {
		n, err := l.conn.Read(buf[have:])
		if err != nil {
			return err
		}
		have += n
		rest := buf[:have]
		messages = messages[:0]
		for m := firstMessage(rest); m != nil; m = firstMessage(rest) {
			messages = append(messages, m)
			rest = rest[len(m):]
		}
		whole(messages)
		have = copy(buf, rest)
	}
}

// firstMessage is the first whole message in b, or nil.
func firstMessage(b []byte) []byte {
	end := bytes.Index(b, []byte("\r\n\r\n"))
	if end < 0 {
		return nil
	}
	length, _ := strconv.Atoi(string(valueOf(b[:end+2], "\r\nContent-Length: ", '\r')))
	if end+4+length > len(b) {
		return nil
	}
	return b[:end+4+length]
}

// datagrams is a UDP socket, which is read and written many datagrams at a time, as the server does it.
type datagrams struct{ socket *datagram.Socket }

const (
	datagramsAtOnce = 32
	datagramSize    = 4 << 10
)

func (l *datagrams) close() { _ = l.socket.Close() }

func (l *datagrams) poster() func(*outbox) {
	w := l.socket.NewWriter(datagramsAtOnce, datagramsAtOnce<<10)
	return func(o *outbox) {
		from := 0
		for i, end := range o.ends {
			w.Add(o.data[from:end], nil, netip.AddrPort{})
			from = end
			for last := i == len(o.ends)-1; w.Len() > 0 && (last || w.Full()); {
				if _, err := w.Flush(); err != nil {
					w.Skip()
				}
			}
		}
	}
}

func (l *datagrams) read(whole func([][]byte)) error {
	r := l.socket.NewReader(datagramsAtOnce, datagramSize, 0)
	var messages [][]byte
	for {
		n, err := r.Read()
		if errors.Is(err, net.ErrClosed) {
			return err
		} // another error is the ICMP error of an earlier datagram
		messages = messages[:0]
		for i := range n {
			m, _, _ := r.Datagram(i)
			messages = append(messages, m)
		}
		whole(messages)
	}
}
