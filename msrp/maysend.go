package msrp

// MaySend says whether Send would take a message now: nil, or the error that it would return. It does not block, and nothing is sent.
func (s *Session) MaySend(m Outgoing) error {
	if err := m.Check(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	_, err := s.sendable(&m)
	return err
}

// sendable says whether a message can be queued now, and as what body. ErrQueueFull: not yet. Holding s.mu.
func (s *Session) sendable(m *Outgoing) (body source, err error) {
	if s.over.Load() {
		return body, ErrClosed
	}
	if err := s.allows(m); err != nil {
		return body, err
	}
	body = m.source(s.endpoint, s.recovers)
	if s.outgoing.full(body.memory(), &s.endpoint.cfg) {
		return body, ErrQueueFull
	}
	return body, nil
}

// allows applies what the peer's session description and responses said. Holding s.mu.
func (s *Session) allows(m *Outgoing) error {
	p := s.peer.Load()
	if p == nil {
		return ErrNotEstablished
	}
	if _, taken := s.outgoing.pending[m.MessageID]; taken {
		return &HeaderError{"Message-ID", "is that of a message under way"}
	}
	if m.ContentType == "" {
		return nil
	}
	if !m.Control && (p.Direction == RecvOnly || p.Direction == Inactive) {
		return ErrDirection
	}
	if !p.Accept.Accepts(m.ContentType) {
		return &TypeError{ContentType: m.ContentType}
	}
	if len(s.outgoing.refused) > 0 {
		if _, refused := s.outgoing.refused[refusalKey(m.ContentType, m.Body)]; refused {
			return &TypeError{ContentType: m.ContentType, Refused: true} // M-084
		}
	}
	if size := max(int64(len(m.Body)), m.Size); p.MaxSize > 0 && size > p.MaxSize {
		return &SizeError{Size: size, Max: p.MaxSize}
	}
	return nil
}
