package journal

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/parley-msrp/parley/internal/event"
)

const (
	// recallMessages is how many Message-IDs of a session are recalled, the newest ones (RFC 4975 §5.4).
	recallMessages = 1000
	// recallBegun is how long before the end a message may have begun that can still have been under way: msrp.Config.PartialTimeout.
	recallBegun = 10 * time.Minute
)

// Recollection is what the journal says of an earlier process.
type Recollection struct {
	Sessions map[string]*RecalledSession // that have no end
	Commands []RecalledCommand           // in their order
	Whole    bool                        // nothing was dropped yet: the journal has all that there ever was
	Damaged  bool                        // some of what was read cannot be read any more, and is not known
	Ended    map[string]time.Time        // sessions that had their end not long before, or that were asked for, and when

	begun map[string]int // index in Commands of those that Begun says, by that
}

// RecalledSession is a session of an earlier process that has no end.
type RecalledSession struct {
	Sequence    uint64              // number of its last event
	Established bool                // E_MSRP_SESSION_NEW was told
	Received    map[string]struct{} // Message-IDs of messages that were kept
	Unfated     []string            // Message-IDs of messages that were accepted for sending and have no fate
	Incomplete  []string            // Message-IDs of messages of which some chunks came
	Own         []event.Param       // handler and tags
	Start       *RecalledStart      // nil: it came from the peer, or its beginning is not known

	over  bool     // it has its end, and yet fates are missing
	order []string // of Received
	begun map[string]time.Time
}

// Over says that the session has its end, and only fates are missing.
func (s *RecalledSession) Over() bool { return s.over }

// RecalledStart is what a session was started with.
type RecalledStart struct{ From, To, RequestURI string }

// RecalledCommand is a command that had a key.
type RecalledCommand struct {
	Key, Digest, Result string
	// Begun is the session that it was to start where nothing says that it was accepted or established; "" otherwise.
	Begun string
}

// Recall reads the newest 256 MiB of what was kept before; and of what is older, where live names sessions of which they hold nothing, all that is
// about those. Whatever else there is of a session that began before that is not known.
func (j *Durable) Recall(ctx context.Context, live []string) (*Recollection, error) {
	j.mu.Lock()
	st := j.store
	j.mu.Unlock()
	if st == nil {
		return nil, ErrUnavailable
	}
	oldest, last, octets, err := st.bounds(ctx)
	if err != nil {
		return nil, err
	}
	first := oldest
	if part := float64(j.cfg.RecallOctets) / float64(octets); part < 1 {
		first = last - uint64(float64(last-oldest)*part)
	}
	r := newRecollection()
	end, err := r.read(ctx, j, st, first, last, func(*event.Event) bool { return true })
	if err != nil {
		return nil, err
	}
	r.Whole = oldest == 1 && !r.Damaged
	wanted, missing := map[string]bool{}, map[string]bool{}
	for _, id := range live {
		wanted[id] = true
		if _, over := r.Ended[id]; r.Sessions[id] == nil && !over {
			missing[id] = true
		}
	}
	if len(missing) > 0 && oldest < first {
		older := newRecollection()
		if _, err := older.read(ctx, j, st, oldest, first-1, func(e *event.Event) bool { return missing[e.SessionID] }); err != nil {
			return nil, err
		}
		maps.Copy(r.Sessions, older.Sessions)
		maps.Copy(r.Ended, older.Ended)
	}
	maps.DeleteFunc(r.Ended, func(id string, at time.Time) bool { return !wanted[id] && end.Sub(at) > recallBegun })
	r.Commands = slices.DeleteFunc(r.Commands, func(c RecalledCommand) bool { return c.Key == "" })
	for _, s := range r.Sessions {
		for id, at := range s.begun {
			if end.Sub(at) < recallBegun {
				s.Incomplete = append(s.Incomplete, id)
			}
		}
		slices.Sort(s.Incomplete)
	}
	return r, nil
}

func newRecollection() *Recollection {
	return &Recollection{Sessions: map[string]*RecalledSession{}, Ended: map[string]time.Time{}, begun: map[string]int{}}
}

// read adds the events of a part of the journal that about says yes to. It returns the time of the last one there.
func (r *Recollection) read(ctx context.Context, j *Durable, st *store, first, last uint64, about func(*event.Event) bool) (end time.Time, err error) {
	for first <= last {
		packs, err := st.recall(ctx, first, last)
		if err != nil {
			return end, err
		}
		if len(packs) == 0 {
			break
		}
		for i := range packs {
			if packs[i].sequence > last {
				return end, nil
			}
			events, whole := j.read(&packs[i])
			r.Damaged = r.Damaged || !whole
			for i := range events {
				if events[i].Name == "" {
					continue
				}
				if about(&events[i]) {
					r.add(&events[i])
				}
				end = events[i].Time
			}
		}
		first = packs[len(packs)-1].sequence + 1
	}
	return end, nil
}

// recall is fetch, which does not take the word of another server than the leader that there are none up to last, and asks again where one was lost
// that was asked.
func (st *store) recall(ctx context.Context, first, last uint64) ([]pack, error) {
	for end := time.Now().Add(startPatience); ; {
		packs, err := st.fetch(ctx, first)
		if err == nil && len(packs) == 0 {
			if _, err = st.get(ctx, last); errors.Is(err, errNoPack) {
				return nil, nil // they were dropped meanwhile
			}
		}
		if len(packs) > 0 || err != nil && (!away(err) || time.Now().After(end)) {
			return packs, err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func text(e *event.Event, name string) string {
	s, _ := e.Param(name).(string)
	return s
}

func (r *Recollection) add(e *event.Event) {
	switch e.Name {
	case event.SessionEnd, event.SessionFailed, event.SessionOver:
		r.Ended[e.SessionID] = e.Time
		if e.Name == event.SessionOver {
			r.undone(e.SessionID)
		}
		if s := r.Sessions[e.SessionID]; s != nil {
			s.over, s.Sequence = true, max(s.Sequence, e.Sequence)
			clear(s.begun)
			r.settle(e.SessionID, s)
		}
		return
	case event.CommandDone:
		if result := text(e, "result"); !r.done(result) {
			r.Commands = append(r.Commands, RecalledCommand{Key: text(e, "key"), Digest: text(e, "digest"), Result: result})
		}
		return
	}
	if e.SessionID == "" {
		return
	}
	s := r.Sessions[e.SessionID]
	if s == nil {
		if e.Name == event.MsgSent || e.Name == event.ReportReceived || e.Name == event.MsgIncomplete {
			return // it came behind the end of its session
		}
		s = &RecalledSession{Received: map[string]struct{}{}, begun: map[string]time.Time{}}
		r.Sessions[e.SessionID] = s
	}
	s.Sequence = max(s.Sequence, e.Sequence)
	s.add(e)
	switch e.Name {
	case event.SessionBegun:
		if key := text(e, "key"); key != "" {
			r.begun[e.SessionID] = len(r.Commands)
			r.Commands = append(r.Commands, RecalledCommand{Key: key, Digest: text(e, "digest"), Begun: e.SessionID})
		}
	case event.SessionNew:
		r.done(e.SessionID)
	case event.MsgQueued:
		if key := text(e, "idempotency_key"); key != "" {
			r.Commands = append(r.Commands, RecalledCommand{Key: key, Digest: text(e, "request_digest"), Result: text(e, "message_id")})
		}
	}
	r.settle(e.SessionID, s)
}

// done notes that the command that began to start a session has done so. False: none of them did.
func (r *Recollection) done(sessionID string) bool {
	i, ok := r.begun[sessionID]
	if ok {
		delete(r.begun, sessionID)
		r.Commands[i].Result, r.Commands[i].Begun = sessionID, ""
	}
	return ok
}

// undone forgets the command that began to start a session of which nothing was sent: it may be tried again.
func (r *Recollection) undone(sessionID string) {
	if i, ok := r.begun[sessionID]; ok {
		delete(r.begun, sessionID)
		r.Commands[i] = RecalledCommand{}
	}
}

// settle forgets a session that is over, once all its messages have their fates.
func (r *Recollection) settle(id string, s *RecalledSession) {
	if s.over && len(s.Unfated) == 0 {
		delete(r.Sessions, id)
	}
}

// final says whether an event tells the fate of a message. A success REPORT does about its last octet.
func final(e *event.Event) bool {
	if e.Name == event.MsgSent || !strings.HasPrefix(text(e, "status"), "200") {
		return true
	}
	_, spans, _ := strings.Cut(text(e, "byte_range"), "-")
	end, total, ok := strings.Cut(spans, "/")
	return !ok || end == total
}

func (s *RecalledSession) add(e *event.Event) {
	id := text(e, "message_id")
	switch e.Name {
	case event.SessionBegun:
		s.Start = &RecalledStart{text(e, "from_uri"), text(e, "to_uri"), text(e, "ruri")}
	case event.SessionNew:
		s.Established = true
		s.Own = slices.DeleteFunc(slices.Clone(e.Own), func(p event.Param) bool { return p.Name != "handler" && p.Name != "tags" })
	case event.MsgReceived:
		delete(s.begun, id)
		s.Received[id] = struct{}{}
		if s.order = append(s.order, id); len(s.order) > recallMessages {
			delete(s.Received, s.order[0])
			s.order = s.order[1:]
		}
	case event.MsgBegun:
		if _, whole := s.Received[id]; !whole { // else it came once more
			s.begun[id] = e.Time
		}
	case event.MsgIncomplete:
		delete(s.begun, id)
	case event.MsgQueued:
		s.Unfated = append(s.Unfated, id)
	case event.MsgSent, event.ReportReceived:
		if i := slices.Index(s.Unfated, id); i >= 0 && final(e) {
			s.Unfated = slices.Delete(s.Unfated, i, i+1)
		}
	}
}
