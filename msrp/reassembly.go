package msrp

import (
	"slices"
	"time"

	"github.com/parley-msrp/parley/internal/wire"
)

// partial is a message of which not all octets have come. Guarded by its session's incoming.mu.
type partial struct {
	id          string
	contentType string
	headers     []Header
	segments    []segment // sorted, disjoint
	end         int64     // its last octet; -1: not known
	total       int64     // what it is said to be, for the growth of segments; 0: nothing
	kept        int64     // octets counted against the limit
	refused     verdict   // that a chunk was refused with: what still comes gets the same; zero: none
	stream      *Incoming // takes the octets as they come; nil: they are kept in segments
	later       *Incoming // takes them from Config.StreamFrom on
	passed      int64     // octets that it got
	gone        bool      // not in incoming.partials any more
	touched     time.Time
}

// segment is a run of octets of a message.
type segment struct {
	from int64 // position of the first one, counted from 1
	data []byte
}

func (g *segment) after() int64 { return g.from + int64(len(g.data)) }

const (
	// maxSegments bounds the gaps in a message.
	maxSegments = 4096
	// segmentCost is what a segment counts for apart from its octets.
	segmentCost = 64
	unknownEnd  = -1
)

// find returns the half-received message of that Message-ID, or nil.
func (in *incoming) find(id []byte) *partial {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.partials[string(id)]
}

// complete notes that a message came whole in one chunk, which stands for all that came of it before (M-100). It says
// whether it is a duplicate (M-055).
func (in *incoming) complete(s *Session, h *wire.Head) (duplicate bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if p := in.partials[string(h.MessageID)]; p != nil {
		in.discard(p)
		p.cut()
	}
	return in.recognise(s, h.MessageID)
}

// recognise remembers a Message-ID, and says whether it was known.
func (in *incoming) recognise(s *Session, id []byte) (known bool) {
	seed := s.endpoint.seed
	if in.known.has(seed, id) {
		return true
	}
	in.known.add(seed, string(id), s.endpoint.cfg.Duplicates)
	return false
}

// forget makes a message that was rejected unknown: it may be sent again.
func (in *incoming) forget(s *Session, id string) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.known.remove(s.endpoint.seed, id)
}

// open finds or makes the half-received message that a chunk belongs to, or says 413.
func (in *incoming) open(c *conn, h *wire.Head, rt *route) (p *partial, v verdict) {
	s := rt.session
	in.mu.Lock()
	defer in.mu.Unlock()
	p = in.partials[string(h.MessageID)]
	switch {
	case p != nil && p.refused.code != 0:
		return p, p.refused
	case p != nil:
		p.touched = time.Now()
		return p, verdict{}
	case in.over || len(in.partials) >= s.endpoint.cfg.PartialMessages && !in.evict(s):
		return nil, verdict{code: 413} // M-102, T-047
	}
	p = &partial{
		id:          string(h.MessageID),
		contentType: rt.contentType,
		headers:     parseHeaders(h.MIME),
		end:         unknownEnd,
		touched:     time.Now(),
	}
	if h.HasRange && h.Range.Total > 0 {
		p.total = h.Range.Total
	}
	if in.partials == nil {
		in.partials = make(map[string]*partial)
	}
	in.partials[p.id] = p
	in.watch(s)
	if s.beginner != nil {
		s.mail.put(&event{kind: eventBegun, begun: p.id})
	}
	if s.streamer != nil {
		p.later = newIncoming(c, rt, p, h)
		if s.endpoint.cfg.StreamFrom == 0 {
			in.handOn(c, s, p)
		}
	}
	return p, verdict{}
}

// handOn makes a message a stream, which gets first what came of it in a row.
func (in *incoming) handOn(c *conn, s *Session, p *partial) {
	p.stream, p.later = p.later, nil
	p.stream.Duplicate = in.known.has(s.endpoint.seed, []byte(p.id))
	s.mail.put(&event{kind: eventStream, incoming: p.stream})
	p.passSegments(c)
}

// evict makes room by forgetting a message that was refused: its sender may have stopped at that, and never end it (M-083).
func (in *incoming) evict(s *Session) bool {
	for _, p := range in.partials {
		if p.refused.code != 0 {
			in.remove(s, p)
			return true
		}
	}
	return false
}

// put adds octets to a message. A code: it cannot be taken, because it has become too large or the application does not want it, and is
// refused from now on.
func (in *incoming) put(c *conn, s *Session, p *partial, at int64, data []byte) verdict {
	in.mu.Lock()
	defer in.mu.Unlock()
	if v := p.unwanted(); v.code != 0 {
		return v
	}
	before := p.kept
	ok := at-1 <= s.maxSize-int64(len(data)) && p.take(c, at, data) && in.octets+p.kept-before <= s.endpoint.cfg.PartialOctets
	if ok && p.later != nil && p.kept-segmentCost*int64(len(p.segments)) > s.endpoint.cfg.StreamFrom {
		in.handOn(c, s, p)
	}
	in.octets += p.kept - before
	p.touched = time.Now()
	if !ok {
		in.giveUp(s, p, verdict{code: 413})
	}
	return p.refused
}

// unwanted is what octets of a message are answered with that was refused, or that was dropped meanwhile.
func (p *partial) unwanted() verdict {
	if p.gone && p.refused.code == 0 {
		return verdict{code: 413}
	}
	return p.refused
}

// refuse lets nothing more of a message be kept; chunks that still come get that answer. It returns how many octets came in a row.
func (in *incoming) refuse(s *Session, p *partial, v verdict) (came int64) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if !p.gone && p.refused.code == 0 {
		in.giveUp(s, p, v)
	}
	return p.passed
}

func (in *incoming) giveUp(s *Session, p *partial, v verdict) {
	in.tellUnfinished(s, p)
	in.octets -= p.kept
	p.segments, p.kept, p.refused = nil, 0, v
	p.cut()
}

// tellUnfinished tells that a message will never be whole, unless that was told, or whoever reads it hears of it. A deliver follows.
func (in *incoming) tellUnfinished(s *Session, p *partial) {
	if s.beginner == nil || p.stream != nil || p.refused.code != 0 || in.known.has(s.endpoint.seed, []byte(p.id)) {
		return
	}
	s.mail.put(&event{kind: eventUnfinished, begun: p.id, octets: p.kept - segmentCost*int64(len(p.segments))})
}

// cut ends the stream of a message that will never be whole.
func (p *partial) cut() {
	if p.stream != nil {
		p.stream.finish(ErrIncomplete)
	}
}

// take puts octets where they belong.
func (p *partial) take(c *conn, at int64, data []byte) bool {
	if p.stream == nil {
		return p.put(at, data)
	}
	if skip := p.passed + 1 - at; skip > 0 { // handed on before (M-098)
		data = data[min(skip, int64(len(data))):]
		at += skip
	}
	if len(data) == 0 {
		return true
	}
	if at > p.passed+1 {
		return p.put(at, data)
	}
	p.pass(c, data)
	p.passSegments(c)
	return true
}

// passSegments hands on what is kept and comes next.
func (p *partial) passSegments(c *conn) {
	for len(p.segments) > 0 && p.segments[0].from <= p.passed+1 {
		g := &p.segments[0]
		p.kept -= segmentCost + int64(len(g.data))
		if skip := p.passed + 1 - g.from; skip < int64(len(g.data)) {
			p.pass(c, g.data[skip:])
		}
		p.segments = p.segments[1:]
	}
}

// pass hands octets on that come next.
func (p *partial) pass(c *conn, data []byte) {
	p.passed += int64(len(data))
	p.stream.write(c, data)
}

// put stores octets. Where some are there already, the later ones replace them (RFC 4975 §7.3.1, M-098).
func (p *partial) put(at int64, data []byte) bool {
	for len(data) > 0 {
		// i: the last segment that begins at or before at, if any.
		i, found := slices.BinarySearchFunc(p.segments, at, func(g segment, at int64) int { return int(max(-1, min(1, g.from-at))) })
		if !found {
			i--
		}
		if i >= 0 && at < p.segments[i].after() {
			n := copy(p.segments[i].data[at-p.segments[i].from:], data)
			at, data = at+int64(n), data[n:]
			continue
		}
		n := int64(len(data)) // up to the next segment
		if i+1 < len(p.segments) {
			n = min(n, p.segments[i+1].from-at)
		}
		if i >= 0 && at == p.segments[i].after() {
			p.grow(&p.segments[i], data[:n])
		} else {
			if len(p.segments) >= maxSegments {
				return false
			}
			g := segment{from: at}
			p.grow(&g, data[:n])
			p.segments = slices.Insert(p.segments, i+1, g)
			p.kept += segmentCost
		}
		at, data = at+n, data[n:]
	}
	return true
}

// grow appends to a segment. Room is made for what has come and as much again, not for what is announced (M-027).
func (p *partial) grow(g *segment, data []byte) {
	if need := len(g.data) + len(data); need > cap(g.data) {
		room := 2 * need
		if rest := p.total - g.from + 1; rest >= int64(need) && rest < int64(room) {
			room = int(rest)
		}
		g.data = append(make([]byte, 0, room), g.data...)
	}
	g.data = append(g.data, data...)
	p.kept += int64(len(data))
}

// endChunk applies the end of a chunk before position next. With a verdict the chunk is answered at once; without, the message is whole and taken
// out, and here is its body unless that went into a stream.
func (in *incoming) endChunk(s *Session, p *partial, flag wire.Flag, next int64) (body []byte, duplicate bool, v verdict) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if flag == wire.Aborted {
		in.remove(s, p) // never shown as complete (M-101)
		return nil, false, verdict{code: 200}
	}
	if v := p.unwanted(); v.code != 0 {
		if flag == wire.Complete {
			in.remove(s, p)
		}
		return nil, false, v
	}
	if flag == wire.Complete {
		// The octet before next is the last one, whatever totals said before (M-097). An empty chunk with $ at position 1 is an empty
		// message (M-100).
		p.end = next - 1
	}
	switch {
	case p.stream != nil && p.end != unknownEnd && p.passed > p.end:
		in.remove(s, p) // what lies behind the end is handed on already: the application must not take that for the message
		return nil, false, verdict{code: 400}
	case p.end == unknownEnd || !p.whole():
		return nil, false, verdict{code: 200}
	case p.stream == nil:
		body = p.body()
	}
	in.discard(p)
	return body, in.recognise(s, []byte(p.id)), verdict{}
}

// whole says whether all octets up to the end are there (M-096).
func (p *partial) whole() bool {
	if p.stream != nil {
		return p.passed >= p.end
	}
	next := int64(1)
	for i := range p.segments {
		if p.segments[i].from != next {
			break
		}
		next = p.segments[i].after()
	}
	return next > p.end
}

func (p *partial) body() []byte {
	if p.end == 0 {
		return []byte{}
	}
	if first := p.segments[0].data; int64(len(first)) >= p.end {
		return first[:p.end:p.end]
	}
	body := make([]byte, 0, p.end)
	for _, g := range p.segments {
		body = append(body, g.data[:min(int64(len(g.data)), p.end-int64(len(body)))]...)
	}
	return body
}

// drop forgets a half-received message; nil does nothing.
func (in *incoming) drop(s *Session, p *partial) {
	if p == nil {
		return
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	in.remove(s, p)
}

// remove forgets a message that will never be whole.
func (in *incoming) remove(s *Session, p *partial) {
	if p.gone {
		return
	}
	in.tellUnfinished(s, p)
	in.discard(p)
	p.cut()
}

// discard takes a message out.
func (in *incoming) discard(p *partial) {
	delete(in.partials, p.id)
	in.octets -= p.kept
	p.gone, p.segments, p.kept = true, nil, 0
	if len(in.partials) == 0 && in.timer != nil {
		in.timer.Stop()
	}
}

// watch starts the timer that drops messages whose rest never comes (T-044).
func (in *incoming) watch(s *Session) {
	switch {
	case len(in.partials) > 1:
	case in.timer == nil:
		in.timer = time.AfterFunc(s.endpoint.cfg.PartialTimeout, func() { in.dropStale(s) })
	default:
		in.timer.Reset(s.endpoint.cfg.PartialTimeout)
	}
}

func (in *incoming) dropStale(s *Session) {
	defer s.deliver()
	in.mu.Lock()
	defer in.mu.Unlock()
	timeout := s.endpoint.cfg.PartialTimeout
	now := time.Now()
	next := timeout
	for _, p := range in.partials {
		if p.stream != nil && p.stream.unread() {
			p.touched = now // the peer is not to blame for the pause
		}
		if age := now.Sub(p.touched); age >= timeout {
			in.remove(s, p)
		} else {
			next = min(next, timeout-age)
		}
	}
	if len(in.partials) > 0 {
		in.timer.Reset(next)
	}
}

// end drops everything; nothing is kept from now on.
func (in *incoming) end(s *Session) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.over = true
	for _, p := range in.partials {
		in.remove(s, p)
	}
	in.known = remembered{}
}
