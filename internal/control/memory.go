package control

import (
	"cmp"

	"github.com/parley-msrp/parley/internal/event"
	"github.com/parley-msrp/parley/internal/journal"
)

// memory is what the journal says of the sessions of an earlier process that go on in this one. It does not change once calls come or go.
type memory struct {
	sessions map[string]*journal.RecalledSession
	untold   map[string]bool // sessions of which nothing was kept, not even that they are established: the process was killed just then
	whole    bool            // of what is not there, nothing was ever kept
}

// sequence is the number of the last event of a session; 0: there is none.
func (m *memory) sequence(sessionID string) uint64 {
	if s := m.sessions[sessionID]; s != nil {
		return s.Sequence
	}
	return 0
}

// sequenceLeap is where the events of a session are numbered on from that goes on, and of which the journal has nothing any more.
const sequenceLeap = 1 << 32

// know has the events of a session of an earlier process numbered on in any case.
func (m *memory) know(sessionID string) {
	if m.sessions == nil {
		m.sessions = map[string]*journal.RecalledSession{}
	}
	switch {
	case m.sessions[sessionID] != nil:
	case m.whole:
		m.untold[sessionID] = true
	default:
		m.sessions[sessionID] = &journal.RecalledSession{Sequence: sequenceLeap}
	}
}

// received says whether a message was kept by an earlier process.
func (m *memory) received(key messageKey) bool {
	s := m.sessions[key.session]
	if s == nil {
		return false
	}
	_, known := s.Received[key.message]
	return known
}

// Recall takes up what an earlier process left, before any call comes or goes: commands with keys are known again; the messages whose fate nobody
// heard are told to be of fate unknown, those that were cut off incomplete; and each session gets its end, or is told to have failed, unless goesOn says that it is recovered: then
// its events are numbered on, and the messages that it got are known.
func (c *Control) Recall(r *journal.Recollection, goesOn func(sessionID string) bool) {
	for _, k := range r.Commands {
		var err error
		if k.Begun != "" && (goesOn == nil || !goesOn(k.Begun)) {
			err = errCut(k.Begun)
		}
		c.commands.recall(k.Key, k.Digest, cmp.Or(k.Result, k.Begun), err)
	}
	c.memory = memory{sessions: map[string]*journal.RecalledSession{}, untold: map[string]bool{}, whole: r.Whole}
	for id, s := range r.Sessions {
		counter := &event.Counter{Last: s.Sequence}
		tell := func(e event.Event) {
			e.Counter = counter
			e.Own = append(e.Own, s.Own...)
			s.Sequence++ // as the journal will count
			c.emit(e, nil)
		}
		for _, m := range s.Unfated {
			tell(event.NewSent(id, m, event.FateUnknown))
		}
		for _, m := range s.Incomplete {
			tell(event.NewIncomplete(id, m, event.Reason(restarted)))
		}
		switch {
		case s.Over():
		case goesOn != nil && goesOn(id):
			c.memory.sessions[id] = s
			c.memory.untold[id] = !s.Established && (r.Whole || s.Start != nil && !r.Damaged)
		case s.Established:
			tell(event.NewEnd(id, event.Reason(restarted)))
		case s.Start != nil:
			tell(event.NewFailed(id, 503, restarted, s.Start.From, s.Start.To, s.Start.RequestURI))
		default:
			c.emit(event.NewOver(id), nil)
		}
	}
}

const restarted = "the node was restarted"
