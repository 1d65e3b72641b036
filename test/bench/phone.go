package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"
	"time"
)

// What a phone is told to do.
const (
	phoneCall = "call" // make calls at a rate: INVITE, 200, ACK and BYE, 200
	phoneHold = "hold" // set calls up, and leave them
	phoneAsk  = "ask"  // an OPTIONS in each call that was left
	phoneEnd  = "end"  // a BYE in each call that was left
)

// A phoneDemand is what the driver asks of a phone, on a line, as JSON.
type phoneDemand struct {
	Do       string
	Proto    string // udp or tcp
	Server   string
	Rate     int // calls, or requests in calls, a second
	Duration time.Duration
	Count    int  // of phoneHold
	Overload bool // phoneCall: more calls than are allowed; 503 with Retry-After is as good an end as any
}

// A phoneReply is what happened meanwhile.
type phoneReply struct {
	Error     string
	Started   int64
	Finished  int64 // calls that are over, or that stand, or requests that were answered: what was asked for
	Shed      int64 // refused by 503 with Retry-After, where that is wanted
	Failed    int64 // refused otherwise, or not answered
	Repeated  int64 // requests sent again, over UDP
	Elapsed   time.Duration
	Generator time.Duration // CPU time of the phone
	Why       string        // the first failure
}

// A phone makes many calls at once over one UDP socket or a few TCP connections, with prepared octets, and looks at no more of an answer than it has
// to. It knows the transactions by a number that stands in the branch, and repeats requests over UDP as RFC 3261 wants it, a few times.
type phone struct {
	proto  string // as in Via
	lines  []line
	cookie []byte // of its branches, no other phone's
	target []byte // Request-URI of an INVITE
	via    []byte // between a Request-URI and the branch
	head   []byte // of an INVITE, behind the branch
	body   []byte

	mu     sync.Mutex
	slots  []slot
	next   uint32 // number of the next call
	due    [repeats + 1]fifo
	counts phoneReply
	left   []uint32 // calls that stand
	hold   bool     // what the calls that are set up now are for
	over   bool     // they may be refused
}

type slot struct {
	number uint32
	state  slotState
	cseq   byte
	to     []byte // value of To in the answer
	target []byte // URI of Contact in the answer
}

type slotState uint8

const (
	slotFree slotState = iota
	slotInvited
	slotLeft
	slotAsked
	slotEnded // the BYE is on its way
)

const (
	slotCount = 1 << 18 // as many calls as may be open, repeats included
	tcpLines  = 8
	repeats   = 4 // of a request, after T1, 2*T1, 4*T1 …
	numberLen = 8 // hex digits
)

// A fifo holds the requests that are to be repeated at some time, the earliest first.
type fifo struct {
	waiting []repeat
	gone    int
}

type repeat struct {
	at     time.Time
	number uint32
	state  slotState
	cseq   byte
}

func newPhone(proto, server string) (*phone, error) {
	p := &phone{slots: make([]slot, slotCount), proto: "UDP", cookie: []byte("z9hG4bK" + random(8))}
	n := 1
	if proto == "tcp" {
		p.proto, n = "TCP", tcpLines
	}
	var local string
	for range n {
		c, err := net.Dial(proto, server)
		if err != nil {
			return nil, err
		}
		if local == "" {
			local = c.LocalAddr().String()
		}
		l, err := newLine(c)
		if err != nil {
			return nil, err
		}
		p.lines = append(p.lines, l)
	}
	ip := host(local)
	p.target = fmt.Appendf(nil, "sip:bob@%s", server)
	p.via = fmt.Appendf(nil, " SIP/2.0\r\nVia: SIP/2.0/%s %s;rport;branch=", p.proto, local)
	p.body = fmt.Appendf(nil, "v=0\r\no=- 1 1 IN IP4 %[1]s\r\ns=-\r\nc=IN IP4 %[1]s\r\nt=0 0\r\nm=message 9999 TCP/MSRP *\r\na=accept-types:text/plain\r\na=path:msrp://%[1]s:9999/benchbenchbench;tcp\r\n", ip)
	p.head = fmt.Appendf(nil, "\r\nMax-Forwards: 70\r\nTo: <sip:bob@%[1]s>\r\nCSeq: 1 INVITE\r\nContact: <sip:bench@%[2]s;transport=%[3]s>\r\nContent-Type: application/sdp\r\nContent-Length: %[4]d\r\n",
		server, local, proto, len(p.body))
	for _, l := range p.lines {
		go p.listen(l) // ends with its line
	}
	return p, nil
}

func (p *phone) close() {
	for _, l := range p.lines {
		l.close()
	}
}

// usePhone is the phone's process. It does what it reads from in until that ends.
func usePhone(in io.Reader, out io.Writer) error {
	var p *phone
	from, to := json.NewDecoder(in), json.NewEncoder(out)
	for {
		var d phoneDemand
		if err := from.Decode(&d); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		var err error
		if p == nil {
			if p, err = newPhone(d.Proto, d.Server); err == nil {
				defer p.close()
			}
		}
		var r phoneReply
		if err == nil {
			r, err = p.do(d)
		}
		if err != nil {
			r.Error = err.Error()
		}
		if err := to.Encode(r); err != nil {
			return err
		}
	}
}

func (p *phone) do(d phoneDemand) (r phoneReply, err error) {
	own, err := ownCPUTime()
	if err != nil {
		return r, err
	}
	p.mu.Lock()
	before := p.counts
	p.counts.Why = ""
	p.hold, p.over = d.Do == phoneHold, d.Overload
	left := p.left
	p.mu.Unlock()
	start := time.Now()
	switch d.Do {
	case phoneCall:
		p.pace(d.Rate, d.Duration, int(d.Duration.Seconds()*float64(d.Rate))+1, p.call)
	case phoneHold:
		p.pace(d.Rate, 0, d.Count, p.call)
	case phoneAsk:
		p.pace(d.Rate, 0, len(left), func(o outboxes, i int) { p.again(o, left[i], slotAsked) })
	case phoneEnd:
		p.pace(d.Rate, 0, len(left), func(o outboxes, i int) { p.again(o, left[i], slotEnded) })
		p.mu.Lock()
		p.left = nil
		p.mu.Unlock()
	default:
		return r, errors.ErrUnsupported
	}
	if d.Do != phoneCall {
		p.settle(before)
	}
	p.mu.Lock()
	r = p.counts
	p.mu.Unlock()
	r.Started -= before.Started
	r.Finished -= before.Finished
	r.Shed -= before.Shed
	r.Failed -= before.Failed
	r.Repeated -= before.Repeated
	r.Elapsed = time.Since(start)
	used, err := ownCPUTime()
	r.Generator = used - own
	return r, err
}

// settle waits until all that was started is finished or has failed.
func (p *phone) settle(before phoneReply) {
	out := p.newOutboxes()
	for range time.Tick(tick) {
		p.repeatDue(out)
		p.mu.Lock()
		c := p.counts
		p.mu.Unlock()
		if c.Finished-before.Finished+c.Failed-before.Failed >= c.Started-before.Started {
			return
		}
	}
}

// tick is how often requests leave.
const tick = time.Millisecond

// pace has requests leave evenly, count of them, or as many as the time allows if there is a limit. What could not leave in time is not made up for.
func (p *phone) pace(rate int, limit time.Duration, count int, request func(o outboxes, i int)) {
	out := p.newOutboxes()
	start := time.Now()
	sent, lost := 0, 0
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for sent < count {
		<-ticker.C
		elapsed := time.Since(start)
		if limit > 0 && elapsed >= limit {
			return
		}
		owed := int(elapsed.Seconds()*float64(rate)) - sent - lost
		if most := max(rate/50, 1); owed > most { // 20 ms
			lost += owed - most
			owed = most
		}
		p.mu.Lock()
		for range min(owed, count-sent) {
			request(out, sent)
			sent++
		}
		p.mu.Unlock()
		out.flush()
		p.repeatDue(out)
	}
}

// repeatDue sends what has to be sent again, and gives up what was sent often enough.
func (p *phone) repeatDue(out outboxes) {
	now := time.Now()
	p.mu.Lock()
	for i := range p.due {
		for {
			r, ok := p.due[i].pop(now)
			if !ok {
				break
			}
			s := &p.slots[r.number%slotCount]
			if s.number != r.number || s.state != r.state || s.cseq != r.cseq {
				continue
			}
			if i == repeats || p.proto != "UDP" {
				p.fail(s, fmt.Sprintf("no answer to request %d", s.cseq))
				continue
			}
			p.counts.Repeated++
			p.send(out, s)
			p.due[i+1].push(s, now.Add(timerT1<<(i+1)))
		}
	}
	p.mu.Unlock()
	out.flush()
}

func (p *phone) fail(s *slot, why string) {
	s.state = slotFree
	p.counts.Failed++
	if p.counts.Why == "" {
		p.counts.Why = why
	}
}

func (f *fifo) push(s *slot, at time.Time) {
	if f.gone > 1024 && f.gone > len(f.waiting)/2 {
		f.waiting = append(f.waiting[:0], f.waiting[f.gone:]...)
		f.gone = 0
	}
	f.waiting = append(f.waiting, repeat{at, s.number, s.state, s.cseq})
}

func (f *fifo) pop(now time.Time) (r repeat, ok bool) {
	if f.gone == len(f.waiting) || f.waiting[f.gone].at.After(now) {
		return r, false
	}
	r = f.waiting[f.gone]
	f.gone++
	return r, true
}

// begin sends a request for the first time. The lock is held, as in all that follows.
func (p *phone) begin(out outboxes, s *slot, state slotState) {
	s.state = state
	s.cseq++
	p.send(out, s)
	wait := timerT1
	if p.proto != "UDP" {
		wait = answerTime / 4
	}
	p.due[0].push(s, time.Now().Add(wait))
}

// call starts a call.
func (p *phone) call(out outboxes, _ int) {
	p.next++
	s := &p.slots[p.next%slotCount]
	p.counts.Started++
	for s.state == slotLeft { // its place is taken
		p.next++
		s = &p.slots[p.next%slotCount]
	}
	if s.state != slotFree {
		p.fail(s, "a call was not over when its place was needed again")
	}
	s.number, s.cseq = p.next, 0
	p.begin(out, s, slotInvited)
}

// again sends a request in a call that stands.
func (p *phone) again(out outboxes, number uint32, state slotState) {
	p.counts.Started++
	p.begin(out, &p.slots[number%slotCount], state)
}

// send writes the request that the call waits for.
func (p *phone) send(out outboxes, s *slot) {
	o := out[int(s.number)%len(out)]
	switch s.state {
	case slotInvited:
		o.begin("INVITE ", nil, p)
		o.branch(p, s)
		o.data = append(o.data, p.head...)
		o.identity(p, s)
		o.data = append(append(o.data, "\r\n"...), p.body...)
		o.end()
	case slotAsked:
		p.inDialog(o, s, "OPTIONS")
	case slotEnded:
		p.inDialog(o, s, "BYE")
	}
}

func (p *phone) inDialog(o *outbox, s *slot, method string) {
	o.begin(method+" ", s.target, p)
	o.branch(p, s)
	if method == "ACK" { // of a 2xx: a transaction of its own
		o.data = append(o.data, 'k')
	}
	o.data = append(o.data, "\r\nMax-Forwards: 70\r\nTo: "...)
	o.data = append(o.data, s.to...)
	o.data = append(o.data, "\r\nCSeq: "...)
	o.data = strconv.AppendInt(o.data, int64(s.cseq), 10)
	o.data = append(o.data, ' ')
	o.data = append(o.data, method...)
	o.data = append(o.data, "\r\nContent-Length: 0\r\n"...)
	o.identity(p, s)
	o.data = append(o.data, "\r\n"...)
	o.end()
}

// answer takes a response.
func (p *phone) answer(out outboxes, m []byte) {
	at := bytes.Index(m, p.cookie)
	if at < 0 || len(m) < at+len(p.cookie)+numberLen+2 || m[8] == '1' {
		return // provisional, or a request of the server's, which it does not make if all is well
	}
	id := m[at+len(p.cookie):]
	number, err := strconv.ParseUint(string(id[:numberLen]), 16, 32)
	if err != nil {
		return
	}
	s := &p.slots[number%slotCount]
	if uint64(s.number) != number || s.state == slotFree {
		return
	}
	cseq := id[numberLen] - 'a'
	if p.over && cseq == 1 && s.state == slotInvited && string(m[8:11]) == "503" && len(valueOf(m, "\r\nRetry-After: ", '\r')) > 0 {
		p.shed(out, s, m)
		return
	}
	if string(m[8:11]) != "200" {
		line, _, _ := bytes.Cut(m, []byte("\r\n"))
		p.fail(s, fmt.Sprintf("request %d: %s", cseq, line))
		return
	}
	switch {
	case cseq == 1 && s.state == slotInvited:
		s.to = append(s.to[:0], valueOf(m, "\r\nTo: ", '\r')...)
		s.target = append(s.target[:0], valueOf(m, "\r\nContact: <", '>')...)
		p.inDialog(out[int(s.number)%len(out)], s, "ACK")
		if p.hold {
			s.state = slotLeft
			p.left = append(p.left, s.number)
			p.counts.Finished++
			return
		}
		p.begin(out, s, slotEnded)
	case cseq == 1: // it did not see the ACK
		now := s.cseq
		s.cseq = 1
		p.inDialog(out[int(s.number)%len(out)], s, "ACK")
		s.cseq = now
	case cseq != s.cseq:
	case s.state == slotAsked:
		s.state = slotLeft
		p.counts.Finished++
	case s.state == slotEnded:
		s.state = slotFree
		p.counts.Finished++
	}
}

// shed ends a call that was refused: its ACK is of the INVITE's transaction.
func (p *phone) shed(out outboxes, s *slot, m []byte) {
	o := out[int(s.number)%len(out)]
	o.begin("ACK ", nil, p)
	o.branch(p, s)
	o.data = append(o.data, "\r\nMax-Forwards: 70\r\nTo: "...)
	o.data = append(o.data, valueOf(m, "\r\nTo: ", '\r')...)
	o.data = append(o.data, "\r\nCSeq: 1 ACK\r\nContent-Length: 0\r\n"...)
	o.identity(p, s)
	o.data = append(o.data, "\r\n"...)
	o.end()
	s.state = slotFree
	p.counts.Shed++
}

func valueOf(m []byte, header string, end byte) []byte {
	i := bytes.Index(m, []byte(header))
	if i < 0 {
		return nil
	}
	v := m[i+len(header):]
	return v[:max(bytes.IndexByte(v, end), 0)]
}

// listen takes the answers that come on a line until it is closed.
func (p *phone) listen(l line) {
	out := p.newOutboxes()
	_ = l.read(func(messages [][]byte) {
		p.mu.Lock()
		for _, m := range messages {
			p.answer(out, m)
		}
		p.mu.Unlock()
		out.flush()
	})
}
