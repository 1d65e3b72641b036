package mi

// methods is the table. which lists what stands here, in this order.
func (s *Server) methods() []method {
	rows := []method{
		{
			names:   []string{"msrp_ua:start_session", "msrp_ua_start_session"},
			help:    "starts an MSRP session by calling somebody",
			recipes: []recipe{{"content_types", "from_uri", "to_uri", "ruri"}},
			id:      "session_id",
			once:    true,
			do:      s.startSession,
		},
		{
			names: []string{"msrp_ua:send_message", "msrp_ua_send_message"},
			help:  "sends a message in an MSRP session",
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
			id:   "message_id",
			once: true,
			do:   s.sendMessage,
		},
		{
			names:   []string{"msrp_ua:end_session", "msrp_ua_end_session"},
			help:    "ends an MSRP session",
			recipes: []recipe{{"session_id"}},
			once:    true,
			do:      s.endSession,
		},
		{
			names:   []string{"msrp_ua:list_sessions", "msrp_ua_list_sessions"},
			help:    "lists all MSRP sessions",
			recipes: []recipe{{}},
			do:      s.listSessions,
		},
		{
			names:   []string{"msrp_ua:list_registrations", "msrp_ua_list_registrations"},
			help:    "lists the addresses that are kept registered",
			recipes: []recipe{{}},
			do:      s.listRegistrations,
		},
		{
			names:   []string{"which", "core:which"},
			help:    "lists all MI commands, or the parameters that one takes",
			recipes: []recipe{{}, {"command"}},
			do:      s.which,
		},
		{
			names:   []string{"version", "core:version"},
			help:    "prints the version of the running node",
			recipes: []recipe{{}},
			do:      s.version,
		},
		{
			names:   []string{"uptime", "core:uptime"},
			help:    "prints the time, when the node started, and for how long it runs",
			recipes: []recipe{{}},
			do:      s.uptime,
		},
		{
			names:   []string{"help", "core:help"},
			help:    "prints information about MI commands usage",
			recipes: []recipe{{}, {"mi_cmd"}},
			do:      s.help,
		},
		{
			names:   []string{"ps", "core:ps"},
			help:    "lists all processes of the node: there is one",
			recipes: []recipe{{}},
			do:      s.ps,
		},
		{
			names:   []string{"pwd", "core:pwd"},
			help:    "prints the working directory of the node",
			recipes: []recipe{{}},
			do:      s.pwd,
		},
		{
			names:   []string{"arg", "core:arg"},
			help:    "returns the full list of arguments used at startup",
			recipes: []recipe{{}},
			do:      s.arg,
		},
		{
			names:   []string{"log_level", "core:log_level"},
			help:    "gets or sets the least that is logged",
			recipes: []recipe{{}, {"level"}, {"level", "pid"}},
			do:      s.logLevel,
		},
		{
			names:   []string{"reload", "core:reload"},
			help:    "reads the configuration and the files that it names anew, without an effect on sessions",
			recipes: []recipe{{}},
			do:      s.reload,
		},
		{
			names:   []string{"reload_routes", "core:reload_routes"},
			help:    "reads the configuration and the files that it names anew, the request route among them",
			recipes: []recipe{{}},
			do:      s.reloadRoutes,
		},
		{
			names:   []string{"get_statistics", "core:get_statistics"},
			help:    "prints what is counted: all, a group (msrp:), or what is named",
			recipes: []recipe{{"statistics"}},
			do:      s.getStatistics,
		},
	}
	if s.config.Subscribers != nil {
		rows = append(rows, s.eventMethods()...)
	}
	return rows
}
