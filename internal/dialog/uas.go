package dialog

// accept sends the 200 of the INVITE that made the dialog.
func (d *Dialog) accept(in *Incoming, answer []byte, o Owner) {
	d.owner = o
	if d.leave != nil {
		// A BYE came, or the endpoint closed, between Accept and here.
		end := d.leave.end
		d.e.refuse(in.tx, &Refusal{Code: end.Code})
		d.tasks.push(func() { d.finish(end) })
		return
	}
	d.phase, d.in, d.contact = accepted, nil, in.contact
	d.ownSDP, d.peerSDP = answer, digest(in.offer)
	d.e.reply(in.tx, 200, "OK", in.headers(), answer)
	seq, _ := in.tx.Request().CSeq() // not remoteSeq: the early dialog may have seen more
	d.awaitAck(in.tx, seq)
}
