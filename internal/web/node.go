package web

import (
	"net/http"
	"runtime"
	"runtime/metrics"
	"time"

	"github.com/parley-msrp/parley/internal/control"
	"github.com/parley-msrp/parley/internal/web/openapi"
)

// Ready is what /healthz tells.
type Ready struct {
	Status HealthStatus `json:"status" doc:"ok once everything listens, until the node shuts down."`
	Reason string       `json:"reason,omitempty" doc:"Why not."`
}

// HealthStatus says whether a node can be used.
type HealthStatus string

// Enum lists the values.
func (HealthStatus) Enum() []string { return []string{"ok", "unavailable"} }

// Health is how the node is.
type Health struct {
	Status    HealthStatus          `json:"status" doc:"As /healthz tells it."`
	Reason    string                `json:"reason,omitempty" doc:"Why it is not ok."`
	Version   string                `json:"version" doc:"Which Parley this is."`
	Started   time.Time             `json:"started" doc:"When the node started."`
	Now       time.Time             `json:"now" doc:"When these figures were taken."`
	Listeners control.Listeners     `json:"listeners" doc:"Where the node listens."`
	Sessions  control.SessionCounts `json:"sessions" doc:"The sessions that live now, by state."`
	Messages  control.MessageCounts `json:"messages" doc:"Messages since the start."`
	Latencies control.Latencies     `json:"latencies" doc:"How long things took, since the start."`
	Journal   control.JournalCounts `json:"journal" doc:"The journal of events."`
	Process   Process               `json:"process" doc:"What the process uses."`
}

// Process is what the process uses.
type Process struct {
	Memory       uint64 `json:"memory" doc:"Octets that it has from the operating system, without what it gave back."`
	Goroutines   int    `json:"goroutines" doc:"Goroutines."`
	EventStreams int    `json:"event_streams" doc:"Clients that follow the events."`
}

func (s *Server) nodeRoutes() []route {
	return []route{
		{Operation: openapi.Operation{
			Method: "GET", Path: "/v1/health", ID: "getHealth", Tag: "node", Summary: "See how the node is",
			Answers: []openapi.Answer{{Status: 200, Doc: "How it is, also when it is not well.", Body: Health{}}},
		}, serve: s.details},
		{Operation: openapi.Operation{
			Method: "GET", Path: "/healthz", ID: "isReady", Tag: "node", Summary: "Ask whether the node is ready", Detail: "For whatever starts the node or sends it work.",
			Answers: []openapi.Answer{{Status: 200, Doc: "Everything listens.", Body: Ready{}}, {Status: 503, Doc: "It does not yet, or no more.", Body: Ready{}}},
		}, serve: s.health},
		{Operation: openapi.Operation{
			Method: "POST", Path: "/mi", ID: "manage", Tag: "node", Summary: "Use the management interface",
			Detail: "JSON-RPC 2.0 with the methods of OpenSIPS' msrp_ua module.",
			Body:   rpc{}, Answers: []openapi.Answer{{Status: 200, Doc: "The answer, an error too.", Schema: &openapi.Schema{}}, {Status: 204, Doc: "There is nothing to answer."}},
			Problems: []int{400, 413, 415, 503},
		}, serve: s.mi},
		{Operation: openapi.Operation{
			Method: "GET", Path: "/openapi.json", ID: "getOpenAPI", Tag: "node", Summary: "Read this document",
			Answers: []openapi.Answer{{Status: 200, Doc: "OpenAPI 3.1.", Schema: &openapi.Schema{Type: "object"}, Headers: etagHeader}},
		}, serve: s.describe},
	}
}

// rpc is for the document alone: package mi reads requests.
type rpc struct {
	Version string `json:"jsonrpc" doc:"2.0"`
	Method  string `json:"method" doc:"What to do."`
	Params  any    `json:"params,omitempty" doc:"The method's parameters by name, or a list of them by position."`
	ID      any    `json:"id,omitempty" doc:"Comes back with the answer; without it there is none."`
}

// health is 200 once everything listens, until the node shuts down.
func (s *Server) health(w http.ResponseWriter, _ *http.Request) {
	if err := s.config.Ready(); err != nil {
		writeJSON(w, "application/json", http.StatusServiceUnavailable, Ready{"unavailable", err.Error()})
		return
	}
	writeJSON(w, "application/json", http.StatusOK, Ready{Status: "ok"})
}

func (s *Server) details(w http.ResponseWriter, _ *http.Request) {
	figures := s.config.Node.Figures()
	h := Health{
		Status: "ok", Version: s.config.Version, Started: s.started.UTC(), Now: time.Now().UTC(),
		Listeners: figures.Listeners, Sessions: figures.Sessions, Messages: figures.Messages, Latencies: figures.Latencies, Journal: figures.Journal,
		Process: Process{Memory: memory(), Goroutines: runtime.NumGoroutine(), EventStreams: len(s.streams)},
	}
	if err := s.config.Ready(); err != nil {
		h.Status, h.Reason = "unavailable", err.Error()
	}
	writeJSON(w, "application/json", http.StatusOK, h)
}

// memory stops nothing to find out.
func memory() uint64 {
	of := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(of)
	return of[0].Value.Uint64() - of[1].Value.Uint64()
}

func (s *Server) describe(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	writeTaggedOctets(w, r, s.openAPI)
}
