package dialog

import (
	"bytes"
	"strings"

	"github.com/parley-msrp/parley/internal/sip"
)

// serveInvite answers a re-INVITE (RFC 3261 §14.2).
func (d *Dialog) serveInvite(tx *sip.ServerTx, m *sip.Message, offer []byte) {
	own, r := d.reinvited(m, offer)
	if r != nil {
		d.e.refuse(tx, r)
		return
	}
	if d.agree(tx, m, own) {
		late := own
		if offer != nil {
			late = nil
		}
		seq, _ := m.CSeq()
		d.awaitAck(new(unackedFinal), tx, seq, late)
	}
}

// reinvited finds the session description for the 200 of a re-INVITE: the answer to its offer, or where it has none an offer (S-024).
func (d *Dialog) reinvited(m *sip.Message, offer []byte) (own []byte, r *Refusal) {
	switch {
	case d.phase == calling, d.phase == acking, d.openOffer():
		return nil, &Refusal{Code: 491} // the own INVITE is open (S-009)
	case d.phase == ringing, len(d.acks) >= maxUnacked, d.leave != nil, d.offerUnanswered():
		return nil, later()
	case offer == nil:
		if own = d.owner.MakeOffer(d); len(own) == 0 {
			return nil, &Refusal{Code: 488}
		}
		return bytes.Clone(own), nil
	}
	return d.answer(m, offer)
}

// serveUpdate answers an UPDATE (RFC 3311 §5.2; S-026). Without an offer it refreshes the target, whatever else goes on.
func (d *Dialog) serveUpdate(tx *sip.ServerTx, m *sip.Message, offer []byte) {
	var answer []byte
	if offer != nil {
		var r *Refusal
		switch {
		case d.phase == calling, d.phase == acking, d.openOffer(), d.phase != ringing && d.offerUnanswered():
			r = &Refusal{Code: 491} // the own offer is open
		case d.phase == ringing, d.leave != nil:
			r = later() // the peer's offer is unanswered
		default:
			answer, r = d.answer(m, offer)
		}
		if r != nil {
			d.e.refuse(tx, r)
			return
		}
	}
	d.agree(tx, m, answer)
}

// answer finds the answer to a new offer. A refused one changes nothing.
func (d *Dialog) answer(m *sip.Message, offer []byte) ([]byte, *Refusal) {
	sum := digest(offer)
	if sum == d.peerSDP {
		return d.ownSDP, nil
	}
	answer, r := d.owner.Offer(d, m, offer)
	if r == nil && len(answer) == 0 {
		r = &Refusal{Code: 488}
	}
	if r != nil {
		return nil, r
	}
	d.peerSDP = sum
	if !bytes.Equal(answer, d.ownSDP) {
		d.ownSDP = bytes.Clone(answer)
	}
	return d.ownSDP, nil
}

// agree sends the 200 of a re-INVITE or UPDATE, and takes the peer's new target.
func (d *Dialog) agree(tx *sip.ServerTx, m *sip.Message, answer []byte) bool {
	contact, err := d.contactOn(m, tx.Flow())
	if err != nil {
		d.e.log.Error("no Contact for this peer", "call_id", d.callID, "err", err)
		d.e.refuse(tx, &Refusal{Code: 500})
		return false
	}
	d.refresh(m)
	d.learnAllow(m)
	h := append([]sip.Header{{Name: "Contact", Value: contact}}, d.e.capabilities()...)
	if d.phase == established || d.phase == accepted {
		h = append(h, d.grantTimer(m)...)
	}
	d.e.reply(tx, 200, "OK", h, answer)
	return true
}

// refresh takes the remote target from a Contact, and nothing else (RFC 3261 §12.2.2; S-010).
func (d *Dialog) refresh(m *sip.Message) {
	if d.phase == calling {
		return // the 2xx will say it
	}
	c, ok := m.Contact()
	if ok && (c.URI.Scheme == "sip" && !isSIPS(d.target) || c.URI.Scheme == "sips" && d.e.stack.Secure()) {
		if target := c.URI.String(); len(target) <= maxKept && target != d.target {
			d.target = strings.Clone(target)
		}
	}
}
