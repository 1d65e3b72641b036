package control

import (
	"cmp"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/parley-msrp/parley/internal/event"
	"github.com/parley-msrp/parley/msrp"
	"github.com/parley-msrp/parley/ua"
)

// handlerName is how list_sessions shows the sessions of the daemon itself, as OpenSIPS does.
const handlerName = "msrp_ua"

// teller is the ua.Handler of one call: it tells the journal.
type teller struct {
	control  *Control
	keeping  keeping
	leavings leavings
	label    Label
	own      []event.Param // the label, as each event carries it

	mu       sync.Mutex
	sessions map[string]*told // by ID
}

// told is what was told of one session.
type told struct {
	untold   bool // that it is established, which it was in an earlier process
	counter  event.Counter
	over     bool          // the session has ended
	received atomic.Uint64 // messages that were kept
	sent     atomic.Uint64 // messages that were accepted for sending
}

var (
	_ ua.Recoverer = (*teller)(nil)
	_ ua.Labelled  = (*teller)(nil)
	_ ua.Warned    = (*teller)(nil)
)

func (c *Control) newTeller(l Label) *teller {
	t := &teller{control: c, label: l, sessions: map[string]*told{}}
	if l.Handler != "" {
		t.own = append(t.own, event.Handler(l.Handler))
	}
	if len(l.Tags) > 0 {
		t.own = append(t.own, event.Tags(l.Tags))
	}
	return t
}

// of is what was told of a session. Holding t.mu.
func (t *teller) of(sessionID string) *told {
	s := t.sessions[sessionID]
	if s == nil {
		s = &told{}
		s.counter.Last = t.control.memory.sequence(sessionID)
		s.untold = t.control.memory.untold[sessionID]
		t.sessions[sessionID] = s
	}
	return s
}

// tell puts an event into the journal, which numbers it.
func (t *teller) tell(e event.Event, kept func(error)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.append(e, kept)
}

// append is tell, holding t.mu.
func (t *teller) append(e event.Event, kept func(error)) {
	e.Counter = &t.of(e.SessionID).counter
	e.Own = append(e.Own, t.own...)
	t.control.emit(e, kept)
}

// end tells the end of a session, unless there is nothing to tell.
func (t *teller) end(s *ua.Session, e *event.Event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.of(s.ID()).over = true
	if e == nil {
		t.control.emit(event.NewOver(s.ID()), nil)
		return
	}
	t.append(*e, nil)
}

func (t *teller) Name() string { return cmp.Or(t.label.Handler, handlerName) }

func (t *teller) Established(s *ua.Session, _ *ua.SIPMessage) {
	c := s.Call()
	t.control.statistics.sessions.established.Inc()
	t.tell(event.NewSession(c.From(), c.To(), c.RequestURI(), s.ID(), s.PeerTypes().String(), own(c)...), nil)
}

// catchUp tells that a session is established, where an earlier process was killed before that was kept. It is for what a restored session's Handler hears first.
func (t *teller) catchUp(s *ua.Session) {
	t.mu.Lock()
	told := t.of(s.ID())
	untold := told.untold
	told.untold = false
	t.mu.Unlock()
	if untold {
		t.Established(s, nil)
	}
}

// own are the members that say which call it is, and who calls where that was verified. An identity that is to stay private is not told.
func own(c *ua.Call) []event.Param {
	members := []event.Param{event.CallID(c.CallID())}
	who := c.Identity()
	if who.By == ua.Unverified {
		return members
	}
	if !who.Private {
		members = append(members, event.Identity(who.Name))
	}
	if who.Realm != "" {
		members = append(members, event.IdentityRealm(who.Realm))
	}
	return append(members, event.IdentityBy(string(who.By)))
}

func (t *teller) Failed(s *ua.Session, e ua.End) {
	c := s.Call()
	t.control.statistics.sessions.failed.Inc()
	own := own(c)
	if contacts := e.Contacts(); len(contacts) > 0 {
		own = append(own, event.Contacts(contacts))
	}
	failed := event.NewFailed(s.ID(), e.Code, e.Reason, c.From(), c.To(), c.RequestURI(), own...)
	t.end(s, &failed)
}

// Ended tells nothing where the application ended the session itself.
func (t *teller) Ended(s *ua.Session, e ua.End) {
	t.catchUp(s)
	t.control.statistics.sessions.ended.Inc()
	if e.Cause == ua.ByApplication {
		t.end(s, nil)
		return
	}
	ended := event.NewEnd(s.ID(), event.CallID(s.Call().CallID()), event.Reason(e.Reason))
	t.end(s, &ended)
}

// Warned tells what is odd about a session that goes on.
func (t *teller) Warned(s *ua.Session, w ua.Warning) {
	code := map[ua.Warning]string{ua.CertificateChanged: event.WarningCertificate}[w]
	t.tell(event.NewWarning(s.ID(), code, event.CallID(s.Call().CallID()), event.Reason(string(w))), nil)
}

// ConnectionLost tells that a session has lost its connection: an alarm.
func (t *teller) ConnectionLost(s *ua.Session, l ua.Loss) {
	t.catchUp(s)
	t.tell(event.NewConnectionLost(s.ID(), l.Recovering, event.CallID(s.Call().CallID()), event.Reason(l.Reason)), nil)
}

// Recovered tells that it has another one.
func (t *teller) Recovered(s *ua.Session) {
	t.tell(event.NewRecovered(s.ID(), event.CallID(s.Call().CallID())), nil)
}

func (t *teller) Report(s *ua.Session, r ua.Report) {
	status := strconv.Itoa(r.Code)
	if r.Comment != "" {
		status += " " + r.Comment
	}
	byteRange := ""
	if r.HasRange {
		byteRange = r.Range.String()
	}
	e := event.NewReport(s.ID(), r.MessageID, status, byteRange)
	e.Trace = t.reported(messageKey{s.ID(), r.MessageID}, &r)
	t.tell(e, nil)
}

// Fate tells what became of a message: a negative response and a time-out as a report, as OpenSIPS does, the rest as E_MSRP_MSG_SENT.
// What a REPORT said was told when it came.
func (t *teller) Fate(s *ua.Session, f ua.Fate) {
	t.control.statistics.fate(f)
	trace := t.fated(messageKey{s.ID(), f.MessageID}, &f)
	var e event.Event
	switch {
	case f.Kind == msrp.Reported, f.Kind == msrp.Failed && f.Why == msrp.ByReport:
		return
	case f.Kind == msrp.Failed && (f.Why == msrp.ByResponse || f.Why == msrp.ByTimeout):
		e = event.NewReport(s.ID(), f.MessageID, strconv.Itoa(f.Code), f.Range.String(), event.Comment(f.Comment))
	default:
		e = event.NewSent(s.ID(), f.MessageID, f.Kind.String(), why(f)...)
	}
	e.Trace = trace
	t.tell(e, nil)
}

// why says what made a message fail.
func why(f ua.Fate) (members []event.Param) {
	if f.Kind != msrp.Failed {
		return nil
	}
	if f.Code != 0 {
		members = append(members, event.Code(f.Code))
	}
	if f.Code != 0 || f.Comment != "" {
		members = append(members, event.Comment(f.Comment))
	}
	return members
}

func (t *teller) countSent(sessionID string) {
	t.control.statistics.messages.sent.Inc()
	t.told(sessionID).sent.Add(1)
}

// counts says how many messages of a session came and were kept, and how many were accepted for sending.
func (t *teller) counts(sessionID string) (received, sent uint64) {
	s := t.told(sessionID)
	return s.received.Load(), s.sent.Load()
}

func (t *teller) told(sessionID string) *told {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.of(sessionID)
}
