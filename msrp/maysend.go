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
	o, cfg := &s.outgoing, &s.endpoint.cfg
	if o.queue.len() >= cfg.QueuedMessages || !o.empty() && o.octets+int64(len(m.Body)) > cfg.QueuedOctets {
		return ErrQueueFull
	}
	return nil
}
