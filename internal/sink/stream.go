package sink

import (
	"context"
	"io"
	"net"
	"time"
)

const (
	// writeTime is how long a receiver on a stream may take nothing.
	writeTime = 10 * time.Second

	// Waits between two attempts to connect: the first, doubled each time up to the longest.
	firstWait   = 100 * time.Millisecond
	longestWait = 30 * time.Second
)

// stream sends notifications one after another over one TCP connection that stays open. What could not be written goes out whole over the next one.
type stream struct {
	address string
	dial    func(ctx context.Context, network, address string) (net.Conn, error)
	conn    net.Conn
	gone    chan struct{} // closed when the receiver has closed conn
	wait    time.Duration // before the next attempt; 0: none failed yet
}

// send blocks until the notification is written or ctx ends: the journal keeps what comes meanwhile, as long as it does.
func (s *stream) send(ctx context.Context, notification []byte) error {
	for {
		if err := s.connect(ctx); err != nil {
			return err
		}
		if err := writeWithin(ctx, s.conn, notification, writeTime); err == nil {
			s.wait = 0
			return nil
		}
		s.close()
		if err := s.rest(ctx); err != nil {
			return err
		}
	}
}

// connect makes sure that there is a connection which the receiver has not closed.
func (s *stream) connect(ctx context.Context) error {
	if s.conn != nil {
		select {
		case <-s.gone:
			s.close()
		default:
			return nil
		}
	}
	for {
		conn, err := s.dial(ctx, "tcp", s.address)
		if err == nil {
			s.watch(conn)
			return nil
		}
		if err := s.rest(ctx); err != nil {
			return err
		}
	}
}

// watch reads from the connection: a receiver says nothing, but closing it is seen so, before a notification goes into the void.
func (s *stream) watch(conn net.Conn) {
	gone := make(chan struct{})
	s.conn, s.gone = conn, gone
	go func() { // ends with the connection, which close closes and waits for
		defer close(gone)
		_, _ = io.Copy(io.Discard, conn)
	}()
}

// rest waits before the next attempt.
func (s *stream) rest(ctx context.Context) error {
	s.wait = min(max(2*s.wait, firstWait), longestWait)
	return pause(ctx, s.wait)
}

func (s *stream) close() {
	if s.conn != nil {
		_ = s.conn.Close()
		<-s.gone
		s.conn = nil
	}
}
