package msrp

// Buffered is how many octets of streams count as not read, on all connections.
func (e *Endpoint) Buffered() (n int64) {
	for _, c := range e.connections() {
		c.mu.Lock()
		n += c.buffered
		c.mu.Unlock()
	}
	return n
}

// Kept is how many octets of half-received messages a session keeps, and how many messages.
func (s *Session) Kept() (octets int64, messages int) {
	s.incoming.mu.Lock()
	defer s.incoming.mu.Unlock()
	return s.incoming.octets, len(s.incoming.partials)
}

// Connections is how many connections there are.
func (e *Endpoint) Connections() int { return len(e.connections()) }
