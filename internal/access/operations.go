package access

// operations is what each thing that a face offers takes: methods of the management interface by their name there, paths of the HTTP side with
// their method. What is not listed takes Admin.
var operations = map[string]Rights{
	"msrp_ua:start_session":      Start,
	"msrp_ua:end_session":        Start,
	"msrp_ua:send_message":       Send,
	"msrp_ua:list_sessions":      Read,
	"msrp_ua:list_registrations": Read,

	"events_list":      Read,
	"subscribers_list": Read,
	"event_subscribe":  Admin, // what it sets up goes on without its caller
	"raise_event":      Admin,

	"which":           Read,
	"help":            Read,
	"get_statistics":  Read,
	"version":         Read,
	"uptime":          Read,
	"ps":              Read,
	"pwd":             Read,
	"arg":             Read,
	"log_level":       Read,
	"log_level level": Admin, // with a level it changes something
	"reload":          Admin,
	"reload_routes":   Admin,
	"POST /v1/reload": Admin,

	"GET /v1/sessions":                           Read,
	"POST /v1/sessions":                          Start,
	"GET /v1/sessions/{session_id}":              Read,
	"GET /v1/bodies/{id}":                        Read,
	"DELETE /v1/sessions/{session_id}":           Start,
	"POST /v1/sessions/{session_id}/messages":    Send,
	"PUT /v1/sessions/{session_id}/files/{name}": Send,
	"PUT /v1/sessions/{session_id}/trace":        Admin, // it shows what everybody says
	"GET /v1/sessions/{session_id}/trace":        Admin,
	"DELETE /v1/sessions/{session_id}/trace":     Admin,
	"GET /v1/trace":                              Admin,
	"PUT /v1/traces":                             Admin,
	"GET /v1/health":                             Read,
	"GET /openapi.json":                          Read,
	"GET /metrics":                               Read,

	// Each call of /mi takes what its method takes.
	"POST /mi":          Known,
	"GET /v1/events":    Read,
	"GET /v1/events/ws": Read,

	// A webhook goes on without its caller, and its URL may hold what not everybody should know.
	"GET /v1/webhooks":                 Admin,
	"POST /v1/webhooks":                Admin,
	"GET /v1/webhooks/{webhook_id}":    Admin,
	"DELETE /v1/webhooks/{webhook_id}": Admin,

	// Whether the node is there, for what watches over it; nothing else is told.
	"GET /healthz": None,
	// The pages hold nothing of the node: what they show they ask for, and need the right for that.
	"GET /":              None,
	"GET /docs":          None,
	"GET /assets/{name}": None,
}

// Needed is what an operation takes.
func Needed(operation string) Rights {
	if r, listed := operations[operation]; listed {
		return r
	}
	return Admin
}

// Listed says whether an operation stands in the table.
func Listed(operation string) bool {
	_, listed := operations[operation]
	return listed
}
