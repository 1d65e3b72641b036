package dialog

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-msrp/parley/internal/sip"
)

// TestLossyNetwork has two endpoints call each other through a network that drops, doubles and reorders. Whatever happens to a call, each side
// hears of its end once, and nothing is left of it anywhere.
func TestLossyNetwork(t *testing.T) {
	networks := []struct {
		name          string
		drop, double  float64
		slowest       time.Duration
		calls, rounds int
	}{
		{"drops a tenth", 0.1, 0, time.Millisecond, 60, 4},
		{"drops a half", 0.5, 0, time.Millisecond, 60, 4},
		{"doubles and reorders", 0, 0.5, 700 * time.Millisecond, 60, 4},
		{"drops, doubles and reorders", 0.25, 0.25, 1500 * time.Millisecond, 60, 8},
	}
	for _, network := range networks {
		for round := range network.rounds {
			t.Run(fmt.Sprintf("%s, %d", network.name, round), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					dice := &dice{r: rand.New(rand.NewPCG(uint64(round), 7))}
					n := newMemNet()
					n.copies = func([]byte) int {
						switch {
						case dice.chance(network.drop):
							return 0
						case dice.chance(network.double):
							return 2
						}
						return 1
					}
					n.delay = func() time.Duration { return dice.until(network.slowest) }
					a, b := newHouse(t, n, dice, "192.0.2.1:5060"), newHouse(t, n, dice, "192.0.2.9:5060")
					for range network.calls {
						a.call("sip:b@192.0.2.9:5060")
						b.call("sip:a@192.0.2.1:5060")
						time.Sleep(dice.until(2 * time.Second))
					}
					time.Sleep(15 * time.Minute)
					synctest.Wait()
					a.check("a")
					b.check("b")
					a.close()
					b.close()
				})
			})
		}
	}
}

// dice are thrown by all goroutines of a test.
type dice struct {
	mu sync.Mutex
	r  *rand.Rand
}

func (d *dice) chance(p float64) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.r.Float64() < p
}

func (d *dice) until(most time.Duration) time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	return time.Duration(d.r.Int64N(int64(most)) + 1)
}

// A house is an endpoint whose users call and are called, and do what comes to their mind.
type house struct {
	t     *testing.T
	e     *Endpoint
	stack *sip.Stack
	dice  *dice

	mu     sync.Mutex
	people []*person
	open   int // INVITEs that are not decided
}

// A person is one side of a call.
type person struct {
	h                  *house
	caller             bool
	established, ended int
	end                End
}

func newHouse(t *testing.T, n *memNet, dice *dice, at string) *house {
	h := &house{t: t, dice: dice}
	// Of a BYE all eleven copies can be lost: then it is the session timer that ends the other side.
	h.e = New(Config{SetupTimeout: time.Minute, SessionExpires: 2 * time.Minute}, h)
	var err error
	h.stack, err = sip.NewStack(sip.Config{User: h.e, ListenPacket: n.ListenPacket, ListenStream: n.Listen, DialStream: n.Dial})
	check0(t, err)
	h.e.Attach(h.stack)
	_, err = h.stack.Listen(sip.UDP, at)
	check0(t, err)
	return h
}

func (h *house) close() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	check0(h.t, h.e.Close(ctx))
	check0(h.t, h.stack.Close(ctx))
}

func (h *house) person(caller bool) *person {
	h.mu.Lock()
	defer h.mu.Unlock()
	p := &person{h: h, caller: caller}
	h.people = append(h.people, p)
	return p
}

// call starts a call that ends within two minutes, if the other side does not end it before.
func (h *house) call(to string) {
	p := h.person(true)
	d, err := h.e.Invite(Invite{RequestURI: to, From: "sip:x@example.com", To: to, Offer: []byte(offerSDP), Owner: p})
	check0(h.t, err)
	time.AfterFunc(h.dice.until(2*time.Minute), func() { d.End("") })
	if h.dice.chance(0.3) {
		time.AfterFunc(h.dice.until(time.Minute), func() {
			_ = d.Modify(h.dice.chance(0.5), func() []byte { return []byte(otherSDP) }, func(error) {})
		})
	}
}

// Invite rings, answers, refuses or does nothing, at once or later.
func (h *house) Invite(in *Incoming) {
	h.mu.Lock()
	h.open++
	h.mu.Unlock()
	decided := sync.OnceFunc(func() {
		h.mu.Lock()
		h.open--
		h.mu.Unlock()
	})
	in.OnOver(func(End) { decided() })
	if h.dice.chance(0.5) {
		_ = in.Ring(180, "")
	}
	answer := func() {
		p := h.person(false)
		d, err := in.Accept([]byte(answerSDP), p)
		if err != nil { // it was over before
			h.mu.Lock()
			p.ended++
			h.mu.Unlock()
			return
		}
		decided()
		if h.dice.chance(0.3) {
			time.AfterFunc(h.dice.until(90*time.Second), func() { d.End("") })
		}
	}
	switch {
	case h.dice.chance(0.4):
		answer()
	case h.dice.chance(0.6):
		time.AfterFunc(h.dice.until(40*time.Second), answer)
	case h.dice.chance(0.6):
		time.AfterFunc(h.dice.until(20*time.Second), func() {
			if in.Reject(Refusal{Code: 486}) == nil {
				decided()
			}
		})
	}
}

func (h *house) Query(q *Query)       { q.Accept(nil) }
func (h *house) Capabilities() []byte { return nil }

func (p *person) Progress(*Dialog, *sip.Message)                  {}
func (p *person) Answered(*Dialog, *sip.Message, []byte) *Refusal { return nil }
func (p *person) MakeOffer(*Dialog) []byte                        { return []byte(answerSDP) }

func (p *person) Offer(*Dialog, *sip.Message, []byte) ([]byte, *Refusal) {
	return []byte(answerSDP), nil
}

func (p *person) Established(*Dialog, *sip.Message) {
	p.h.mu.Lock()
	defer p.h.mu.Unlock()
	p.established++
	if p.ended > 0 {
		p.h.t.Error("established after its end")
	}
}

func (p *person) Ended(_ *Dialog, e End) {
	p.h.mu.Lock()
	defer p.h.mu.Unlock()
	p.ended++
	p.end = e
}

// check says whether every call is decided, and whether anything is left.
func (h *house) check(name string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	established := 0
	for i, p := range h.people {
		if p.ended != 1 || p.established > 1 || p.end.Established != (p.established == 1) && p.end.Cause != 0 {
			h.t.Errorf("%s, call %d (caller %t): established %d times, ended %d times (%+v)", name, i, p.caller, p.established, p.ended, p.end)
		}
		established += p.established
	}
	if established == 0 {
		h.t.Errorf("%s: no call was established", name)
	}
	if h.open != 0 {
		h.t.Errorf("%s: %d INVITEs are not decided", name, h.open)
	}
	client, server := h.stack.Transactions()
	if n, left := h.e.Len(), len(h.e.table.all()); n+left+h.e.undecided.count()+client+server != 0 {
		h.t.Errorf("%s: left are %d dialogs, %d in the table, %d undecided INVITEs, %d client and %d server transactions",
			name, n, left, h.e.undecided.count(), client, server)
	}
}
