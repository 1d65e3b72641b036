package main

import (
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// bulkBuffer is how much a raw server reads or writes at once, in octets.
const bulkBuffer = 256 << 10

// A raw does demands without an engine: it writes and reads octets.
type raw struct {
	addr   string // of the echo
	secure string // of the echo for TLS

	peer    string // of the last session
	path    string
	sender  *session
	stop    atomic.Bool
	running sync.WaitGroup
	failed  error
}

func (r *raw) do(d demand) (reply, error) {
	switch d.Do {
	case doOpen:
		var paths []string
		for _, peer := range d.Peers {
			r.peer, r.path = peer, ownPath(r.addr)
			if secure(peer) {
				r.path = row{TLS: true}.own(r.secure)
			}
			paths = append(paths, r.path)
		}
		return reply{Paths: paths}, nil
	case doConnect:
		conn, err := connect(r.peer)
		if err != nil {
			return reply{}, err
		}
		r.sender = newSession(conn, r.peer, r.path)
		if err = r.sender.write(1); err == nil { // without body, as the engine's first one
			_, err = r.sender.read(1)
		}
		return reply{}, err
	case doSend:
		r.sender.sends = newTemplate(r.peer, r.path, d.Body, d.Window)
		r.running.Go(func() { // ends when stop is set, or by stallTime
			r.failed = r.send(d.Window)
		})
		return reply{}, nil
	case doStop:
		r.stop.Store(true)
		r.running.Wait()
		return reply{}, r.failed
	case doStream:
		return reply{}, r.stream(d.Body)
	case doSink:
		l, err := listenAt(net.JoinHostPort(host(r.addr), "0"), secure(r.peer))
		if err != nil {
			return reply{}, err
		}
		go sink(l, d.Octets) // ends with its connection
		return reply{Address: l.Addr().String()}, nil
	}
	return reply{}, errors.ErrUnsupported
}

func (r *raw) close() {
	r.stop.Store(true)
	if r.sender != nil {
		r.sender.conn.Close()
	}
	r.running.Wait()
}

// send fills the window with one write whenever there is room in it.
func (r *raw) send(window int) error {
	waiting := 0
	for {
		if free := window - waiting; free > 0 && !r.stop.Load() {
			if err := r.sender.write(free); err != nil {
				return err
			}
			waiting = window
		}
		if waiting == 0 {
			return nil
		}
		n, err := r.sender.read(waiting)
		if err != nil {
			return err
		}
		waiting -= n
	}
}

// stream copies a message to the connection, and waits for its response.
func (r *raw) stream(body int) error {
	if err := r.sender.conn.SetDeadline(time.Time{}); err != nil { // the generator's limit holds
		return err
	}
	head, tail := bulkFrame(r.peer, r.path, body)
	if err := copyBulk(r.sender.conn, head, tail, zeros{}, body); err != nil {
		return err
	}
	_, err := r.sender.read(1)
	return err
}

// sink reads octets from the next connection, throws them away, and answers them.
func sink(l net.Listener, octets int64) {
	conn, err := l.Accept()
	l.Close()
	if err != nil {
		return
	}
	defer conn.Close()
	buf := make([]byte, bulkBuffer)
	for octets > 0 {
		n, err := conn.Read(buf)
		if err != nil {
			return
		}
		octets -= int64(n)
	}
	io.WriteString(conn, "MSRP sink 200 OK\r\n-------sink$\r\n")
	io.Copy(io.Discard, conn)
}

// zeros is an endless source.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// copyBulk writes a chunk of so many octets of body.
func copyBulk(w io.Writer, head, tail []byte, body io.Reader, octets int) error {
	if _, err := w.Write(head); err != nil {
		return err
	}
	buf := make([]byte, bulkBuffer)
	for left := octets; left > 0; left -= len(buf) {
		n, err := io.ReadFull(body, buf[:min(left, len(buf))])
		if err != nil {
			return err
		}
		if _, err := w.Write(buf[:n]); err != nil {
			return err
		}
	}
	_, err := w.Write(tail)
	return err
}

func host(addr string) string {
	h, _, _ := net.SplitHostPort(addr)
	return h
}
