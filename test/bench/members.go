package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// generateCrowd is the process of a crowd's generator. It does what it reads from in until that ends.
func generateCrowd(in io.Reader, out io.Writer) error {
	if _, err := raiseOpenFiles(0); err != nil {
		return err
	}
	var m members
	defer m.close()
	from, to := json.NewDecoder(in), json.NewEncoder(out)
	for {
		var d crowdDemand
		if err := from.Decode(&d); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		var r crowdReply
		if err := m.do(d); err != nil {
			r.Error = fmt.Sprintf("%s: %v", d.Do, err)
		}
		if err := to.Encode(r); err != nil {
			return err
		}
	}
}

// members are the peers of an engine's sessions.
type members struct {
	mu      sync.Mutex
	control *control
	groups  [groups][]*member // each is for one goroutine
	callers [groups]*caller   // of those; nil: no SIP
}

// groups is how many members do something at the same time.
const groups = 32

type member struct {
	conn     net.Conn
	to, from string // paths
	next     uint64
}

// perSource is how many connections come from one address: there are some 28,000 ports, and an endpoint does not take more than 4,096 from one by default.
const perSource = 4000

func (m *members) do(d crowdDemand) error {
	switch d.Do {
	case crowdBind:
		var err error
		if m.control, err = dialControl(d.Control); err != nil {
			return err
		}
		return m.each(func(i int, buf []byte) error { return m.bind(d, i, buf) })
	case crowdSend:
		return m.each(m.send)
	case crowdReceive:
		told := make(chan error, 1)
		go func() { // ends with the server's reply, which has a limit of its own
			_, err := m.control.do(demand{Do: doEach, Body: 100})
			told <- err
		}()
		return errors.Join(m.each(m.receive), <-told)
	}
	return errors.ErrUnsupported
}

// each has all groups do the same at once.
func (m *members) each(do func(group int, buf []byte) error) error {
	var running sync.WaitGroup
	errs := make([]error, groups)
	for i := range groups {
		running.Go(func() { errs[i] = do(i, make([]byte, 64<<10)) })
	}
	running.Wait()
	return errors.Join(errs...)
}

// opening makes sessions in the server with these peers: by SIP, or over the control connection.
func (m *members) opening(d crowdDemand, group int) (func(froms []string) (paths []string, err error), error) {
	if d.SIP == "" {
		return func(froms []string) ([]string, error) {
			m.mu.Lock()
			defer m.mu.Unlock()
			r, err := m.control.do(demand{Do: doOpen, Peers: froms})
			return r.Paths, err
		}, nil
	}
	c, err := newCaller(d.SIP)
	if err != nil {
		return nil, err
	}
	m.callers[group] = c
	return func(froms []string) (paths []string, err error) {
		for _, from := range froms {
			path, err := c.open(from)
			if err != nil {
				return nil, err
			}
			paths = append(paths, path)
		}
		return paths, nil
	}, nil
}

// bind makes the sessions of a group, some at a time, so that none waits long for its connection.
func (m *members) bind(d crowdDemand, group int, buf []byte) error {
	const batch = 100
	var conn net.Conn
	open, err := m.opening(d, group)
	if err != nil {
		return err
	}
	for i := d.Sessions * group / groups; i < d.Sessions*(group+1)/groups; i += batch {
		var froms []string
		for range min(batch, d.Sessions*(group+1)/groups-i) {
			froms = append(froms, ownPath("127.0.0.1:2855"))
		}
		paths, err := open(froms)
		if err != nil {
			return err
		}
		for k, to := range paths {
			if len(m.groups[group])%d.PerConnection == 0 {
				if conn, err = dial(net.IPv4(127, 1, byte(d.Part), byte(1+(i+k)/perSource)), to); err != nil {
					return err
				}
			}
			one := &member{conn: conn, to: to, from: froms[k]}
			m.groups[group] = append(m.groups[group], one)
			if err := one.exchange(0, buf); err != nil {
				return fmt.Errorf("session %d: binding SEND: %w", i+k+1, err)
			}
		}
	}
	return nil
}

func dial(source net.IP, to string) (net.Conn, error) {
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: source}, Timeout: stallTime}
	conn, err := dialer.Dial("tcp", hostPort(to))
	if err != nil {
		return nil, err
	}
	// Closed with a reset: a hundred thousand connections in TIME_WAIT would be in the way of the next ones.
	return conn, conn.(*net.TCPConn).SetLinger(0)
}

// exchange sends a message and waits for its response.
func (o *member) exchange(body int, buf []byte) error {
	s := session{conn: o.conn, sends: newTemplate(o.to, o.from, body, 1), buf: buf}
	s.sends.next = o.next
	o.next++
	if err := s.write(1); err != nil {
		return err
	}
	_, err := s.read(1)
	return errors.Join(err, o.conn.SetDeadline(time.Time{}))
}

func (m *members) send(group int, buf []byte) error {
	for _, o := range m.groups[group] {
		if err := o.exchange(100, buf); err != nil {
			return err
		}
	}
	return nil
}

// receive answers one message in each session.
func (m *members) receive(group int, buf []byte) error {
	e := echo{buf: buf}
	all := m.groups[group]
	for i, o := range all {
		if err := o.conn.SetDeadline(time.Now().Add(stallTime)); err != nil {
			return err
		}
		for int(e.answered.Load()) <= i {
			if err := e.step(o.conn); err != nil {
				return err
			}
		}
		if e.have > 0 && (i+1 == len(all) || all[i+1].conn != o.conn) {
			return fmt.Errorf("more than one message came: %.100q", e.buf[:e.have])
		}
	}
	return nil
}

func (m *members) close() {
	for _, c := range m.callers {
		if c != nil {
			c.end() // with a BYE in each call; what does not answer any more is gone
		}
	}
	m.callers = [groups]*caller{}
	for _, g := range m.groups {
		for _, o := range g {
			o.conn.Close()
		}
	}
	if m.control != nil {
		m.control.end()
	}
}
