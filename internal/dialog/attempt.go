package dialog

import (
	"context"
	"errors"
	"net/netip"

	"github.com/parley-msrp/parley/internal/auth"
	"github.com/parley-msrp/parley/internal/sip"
)

// attempt is one request on its way: a transaction with each target in turn, until one answers (RFC 3263 §4.3), and again where that one
// challenges and there are credentials for it (S-027). Its methods and on run as tasks.
type attempt struct {
	e      *Endpoint
	tasks  *serial
	wallet *wallet
	// build makes the request for a target: the same but for what depends on the way there.
	build func(sip.Target) (*sip.Message, error)
	// renew counts the CSeq up for a request that is sent again (RFC 3261 §22.2).
	renew func()
	// on gets each response, and the end without one; not the failure of a target after which another is tried.
	on func(sip.Event)

	try     auth.Try
	targets []sip.Target
	target  sip.Target // of tx
	tx      *sip.ClientTx
	n       int  // counts the transactions
	heard   bool // a provisional response came from the target at work
	rang    bool // one above 100
	last    bool // no further target is to be tried
}

// begin looks up the first hop of the leg and sends the request there. ctx stops the looking up.
func (a *attempt) begin(ctx context.Context, l *leg) {
	_, _, hop, err := route(l.target, l.routes)
	if err != nil {
		a.next(sip.Event{Err: err})
		return
	}
	a.e.resolve(ctx, a.tasks, hop, l.from, func(targets []sip.Target, err error) {
		a.targets = targets
		a.next(sip.Event{Err: err})
	})
}

// next goes to the next target; failure is what happened at the one before.
func (a *attempt) next(failure sip.Event) {
	for len(a.targets) > 0 && !a.last {
		t := a.targets[0]
		a.targets = a.targets[1:]
		a.target = t
		a.n++
		n := a.n
		m, err := a.build(t)
		if err == nil {
			a.wallet.show(m)
			a.tx, err = a.e.stack.Start(m, t, func(ev sip.Event) { a.tasks.run(func() { a.event(n, ev) }) })
		}
		if err == nil {
			a.heard = false
			return
		}
		a.tx = nil
		failure = sip.Event{Err: err}
	}
	if failure.Response == nil && failure.Err == nil {
		failure.Err = errNoTarget
	}
	// Not now: this may run on a goroutine of the user's (serial.call).
	a.tasks.push(func() { a.on(failure) })
}

var errNoTarget = errors.New("no address to send to")

func (a *attempt) event(n int, ev sip.Event) {
	if n != a.n {
		return // of a target that was given up
	}
	if a.targetFailed(ev) && len(a.targets) > 0 && !a.last {
		a.next(ev)
		return
	}
	if !a.last && a.wallet.challenged(a.e.cfg.Credentials, &a.try, ev.Response) {
		a.again()
		return
	}
	if ev.Response != nil {
		a.heard = true
		a.rang = a.rang || ev.Response.Status > 100
	}
	a.on(ev)
}

// again sends the request in a new transaction to the target that answered.
func (a *attempt) again() {
	a.targets = append([]sip.Target{a.target}, a.targets...)
	a.rang = false
	a.renew()
	a.next(sip.Event{})
}

// targetFailed says whether another target may do better: after a transport error, a 503, or silence.
func (a *attempt) targetFailed(ev sip.Event) bool {
	switch {
	case a.rang:
		return false
	case ev.Response != nil:
		return ev.Response.Status == 503
	default:
		return !a.heard || !errors.Is(ev.Err, sip.ErrTimeout)
	}
}

// cancel asks for the end of an INVITE; false if there is no transaction to cancel.
func (a *attempt) cancel(h ...sip.Header) bool {
	a.last = true
	if a.tx == nil {
		return false
	}
	// RFC 4028 §7.1: every request but ACK says so (S-030).
	if err := a.tx.Cancel(append(h, sip.Header{Name: "Supported", Value: spokenAsCaller})...); err != nil {
		a.e.log.Debug("CANCEL not sent", "call_id", a.tx.Request().CallID(), "err", err)
	}
	return true
}

// settle has the request not sent again, whatever comes; nil is none.
func (a *attempt) settle() {
	if a != nil {
		a.last = true
	}
}

// drop forgets the transaction.
func (a *attempt) drop() {
	a.last = true
	a.n++
	if a.tx != nil {
		a.tx.Drop()
	}
}

// resolve finds where hop is, and calls found as a task: at once for an address, else from a goroutine. What goes there leaves from that listener.
func (e *Endpoint) resolve(ctx context.Context, tasks *serial, hop sip.URI, from netip.AddrPort, found func([]sip.Target, error)) {
	find := func() ([]sip.Target, error) {
		targets, err := e.stack.Resolve(ctx, hop)
		for i := range targets {
			targets[i].From = from
		}
		return targets, err
	}

	host := hop.Host
	if maddr, ok := hop.Param("maddr"); ok && maddr != "" {
		host = maddr
	}
	if _, err := netip.ParseAddr(host); err == nil {
		found(find())
		return
	}
	e.spawn(func() {
		targets, err := find()
		tasks.run(func() { found(targets, err) })
	})
}
