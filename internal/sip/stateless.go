package sip

// ReplyAndForget refuses the request as a stateless element does (RFC 3261 §8.2.7): with a final response that is never sent again, after which
// the transaction is gone. The To tag is the same each time the request comes again, which then counts as new. It is for a node that has too much
// to do: what it refuses so costs it no memory. After another final response it does nothing.
func (tx *ServerTx) ReplyAndForget(code int, reason string, h []Header) {
	r := tx.record
	r.mu.Lock()
	open := r.state == serverProceeding
	if open {
		r.terminate()
	}
	r.mu.Unlock()
	if open {
		r.s.replyStateless(r.path, tx.req, code, reason, h)
	}
}
