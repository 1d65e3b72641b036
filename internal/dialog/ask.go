package dialog

import (
	"context"

	"github.com/parley-msrp/parley/internal/sip"
)

// Asked is what answered an OPTIONS.
type Asked struct {
	Response *sip.Message
	Target   sip.Target // who was asked, of those that the URI leads to
}

// Ask sends an OPTIONS outside of any dialog (RFC 3261 §11.1) and waits for its final response, whatever it says, or for ctx. An *InputError names the
// address that is wrong; ErrClosed; sip.ErrTimeout where nobody answers.
func (e *Endpoint) Ask(ctx context.Context, from, to string) (Asked, error) {
	if e.closed.Load() {
		return Asked{}, ErrClosed
	}
	l, err := e.legFor(Invite{RequestURI: to, From: from, To: to, CallID: sip.NewCallID()})
	if err != nil {
		return Asked{}, err
	}
	l.routes = e.proxied()
	type answer struct {
		asked Asked
		err   error
	}
	answers := make(chan answer, 1)
	tasks, w := &serial{}, &wallet{}
	a := &attempt{e: e, tasks: tasks, wallet: w, renew: func() { l.nextSeq() }}
	a.build = func(sip.Target) (*sip.Message, error) {
		m, _, err := l.newRequest("OPTIONS", l.seq)
		if err != nil {
			return nil, err
		}
		m.Add("Accept", "application/sdp")
		for _, h := range e.asCaller() {
			m.Add(h.Name, h.Value)
		}
		e.addAgent(m)
		return m, nil
	}
	a.on = func(ev sip.Event) {
		if ev.Response != nil && ev.Response.Status < 200 {
			return
		}
		select {
		case answers <- answer{Asked{ev.Response, a.target}, ev.Err}:
		default:
		}
	}
	e.spawn(func() { tasks.run(func() { a.begin(ctx, l) }) })
	select {
	case got := <-answers:
		return got.asked, got.err
	case <-ctx.Done():
		tasks.call(a.drop, e.spawn)
		return Asked{}, context.Cause(ctx)
	}
}
