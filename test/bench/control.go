package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
)

// What a server can be told to do.
const (
	doOpen    = "open"    // make a session for each of Peers
	doConnect = "connect" // connect the last session to its peer
	doSend    = "send"    // send messages of Body octets in the last session until doStop, and keep Window of them under way
	doStop    = "stop"    // end that, and wait for the responses that are under way
	doEach    = "each"    // send one message of Body octets in each session, and wait for all responses
	doStream  = "stream"  // send one message of Body octets in the last session, in one chunk, and wait for its response
	doSink    = "sink"    // a raw server: take Octets from a connection to Address, and answer them
	doMemory  = "memory"  // say what the process holds
	doCount   = "count"   // say what it has done so far
)

// A demand is what the generator asks of a server over a control connection, on a line, as JSON.
type demand struct {
	Do      string
	Peers   []string // path of each peer
	Streams bool     // doOpen: messages are taken as they arrive
	// Fingerprint of the peers' certificate; empty: any will do, as those do that the peers' connections show
	Fingerprint string
	Window      int
	Body        int
	Octets      int64
}

// A reply is what it gets.
type reply struct {
	Error    string   // empty: done
	Paths    []string // doOpen: path of each session
	Address  string   // doSink
	Memory   memory   // doMemory
	Counters counters // doCount
}

// A subject is what does the demands of one control connection. What it opened is closed with that.
type subject interface {
	do(demand) (reply, error)
	close()
}

// serve writes the addresses of the side under load and of its own control side to out, and gives each control connection a subject, until in ends.
func serve(ctx context.Context, at addresses, in io.Reader, out io.Writer, open func() subject) error {
	l, err := net.Listen("tcp", net.JoinHostPort(host(at.MSRP+at.SIP), "0"))
	if err != nil {
		return err
	}
	context.AfterFunc(ctx, func() { l.Close() })
	go func() { // ends with the process that started this one, if not before
		io.Copy(io.Discard, in)
		l.Close()
	}()
	at.Control = l.Addr().String()
	if err := json.NewEncoder(out).Encode(at); err != nil {
		return err
	}
	return accept(l, func(conn net.Conn) {
		s := open()
		defer s.close()
		from, to := json.NewDecoder(conn), json.NewEncoder(conn)
		for {
			var d demand
			if from.Decode(&d) != nil {
				return
			}
			r, err := s.do(d)
			if err != nil {
				r.Error = fmt.Sprintf("%s: %v", d.Do, err)
			}
			if to.Encode(r) != nil {
				return
			}
		}
	})
}

// accept serves connections until the listener is closed.
func accept(l net.Listener, serve func(net.Conn)) error {
	for {
		conn, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return nil
		} else if err != nil {
			return err
		}
		go func() { // ends with its connection
			defer conn.Close()
			serve(conn)
		}()
	}
}

// A control is the generator's end.
type control struct {
	conn net.Conn
	from *json.Decoder
	to   *json.Encoder
}

func dialControl(addr string) (*control, error) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	return &control{conn: conn, from: json.NewDecoder(conn), to: json.NewEncoder(conn)}, nil
}

func (c *control) do(d demand) (r reply, err error) {
	if err := c.to.Encode(d); err != nil {
		return r, err
	}
	if err := c.from.Decode(&r); err != nil {
		return r, fmt.Errorf("%s: the server is gone: %w", d.Do, err)
	}
	if r.Error != "" {
		return r, errors.New(r.Error)
	}
	return r, nil
}

// open asks for one session.
func (c *control) open(fromPath string) (toPath string, err error) {
	r, err := c.do(demand{Do: doOpen, Peers: []string{fromPath}})
	if err != nil {
		return "", err
	}
	return r.Paths[0], nil
}

func (c *control) end() error { return c.conn.Close() }
