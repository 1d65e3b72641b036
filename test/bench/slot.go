package main

import (
	"bytes"
	"fmt"
	"strconv"
	"time"
)

type slot struct {
	number uint32
	state  slotState
	cseq   byte
	to     []byte // value of To in the answer
	target []byte // URI of Contact in the answer
}

type slotState uint8

func (p *phone) fail(s *slot, why string) {
	s.state = slotFree
	p.counts.Failed++
	if p.counts.Why == "" {
		p.counts.Why = why
	}
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
