package web

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/parley-msrp/parley/internal/control"
	"github.com/parley-msrp/parley/internal/journal"
	"github.com/parley-msrp/parley/internal/trace"
	"github.com/parley-msrp/parley/internal/web/openapi"
	"github.com/parley-msrp/parley/msrp"
	"github.com/parley-msrp/parley/msrp/relay"
	"github.com/parley-msrp/parley/ua"
)

// Problem is a problem document (RFC 9457): every error of the HTTP side comes as one.
type Problem struct {
	Type   string         `json:"type" doc:"Always about:blank: the status says what kind of problem it is."`
	Title  string         `json:"title" doc:"The status in words."`
	Status int            `json:"status" doc:"The HTTP status."`
	Detail string         `json:"detail,omitempty" doc:"What was wrong and what would be right."`
	Errors []FieldProblem `json:"errors,omitempty" doc:"Each field that was wrong."`
}

// FieldProblem says what is wrong with one field.
type FieldProblem struct {
	Field  string `json:"field" doc:"A member of the request's document, a parameter of its query, or a header."`
	Detail string `json:"detail" doc:"What is wrong with it and what would be right."`
}

// fieldsError says what is wrong with fields of a request.
type fieldsError []FieldProblem

func (e fieldsError) Error() string {
	var all []string
	for _, f := range e {
		all = append(all, f.Field+": "+f.Detail)
	}
	return strings.Join(all, "; ")
}

func wrongField(field, format string, args ...any) fieldsError {
	return fieldsError{{field, fmt.Sprintf(format, args...)}}
}

// problem answers with a problem document; detail says what was wrong and what would be right.
func problem(w http.ResponseWriter, status int, detail string) {
	writeProblem(w, Problem{Status: status, Detail: detail})
}

func writeProblem(w http.ResponseWriter, p Problem) {
	p.Type, p.Title = "about:blank", http.StatusText(p.Status)
	if p.Status == http.StatusServiceUnavailable && w.Header().Get("Retry-After") == "" {
		w.Header().Set("Retry-After", "5")
	}
	writeJSON(w, openapi.ProblemType, p.Status, p)
}

// refuse answers with what an error of the node, or of a request's fields, means in HTTP.
func refuse(w http.ResponseWriter, err error) { writeProblem(w, problemOf(err)) }

func problemOf(err error) Problem {
	p := Problem{Status: statusOf(err), Detail: err.Error()}
	if wrong, ok := errors.AsType[fieldsError](err); ok {
		p.Errors = wrong
	} else if field := fieldOf(err); field != "" {
		p.Errors = []FieldProblem{{field, reasonOf(err)}}
	}
	if errors.Is(err, control.ErrUnknownSession) {
		p.Detail = "no session has this ID, or has it any more; GET /v1/sessions lists those that live"
	}
	return p
}

func statusOf(err error) int {
	_, size := errors.AsType[*msrp.SizeError](err)
	_, refused := errors.AsType[*relay.Error](err)
	unkept := errors.Is(err, journal.ErrUnavailable) || errors.Is(err, journal.ErrClosed)
	switch {
	case errors.Is(err, control.ErrUnknownSession):
		return http.StatusNotFound
	case errors.Is(err, ua.ErrNotEstablished), errors.Is(err, msrp.ErrNotEstablished), errors.Is(err, msrp.ErrClosed), errors.Is(err, msrp.ErrDirection):
		return http.StatusConflict
	case size, errors.Is(err, journal.ErrTooLarge):
		return http.StatusRequestEntityTooLarge
	case unkept, errors.Is(err, msrp.ErrQueueFull), errors.Is(err, ua.ErrLimit), errors.Is(err, ua.ErrClosed), errors.Is(err, trace.ErrTooMany), errors.Is(err, trace.ErrTooManyFollowers):
		return http.StatusServiceUnavailable
	case refused:
		return http.StatusBadGateway
	}
	return http.StatusUnprocessableEntity
}

// reasonOf says what is wrong with a field, and what would be right.
func reasonOf(err error) string {
	e, ok := errors.AsType[*control.FieldError](err)
	switch {
	case !ok:
		return err.Error()
	case strings.HasSuffix(e.Field, "uri"):
		return e.Err.Error() + "; a SIP URI like sip:bob@example.org would be right"
	}
	return e.Err.Error()
}

// fieldOf is the field of the request that an error of the node is about; "": none.
func fieldOf(err error) string {
	if e, ok := errors.AsType[*control.FieldError](err); ok {
		if e.Field == control.KeyField {
			return keyHeader
		}
		return e.Field
	}
	if _, ok := errors.AsType[*msrp.TypeError](err); ok {
		return "content_type"
	}
	if _, ok := errors.AsType[*msrp.SizeError](err); ok {
		return "body"
	}
	if e, ok := errors.AsType[*msrp.HeaderError](err); ok {
		return map[string]string{"Content-Type": "content_type", "Message-ID": "message_id", "Content-Disposition": "name"}[e.Name]
	}
	return ""
}

func writeJSON(w http.ResponseWriter, contentType string, status int, document any) {
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(status)
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	// An error here is the client's connection, which is gone.
	_ = encoder.Encode(document)
}
