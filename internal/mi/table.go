package mi

// methods is the table. which lists what stands here, in this order.
func (s *Server) methods() []method {
	rows := []method{
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
			names:   []string{"msrp_ua:list_registrations", "msrp_ua_list_registrations"},
			recipes: []recipe{{}},
			do:      s.listRegistrations,
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
	if s.config.Subscribers != nil {
		rows = append(rows, s.eventMethods()...)
	}
	return rows
}
