package peer

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"
)

func (a *Agent) accept() {
	defer a.reads.Done()
	for {
		c, err := a.tcp.Accept()
		if err != nil {
			return
		}
		a.keep(c)
	}
}

// keep starts reading a stream connection.
func (a *Agent) keep(c net.Conn) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		c.Close()
		return
	}
	a.conns = append(a.conns, c)
	a.reads.Add(1)
	go a.readStream(c)
}

// readStream reads a connection. One that came to a TLS agent is secured first.
func (a *Agent) readStream(c net.Conn) {
	defer a.reads.Done()
	proto := "tcp"
	if a.serve != nil || a.dial != nil {
		proto = "tls"
	}
	_, dialled := c.(*tls.Conn)
	if !dialled {
		if c = a.secured(c); c == nil {
			return
		}
	}
	r := bufio.NewReader(c)
	for first := true; ; first = false {
		raw, err := readStreamed(r, func() {
			a.mu.Lock()
			a.ctrl++
			a.signal()
			a.mu.Unlock()
		})
		if err != nil {
			refused := first && !dialled && a.serve != nil
			if !IsClosed(err) && !errors.Is(err, net.ErrClosed) && !refused {
				a.arrived(nil, err, proto, origin{})
			}
			a.mu.Lock()
			if refused {
				a.refused++
			}
			if a.out == c {
				a.out = nil
			}
			a.signal()
			a.mu.Unlock()
			return
		}
		m, err := ParseMessage(raw)
		a.arrived(m, err, proto, origin{conn: c, addr: netip.MustParseAddrPort(c.RemoteAddr().String())})
	}
}

// readStreamed reads one message from a stream (RFC 3261 §18.3). blank is called for a CRLF between messages.
func readStreamed(r *bufio.Reader, blank func()) ([]byte, error) {
	var raw []byte
	length := -1
	for {
		line, err := r.ReadBytes('\n')
		if err != nil {
			return nil, err
		}
		if string(line) == "\r\n" && raw == nil {
			blank()
			continue
		}
		raw = append(raw, line...)
		if string(line) == "\r\n" {
			break
		}
		if name, value, _ := strings.Cut(string(line), ":"); strings.EqualFold(name, "Content-Length") {
			if length, err = strconv.Atoi(strings.TrimSpace(value)); err != nil {
				return nil, fmt.Errorf("bad Content-Length %q", value)
			}
		}
	}
	if length < 0 {
		return nil, fmt.Errorf("no Content-Length on a stream: %q", raw)
	}
	body := make([]byte, length)
	if _, err := io.ReadFull(r, body); err != nil {
		return nil, err
	}
	return append(raw, body...), nil
}

// Stream returns the stream connection to the target, dialled when there is none.
func (a *Agent) Stream(t testing.TB) net.Conn {
	t.Helper()
	a.mu.Lock()
	c := a.out
	a.mu.Unlock()
	if c != nil {
		return c
	}
	if err := a.Connect(); err != nil {
		t.Fatal(err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.out
}

// Hangup closes the stream connection to the target.
func (a *Agent) Hangup() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.out != nil {
		a.out.Close()
		a.out = nil
	}
}

// AwaitHangup waits until the other side has closed the stream connection to the target.
func (a *Agent) AwaitHangup(t testing.TB, within time.Duration, c net.Conn) {
	t.Helper()
	end := time.NewTimer(within)
	defer end.Stop()
	for {
		a.mu.Lock()
		open, wake := a.out == c, a.wake
		a.mu.Unlock()
		if !open {
			return
		}
		select {
		case <-wake:
		case <-end.C:
			t.Fatalf("SIP: the connection was not closed within %v", within)
		}
	}
}

// StopTCP closes the stream listener, so that only UDP is left.
func (a *Agent) StopTCP() { a.tcp.Close() }
