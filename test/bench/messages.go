package main

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// stallTime is how long a session waits for a response before the run is given up.
const stallTime = 10 * time.Second

// A session is one MSRP session on a TCP connection of its own, seen from the side that sends.
type session struct {
	conn     net.Conn
	sends    *template
	answered atomic.Int64
	octets   atomic.Int64 // of the responses
	buf      []byte
	have     int
	like     int       // octets of the last response
	deadline time.Time // that is set
}

// An opener makes sessions in the server: by SIP or over a control connection.
type opener interface {
	open(fromPath string) (toPath string, err error)
	end() error
}

func newOpener(o order) (opener, error) {
	if o.SIP != "" {
		return newCaller(o.SIP)
	}
	return dialControl(o.Control)
}

// receiveMessages sets the sessions up, keeps their windows full for the time ordered after a short warm-up, and ends them. The server receives.
func receiveMessages(o order) (out outcome, err error) {
	opener, err := newOpener(o)
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, opener.end()) }()
	sessions := make([]*session, o.Row.Sessions)
	for i := range sessions {
		if sessions[i], err = openSession(opener, o.Row); err != nil {
			return out, fmt.Errorf("session %d: %w", i+1, err)
		}
		defer sessions[i].conn.Close()
	}
	var stop atomic.Bool
	var running sync.WaitGroup
	failed := make(chan error, len(sessions))
	for _, s := range sessions {
		running.Go(func() { // ends when stop is set, or by stallTime
			if err := s.run(o.Row, &stop); err != nil {
				failed <- err
			}
		})
	}
	out, err = measure(o, failed, func() (answered, octets int64) {
		for _, s := range sessions {
			answered += s.answered.Load()
			octets += s.octets.Load()
		}
		return answered, octets
	})
	out.Sent = sessions[0].sends.frame
	stop.Store(true)
	running.Wait()
	close(failed)
	return out, errors.Join(err, <-failed)
}

// measure counts what is answered between two points of time after a short warm-up, and reads the CPU times there.
func measure(o order, failed <-chan error, total func() (answered, octets int64)) (out outcome, err error) {
	wait := func(d time.Duration) {
		select {
		case <-time.After(d):
		case e := <-failed:
			err = e
		}
	}
	wait(o.Duration / 5)
	watch, errBegin := startWatch(o.PID)
	before, octets := total()
	after, octetsAfter := before, octets
	for err == nil && after == before { // once, unless the machine is so busy that nothing moved at all; stallTime bounds it
		wait(o.Duration)
		after, octetsAfter = total()
	}
	out.Count = after - before
	out.Answer = int((octetsAfter - octets) / max(out.Count, 1))
	return out, errors.Join(err, errBegin, watch.read(&out))
}

// A watch is a point of time, and the CPU times then.
type watch struct {
	pid         int
	start       time.Time
	served, own time.Duration
}

func startWatch(pid int) (w watch, err error) {
	w.pid = pid
	var errOwn error
	w.served, err = cpuTime(pid)
	w.own, errOwn = ownCPUTime()
	w.start = time.Now()
	return w, errors.Join(err, errOwn)
}

// read says how much time has passed since.
func (w watch) read(out *outcome) error {
	out.Elapsed = time.Since(w.start)
	served, err := cpuTime(w.pid)
	own, errOwn := ownCPUTime()
	out.CPU, out.Generator = served-w.served, own-w.own
	return errors.Join(err, errOwn)
}

// openSession connects, and binds the connection to a new session with a bodiless SEND.
func openSession(o opener, r row) (*session, error) {
	fromPath := r.own("127.0.0.1:2855")
	toPath, err := o.open(fromPath)
	if err != nil {
		return nil, err
	}
	conn, err := connect(toPath)
	if err != nil {
		return nil, err
	}
	s := newSession(conn, toPath, fromPath)
	if err = s.write(1); err == nil {
		_, err = s.read(1)
	}
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("binding SEND: %w", err)
	}
	first := s.sends.next
	s.sends = newTemplate(toPath, fromPath, r.Body, r.Window)
	s.sends.next = first
	return s, nil
}

// ownPath is a path of the length that Parley's have.
func ownPath(hostPort string) string { return fmt.Sprintf("msrp://%s/%s;tcp", hostPort, random(32)) }

// own is ownPath in the scheme of the row.
func (r row) own(hostPort string) string {
	if r.TLS {
		return strings.Replace(ownPath(hostPort), "msrp:", "msrps:", 1)
	}
	return ownPath(hostPort)
}

func newSession(conn net.Conn, toPath, fromPath string) *session {
	return &session{conn: conn, sends: newTemplate(toPath, fromPath, 0, 1), buf: make([]byte, 64<<10)}
}

// run keeps the window full until stop is set, then takes the responses that are still under way.
func (s *session) run(r row, stop *atomic.Bool) error {
	waiting := 0
	for {
		free := r.Window - waiting
		if stop.Load() {
			free = 0
		}
		step := 1
		if r.OneWrite {
			step = r.Window
		}
		for ; free >= step; free -= step {
			if err := s.write(step); err != nil {
				return err
			}
			waiting += step
		}
		if waiting == 0 {
			return nil
		}
		n, err := s.read(waiting)
		if err != nil {
			return err
		}
		waiting -= n
	}
}

// write writes so many SENDs at once.
func (s *session) write(frames int) error {
	if err := s.stall(); err != nil {
		return err
	}
	_, err := s.conn.Write(s.sends.take(frames))
	return err
}

// stall bounds what follows by stallTime, near enough.
func (s *session) stall() error {
	now := time.Now()
	if s.deadline.Sub(now) > stallTime*3/4 {
		return nil
	}
	s.deadline = now.Add(stallTime)
	return s.conn.SetDeadline(s.deadline)
}

// read reads once, and more while no response is complete, and counts the responses. Anything but a 200 is an error, and so are more than waiting ones.
func (s *session) read(waiting int) (n int, err error) {
	var octets int
	for n == 0 {
		got, err := s.conn.Read(s.buf[s.have:])
		if err != nil {
			return 0, fmt.Errorf("%d SENDs wait for their responses: %w", waiting, err)
		}
		s.have += got
		rest := s.buf[:s.have]
		for len(rest) > 0 {
			size, err := s.response(rest)
			if errors.Is(err, errIncomplete) {
				break
			} else if err != nil {
				return n, err
			}
			rest = rest[size:]
			octets += size
			n++
		}
		s.have = copy(s.buf, rest)
	}
	if n > waiting {
		return n, fmt.Errorf("%d responses to %d SENDs", n, waiting)
	}
	s.octets.Add(int64(octets))
	s.answered.Add(int64(n))
	return n, nil
}

// response is the size of the first response, which has to be a 200. It looks first where the end-line of one like the last stands: a search for it costs
// the generator more than all else it does outside the kernel.
func (s *session) response(b []byte) (int, error) {
	const id, kind = len("MSRP "), len("MSRP ") + idWidth
	if n := s.like; n > 0 && len(b) >= n {
		end := n - len("$\r\n") - idWidth
		if string(b[kind:kind+5]) == " 200 " && bytes.Equal(b[end:end+idWidth], b[id:kind]) && bytes.Equal(b[end-len(endMark):end], endMark) {
			return n, nil
		}
	}
	_, kinds, frame, _, err := cutFrame(b)
	if err != nil {
		return 0, err
	}
	if string(kinds[:min(3, len(kinds))]) != "200" {
		return 0, fmt.Errorf("a SEND was not answered 200:\n%s", frame)
	}
	s.like = 0
	if len(frame) > kind+5+idWidth+len(endMark) {
		s.like = len(frame)
	}
	return len(frame), nil
}
