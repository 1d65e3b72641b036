package mi

// reload tells which keys have changed.
func (s *Server) reload(params) (any, error) {
	if s.config.Reload == nil {
		return nil, reloadFailed("this node has no configuration")
	}
	changed, err := s.config.Reload()
	if err != nil {
		return nil, reloadFailed(err.Error())
	}
	return changed, nil
}

// reloadRoutes is reload with the result of OpenSIPS.
func (s *Server) reloadRoutes(p params) (any, error) {
	if _, err := s.reload(p); err != nil {
		return nil, err
	}
	return "OK", nil
}

func reloadFailed(why string) error {
	return &rpcError{Code: 500, Message: "reload failed", Data: why}
}
