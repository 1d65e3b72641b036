package msrp

import (
	"cmp"
	"slices"
	"time"
)

// FateKind is how a message ended.
type FateKind uint8

// The kinds. All but Written with FailurePartial are final.
const (
	// Delivered: every chunk was answered with 2xx, and no success REPORT was asked for.
	Delivered FateKind = iota + 1
	// Reported: success REPORTs cover the whole message.
	Reported
	// Failed: see Why and Code.
	Failed
	// Written: with FailureNo or FailurePartial, and no success REPORT asked for, the last octet went to TCP. With
	// FailurePartial it may still turn to Failed.
	Written
	// Unconfirmed: all octets left, or are about to, but the success REPORTs that were asked for had not come when the session ended, or
	// Config.ReportTimeout or Config.AwaitedReports was reached.
	Unconfirmed
)

// String returns the kind in lower case: "delivered", "reported", "failed", "written" or "unconfirmed".
func (k FateKind) String() string {
	switch k {
	case Delivered:
		return "delivered"
	case Reported:
		return "reported"
	case Failed:
		return "failed"
	case Written:
		return "written"
	case Unconfirmed:
		return "unconfirmed"
	}
	return "unknown"
}

// Why says what made a message fail.
type Why uint8

// The reasons.
const (
	ByResponse   Why = iota + 1 // a negative response: Code and Comment
	ByReport                    // a failure REPORT: Code and Comment
	ByTimeout                   // no response in time, or one that says so: Code 408
	ByConnection                // the connection was lost; Comment says why the message cannot be sent again, where the session recovers
	ByEnd                       // the session ended first
	ByCancel                    // Session.Cancel
	BySource                    // Outgoing.Stream failed or was not as long as said; Comment says how
)

// String returns the reason in lower case: "response", "report", "timeout", "connection", "end", "cancel" or "source"; "" for none.
func (w Why) String() string {
	switch w {
	case ByResponse:
		return "response"
	case ByReport:
		return "report"
	case ByTimeout:
		return "timeout"
	case ByConnection:
		return "connection"
	case ByEnd:
		return "end"
	case ByCancel:
		return "cancel"
	case BySource:
		return "source"
	}
	return ""
}

// Fate is the end of a message that was sent.
type Fate struct {
	MessageID string
	Kind      FateKind
	Why       Why // of Failed
	Code      int
	Comment   string    // as the peer sent it
	Range     ByteRange // the chunk or range that it is about; the whole message otherwise
}

// answered applies what a chunk's transaction came to.
func (s *Session) answered(t *transaction, code int, comment string, why Why) {
	s.mu.Lock()
	m, o := t.message, &s.outgoing
	m.open--
	if m.failure == FailureYes {
		o.unanswered--
	}
	var end error
	if code/100 == 2 {
		s.settle(m)
	} else {
		if code == 408 {
			why = ByTimeout // RFC 4975 §10.4, M-086
		}
		end = s.refuse(m, why, code, comment, ByteRange{Start: t.span.from, End: t.span.to, Total: m.body.size})
	}
	s.ready()
	s.wakeFlush()
	s.mu.Unlock()
	s.deliver()
	if end != nil {
		s.end(end)
	}
}

// refuse ends a message that the peer did not take. The error is not nil if the session is over with it. Holding s.mu.
func (s *Session) refuse(m *message, why Why, code int, comment string, r ByteRange) error {
	if code == 415 && !m.bind {
		s.block(m)
	}
	if m.abort { // cancelled before: a peer that said stop gets no chunk with # either (M-083)
		m.abort = false
		s.dequeue(m)
	}
	s.conclude(m, Fate{Kind: Failed, Why: why, Code: code, Comment: comment, Range: r})
	switch {
	case why != ByResponse:
	case code == 481, code == 506, m.bind && code == 403:
		// RFC 4975 §10.8, §10.10: M-085. A peer that forbids the bind will not take what follows either.
		return &PeerError{Code: code, Comment: comment}
	}
	return nil
}

// block keeps a media type from being sent again in the session (RFC 4975 §10.6, M-084).
func (s *Session) block(m *message) {
	if m.refusal == "" {
		return
	}
	if s.outgoing.refused == nil {
		s.outgoing.refused = make(map[string]struct{})
	}
	s.outgoing.refused[m.refusal] = struct{}{}
}

// settle ends a message of which everything that was to come has come. Holding s.mu.
func (s *Session) settle(m *message) {
	if m.ended || !m.whole {
		return
	}
	if m.failure == FailureYes && m.open == 0 {
		s.letGo(m)
	}
	switch {
	case m.success:
		if m.left && m.confirmed() {
			s.conclude(m, Fate{Kind: Reported})
		}
	case m.failure == FailureYes && m.open == 0:
		s.conclude(m, Fate{Kind: Delivered})
	}
}

// confirmed says whether success REPORTs cover the message.
func (m *message) confirmed() bool { return m.anyReport && m.reported.covers(m.known()) }

// written notes that the last octets of the first messages went to TCP, which are those of the session, and says how many they are.
func (s *Session) written(all []finished) (n int) {
	s.mu.Lock()
	for n < len(all) && all[n].session == s {
		s.hasLeft(all[n].message)
		n++
	}
	s.wakeFlush()
	s.mu.Unlock()
	s.deliver()
	return n
}

// hasLeft notes that the last octet of a message went to TCP. Holding s.mu.
func (s *Session) hasLeft(m *message) {
	m.left = true
	if m.failure != FailureYes {
		s.letGo(m)
	}
	switch {
	case m.ended:
	case !m.success && m.failure == FailureNo:
		s.conclude(m, Fate{Kind: Written})
	case !m.success && m.failure == FailurePartial:
		s.mail.put(&event{kind: eventFate, fate: Fate{MessageID: m.id, Kind: Written, Range: m.all()}})
		s.await(m)
	case m.success:
		s.await(m)
		s.settle(m)
	}
}

// conclude gives a message its final fate, unless it has one. Holding s.mu; the Handler hears it at the next deliver.
func (s *Session) conclude(m *message, f Fate) {
	if m.ended {
		return
	}
	s.forget(m)
	if m.bind {
		return
	}
	f.MessageID = m.id
	if f.Range == (ByteRange{}) {
		f.Range = m.all()
	}
	s.mail.put(&event{kind: eventFate, fate: f})
}

// forget takes a message out of everything but the memory of its Message-ID. Holding s.mu.
func (s *Session) forget(m *message) {
	m.ended = true
	s.letGo(m)
	s.dequeue(m)
	o := &s.outgoing
	delete(o.pending, m.id)
	o.awaited.remove(m)
	o.recent.add(s.endpoint.seed, m.id, s.endpoint.cfg.Duplicates)
}

// all is the Byte-Range of the whole message.
func (m *message) all() ByteRange { return ByteRange{Start: 1, End: m.known(), Total: m.body.size} }

// known is how many octets the message has, as far as that is known.
func (m *message) known() int64 { return max(m.body.size, m.next) }

// finishAll ends all messages whose fate is open because the session is over. Holding s.mu.
func (s *Session) finishAll(why Why) {
	o := &s.outgoing
	rest := make([]*message, 0, len(o.pending))
	for _, m := range o.pending {
		rest = append(rest, m)
	}
	slices.SortFunc(rest, func(a, b *message) int { return cmp.Compare(a.serial, b.serial) })
	for _, m := range rest {
		switch {
		case m.success && m.whole: // it is in the connection's output at least, and leaves
			s.conclude(m, Fate{Kind: Unconfirmed}) // M-081
		case m.left && m.failure == FailurePartial:
			s.forget(m) // Written was its fate
		default:
			s.conclude(m, Fate{Kind: Failed, Why: why})
		}
	}
	if o.awaited.timer != nil {
		o.awaited.timer.Stop()
	}
	if o.room != nil {
		close(o.room)
		o.room = nil
	}
	s.wakeFlush()
}

// settled says whether all messages have left, and have been answered where an answer is due. Holding s.mu.
func (s *Session) settled() bool {
	for _, m := range s.outgoing.pending {
		if m.bind {
			continue // a peer that never answers it is tolerated
		}
		if !m.left || m.failure == FailureYes && m.open > 0 {
			return false
		}
	}
	return true
}

func (s *Session) wakeFlush() {
	if o := &s.outgoing; o.idle != nil && (s.over.Load() || s.settled()) {
		close(o.idle)
		o.idle = nil
	}
}

// awaitList is a row of messages that have left and whose fate a REPORT may still decide, the oldest first. Guarded by
// Session.mu.
type awaitList struct {
	first, last *message
	len         int
	timer       *time.Timer
}

// awaiting is a message's place in an awaitList.
type awaiting struct {
	in         bool
	due        time.Time
	prev, next *message
}

func (l *awaitList) push(m *message, due time.Time) {
	m.await = awaiting{in: true, due: due, prev: l.last}
	if l.last == nil {
		l.first = m
	} else {
		l.last.await.next = m
	}
	l.last = m
	l.len++
}

func (l *awaitList) remove(m *message) {
	a := m.await
	if !a.in {
		return
	}
	if a.prev == nil {
		l.first = a.next
	} else {
		a.prev.await.next = a.next
	}
	if a.next == nil {
		l.last = a.prev
	} else {
		a.next.await.prev = a.prev
	}
	m.await = awaiting{}
	l.len--
}

// await keeps a message that has left for the REPORTs about it, within limits of number and age. Holding s.mu.
func (s *Session) await(m *message) {
	l, cfg := &s.outgoing.awaited, &s.endpoint.cfg
	l.push(m, time.Now().Add(cfg.ReportTimeout))
	if l.len > cfg.AwaitedReports {
		s.giveUp(l.first)
	}
	if l.timer == nil {
		l.timer = time.AfterFunc(cfg.ReportTimeout, s.reportsLate)
	} else if l.len == 1 {
		l.timer.Reset(cfg.ReportTimeout)
	}
}

// giveUp ends the wait for REPORTs about a message. Holding s.mu.
func (s *Session) giveUp(m *message) {
	if m.success {
		s.conclude(m, Fate{Kind: Unconfirmed})
		return
	}
	s.forget(m)
}

// reportsLate is called by the timer.
func (s *Session) reportsLate() {
	s.mu.Lock()
	l := &s.outgoing.awaited
	now := time.Now()
	for m := l.first; m != nil && !m.await.due.After(now); m = l.first {
		s.giveUp(m)
	}
	if l.first != nil && !s.over.Load() {
		l.timer.Reset(l.first.await.due.Sub(now))
	}
	s.mu.Unlock()
	s.deliver()
}
