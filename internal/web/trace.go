package web

import (
	"errors"
	"net/http"

	"github.com/parley-msrp/parley/internal/control"
	"github.com/parley-msrp/parley/internal/trace"
	"github.com/parley-msrp/parley/internal/web/openapi"
)

type traceQuery struct {
	After int `query:"after" default:"0" min:"0" max:"9007199254740991" doc:"Only messages behind the one of this number."`
}

func (s *Server) traceRoutes() []route {
	const path = "/v1/sessions/{session_id}/trace"
	id := []openapi.Param{{In: "path", Name: "session_id", Doc: "The session."}}
	return []route{
		{Operation: openapi.Operation{
			Method: "PUT", Path: path, ID: "traceSession", Tag: "sessions", Summary: "Record the messages of a session",
			Detail: "Records each SIP and MSRP message of the session's call, for a minute from the last such request on. It takes the right admin: who sees messages sees what they say. " +
				"A session that is started with trace is recorded from its INVITE on.",
			Params: id, Answers: []openapi.Answer{{Status: 204, Doc: "It is being recorded."}}, Problems: []int{404, 503},
		}, serve: s.beginTrace},
		{Operation: openapi.Operation{
			Method: "GET", Path: path, ID: "getTrace", Tag: "sessions", Summary: "Read the recorded messages of a session",
			Detail: "They are there for ten minutes after the recording has ended, also when the session is over.",
			Params: id, Query: traceQuery{}, Answers: []openapi.Answer{{Status: 200, Doc: "What was recorded.", Body: trace.Recording{}}}, Problems: []int{400, 404},
		}, serve: s.getTrace},
		{Operation: openapi.Operation{
			Method: "DELETE", Path: path, ID: "forgetTrace", Tag: "sessions", Summary: "Forget the recorded messages of a session",
			Params: id, Answers: []openapi.Answer{{Status: 204, Doc: "Nothing is recorded any more."}}, Problems: []int{404},
		}, serve: s.endTrace},
		s.traceStreamRoute(),
		{Operation: openapi.Operation{
			Method: "PUT", Path: "/v1/traces", ID: "traceNext", Tag: "sessions", Summary: "Record sessions that are to come",
			Detail: "Records the next calls that come in, from their INVITE on. They are waited for for ten minutes. It replaces what was asked before.",
			Body:   TraceNext{}, Answers: []openapi.Answer{{Status: 204, Doc: "They are waited for."}}, Problems: []int{400, 422, 503},
		}, serve: s.traceNext},
	}
}

// TraceNext asks for traces of calls that are to come.
type TraceNext struct {
	Calls int `json:"calls" min:"0" max:"16" doc:"How many; 0: none any more."`
}

func (s *Server) traceNext(w http.ResponseWriter, r *http.Request) {
	withDocument(s, w, r, func(next TraceNext) {
		s.config.Node.TraceNext(next.Calls)
		w.WriteHeader(http.StatusNoContent)
	})
}

func (s *Server) beginTrace(w http.ResponseWriter, r *http.Request) {
	refuseTraceOr(w, s.config.Node.Trace(r.PathValue("session_id")))
}

func (s *Server) endTrace(w http.ResponseWriter, r *http.Request) {
	refuseTraceOr(w, s.config.Node.EndTrace(r.PathValue("session_id")))
}

func (s *Server) getTrace(w http.ResponseWriter, r *http.Request) {
	query, err := readQuery[traceQuery](r)
	if err != nil {
		refuseQuery(w, err)
		return
	}
	recording, err := s.config.Node.Traced(r.PathValue("session_id"), uint64(query.After))
	if err != nil {
		refuseTraceOr(w, err)
		return
	}
	writeJSON(w, "application/json", http.StatusOK, recording)
}

// refuseTraceOr answers 204 where there is no error.
func refuseTraceOr(w http.ResponseWriter, err error) {
	switch {
	case err == nil:
		w.WriteHeader(http.StatusNoContent)
	case errors.Is(err, control.ErrNotTraced):
		problem(w, http.StatusNotFound, "the session is not traced; PUT to this path begins that")
	default:
		refuse(w, err)
	}
}
