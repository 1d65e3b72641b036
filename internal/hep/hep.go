// Package hep sends the SIP and MSRP messages that pass to a capture server, such as Homer, in HEPv3 (EEP). The agent never waits for that: what is too much,
// or has nowhere to go, is left out and counted.
package hep

import (
	"context"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/parley-msrp/parley/internal/trace"
)

const (
	maxQueue    = 4096             // packets that wait
	dialTime    = 5 * time.Second  // to connect, or to find a name
	writeTime   = 5 * time.Second  // for one packet over TCP
	firstPause  = time.Second      // after a connection that failed; doubled each time
	longestWait = 30 * time.Second // of these pauses
	quietTime   = 10 * time.Second // without an error until a server counts as well again: over UDP each second packet may be refused
)

// Config says where packets go, and what is in them.
type Config struct {
	Network  string // udp, tcp
	Address  string // HOST:PORT
	ID       uint32 // of this node, the capture agent
	Node     string // its name; "": none
	Password string // "": none
	Bodies   bool   // of MSRP messages, too; else their heads alone
	Logger   *slog.Logger
}

// Sender sends what passes at a tap.
type Sender struct {
	config Config
	packet packet
	tap    *trace.Tap
	leave  func()
	queue  chan []byte
	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	worker sync.WaitGroup

	sent, dropped atomic.Uint64

	// Of the worker alone.
	conn      net.Conn
	pause     time.Duration
	failing   bool
	lastError time.Time
}

// NewSender begins to send what passes at a tap. Close ends that.
func NewSender(c Config, tap *trace.Tap) *Sender {
	s := &Sender{config: c, tap: tap, queue: make(chan []byte, maxQueue), packet: packet{id: c.ID, node: c.Node, password: c.Password, bodies: c.Bodies}}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.worker.Go(s.work) // ends with ctx
	s.leave = tap.Join(s.see)
	return s
}

// see queues a message.
func (s *Sender) see(m *trace.Passed) {
	select {
	case s.queue <- s.packet.append(make([]byte, 0, len(m.Octets)+256), m):
	default:
		s.dropped.Add(1)
	}
}

// Counts says how many messages were sent, and how many were not, because there were too many or no server took them.
func (s *Sender) Counts() (sent, dropped uint64) { return s.sent.Load(), s.dropped.Load() }

// Close sends what has passed, for a second at most, and ends the sender, before the tap is closed.
func (s *Sender) Close() {
	s.tap.Settle()
	s.leave()
	end := time.AfterFunc(time.Second, s.cancel)
	select {
	case s.queue <- nil: // the last
	case <-s.ctx.Done():
	}
	s.worker.Wait()
	end.Stop()
	s.cancel()
}

func (s *Sender) work() {
	defer func() {
		if s.conn != nil {
			s.conn.Close()
		}
	}()
	for {
		select {
		case p := <-s.queue:
			if p == nil {
				return
			}
			s.send(p)
		case <-s.ctx.Done():
			return
		}
	}
}

// send sends one packet, or none where there is no connection.
func (s *Sender) send(p []byte) {
	if err := s.write(p); err != nil {
		s.dropped.Add(1)
		s.failed(err)
		return
	}
	s.sent.Add(1)
	s.pause = 0
	if s.failing && time.Since(s.lastError) > quietTime {
		s.failing = false
		s.config.Logger.Info("the HEP server is reached again", "target", s.config.Network+":"+s.config.Address)
	}
}

func (s *Sender) write(p []byte) error {
	if s.conn == nil {
		d := net.Dialer{Timeout: dialTime}
		conn, err := d.DialContext(s.ctx, s.config.Network, s.config.Address)
		if err != nil {
			return err
		}
		s.conn = conn
	}
	if err := s.conn.SetWriteDeadline(time.Now().Add(writeTime)); err != nil {
		return err
	}
	_, err := s.conn.Write(p)
	return err
}

// failed tells the first of several errors, and rests; what comes meanwhile waits as far as there is room. Over UDP an error is about the packet before:
// it goes on with the next one.
func (s *Sender) failed(err error) {
	if s.ctx.Err() != nil {
		return
	}
	if !s.failing {
		s.config.Logger.Warn("the HEP server is not reached: messages are not captured", "target", s.config.Network+":"+s.config.Address, "err", err)
	}
	s.failing, s.lastError = true, time.Now()
	if s.conn != nil && s.config.Network == "udp" {
		return
	}
	if s.conn != nil {
		s.conn.Close()
		s.conn = nil
	}
	s.pause = min(max(2*s.pause, firstPause), longestWait)
	timer := time.NewTimer(s.pause)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.ctx.Done():
	}
}
