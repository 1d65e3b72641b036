package dialog

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/parley-msrp/parley/internal/auth"
	"github.com/parley-msrp/parley/internal/sip"
)

// DefaultSetupTimeout is the longest life of a set-up where none is said.
const DefaultSetupTimeout = 60 * time.Second

// Config of an Endpoint. Zero values mean the defaults said beside them.
type Config struct {
	Logger       *slog.Logger                                        // none
	Product      string                                              // Server and User-Agent value; none if empty
	Features     string                                              // feature tags of own Contacts, each with its leading ';' (RFC 3840 §9)
	Counter      Counter                                             // nobody counts
	SetupTimeout time.Duration                                       // DefaultSetupTimeout: longest life of a set-up; then CANCEL as caller, 480 as called. Once a 2xx went, 64*T1 for its ACK counts, then BYE
	T1, T2       time.Duration                                       // 500 ms and 4 s, as in the stack: resending of 2xx (S-002)
	Contact      func(p sip.Proto, peer netip.Addr) (sip.URI, error) // own Contact for that peer; nil, and a zero URI: sip:HOST:PORT;transport= of the listener
	Proxy        sip.URI                                             // where REGISTERs, and INVITEs that say no Route, go first; zero: to their Request-URI

	// Limits are those on calls in all: Dialogs is 100,000 if it is 0, counts own calls too, and is ErrLimit for those. PerSource are those on
	// the calls from one address, of IPv6 from one /64.
	Limits, PerSource Limits

	// Unavailable says why no new call is taken at the moment, as a reason phrase; "": they are, as they are without it. INVITEs that would make one,
	// and OPTIONS outside of dialogs, get 503 with Retry-After then. It must not block.
	Unavailable func() string

	// Replacing says which INVITEs may replace an established dialog; zero: none. Refer takes REFER inside of dialogs whose Owner is a Referred.
	Replacing Replacing
	Refer     bool

	// MaxRedirects is how many Contacts of 3xx responses an own INVITE is sent on to; 0: none, and the call ends as Refused.
	MaxRedirects int

	// Reliable sends provisional responses reliably to callers that support that (RFC 3262); without, to those that require it.
	Reliable bool
	// SessionExpires is the session interval that this side asks for (RFC 4028), at least MinSE; 0: it asks for none, and takes what peers
	// ask for. MinSE is the smallest one that it takes, 90 s or more; 0: 90 s.
	SessionExpires, MinSE time.Duration

	// Guard looks at each request but ACK and CANCEL before anything else does (S-043), other than those inside of dialogs that this side started:
	// whoever was called need not be known here. It says whose the request is ("": it does not tell), which inside a dialog has to stay so, or refuses it. It must not block.
	Guard func(f sip.Flow, m *sip.Message) (user string, r *Refusal)
	// Credentials answer the challenges of peers and proxies, each those of its realm.
	Credentials []auth.Credential
}

// Endpoint answers and starts dialogs on a stack. It is the stack's User. Safe for concurrent use.
type Endpoint struct {
	cfg           Config
	log           *slog.Logger
	user          User
	stack         *sip.Stack
	table         *table
	undecided     undecided
	registrations registrations

	lastContact      atomic.Pointer[contactFor]
	setupTimeout     atomic.Int64 // Config.SetupTimeout
	draining, closed atomic.Bool
	dialogs          gauge
	admission        *admission // of the calls that peers start
	workers          gauge      // goroutines of this endpoint
	ctx              context.Context
	cancel           context.CancelFunc
}

// New makes an Endpoint; the caller makes the stack with it as User and then calls Attach before listening.
func New(c Config, u User) *Endpoint {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.T1 <= 0 {
		c.T1 = 500 * time.Millisecond
	}
	if c.T2 <= 0 {
		c.T2 = 4 * time.Second
	}
	if c.Limits.Dialogs <= 0 {
		c.Limits.Dialogs = 100_000
	}
	c.MinSE = max(c.MinSE.Truncate(time.Second), leastInterval)
	if c.SessionExpires > 0 {
		c.SessionExpires = max(c.SessionExpires.Truncate(time.Second), c.MinSE)
	}
	c.Product = oneLine(c.Product)
	e := &Endpoint{cfg: c, log: c.Logger, user: u, table: newTable(), admission: newAdmission(c.Limits, c.PerSource, c.Logger)}
	e.SetSetupTimeout(c.SetupTimeout)
	e.undecided.byTx = map[*sip.ServerTx]*Incoming{}
	e.ctx, e.cancel = context.WithCancel(context.Background())
	return e
}

// Attach gives the Endpoint its stack. Before anything else is called.
func (e *Endpoint) Attach(s *sip.Stack) { e.stack = s }

// SetSetupTimeout changes Config.SetupTimeout for set-ups that begin later.
func (e *Endpoint) SetSetupTimeout(d time.Duration) {
	if d <= 0 {
		d = DefaultSetupTimeout
	}
	e.setupTimeout.Store(int64(d))
}

// setupTime is how long a set-up that begins now may take.
func (e *Endpoint) setupTime() time.Duration { return time.Duration(e.setupTimeout.Load()) }

// Len counts the dialogs, those in set-up and those whose BYE is under way included.
func (e *Endpoint) Len() int { return e.dialogs.count() }

// Request implements sip.User.
func (e *Endpoint) Request(tx *sip.ServerTx, m *sip.Message) {
	tag := m.ToTag()
	if tag == "" && (m.Method == "INVITE" || m.Method == "OPTIONS") && e.shed(tx, m) {
		return
	}
	own := ""
	if tag == "" {
		own = sip.NewTag()
		tx.SetLocalTag(own)
	}
	var d *Dialog
	if tag != "" {
		d = e.table.find(m.CallID(), tag)
	}
	user, r := e.guard(tx, m, d)
	var offer []byte
	if r == nil {
		offer, r = e.check(m, tx.Flow().Proto, tag != "")
	}
	if r == nil {
		r = e.checkTimer(m)
	}
	switch {
	case r != nil:
		e.refuse(tx, r)
	case tag != "":
		if d != nil {
			d.request(tx, m, offer)
		} else {
			e.refuse(tx, noDialog())
		}
	case m.Method == "INVITE":
		e.invited(tx, m, own, user, offer)
	case m.Method == "OPTIONS":
		e.options(tx, m, user)
	default:
		e.refuse(tx, noDialog())
	}
}

// guard asks Config.Guard. Inside a dialog it has to be the same user who made it.
func (e *Endpoint) guard(tx *sip.ServerTx, m *sip.Message, d *Dialog) (user string, r *Refusal) {
	if e.cfg.Guard == nil || d != nil && d.caller {
		return "", nil
	}
	user, r = e.cfg.Guard(tx.Flow(), m)
	if r == nil && d != nil && d.user != "" && user != d.user {
		r = &Refusal{Code: 403} // another user's call
	}
	return user, r
}

// Ack implements sip.User: the ACK of a 2xx, matched by dialog and CSeq number; any other is dropped (S-034).
func (e *Endpoint) Ack(_ sip.Flow, m *sip.Message) {
	d := e.table.find(m.CallID(), m.ToTag())
	switch {
	case d == nil:
	case d.tasks.take():
		d.acknowledged(m)
		d.tasks.drain()
	default:
		d.tasks.run(func() { d.acknowledged(m) })
	}
}

// Cancel implements sip.User: a CANCEL counts as long as no final response went (S-004).
func (e *Endpoint) Cancel(tx *sip.ServerTx, m *sip.Message) {
	if in := e.undecided.find(tx); in != nil {
		in.cancelled(m)
	}
}

// Stray implements sip.User: a response that no transaction waits for is dropped (S-033).
func (e *Endpoint) Stray(f sip.Flow, m *sip.Message) {
	e.log.Debug("SIP response without transaction", "call_id", m.CallID(), "code", m.Status, "proto", f.Proto.String())
}

// Drain answers new INVITEs with 503 and Retry-After from now on; live dialogs go on.
func (e *Endpoint) Drain() { e.draining.Store(true) }

// abandonTime is more than enough for telling every owner the end.
const abandonTime = 2 * time.Second

// Close takes registrations back, ends every dialog (BYE, CANCEL, 480) and waits for their end. When ctx ends before, the rest is forgotten where it
// stands, and the error is that of ctx. Owners hear Ended of each dialog in either case. The stack is left open.
func (e *Endpoint) Close(ctx context.Context) error {
	e.Drain()
	e.closed.Store(true)
	e.spawn(func() { e.each((*Dialog).shut) })
	err := errors.Join(e.registrations.deregister(ctx), e.dialogs.wait(ctx))
	e.cancel()
	if err == nil {
		return e.workers.wait(ctx)
	}
	e.spawn(func() { e.each((*Dialog).abandon) })
	// Nothing of this waits for a peer any more.
	soon, cancel := context.WithTimeout(context.Background(), abandonTime)
	defer cancel()
	return errors.Join(err, e.workers.wait(soon))
}

// each runs a task on every dialog.
func (e *Endpoint) each(task func(*Dialog)) {
	for _, d := range e.table.all() {
		d.tasks.run(func() { task(d) })
	}
}

// spawn starts a goroutine that Close waits for.
func (e *Endpoint) spawn(f func()) {
	e.workers.enter(0)
	go func() {
		defer e.workers.leave()
		f()
	}()
}
