package web

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/parley-msrp/parley/internal/journal"
	"github.com/parley-msrp/parley/internal/web/openapi"
)

// Bodies holds the bodies of messages that are too large for events.
type Bodies interface {
	// OpenBody opens one; journal.ErrNoBody.
	OpenBody(ctx context.Context, id string) (*journal.Body, error)
}

func (s *Server) bodyRoutes() []route {
	return []route{
		{Operation: openapi.Operation{
			Method: "GET", Path: "/v1/bodies/{id}", ID: "getBody", Tag: "messages", Summary: "Get the body of a large message",
			Detail: "What `body_ref` of E_MSRP_MSG_RECEIVED names. It goes out while it is read, and parts of it can be asked for (Range); its type stands in the event. It is there for as long as the event.",
			Params: []openapi.Param{{In: "path", Name: "id", Doc: "The body, as `body_ref` has it."}},
			Answers: []openapi.Answer{
				{Status: 200, Doc: "The octets.", Type: "application/octet-stream", Schema: &openapi.Schema{Type: "string", Format: "binary"}, Headers: etagHeader},
				{Status: 206, Doc: "Those that were asked for.", Type: "application/octet-stream", Schema: &openapi.Schema{Type: "string", Format: "binary"}, Headers: etagHeader},
			}, Problems: []int{404, 503},
		}, serve: s.body},
	}
}

// body tells octets as they are: what a peer sent is nothing that a browser should show.
func (s *Server) body(w http.ResponseWriter, r *http.Request) {
	if s.config.Bodies == nil {
		problem(w, http.StatusNotFound, noBody)
		return
	}
	b, err := s.config.Bodies.OpenBody(r.Context(), r.PathValue("id"))
	switch {
	case errors.Is(err, journal.ErrNoBody):
		problem(w, http.StatusNotFound, noBody)
		return
	case err != nil:
		problem(w, http.StatusServiceUnavailable, err.Error())
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Disposition", "attachment")
	w.Header().Set("ETag", `"`+b.SHA256+`"`)
	http.ServeContent(&pacedWriter{ResponseWriter: w, control: http.NewResponseController(w), limit: s.config.WriteTimeout}, r, "", b.Kept, b)
}

const noBody = "there is no such body, or no longer: bodies are dropped with their events"

// pacedWriter has a time limit for each write in place of one for the whole answer.
type pacedWriter struct {
	http.ResponseWriter
	control *http.ResponseController
	limit   time.Duration
}

func (w *pacedWriter) Write(b []byte) (int, error) {
	if err := w.control.SetWriteDeadline(time.Now().Add(w.limit)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return 0, err
	}
	return w.ResponseWriter.Write(b)
}
