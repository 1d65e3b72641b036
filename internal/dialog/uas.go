package dialog

// accept sends the 200 of the INVITE that made the dialog.
func (d *Dialog) accept(in *Incoming, own []byte, o Owner) {
	d.owner = o
	if d.leave != nil {
		// A BYE came, or the endpoint closed, between Accept and here.
		end := d.leave.end
		d.e.refuse(in.tx, &Refusal{Code: end.Code})
		d.tasks.push(func() { d.finish(end) })
		return
	}
	d.phase, d.in, d.contact, d.unpracked = accepted, nil, in.contact, in.late
	d.ownSDP = own
	var offer []byte
	if in.offer == nil {
		offer = own // RFC 3261 §13.3.1.4: the answer comes in the ACK (S-023)
	} else {
		d.peerSDP = digest(in.offer)
	}
	m := in.tx.Request()
	d.learnAllow(m)
	d.e.reply(in.tx, 200, "OK", append(in.lastHeaders(), d.grantTimer(m)...), own)
	seq, _ := m.CSeq() // not remoteSeq: the early dialog may have seen more
	d.awaitAck(&in.final, in.tx, seq, offer)
}
