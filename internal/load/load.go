// Package load is a load generator: it calls a peer, as fast as it is told or as the peer takes it, and counts and times what comes of it.
package load

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/parley-msrp/parley/msrp"
	"github.com/parley-msrp/parley/ua"
)

// Config says what load. Zero values mean the documented defaults.
type Config struct {
	To, From string // SIP URIs; required. Transport and port of To say how it is reached
	Host     string // own address; required
	TLS      bool   // MSRP over TLS
	Proxy    string // SIP URI of an outbound proxy; "": none

	// Calls makes this many full calls a second, each with Messages messages before its BYE; 0: sessions are held, and messages sent in them.
	Calls    float64
	Messages int

	Sessions int     // held at a time, 10
	Window   int     // messages of a session without a fate, 1
	Rate     float64 // messages a second, in all sessions together; 0: as fast as their fates come
	Size     int     // octets of a message, 100
	Report   bool    // ask for success reports; a message's time is then that of its report

	Duration time.Duration // of sending, once the sessions stand, or of calling; 10 s
	Progress func(Result)  // told each second what there is so far; nil: nobody is
}

// setUp is how long the sessions have to stand, and settle how long what was begun may take to come to its end.
const (
	setUp  = 30 * time.Second
	settle = 35 * time.Second // longer than the time without a response after which a message has failed
)

func (c *Config) populate() error {
	switch {
	case c.Calls < 0 || c.Messages < 0 || c.Sessions < 0 || c.Window < 0 || c.Rate < 0 || c.Size < 0 || c.Duration < 0:
		return errors.New("numbers below 0 are not taken")
	case c.Size > maxSize:
		return fmt.Errorf("messages of %d octets are not taken, at most of %d", c.Size, maxSize)
	case c.Calls > maxRate || c.Rate > maxRate:
		return fmt.Errorf("at most %d a second can be asked for", int(maxRate))
	}
	if c.Sessions == 0 {
		c.Sessions = 10
	}
	if c.Window == 0 {
		c.Window = 1
	}
	if c.Size == 0 {
		c.Size = 100
	}
	if c.Duration == 0 {
		c.Duration = 10 * time.Second
	}
	return nil
}

const (
	maxSize = 64 << 20
	maxRate = 1e6
)

// Run makes the load, and blocks until what was begun has come to its end. The error says why it could not be made at all; what of it failed stands in the
// result. Where ctx ends, so does the load, and the result says what there was.
func Run(ctx context.Context, c Config) (Result, error) {
	if err := c.populate(); err != nil {
		return Result{}, err
	}
	agent, err := ua.New(agentConfig(c))
	if err != nil {
		return Result{}, err
	}
	g := newGenerator(c, agent)
	done := g.watch()
	if c.Calls > 0 {
		err = g.calls(ctx)
	} else {
		err = g.sessions(ctx)
	}
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), settle)
	defer cancel()
	_ = agent.Close(closing) // a peer that does not answer a BYE is none of the load's
	close(done)
	return g.result(), err
}

func agentConfig(c Config) ua.Config {
	media := "tcp:"
	if c.TLS {
		media = "tls:"
	}
	return ua.Config{
		SIPListen:     []string{"udp:" + join(c.Host)},
		MSRPListen:    []string{media + join(c.Host)},
		OutboundProxy: c.Proxy,
		Limits:        ua.CallLimits{Calls: 1 << 20},
		Product:       "Parley-bench",
		Logger:        slog.New(slog.DiscardHandler),
		MSRP:          msrp.Config{BorrowedBodies: true},
	}
}

// generator is one run.
type generator struct {
	cfg   Config
	agent *ua.Agent
	body  []byte

	mu     sync.Mutex
	began  time.Time // of the part that is measured
	ended  time.Time
	counts counts
	setups histogram
	times  histogram
}

func newGenerator(c Config, a *ua.Agent) *generator {
	body := make([]byte, c.Size)
	for i := range body {
		body[i] = "abcdefghijklmnopqrstuvwxyz "[i%27]
	}
	return &generator{cfg: c, agent: a, body: body, began: time.Now(), setups: newHistogram(), times: newHistogram()}
}

// watch tells the progress until what it returns is closed.
func (g *generator) watch() chan struct{} {
	done := make(chan struct{})
	if g.cfg.Progress == nil {
		return done
	}
	go func() { // ends with done
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
				g.cfg.Progress(g.result())
			}
		}
	}()
	return done
}

// measured begins the time that counts: what was sent before was to warm up.
func (g *generator) measured() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.began = time.Now()
}

func (g *generator) over() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.ended = time.Now()
}

func (g *generator) start(h *session) error {
	h.began = time.Now()
	_, err := g.agent.Start(ua.StartConfig{From: g.cfg.From, To: g.cfg.To, Handler: h})
	g.mu.Lock()
	defer g.mu.Unlock()
	g.counts.Calls.Started++
	if err != nil {
		g.counts.Calls.fail("not sent: " + err.Error())
	}
	return err
}

// sessions holds sessions and sends in them.
func (g *generator) sessions(ctx context.Context) error {
	all := make([]*session, g.cfg.Sessions)
	stands := make(chan bool, len(all))
	for i := range all {
		all[i] = newSession(g, func(ok bool) { stands <- ok })
		if err := g.start(all[i]); err != nil {
			return err
		}
	}
	limit := time.NewTimer(setUp)
	defer limit.Stop()
	live := 0
	for range all {
		select {
		case ok := <-stands:
			if ok {
				live++
			}
		case <-ctx.Done():
			return nil
		case <-limit.C:
			return fmt.Errorf("only %d of %d sessions stand after %v", live, len(all), setUp)
		}
	}
	if live == 0 {
		calls := g.result().Calls
		return fmt.Errorf("no session could be set up: %s", calls.why())
	}
	g.measured()
	sending, cancel := context.WithTimeout(ctx, g.cfg.Duration)
	defer cancel()
	pace := newPace(g.cfg.Rate)
	var senders sync.WaitGroup
	for _, s := range all {
		senders.Go(func() { s.sendUntil(sending, pace, -1) })
	}
	senders.Wait()
	g.over()
	for _, s := range all {
		s.settled(ctx, settle)
		s.end()
	}
	return nil
}

// calls makes full calls at a rate.
func (g *generator) calls(ctx context.Context) error {
	calling, cancel := context.WithTimeout(ctx, g.cfg.Duration)
	defer cancel()
	pace := newPace(g.cfg.Calls)
	var open sync.WaitGroup
	g.measured()
	for pace.wait(calling) {
		open.Add(1)
		var s *session
		s = newSession(g, func(ok bool) {
			if !ok {
				open.Done()
				return
			}
			go func() { // ends when the call's messages have their fates
				defer open.Done()
				s.sendUntil(ctx, newPace(0), g.cfg.Messages)
				s.settled(ctx, settle)
				s.end()
			}()
		})
		if err := g.start(s); err != nil {
			open.Done()
		}
	}
	g.over()
	finished := make(chan struct{})
	go func() { // ends with the last call, which its set-up time bounds
		open.Wait()
		close(finished)
	}()
	select {
	case <-finished:
	case <-ctx.Done():
	case <-time.After(settle + setUp):
	}
	return nil
}
