package web

import (
	"errors"
	"math"
	"net/http"
	"time"

	"github.com/parley-msrp/parley/internal/event"
	"github.com/parley-msrp/parley/internal/journal"
	"github.com/parley-msrp/parley/internal/sink"
	"github.com/parley-msrp/parley/internal/web/openapi"
)

// Webhooks deliver events by HTTP.
type Webhooks interface {
	Register(r sink.Registration) (status sink.WebhookStatus, secret string, err error)
	Unregister(id string) error
	List() []sink.WebhookStatus
	Get(id string) (sink.WebhookStatus, error)
}

// Webhook is a webhook as /v1 shows it.
type Webhook struct {
	ID          string       `json:"id" doc:"Names the webhook."`
	URL         string       `json:"url" doc:"Where events are posted to."`
	Types       []eventName  `json:"types,omitempty" doc:"Only events of one of these types; without it all."`
	Sessions    []string     `json:"sessions,omitempty" doc:"Only events of one of these sessions; without it all."`
	Tags        []string     `json:"tags,omitempty" doc:"Only events of sessions that have all of these tags: NAME, or NAME=VALUE."`
	Configured  bool         `json:"configured" doc:"Whether it stands in the configuration; then it cannot be deleted here."`
	Created     time.Time    `json:"created" doc:"When it was made."`
	State       WebhookState `json:"state" doc:"active: what was tried last was delivered; retrying: it was not; dead: an event was given up, and nothing was delivered since; gone: the receiver answered 410, and nothing is delivered any more."`
	Delivered   uint64       `json:"delivered" doc:"Events delivered since the start of the node."`
	Attempts    int          `json:"attempts" doc:"Attempts that failed since the last one that did not."`
	Waiting     int          `json:"waiting" doc:"Events that were read for it and not delivered yet: 1,024 at most, others are in the journal."`
	LagSeconds  float64      `json:"lag_seconds" doc:"Age of the oldest of them; 0 where there is none."`
	GivenUp     uint64       `json:"given_up" doc:"Events that were dropped since the start, as they could not be delivered for as long as events are kept."`
	Gaps        uint64       `json:"gaps" doc:"How often, since the start, events were no longer kept when their turn came."`
	LastError   string       `json:"last_error,omitempty" doc:"Why the last attempt that failed did."`
	LastFailure *time.Time   `json:"last_failure,omitempty" doc:"When that was."`
	LastSuccess *time.Time   `json:"last_success,omitempty" doc:"When an event was delivered last."`
}

// WebhookState says how a webhook is.
type WebhookState string

// Enum lists the states.
func (WebhookState) Enum() []string {
	return []string{sink.StateActive, sink.StateRetrying, sink.StateDead, sink.StateGone}
}

// WebhookList is all webhooks.
type WebhookList struct {
	Webhooks []Webhook `json:"webhooks" doc:"All of them, the oldest first."`
}

// CreateWebhook asks for a webhook.
type CreateWebhook struct {
	URL      string      `json:"url" doc:"Where events are to be posted to: http or https."`
	Secret   string      `json:"secret,omitempty" doc:"What requests are signed with, 16 to 256 printable characters; without it one is made, and told once."`
	Types    []eventName `json:"types,omitempty" doc:"Only events of one of these types."`
	Sessions []string    `json:"sessions,omitempty" doc:"Only events of one of these sessions."`
	Tags     []string    `json:"tags,omitempty" doc:"Only events of sessions that have all of these tags: NAME, or NAME=VALUE."`
	From     string      `json:"from,omitempty" doc:"Begin after the event with this cursor; 0 begins with the oldest that is kept. Without it, with what comes from now on."`
}

// CreatedWebhook is a webhook that was made, with its secret.
type CreatedWebhook struct {
	Webhook Webhook `json:"webhook" doc:"The webhook."`
	Secret  string  `json:"secret" doc:"What requests are signed with. It is not shown again."`
}

func (s *Server) webhookRoutes() []route {
	if s.config.Webhooks == nil {
		return nil
	}
	id := []openapi.Param{{In: "path", Name: "webhook_id", Doc: "The webhook."}}
	return []route{
		{Operation: openapi.Operation{
			Method: "GET", Path: "/v1/webhooks", ID: "listWebhooks", Tag: "webhooks", Summary: "List the webhooks",
			Answers: []openapi.Answer{{Status: 200, Doc: "The webhooks, and how they are.", Body: WebhookList{}}},
		}, serve: s.listWebhooks},
		{Operation: openapi.Operation{
			Method: "POST", Path: "/v1/webhooks", ID: "createWebhook", Tag: "webhooks", Summary: "Make a webhook",
			Detail: "It is kept, with how far it has come, until it is deleted.", Body: CreateWebhook{},
			Answers: []openapi.Answer{{Status: 201, Doc: "The webhook and its secret.", Body: CreatedWebhook{}, Headers: []openapi.Header{
				{Name: "Location", Doc: "The webhook's path."},
			}}},
			Problems: []int{400, 410, 415, 422, 503},
		}, serve: s.createWebhook},
		{Operation: openapi.Operation{
			Method: "GET", Path: "/v1/webhooks/{webhook_id}", ID: "getWebhook", Tag: "webhooks", Summary: "Look at a webhook",
			Params: id, Answers: []openapi.Answer{{Status: 200, Doc: "The webhook, and how it is.", Body: Webhook{}}}, Problems: []int{404},
		}, serve: s.getWebhook},
		{Operation: openapi.Operation{
			Method: "DELETE", Path: "/v1/webhooks/{webhook_id}", ID: "deleteWebhook", Tag: "webhooks", Summary: "Delete a webhook",
			Params: id, Answers: []openapi.Answer{{Status: 204, Doc: "It is no more."}}, Problems: []int{404, 409, 503},
		}, serve: s.deleteWebhook},
	}
}

func showWebhook(s *sink.WebhookStatus) Webhook {
	w := Webhook{
		ID: s.ID, URL: s.URL, Sessions: s.Filter.Sessions, Tags: s.Filter.Tags, Configured: s.Configured, Created: s.Created.UTC(),
		State: WebhookState(s.State), Delivered: s.Delivered, Attempts: s.Attempts, Waiting: s.Waiting, LagSeconds: math.Round(s.Lag.Seconds()*1000) / 1000,
		GivenUp: s.GivenUp, Gaps: s.Gaps, LastError: s.LastError,
	}
	for _, name := range s.Filter.Types {
		w.Types = append(w.Types, eventName(name))
	}
	if !s.LastFailure.IsZero() {
		w.LastFailure = &s.LastFailure
	}
	if !s.LastSuccess.IsZero() {
		w.LastSuccess = &s.LastSuccess
	}
	return w
}

func (s *Server) listWebhooks(w http.ResponseWriter, _ *http.Request) {
	list := WebhookList{Webhooks: []Webhook{}}
	for _, status := range s.config.Webhooks.List() {
		list.Webhooks = append(list.Webhooks, showWebhook(&status))
	}
	writeJSON(w, "application/json", http.StatusOK, list)
}

func (s *Server) createWebhook(w http.ResponseWriter, r *http.Request) {
	withDocument(s, w, r, func(asked CreateWebhook) {
		status, secret, err := s.config.Webhooks.Register(sink.Registration{
			URL: asked.URL, Secret: asked.Secret, From: asked.From,
			Filter: event.Filter{Types: eventNames(asked.Types), Sessions: asked.Sessions, Tags: asked.Tags},
		})
		if err != nil {
			refuseWebhook(w, err)
			return
		}
		w.Header().Set("Location", "/v1/webhooks/"+status.ID)
		writeJSON(w, "application/json", http.StatusCreated, CreatedWebhook{showWebhook(&status), secret})
	})
}

func (s *Server) getWebhook(w http.ResponseWriter, r *http.Request) {
	status, err := s.config.Webhooks.Get(r.PathValue("webhook_id"))
	if err != nil {
		refuseWebhook(w, err)
		return
	}
	writeJSON(w, "application/json", http.StatusOK, showWebhook(&status))
}

func (s *Server) deleteWebhook(w http.ResponseWriter, r *http.Request) {
	if err := s.config.Webhooks.Unregister(r.PathValue("webhook_id")); err != nil {
		refuseWebhook(w, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// refuseWebhook answers with what an error of the webhooks means in HTTP.
func refuseWebhook(w http.ResponseWriter, err error) {
	var field *sink.FieldError
	switch {
	case errors.As(err, &field):
		p := problemOf(wrongField(field.Field, "%v", field.Err))
		p.Status = http.StatusUnprocessableEntity
		writeProblem(w, p)
	case errors.Is(err, sink.ErrUnknownWebhook):
		problem(w, http.StatusNotFound, "no webhook has this ID; GET /v1/webhooks lists them")
	case errors.Is(err, sink.ErrConfigured):
		problem(w, http.StatusConflict, err.Error())
	case errors.Is(err, journal.ErrCursorUnknown), errors.Is(err, journal.ErrCursorLost):
		status, detail := cannotSubscribe(err)
		problem(w, status, detail)
	default:
		problem(w, http.StatusServiceUnavailable, err.Error())
	}
}
