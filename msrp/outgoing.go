package msrp

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/parley-msrp/parley/internal/wire"
)

// FailureReport is the value of the header of that name (RFC 4975 §7.1.4).
type FailureReport uint8

// The values.
const (
	FailureYes     FailureReport = iota // every chunk is answered; the default: no header is written
	FailurePartial                      // only errors are answered
	FailureNo                           // nothing is answered
)

// Header is a MIME header.
type Header struct{ Name, Value string }

// Outgoing is a message to send.
type Outgoing struct {
	MessageID   string   // an ident of 4 to 32 characters that no message under way has; empty: a fresh one
	ContentType string   // empty: a SEND without body
	Headers     []Header // further MIME headers: Content-Disposition and the like
	Body        []byte   // not to be changed until the fate is known; empty with a ContentType: an empty message
	// Stream is the body in place of Body, of Size octets; Size 0: not known yet. A goroutine of the engine reads it at most 400 KB ahead of what
	// leaves; while nothing comes, later messages of the session overtake it. If it is an io.Closer, it is closed once, at its end, or, while Read
	// may still block, as soon as the message is given up; Send that returns an error leaves it alone. A message whose Stream fails, or is not
	// of that size, is Failed, BySource. In a session that recovers, an io.Seeker is read again from where it stood when its connection is lost, and
	// closed once the message is acknowledged; a message whose Stream is none is Failed then, ByConnection. An Incoming of the same connection must not be passed on here: the responses that let a message
	// go on come behind octets that are not read before it goes on.
	Stream        io.Reader
	Size          int64
	SuccessReport bool // ask for success REPORTs
	FailureReport FailureReport
	Control       bool // not user content (IMDN and the like): may be sent whatever the direction is (RFC 4975 §8.9)
	Yields        bool // messages of the session that are sent later go ahead of it: for a file beside a conversation
}

// message is one that is being sent, or waits for its fate. Guarded by its Session's mu.
type message struct {
	id          string
	contentType string
	mime        string // further MIME header lines
	body        source
	counted     int64 // octets that count towards Config.QueuedOctets
	held        int64 // octets of the body that are kept though it has left
	success     bool
	failure     FailureReport
	yields      bool
	bind        bool // made by the engine: nobody is told its fate

	serial    uint64      // order of Send
	next      int64       // octets that are in chunks already
	begun     bool        // a chunk was made
	whole     bool        // the last chunk was made
	left      bool        // its last octet has left
	open      int         // chunks that wait for their response
	first     transaction // that of its first chunk
	ended     bool        // has its final fate
	queued    bool        // in the queue
	abort     bool        // ended by Cancel between two chunks: one empty chunk with # is still to leave
	reported  spans       // by success REPORTs
	anyReport bool        // a success REPORT has come
	refusal   string      // what a 415 blocks, see refusalKey

	await awaiting
}

// outgoing is what a session sends. Guarded by Session.mu.
type outgoing struct {
	queue      messageQueue // not in chunks completely
	octets     int64        // of the bodies in queue
	held       int64        // of those that have left
	pending    map[string]*message
	serial     uint64
	unanswered int      // chunks that wait for their response
	scheduled  bool     // in the row of its connection, or a chunk of it is in progress
	inChunk    *message // an interruptible chunk of it is in progress
	refused    map[string]struct{}
	recent     remembered // Message-IDs of those that are not in pending any more
	awaited    awaitList
	room       chan struct{} // closed when the queue has become shorter by a part; nil: nobody waits
	idle       chan struct{} // closed when everything has left; nil: nobody waits
}

// messageQueue is a queue that keeps its room.
type messageQueue struct {
	items []*message
	head  int
}

// keptPlaces is how many places an empty queue keeps.
const keptPlaces = 64

func (q *messageQueue) len() int { return len(q.items) - q.head }

func (q *messageQueue) first() *message {
	if q.len() == 0 {
		return nil
	}
	return q.items[q.head]
}

func (q *messageQueue) push(m *message) {
	if q.head > keptPlaces && q.head > len(q.items)/2 {
		n := copy(q.items, q.items[q.head:])
		clear(q.items[n:])
		q.items, q.head = q.items[:n], 0
	}
	q.items = append(q.items, m)
}

func (q *messageQueue) pop() {
	q.items[q.head] = nil
	q.head++
	if q.len() > 0 {
		return
	}
	if q.items, q.head = q.items[:0], 0; cap(q.items) > keptPlaces {
		q.items = nil
	}
}

// remove takes out a message, mostly the first one.
func (q *messageQueue) remove(m *message) {
	if q.first() == m {
		q.pop()
		return
	}
	i := q.head + slices.Index(q.items[q.head:], m)
	q.items = slices.Delete(q.items, i, i+1)
}

// replace puts next in the place of m.
func (q *messageQueue) replace(m, next *message) {
	q.items[q.head+slices.Index(q.items[q.head:], m)] = next
}

// unshift puts messages before all others.
func (q *messageQueue) unshift(first []*message) {
	if len(first) > 0 {
		q.items, q.head = append(first, q.items[q.head:]...), 0
	}
}

// full says whether there is no room for a message that takes so many octets.
func (o *outgoing) full(size int64, cfg *Config) bool {
	return o.queue.len() >= cfg.QueuedMessages || !o.empty() && o.octets+size > cfg.QueuedOctets
}

func (o *outgoing) empty() bool { return o.queue.len() == 0 }

// Send queues a message and returns its Message-ID. While the queue is full it blocks until ctx ends (see
// Config.RefuseWhenFull). An error means that nothing was or will be sent: ErrNotEstablished, ErrClosed, ErrQueueFull,
// ErrDirection, *TypeError, *SizeError, *HeaderError. Otherwise exactly one final Fate follows; Written, with
// FailurePartial, may be followed by Failed. A Handler must not wait for room: responses that make it are read by the
// goroutine that it is called in. It calls Send with a context that has ended, or with Config.RefuseWhenFull.
func (s *Session) Send(ctx context.Context, m Outgoing) (string, error) {
	mime, err := m.check()
	if err != nil {
		return "", err
	}
	for {
		id, room, err := s.enqueue(&m, mime)
		if room == nil {
			return id, err
		}
		if s.endpoint.cfg.RefuseWhenFull {
			s.endpoint.limit(LimitQueue)
			return "", ErrQueueFull
		}
		select {
		case <-room:
		case <-ctx.Done():
			return "", fmt.Errorf("%w: %w", ErrQueueFull, context.Cause(ctx))
		}
	}
}

// enqueue puts a message into the queue. With a channel: the queue is full, try again when that is closed.
func (s *Session) enqueue(m *Outgoing, mime string) (id string, room <-chan struct{}, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	body, err := s.sendable(m)
	if err == ErrQueueFull {
		o := &s.outgoing
		if o.room == nil {
			o.room = make(chan struct{})
		}
		return "", o.room, nil
	}
	if err != nil {
		return "", nil, err
	}
	if m.MessageID == "" {
		m.MessageID = s.endpoint.idents.message()
	}
	queued := &message{
		id:          m.MessageID,
		contentType: compactType(m.ContentType),
		mime:        mime,
		body:        body,
		counted:     body.memory(),
		success:     m.SuccessReport,
		failure:     m.FailureReport,
		yields:      m.Yields,
		refusal:     refusalKey(m.ContentType, m.Body),
	}
	s.push(queued)
	if body.feeder != nil {
		body.feeder.begin(s.feedMore)
	}
	s.ready()
	return m.MessageID, nil, nil
}

func (s *Session) push(m *message) {
	o := &s.outgoing
	m.serial = o.serial
	o.serial++
	o.queue.push(m)
	m.queued = true
	o.octets += m.counted
	if o.pending == nil {
		o.pending = make(map[string]*message)
	}
	o.pending[m.id] = m
}

// queueBind queues the bodiless SEND that ties a connection to the session (RFC 4975 §5.4, M-044). It has no
// Failure-Report header, so that its 200 tells that the binding stands.
func (s *Session) queueBind() {
	s.push(&message{id: s.endpoint.idents.message(), bind: true})
}

// feedMore lets a session go on whose message waited for its reader.
func (s *Session) feedMore() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ready()
}

// Check says what is wrong with the message whatever the peer takes, as Send does: a *HeaderError, or nil.
func (m *Outgoing) Check() error {
	_, err := m.check()
	return err
}

// check looks at what must not go into a head, and returns the MIME header lines.
func (m *Outgoing) check() (mime string, err error) {
	if m.MessageID != "" && !wire.ValidIdent(m.MessageID) {
		return "", &HeaderError{"Message-ID", "must be 4 to 32 letters, digits or .-+%=, the first one a letter or digit"}
	}
	if m.FailureReport > FailureNo {
		return "", &HeaderError{"Failure-Report", "unknown value"}
	}
	if m.ContentType == "" {
		if len(m.Body) > 0 || m.Stream != nil || len(m.Headers) > 0 {
			return "", &HeaderError{"Content-Type", "is needed with a body or MIME headers"} // M-012, M-013
		}
		return "", nil
	}
	if hasControl(m.ContentType) {
		return "", &HeaderError{"Content-Type", "holds a control character"}
	}
	if !validMediaType(m.ContentType, false) {
		return "", &HeaderError{"Content-Type", "is not of the form type/subtype"}
	}
	if len(m.ContentType) > maxHeaderValue {
		return "", &HeaderError{"Content-Type", "is too long"}
	}
	return formatHeaders(m.Headers)
}

// maxHeaderValue and maxHeaders keep heads well below what receivers take (M-025).
const (
	maxHeaderValue = 4 << 10
	maxHeaders     = 32
)

func formatHeaders(headers []Header) (string, error) {
	if len(headers) > maxHeaders {
		return "", &HeaderError{headers[maxHeaders].Name, fmt.Sprintf("more than %d headers", maxHeaders)}
	}
	var b strings.Builder
	for _, h := range headers {
		switch name := strings.ToLower(h.Name); {
		case !validToken(h.Name) || !strings.HasPrefix(name, "content-") || name == "content-":
			return "", &HeaderError{h.Name, "is not a MIME header: its name must begin with Content-"}
		case name == "content-type":
			return "", &HeaderError{h.Name, "has a field of its own"}
		case name == "content-transfer-encoding":
			return "", &HeaderError{h.Name, "is not used: bodies are sent as they are"} // M-077
		case hasControl(h.Value):
			return "", &HeaderError{h.Name, "holds a control character"}
		case len(h.Value) > maxHeaderValue:
			return "", &HeaderError{h.Name, "is too long"}
		}
		b.WriteString(h.Name + ": " + h.Value + "\r\n")
	}
	return b.String(), nil
}

// hasControl says whether v holds CR, LF or another control character: whoever gets one into a head writes headers of
// his own.
func hasControl(v string) bool {
	for i := range len(v) {
		if v[i] < ' ' || v[i] == 0x7f {
			return true
		}
	}
	return false
}

// Cancel gives up a message that has not left completely: no further octet of it is sent, the peer is told by a chunk with
// the flag # if it has got a part of it (RFC 4975 §7.1, M-019), and the message's fate is Failed with ByCancel. False: the
// message is not known, or all of it has left or is just leaving.
func (s *Session) Cancel(messageID string) bool {
	s.mu.Lock()
	m := s.outgoing.pending[messageID]
	if m == nil || m.whole || m.bind {
		s.mu.Unlock()
		return false
	}
	s.abandon(m, Fate{Kind: Failed, Why: ByCancel})
	s.ready()
	s.wakeFlush()
	s.mu.Unlock()
	s.deliver()
	return true
}

// abandon ends a message of which a part may have left: then the peer is told. Holding s.mu.
func (s *Session) abandon(m *message, f Fate) {
	m.abort = m.begun && m.queued && s.outgoing.inChunk != m
	s.conclude(m, f)
}

// Flush waits until all messages that were accepted have left, and have been answered where an answer is due, or ctx
// ends; then it returns the error of ctx. ErrClosed: the session is over.
func (s *Session) Flush(ctx context.Context) error {
	for {
		s.mu.Lock()
		o := &s.outgoing
		if s.over.Load() {
			s.mu.Unlock()
			return ErrClosed
		}
		if s.settled() {
			s.mu.Unlock()
			return nil
		}
		if o.idle == nil {
			o.idle = make(chan struct{})
		}
		idle := o.idle
		s.mu.Unlock()
		select {
		case <-idle:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
