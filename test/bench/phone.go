package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
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
