package load

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/parley-msrp/parley/msrp"
	"github.com/parley-msrp/parley/ua"
)

// Answering says how calls are taken. Zero values mean the documented defaults.
type Answering struct {
	Listen   string           // ADDR:PORT for SIP over UDP and TCP; required. MSRP is on a free port of the address
	TLS      bool             // MSRP over TLS
	Echo     bool             // each message is sent back
	Ready    func(sip string) // told where it listens: "udp:127.0.0.1:5060"; nil: nobody is
	Progress func(Taken)      // told each second what came so far; nil: nobody is
}

// Taken is what came.
type Taken struct {
	Seconds  float64 `json:"seconds"`
	Calls    int     `json:"calls"` // established
	Live     int     `json:"live"`
	Messages int     `json:"messages"`
	Octets   int64   `json:"octets"`
	Rate     float64 `json:"messages_per_second"`
}

// Answer takes every call and every message until ctx ends, and then says what came. The error says why it cannot listen.
func Answer(ctx context.Context, a Answering) (Taken, error) {
	host, _, err := net.SplitHostPort(a.Listen)
	if err != nil {
		return Taken{}, err
	}
	media := "tcp:"
	if a.TLS {
		media = "tls:"
	}
	h := &answerer{echo: a.Echo, began: time.Now()}
	agent, err := ua.New(ua.Config{
		SIPListen:  []string{"udp:" + a.Listen},
		MSRPListen: []string{media + join(host)},
		OnInvite: func(inv *ua.Invitation) {
			_, _ = inv.Answer(h) // an offer that cannot be answered has been refused
		},
		Limits:  ua.CallLimits{Calls: 1 << 20},
		Product: "Parley-bench",
		Logger:  slog.New(slog.DiscardHandler),
		MSRP:    msrp.Config{BorrowedBodies: !a.Echo, RefuseWhenFull: true},
	})
	if err != nil {
		return Taken{}, err
	}
	if a.Ready != nil {
		a.Ready(strings.Join(agent.SIPAddrs(), " "))
	}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for ctx.Err() == nil {
		select {
		case <-tick.C:
			if a.Progress != nil {
				a.Progress(h.taken())
			}
		case <-ctx.Done():
		}
	}
	came := h.taken()
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	if err := agent.Close(closing); err != nil && !errors.Is(err, context.DeadlineExceeded) { // peers that are gone do not answer a BYE
		return came, err
	}
	return came, nil
}

// answerer is the ua.Handler of all calls.
type answerer struct {
	ua.Quiet
	echo  bool
	began time.Time

	mu   sync.Mutex
	came Taken
}

func (h *answerer) taken() Taken {
	h.mu.Lock()
	defer h.mu.Unlock()
	t := h.came
	t.Seconds = time.Since(h.began).Seconds()
	t.Rate = float64(t.Messages) / t.Seconds
	return t
}

// Established counts a session.
func (h *answerer) Established(*ua.Session, *ua.SIPMessage) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.came.Calls++
	h.came.Live++
}

// Ended counts it off.
func (h *answerer) Ended(*ua.Session, ua.End) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.came.Live--
}

// Message counts and accepts.
func (h *answerer) Message(s *ua.Session, m *ua.Message) {
	if !m.Bodiless {
		h.mu.Lock()
		h.came.Messages++
		h.came.Octets += int64(len(m.Body))
		h.mu.Unlock()
		if h.echo {
			// Where the queue is full, the peer sends faster than it takes, and nothing goes back.
			_, _ = s.Send(context.Background(), ua.Outgoing{ContentType: m.ContentType, Body: m.Body})
		}
	}
	m.Accept()
}
