package dialog

import (
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"github.com/parley-msrp/parley/internal/sip"
)

// reliableInterval is progressInterval where provisional responses are reliable: no proxy loses them (RFC 3262 §3; S-037).
const reliableInterval = 145 * time.Second

// reliability says how the provisional responses of an INVITE leave (RFC 3262; S-025). Guarded by Incoming.mu.
type reliability struct {
	on     bool // they are acknowledged by PRACK
	silent bool // there are none: a reliable one would have to carry an offer, which the user makes with the 200
	seq    uint32
	open   *unackedProvisional
	later  bool // another one waits for the PRACK of the open one
}

// rack names a reliable provisional response, as in the RAck of its PRACK.
type rack struct{ rseq, cseq uint32 }

// unackedProvisional is a reliable provisional response, sent again until its PRACK comes.
type unackedProvisional struct {
	rack
	in               *Incoming
	code             int
	reason           string
	headers          []sip.Header
	interval, waited time.Duration
	timer            *time.Timer
}

// reliabilityFor reads how the caller of m wishes them. Without 100rel in the request they are never reliable.
func (e *Endpoint) reliabilityFor(m *sip.Message, offer []byte) reliability {
	required := lists(m, "Require", "100rel")
	wanted := required || e.cfg.Reliable && lists(m, "Supported", "100rel")
	// RFC 3261 §13.2.1: the first reliable response to an INVITE without offer carries one.
	return reliability{on: wanted && offer != nil, silent: required && offer == nil, seq: rand.Uint32N(1 << 30)}
}

// sendReliably sends the provisional response of the day, after the PRACK of the one before. in.mu is held.
func (in *Incoming) sendReliably() {
	r := &in.reliable
	if r.open != nil {
		r.later = true
		return
	}
	r.seq++
	cseq, _ := in.tx.Request().CSeq()
	u := &unackedProvisional{rack: rack{r.seq, cseq}, in: in, code: in.code, reason: in.reason, interval: in.d.e.cfg.T1}
	u.headers = append(in.headers(), sip.Header{Name: "Require", Value: "100rel"}, sip.Header{Name: "RSeq", Value: strconv.FormatUint(uint64(r.seq), 10)})
	r.open = u
	u.send()
	u.timer = time.AfterFunc(u.interval, u.due)
	in.repeatAfter(reliableInterval)
}

func (u *unackedProvisional) send() { u.in.d.e.reply(u.in.tx, u.code, u.reason, u.headers, nil) }

// due sends it again, at intervals that double without bound, and gives the call up after 64*T1 (RFC 3262 §3).
func (u *unackedProvisional) due() {
	in := u.in
	in.mu.Lock()
	if in.settled || in.reliable.open != u {
		in.mu.Unlock()
		return
	}
	u.waited += u.interval
	limit := giveUp * in.d.e.cfg.T1
	if u.waited >= limit {
		in.mu.Unlock()
		in.giveUp(504, End{Cause: Timeout, Code: 504, Reason: "no PRACK"})
		return
	}
	u.send()
	u.interval = min(2*u.interval, limit-u.waited)
	u.timer.Reset(u.interval)
	in.mu.Unlock()
}

// acknowledged takes a PRACK; false if it is not that of the open response.
func (in *Incoming) acknowledged(a rack) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	r := &in.reliable
	if r.open == nil || r.open.rack != a {
		return false
	}
	r.stop()
	if r.later && !in.settled {
		r.later = false
		in.sendReliably()
	}
	return true
}

// stop ends the resending of the open response. in.mu is held.
func (r *reliability) stop() {
	if r.open != nil {
		r.open.timer.Stop()
		r.open = nil
	}
}

// servePrack answers a PRACK, also one that comes after the final response (RFC 3262 §3).
func (d *Dialog) servePrack(tx *sip.ServerTx, m *sip.Message, offer []byte) {
	a, ok := readRAck(m)
	switch {
	case ok && d.in != nil && d.in.acknowledged(a):
	case ok && d.unpracked == a:
		d.unpracked = rack{}
	default:
		d.e.refuse(tx, noDialog())
		return
	}
	if offer != nil {
		// The offer of the INVITE is not answered yet, so there can be no other.
		d.e.refuse(tx, &Refusal{Code: 488})
		return
	}
	d.e.reply(tx, 200, "OK", nil, nil)
}

// readRAck reads the header of that name.
func readRAck(m *sip.Message) (a rack, ok bool) {
	f := strings.Fields(m.Get("RAck"))
	if len(f) != 3 || f[2] != "INVITE" {
		return a, false
	}
	rseq, err1 := strconv.ParseUint(f[0], 10, 32)
	cseq, err2 := strconv.ParseUint(f[1], 10, 32)
	return rack{uint32(rseq), uint32(cseq)}, err1 == nil && err2 == nil && rseq > 0
}
