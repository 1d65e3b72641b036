package main

import (
	"errors"
	"net"
	"time"
)

// takeMessages has the server send: the generator answers what comes, all of one read in one write.
func takeMessages(o order) (out outcome, err error) {
	var peer echo
	c, stop, err := openReverse(o, &peer)
	if err != nil {
		return out, err
	}
	defer stop()
	if _, err := c.do(demand{Do: doSend, Window: o.Row.Window, Body: o.Row.Body}); err != nil {
		return out, err
	}
	out, err = measure(o, nil, func() (answered, octets int64) { return peer.answered.Load(), peer.octets.Load() })
	_, errStop := c.do(demand{Do: doStop})
	return out, errors.Join(err, errStop)
}

// openReverse makes a session in the server, which connects to peer.
func openReverse(o order, peer *echo) (c *control, stop func(), err error) {
	if c, err = dialControl(o.Control); err != nil {
		return nil, nil, err
	}
	l, err := listenAt(net.JoinHostPort(host(o.Control), "0"), o.Row.TLS)
	if err != nil {
		return nil, nil, errors.Join(err, c.end())
	}
	go accept(l, func(conn net.Conn) { peer.serve(conn) }) // ends with the process
	d := demand{Do: doOpen, Peers: []string{o.Row.own(l.Addr().String())}}
	if o.Row.TLS {
		d.Fingerprint, err = fingerprint()
	}
	if err == nil {
		_, err = c.do(d)
	}
	if err == nil {
		_, err = c.do(demand{Do: doConnect})
	}
	for start := time.Now(); err == nil && peer.answered.Load() == 0; time.Sleep(time.Millisecond) { // the SEND that binds the session
		if time.Since(start) > stallTime {
			err = errors.New("the server connected, and sent nothing")
		}
	}
	stop = func() {
		l.Close()
		c.end()
	}
	if err != nil {
		stop()
	}
	return c, stop, err
}

// takeBulk has the server send one message in one chunk.
func takeBulk(o order) (out outcome, err error) {
	var peer echo
	c, stop, err := openReverse(o, &peer)
	if err != nil {
		return out, err
	}
	defer stop()
	watch, err := startWatch(o.PID)
	if err != nil {
		return out, err
	}
	bound := peer.answered.Load()
	if _, err := c.do(demand{Do: doStream, Body: o.Row.Body}); err != nil {
		return out, err
	}
	out.Count, out.Frames = int64(o.Row.Body)>>20, int(peer.answered.Load()-bound)
	return out, watch.read(&out)
}

// giveBulk sends one message in one chunk, and waits for its response.
func giveBulk(o order) (out outcome, err error) {
	c, err := dialControl(o.Control)
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, c.end()) }()
	fromPath := o.Row.own("127.0.0.1:2855")
	r, err := c.do(demand{Do: doOpen, Peers: []string{fromPath}, Streams: true})
	if err != nil {
		return out, err
	}
	head, tail := bulkFrame(r.Paths[0], fromPath, o.Row.Body)
	to := r.Paths[0]
	if r, err = c.do(demand{Do: doSink, Octets: int64(len(head) + o.Row.Body + len(tail))}); err != nil {
		return out, err
	} else if r.Address != "" {
		to = o.Row.own(r.Address)
	}
	conn, err := connect(to)
	if err != nil {
		return out, err
	}
	defer conn.Close()
	s := newSession(conn, "", "")
	watch, err := startWatch(o.PID)
	if err != nil {
		return out, err
	}
	if err := copyBulk(conn, head, tail, same{}, o.Row.Body); err != nil {
		return out, err
	}
	if _, err := s.read(1); err != nil {
		return out, err
	}
	out.Count, out.Sent = int64(o.Row.Body)>>20, len(head)+o.Row.Body+len(tail)
	return out, watch.read(&out)
}

// same is a source whose octets cost nothing to make: whatever stands in the buffer.
type same struct{}

func (same) Read(p []byte) (int, error) { return len(p), nil }
