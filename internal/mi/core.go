package mi

import (
	"fmt"
	"runtime"
	"time"
)

func (s *Server) which(p params) (any, error) {
	command, given, err := p.text("command")
	if err != nil {
		return nil, err
	}
	if !given {
		var names []string
		for _, row := range s.rows {
			names = append(names, row.names...)
		}
		return names, nil
	}
	row, known := s.byName[command]
	if !known {
		return nil, &rpcError{Code: 404, Message: "unknown MI command"}
	}
	return row.recipes, nil
}

func (s *Server) version(params) (any, error) {
	return struct{ Server string }{fmt.Sprintf("%s (%s (%s/%s))", s.config.Product, s.config.Version, runtime.GOARCH, runtime.GOOS)}, nil
}

func (s *Server) uptime(params) (any, error) {
	now := s.config.Now()
	return struct {
		Now     string
		UpSince string `json:"Up since"`
		UpTime  string `json:"Up time"`
	}{
		Now:     now.UTC().Format(time.RFC3339),
		UpSince: s.config.Started.UTC().Format(time.RFC3339),
		UpTime:  fmt.Sprintf("%d [sec]", int64(now.Sub(s.config.Started)/time.Second)),
	}, nil
}
