package dialog

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/parley-msrp/parley/internal/sip"
)

// Register is what keeping an address of record registered needs.
type Register struct {
	AOR       string                 // required; a sip or sips URI, or a name-addr
	Registrar string                 // likewise, without a user; for a sips AOR a sips URI; empty: the domain of AOR
	Contact   sip.URI                // zero: the endpoint's; where Registrar or Config.Proxy is a sips URI, another one has to be one too
	Expires   time.Duration          // asked for; 0: one hour
	Told      func(RegistrationTold) // of each change; nil: nobody is told. Called one at a time; it must not block
}

// RegistrationTold says how a registration is.
type RegistrationTold struct {
	Registered bool          // the registrar has the binding, as far as is known here
	Expires    time.Duration // granted
	Code       int           // of the response that changed it; 408 for none in time, 503 for a failure of the network
	Reason     string
	Retry      time.Duration // until the next attempt after a failure; 0: there is none
}

const (
	defaultExpires = time.Hour
	// refreshMargin is how long before its end a long registration is refreshed: there is time for a second attempt. Short ones are at half.
	refreshMargin = 90 * time.Second
	// After a failure the next attempt waits, longer with each in a row (S-031): no less than half of these.
	firstRetry, lastRetry = 30 * time.Second, 30 * time.Minute
	// maxMinExpires bounds the Min-Expires that is accepted.
	maxMinExpires = 7 * 24 * time.Hour
)

// registration keeps one binding (RFC 3261 §10.2; S-031). Its fields are touched by its tasks only.
type registration struct {
	leg     // Call-ID and CSeq are those of all its requests
	e       *Endpoint
	tasks   serial
	wallet  wallet
	contact string // own Contact value; "": the endpoint's
	told    func(RegistrationTold)

	asked    time.Duration
	sent     sip.URI  // own Contact in the last request
	req      *attempt // on its way; nil: none
	expires  time.Duration
	raised   bool // a 423 was answered with another try
	failures int  // in a row
	bound    bool // a request went out that may have made a binding
	stood    bool // one did
	stopping bool
	over     bool
	timer    *time.Timer
}

// registrations are those of an endpoint.
type registrations struct {
	mu    sync.Mutex
	all   map[string]*registration // by address of record
	alive gauge
}

// ErrRegistered: that address of record is kept registered already.
var ErrRegistered = errors.New("dialog: registered already")

// Register keeps an address of record registered, from now until Close, which takes the binding back. What happens, c.Told hears. An *InputError
// names the field that is wrong; ErrRegistered, ErrClosed.
func (e *Endpoint) Register(c Register) error {
	if e.closed.Load() {
		return ErrClosed
	}
	r, err := e.newRegistration(c)
	if err != nil {
		return err
	}
	if !e.registrations.add(r) {
		return ErrRegistered
	}
	e.spawn(func() {
		r.tasks.run(func() {
			if e.closed.Load() {
				r.stop() // Close may have missed it
			}
			r.next()
		})
	})
	return nil
}

func (rs *registrations) add(r *registration) bool {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if rs.all[r.remote] != nil {
		return false
	}
	if rs.all == nil {
		rs.all = map[string]*registration{}
	}
	rs.all[r.remote] = r
	rs.alive.enter(0)
	return true
}

// each runs a task on every registration.
func (rs *registrations) each(task func(*registration)) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	for _, r := range rs.all {
		r.e.spawn(func() { r.tasks.run(func() { task(r) }) })
	}
}

func (e *Endpoint) newRegistration(c Register) (*registration, error) {
	aor, err := nameAddr(c.AOR)
	if err != nil {
		return nil, &InputError{Field: "AOR", Err: err}
	}
	address, _ := sip.ParseAddress(aor)
	if err := e.canReach(address.URI.Scheme); err != nil {
		return nil, &InputError{Field: "AOR", Err: err}
	}
	// RFC 3261 §10.2: the registrar's domain, without a user.
	registrar := sip.URI{Scheme: address.URI.Scheme, Host: address.URI.Host, Port: address.URI.Port}
	if c.Registrar != "" {
		if registrar, err = sip.ParseURI(c.Registrar); err != nil {
			return nil, &InputError{Field: "Registrar", Err: err}
		}
	}
	switch err := e.canReach(registrar.Scheme); {
	case err != nil:
		return nil, &InputError{Field: "Registrar", Err: err}
	case registrar.User != "":
		return nil, &InputError{Field: "Registrar", Err: errors.New("has a user; want a URI without")}
	case address.URI.Scheme == "sips" && registrar.Scheme != "sips":
		// RFC 3261 §26.2.2: what a sips URI names is reached over TLS all the way, and so is where that is learnt.
		return nil, &InputError{Field: "Registrar", Err: errors.New("want a sips URI, as the address of record is")}
	}
	r := &registration{e: e, told: c.Told, asked: c.Expires.Truncate(time.Second)}
	if r.asked <= 0 {
		r.asked = defaultExpires
	}
	r.leg = leg{callID: sip.NewCallID(), localTag: sip.NewTag(), remote: aor, target: registrar.String(), routes: e.proxied(), seq: firstSeq()}
	r.local = withTag(aor, r.localTag)
	if c.Contact != (sip.URI{}) {
		r.contact = e.contactValue(c.Contact)
		if !fits(r.contact, r.secure()) {
			return nil, &InputError{Field: "Contact", Err: errors.New("want a sips URI, as that of the registrar or the proxy is")}
		}
	}
	return r, nil
}

// next sends the next request, unless one is on its way: there is one at a time (RFC 3261 §10.2).
func (r *registration) next() {
	switch {
	case r.over || r.req != nil:
		return
	case r.stopping && !r.bound:
		r.finish()
		return
	case r.stopping:
		r.expires = 0
	default:
		r.expires = r.asked
	}
	r.send()
}

func (r *registration) send() {
	r.nextSeq()
	req := &attempt{e: r.e, tasks: &r.tasks, wallet: &r.wallet, build: r.build, renew: func() { r.nextSeq() }}
	req.on = func(ev sip.Event) {
		if r.req == req && (ev.Response == nil || ev.Response.Status >= 200) {
			r.req = nil
			r.answered(ev)
		}
	}
	r.req = req
	req.begin(r.e.ctx, &r.leg)
}

func (r *registration) build(t sip.Target) (*sip.Message, error) {
	contact := r.contact
	if contact == "" {
		var err error
		if contact, err = r.e.contactTo(t, r.secure()); err != nil {
			return nil, err
		}
	}
	address, err := sip.ParseAddress(contact)
	if err != nil {
		return nil, err
	}
	m, _, err := r.newRequest("REGISTER", r.seq)
	if err != nil {
		return nil, err
	}
	r.sent, r.bound = address.URI, true
	m.Add("Contact", contact+";expires="+seconds(r.expires))
	for _, h := range r.e.asCaller() {
		m.Add(h.Name, h.Value)
	}
	r.e.addAgent(m)
	return m, nil
}

// answered takes the end of a request.
func (r *registration) answered(ev sip.Event) {
	m := ev.Response
	switch {
	case r.over:
	case r.expires == 0:
		r.finish() // whatever the registrar says: nothing more can be done
	case m != nil && m.Status < 300:
		r.registered(m)
	case m != nil && m.Status == 423 && !r.stopping && r.raise(m):
	case m != nil:
		r.bound = r.stood // a first request that was refused has made none
		r.failed(m.Status, m.Reason, retryAfterOf(m))
	case errors.Is(ev.Err, sip.ErrTimeout):
		r.failed(408, "no answer", 0)
	default:
		r.failed(503, ev.Err.Error(), 0)
	}
}

// raise asks again, for as long as the registrar wants it to be at least (RFC 3261 §10.2.8).
func (r *registration) raise(m *sip.Message) bool {
	least, ok := deltaSeconds(m.Get("Min-Expires"))
	if !ok || r.raised || least <= r.asked || least > maxMinExpires {
		return false
	}
	r.raised, r.asked = true, least
	r.next()
	return true
}

func (r *registration) registered(m *sip.Message) {
	granted := r.granted(m)
	if granted <= 0 {
		r.failed(m.Status, "the registrar did not keep the binding", 0)
		return
	}
	r.failures, r.raised, r.stood = 0, false, true
	r.tell(RegistrationTold{Registered: true, Expires: granted, Code: m.Status, Reason: m.Reason})
	r.again(granted - min(granted/2, refreshMargin))
}

// granted is the expiry of the own Contact among those that the registrar lists; where it is not listed, that of the whole response, or what was
// asked for (RFC 3261 §10.2.4, §10.3).
func (r *registration) granted(m *sip.Message) time.Duration {
	all := r.expires
	if d, ok := deltaSeconds(m.Get("Expires")); ok {
		all = d
	}
	for _, value := range m.List("Contact") {
		a, err := sip.ParseAddress(value)
		if err != nil || !sameBinding(a.URI, r.sent) {
			continue
		}
		if v, has := a.Param("expires"); has {
			if d, ok := deltaSeconds(v); ok {
				return min(d, maxMinExpires)
			}
		}
		break
	}
	return min(all, maxMinExpires)
}

// sameBinding compares two Contacts by what a registrar keeps of them in any case.
func sameBinding(a, b sip.URI) bool {
	return a.Scheme == b.Scheme && a.User == b.User && sameHost(a.Host, b.Host) && portOf(a) == portOf(b)
}

func sameHost(a, b string) bool {
	x, err1 := netip.ParseAddr(a)
	y, err2 := netip.ParseAddr(b)
	if err1 == nil && err2 == nil {
		return x == y
	}
	return strings.EqualFold(a, b)
}

func portOf(u sip.URI) int {
	switch {
	case u.Port != 0:
		return u.Port
	case u.Scheme == "sips":
		return 5061
	}
	return 5060
}

// failed waits before the next attempt: never at once (RFC 3261 §10.2.7; S-031).
func (r *registration) failed(code int, reason string, wish time.Duration) {
	if r.stopping {
		r.next()
		return
	}
	limit := min(firstRetry<<min(r.failures, 10), lastRetry)
	r.failures++
	r.raised = false
	wait := max(limit/2+rand.N(limit/2+1), min(wish, lastRetry))
	r.tell(RegistrationTold{Code: code, Reason: oneLine(reason), Retry: wait})
	r.again(wait)
}

// retryAfterOf reads the header of that name; 0 if there is none that can be read.
func retryAfterOf(m *sip.Message) time.Duration {
	value := m.Get("Retry-After")
	if i := strings.IndexAny(value, " ;("); i >= 0 {
		value = value[:i]
	}
	d, _ := deltaSeconds(value)
	return d
}

func (r *registration) tell(t RegistrationTold) {
	if r.told != nil {
		r.told(t)
	}
}

// again has the next request sent after a time.
func (r *registration) again(after time.Duration) {
	if r.stopping {
		r.next()
		return
	}
	r.timer = time.AfterFunc(after, func() { r.tasks.run(r.next) })
}

// stop takes the binding back, after the answer to what is on its way.
func (r *registration) stop() {
	if r.over || r.stopping {
		return
	}
	r.stopping = true
	if r.timer != nil {
		r.timer.Stop()
	}
	r.next()
}

// abandon forgets the registration where it stands.
func (r *registration) abandon() {
	if r.req != nil {
		r.req.drop()
		r.req = nil
	}
	r.finish()
}

func (r *registration) finish() {
	if r.over {
		return
	}
	r.over = true
	if r.timer != nil {
		r.timer.Stop()
	}
	r.e.registrations.alive.leave()
}

// deregister takes all bindings back, and waits for that until ctx ends; then they are left to expire.
func (rs *registrations) deregister(ctx context.Context) error {
	rs.each((*registration).stop)
	err := rs.alive.wait(ctx)
	if err != nil {
		rs.each((*registration).abandon)
	}
	return err
}
