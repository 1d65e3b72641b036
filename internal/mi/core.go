package mi

import (
	"fmt"
	"runtime"
	"time"
)

// methods is the table. which lists what stands here, in this order.
func (s *Server) methods() []method {
	return []method{
		{
			names:   []string{"msrp_ua:start_session", "msrp_ua_start_session"},
			recipes: []recipe{{"content_types", "from_uri", "to_uri", "ruri"}},
			id:      "session_id",
			do:      s.startSession,
		},
		{
			names: []string{"msrp_ua:send_message", "msrp_ua_send_message"},
			recipes: []recipe{
				{"session_id"},
				{"session_id", "failure_report"},
				{"session_id", "success_report"},
				{"session_id", "failure_report", "success_report"},
				{"session_id", "mime", "body"},
				{"session_id", "mime", "body", "failure_report"},
				{"session_id", "mime", "body", "success_report"},
				{"session_id", "mime", "body", "failure_report", "success_report"},
			},
			id: "message_id",
			do: s.sendMessage,
		},
		{
			names:   []string{"msrp_ua:end_session", "msrp_ua_end_session"},
			recipes: []recipe{{"session_id"}},
			do:      s.endSession,
		},
		{
			names:   []string{"msrp_ua:list_sessions", "msrp_ua_list_sessions"},
			recipes: []recipe{{}},
			do:      s.listSessions,
		},
		{
			names:   []string{"which", "core:which"},
			recipes: []recipe{{}, {"command"}},
			do:      s.which,
		},
		{
			names:   []string{"version", "core:version"},
			recipes: []recipe{{}},
			do:      s.version,
		},
		{
			names:   []string{"uptime", "core:uptime"},
			recipes: []recipe{{}},
			do:      s.uptime,
		},
	}
}

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
	return struct{ Server string }{fmt.Sprintf("%s (%s (%s/%s))", s.Product, s.Version, runtime.GOARCH, runtime.GOOS)}, nil
}

func (s *Server) uptime(params) (any, error) {
	now := s.Now()
	return struct {
		Now     string
		UpSince string `json:"Up since"`
		UpTime  string `json:"Up time"`
	}{
		Now:     now.UTC().Format(time.RFC3339),
		UpSince: s.Started.UTC().Format(time.RFC3339),
		UpTime:  fmt.Sprintf("%d [sec]", int64(now.Sub(s.Started)/time.Second)),
	}, nil
}
