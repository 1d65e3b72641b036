package msrp

import "github.com/parley-msrp/parley/internal/wire"

// response handles a response: it ends the transaction of a SEND or an AUTH of ours on this connection. What matches none is
// dropped: stray, late and second ones, and those to requests that want none (RFC 4975 §7.2, M-113).
func (c *conn) response(h *wire.Head) {
	r := &c.reader
	if h.Bad != nil {
		// A code that is none (T-064). Bodies and flags that responses do not have are overlooked (M-020).
		if h.Code == 0 {
			if r.malformed++; r.malformed >= maxMalformed {
				c.loseFraming(errMalformed)
			}
		}
		return
	}
	id, ours := parseTransaction(h.ID)
	if !ours {
		return
	}
	c.proved() // though the session that asked may be over by now
	c.mu.Lock()
	t, asked := c.transactions.take(id), c.takeAsked(id)
	c.mu.Unlock()
	if asked != nil {
		asked <- readAuthResponse(h) // has room
	}
	if t == nil {
		return
	}
	c.countTransaction(t, h.Code)
	comment := ""
	if h.Code/100 != 2 {
		comment = string(h.Comment)
	}
	t.session.answered(t, h.Code, comment, ByResponse)
	if t.session.moving.Load() {
		t.session.heard(c)
	}
}
