package main

import (
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// stallTime is how long a session waits for a response before the run is given up.
const stallTime = 10 * time.Second

// A session is one MSRP session on a TCP connection of its own.
type session struct {
	conn     net.Conn
	call     *call // nil: a server without SIP
	sends    *template
	answered atomic.Int64
	octets   atomic.Int64 // of the responses
	buf      []byte
	have     int
}

// sendMessages sets the sessions up, keeps their windows full for the time ordered after a short warm-up, and ends them.
func sendMessages(o order) (out outcome, err error) {
	var calls *caller
	if o.SIP != "" {
		if calls, err = newCaller(o.SIP); err != nil {
			return out, err
		}
		defer calls.Close()
	}
	sessions := make([]*session, o.Row.Sessions)
	for i := range sessions {
		if sessions[i], err = openSession(calls, o); err != nil {
			return out, fmt.Errorf("session %d: %w", i+1, err)
		}
		defer sessions[i].conn.Close()
	}
	if out, err = measure(sessions, o); err != nil {
		return out, err
	}
	for _, s := range sessions {
		if calls == nil {
			break
		}
		if err := calls.bye(s.call); err != nil {
			return out, err
		}
	}
	return out, nil
}

// measure runs all sessions at once and counts what is answered between two points of time, at which it also reads the server's CPU time.
func measure(sessions []*session, o order) (out outcome, err error) {
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
	wait := func(d time.Duration) {
		select {
		case <-time.After(d):
		case e := <-failed:
			err = e
		}
	}
	wait(o.Duration / 5)
	before, octets := total(sessions)
	start := time.Now()
	cpu, cpuErr := cpuTime(o.PID)
	after, octetsAfter := before, octets
	for err == nil && after == before { // once, unless the machine is so busy that nothing moved at all; stallTime bounds it
		wait(o.Duration)
		after, octetsAfter = total(sessions)
	}
	out.Elapsed, out.Count = time.Since(start), after-before
	cpuAfter, cpuErrAfter := cpuTime(o.PID)
	out.CPU = cpuAfter - cpu
	out.Sent = sessions[0].sends.frame
	out.Answer = int((octetsAfter - octets) / max(out.Count, 1))
	stop.Store(true)
	running.Wait()
	close(failed)
	return out, errors.Join(err, cpuErr, cpuErrAfter, <-failed)
}

func total(sessions []*session) (answered, octets int64) {
	for _, s := range sessions {
		answered += s.answered.Load()
		octets += s.octets.Load()
	}
	return answered, octets
}

// openSession calls and connects, and binds the connection to the session with a bodiless SEND.
func openSession(calls *caller, o order) (*session, error) {
	s := &session{buf: make([]byte, 256<<10)}
	fromPath := fmt.Sprintf("msrp://127.0.0.1:2855/%s;tcp", random(32))
	toPath := fmt.Sprintf("msrp://%s/%s;tcp", o.MSRP, random(32))
	var err error
	if calls != nil {
		if s.call, err = calls.invite(fromPath); err != nil {
			return nil, err
		}
		toPath = s.call.path
	}
	if s.conn, err = net.Dial("tcp", hostPort(toPath)); err != nil {
		return nil, err
	}
	s.sends = newTemplate(toPath, fromPath, 0, 1)
	if err = s.write(1); err == nil {
		_, err = s.read(1)
	}
	if err != nil {
		s.conn.Close()
		return nil, fmt.Errorf("binding SEND: %w", err)
	}
	first := s.sends.next
	s.sends = newTemplate(toPath, fromPath, o.Row.Body, o.Row.Window)
	s.sends.next = first
	return s, nil
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

func (s *session) write(frames int) error {
	if err := s.conn.SetDeadline(time.Now().Add(stallTime)); err != nil {
		return err
	}
	_, err := s.conn.Write(s.sends.take(frames))
	return err
}

// read reads once, and more while no response is complete, and counts the responses. Anything but a 200 is an error, and so are more than waiting ones.
func (s *session) read(waiting int) (n int, err error) {
	for n == 0 {
		got, err := s.conn.Read(s.buf[s.have:])
		if err != nil {
			return 0, fmt.Errorf("%d SENDs wait for their responses: %w", waiting, err)
		}
		s.have += got
		rest := s.buf[:s.have]
		for len(rest) > 0 {
			var kind, frame []byte
			_, kind, frame, rest, err = cutFrame(rest)
			if errors.Is(err, errIncomplete) {
				break
			} else if err != nil {
				return n, err
			}
			if string(kind[:min(3, len(kind))]) != "200" {
				return n, fmt.Errorf("a SEND was not answered 200:\n%s", frame)
			}
			n++
			s.octets.Add(int64(len(frame)))
		}
		s.have = copy(s.buf, rest)
	}
	if n > waiting {
		return n, fmt.Errorf("%d responses to %d SENDs", n, waiting)
	}
	s.answered.Add(int64(n))
	return n, nil
}
