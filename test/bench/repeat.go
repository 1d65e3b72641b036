package main

import (
	"fmt"
	"time"
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
