package msrp

// MaySend says whether Send would take a message now: nil, or the error that it would return. It does not block, and nothing is sent.
func (s *Session) MaySend(m Outgoing) error {
	if err := m.Check(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over.Load() {
		return ErrClosed
	}
	if err := s.allows(&m); err != nil {
		return err
	}
	body := m.source(s.endpoint, s.recovers)
	if s.outgoing.full(body.memory(), &s.endpoint.cfg) {
		return ErrQueueFull
	}
	return nil
}
