package msrp

import "time"

// waitRoom waits until messages and octets that are not completed, calls that wait for a Handler, and responses that have not left, are below
// their limits. False: the connection is closed.
func (c *conn) waitRoom() bool {
	for {
		c.mu.Lock()
		open, room := c.state != connClosed, c.hasRoom()
		c.paused = open && !room
		c.mu.Unlock()
		if !open {
			return false
		}
		var resume <-chan struct{} = c.resume
		if room {
			if resume = c.crowded(); resume == nil {
				return true
			}
		}
		c.endpoint.limit(LimitReading)
		select {
		case <-resume:
		case <-c.done:
		}
		c.reader.frameAt = time.Time{} // the peer is not to blame for the pause
	}
}

// crowded gives what is closed once the session that the last request was for has room for more calls of its Handler; nil: it has.
func (c *conn) crowded() <-chan struct{} {
	if c.reader.last == nil {
		return nil
	}
	return c.reader.last.session.mail.crowded()
}

func (c *conn) hasRoom() bool {
	return c.handlerHasRoom() && c.waiting() < maxControl || c.state == connShut
}

// wake lets a reader go on that waits for room. Holding c.mu.
func (c *conn) wake() {
	if c.paused && c.hasRoom() {
		c.paused = false
		select {
		case c.resume <- struct{}{}:
		default:
		}
	}
}

func (c *conn) roomNow() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.handlerHasRoom()
}

// handlerHasRoom says whether more may be given to the handlers of the sessions. Holding c.mu.
func (c *conn) handlerHasRoom() bool {
	cfg := &c.endpoint.cfg
	return c.uncompleted < cfg.UncompletedMessages && c.octets < cfg.UncompletedOctets && c.buffered < cfg.StreamBuffer
}

// buffer counts octets that wait in a stream, or with a negative number no longer do.
func (c *conn) buffer(n int) {
	if n == 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.buffered += int64(n)
	c.wake()
}
