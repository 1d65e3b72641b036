package control

import (
	"strconv"
	"sync"

	"github.com/parley-msrp/parley/internal/event"
	"github.com/parley-msrp/parley/msrp"
	"github.com/parley-msrp/parley/ua"
)

// handlerName is how list_sessions shows the sessions of the daemon itself, as OpenSIPS does.
const handlerName = "msrp_ua"

// teller is the ua.Handler of one call: it tells the journal.
type teller struct {
	control *Control

	mu       sync.Mutex
	sequence map[string]uint64 // the last number of each session's events
}

var _ ua.Handler = (*teller)(nil)

func (c *Control) newTeller() *teller {
	return &teller{control: c, sequence: map[string]uint64{}}
}

// tell numbers an event and puts it into the journal in that order.
func (t *teller) tell(e event.Event, kept func(error)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sequence[e.SessionID]++
	e.Sequence = t.sequence[e.SessionID]
	if kept == nil {
		kept = t.control.unkept(e)
	}
	t.control.emit(e, kept)
}

func (t *teller) Name() string { return handlerName }

func (t *teller) Established(s *ua.Session, _ *ua.SIPMessage) {
	c := s.Call()
	t.tell(event.NewSession(c.From(), c.To(), c.RequestURI(), s.ID(), s.PeerTypes().String(), event.CallID(c.CallID())), nil)
}

func (t *teller) Failed(s *ua.Session, e ua.End) {
	c := s.Call()
	t.tell(event.NewFailed(s.ID(), e.Code, e.Reason, c.From(), c.To(), c.RequestURI(), event.CallID(c.CallID())), nil)
}

func (t *teller) Ended(s *ua.Session, e ua.End) {
	if e.Cause == ua.ByApplication {
		return
	}
	t.tell(event.NewEnd(s.ID(), event.CallID(s.Call().CallID()), event.Reason(e.Reason)), nil)
}

// Message keeps the message, and only then accepts it: its 200 says that it is kept.
func (t *teller) Message(s *ua.Session, m *ua.Message) {
	if m.Bodiless || len(m.Body) == 0 || m.Duplicate {
		m.Accept()
		return
	}
	t.tell(event.NewMessage(s.ID(), m.ContentType, m.Body, event.MessageID(m.MessageID)), func(err error) {
		if err != nil {
			m.Reject(413, "message cannot be kept")
			return
		}
		m.Accept()
	})
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
	t.tell(event.NewReport(s.ID(), r.MessageID, status, byteRange), nil)
}

// Fate tells what became of a message: a negative response and a time-out as a report, as OpenSIPS does, the rest as E_MSRP_MSG_SENT.
// What a REPORT said was told when it came.
func (t *teller) Fate(s *ua.Session, f ua.Fate) {
	switch {
	case f.Kind == msrp.Reported, f.Kind == msrp.Failed && f.Why == msrp.ByReport:
	case f.Kind == msrp.Failed && (f.Why == msrp.ByResponse || f.Why == msrp.ByTimeout):
		t.tell(event.NewReport(s.ID(), f.MessageID, strconv.Itoa(f.Code), f.Range.String(), event.Comment(f.Comment)), nil)
	default:
		t.tell(event.NewSent(s.ID(), f.MessageID, f.Kind.String(), why(f)...), nil)
	}
}

// why says what made a message fail.
func why(f ua.Fate) []event.Param {
	if f.Kind != msrp.Failed {
		return nil
	}
	return []event.Param{event.Code(f.Code), event.Comment(f.Comment)}
}
