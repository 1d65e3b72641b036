package web

import (
	"errors"
	"net/http"

	"github.com/parley-msrp/parley/internal/control"
	"github.com/parley-msrp/parley/internal/telemetry"
	"github.com/parley-msrp/parley/internal/web/openapi"
	"github.com/parley-msrp/parley/msrp"
)

// SendMessage asks for a message in a session.
type SendMessage struct {
	ContentType   string        `json:"content_type,omitempty" doc:"The media type; without it text/plain."`
	Body          *string       `json:"body,omitempty" doc:"What the message says, where that is text."`
	BodyBase64    []byte        `json:"body_base64,omitempty" doc:"What it says where that is no text, in base64; in place of body."`
	FailureReport FailureReport `json:"failure_report,omitempty" doc:"What the peer shall tell of failures: yes, which is the default: each chunk is answered; partial: errors alone; no: nothing."`
	SuccessReport bool          `json:"success_report,omitempty" doc:"Whether the peer shall report success."`
}

// FailureReport is the header of that name (RFC 4975 §7.1.4).
type FailureReport string

// Enum lists the values.
func (FailureReport) Enum() []string { return []string{"yes", "partial", "no"} }

func (f FailureReport) value() msrp.FailureReport {
	return map[FailureReport]msrp.FailureReport{"partial": msrp.FailurePartial, "no": msrp.FailureNo}[f]
}

// keyHeader is the header of the caller's own key for a request.
const keyHeader = "Idempotency-Key"

func keyParam() openapi.Param {
	return openapi.Param{In: "header", Name: keyHeader, Doc: "The caller's own key: the same request with the same key again is done once, and answered as before; another one with it is refused."}
}

// SentMessage is a message that was accepted for sending.
type SentMessage struct {
	SessionID string `json:"session_id" doc:"The session."`
	MessageID string `json:"message_id" doc:"The Message-ID, which the events that tell its fate bear."`
}

func (s *Server) messageRoutes() []route {
	id := openapi.Param{In: "path", Name: "session_id", Doc: "The session."}
	const fate = "What becomes of the message is told by E_MSRP_MSG_SENT and E_MSRP_REPORT_RECEIVED."
	return []route{
		{Operation: openapi.Operation{
			Method: "POST", Path: "/v1/sessions/{session_id}/messages", ID: "sendMessage", Tag: "messages", Summary: "Send a message", Detail: fate,
			Params: []openapi.Param{id, keyParam()}, Body: SendMessage{},
			Answers: []openapi.Answer{{Status: 202, Doc: "It is queued.", Body: SentMessage{}}}, Problems: []int{400, 404, 409, 413, 415, 422, 503},
		}, serve: s.sendMessage},
		{Operation: openapi.Operation{
			Method: "PUT", Path: "/v1/sessions/{session_id}/files/{name}", ID: "sendFile", Tag: "messages", Summary: "Send a file",
			Detail: "The request's body goes to the peer as one message while it is read, in chunks, so it may be of any size and of unknown length; other messages of the session " +
				"overtake it. The answer comes when all of it has been read. " + fate,
			Params: []openapi.Param{
				id,
				{In: "path", Name: "name", Doc: "The file's name, which goes into Content-Disposition."},
				{In: "header", Name: "Content-Type", Doc: "The file's media type; without it application/octet-stream."},
			},
			Query: fileQuery{}, BodyTypes: []string{"*/*"},
			Answers:  []openapi.Answer{{Status: 202, Doc: "All of it was read and is on its way.", Body: SentFile{}}},
			Problems: []int{400, 404, 409, 413, 422, 503},
		}, serve: s.sendFile},
	}
}

func (s *Server) sendMessage(w http.ResponseWriter, r *http.Request) {
	withDocument(s, w, r, func(m SendMessage) {
		if m.Body == nil && m.BodyBase64 == nil || m.Body != nil && m.BodyBase64 != nil {
			refuse(w, wrongField("body", "one of body and body_base64 is required"))
			return
		}
		body := m.BodyBase64
		if m.Body != nil {
			body = []byte(*m.Body)
		}
		if m.ContentType == "" {
			m.ContentType = "text/plain"
		}
		sessionID := r.PathValue("session_id")
		id, err := s.config.Node.Send(control.Send{
			SessionID: sessionID, ContentType: m.ContentType, Body: body, FailureReport: m.FailureReport.value(), SuccessReport: m.SuccessReport,
			Key: r.Header.Get(keyHeader), Parent: telemetry.Parent(r.Context()),
		})
		if err != nil {
			s.refuseMessage(w, sessionID, err)
			return
		}
		writeJSON(w, "application/json", http.StatusAccepted, SentMessage{sessionID, id})
	})
}

// refuseMessage says which types the peer takes where it does not take this one.
func (s *Server) refuseMessage(w http.ResponseWriter, sessionID string, err error) {
	p := problemOf(err)
	if _, ok := errors.AsType[*msrp.TypeError](err); ok {
		if session, err := s.config.Node.Session(sessionID); err == nil {
			p.Detail += "; it accepts " + joined(session.PeerTypes)
			p.Errors = []FieldProblem{{"content_type", p.Detail}}
		}
	}
	writeProblem(w, p)
}
