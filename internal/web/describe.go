package web

import (
	"slices"
	"strings"

	"github.com/parley-msrp/parley/internal/event"
	"github.com/parley-msrp/parley/internal/web/openapi"
)

const description = `Parley's HTTP API. Errors come as problem documents (RFC 9457). Every answer has an X-Request-Id, which a request may choose and the log bears.`

// Document describes all that is served, in OpenAPI 3.1.
func (s *Server) Document() *openapi.Document {
	d := openapi.New("Parley", s.config.Version, description, Problem{})
	d.Tag("sessions", "A session is an MSRP session with one peer. Its session_id stays the same for as long as it lives.")
	d.Tag("messages", "Messages go into a session; those that come are events.")
	d.Tag("events", "All that happens, in order, from a cursor on.")
	d.Tag("webhooks", "A webhook gets events by POST, signed, each at least once, and in order within its session.")
	d.Tag("node", "The node itself.")
	for i := range s.routes {
		if !s.routes[i].page {
			d.Add(&s.routes[i].Operation)
		}
	}
	describeEvents(d)
	return d
}

// describeEvents adds a component for each event of the catalogue, and Event, which is any of them.
func describeEvents(d *openapi.Document) {
	var all []*openapi.Schema
	for _, k := range event.Catalogue() {
		d.Component(string(k.Name), cloudEvent(&k))
		all = append(all, openapi.Ref(string(k.Name)))
	}
	d.Component("Event", &openapi.Schema{Description: "An event, as a CloudEvent 1.0.", OneOf: all})
}

func cloudEvent(k *event.Kind) *openapi.Schema {
	text := func(doc string) *openapi.Schema { return &openapi.Schema{Type: "string", Description: doc} }
	data := &openapi.Schema{Type: "object"}
	for _, m := range slices.Concat(k.Params, k.Own) {
		data.Properties = append(data.Properties, members(m)...)
	}
	for _, m := range k.Params {
		if m.Type != "octets" {
			data.Required = append(data.Required, m.Name)
		}
	}
	return &openapi.Schema{
		Type: "object", Description: k.When,
		Properties: openapi.Members{
			{Name: "specversion", Value: &openapi.Schema{Const: "1.0"}},
			{Name: "id", Value: text("The event's cursor.")},
			{Name: "source", Value: text("The node.")},
			{Name: "type", Value: &openapi.Schema{Const: string(k.Name)}},
			{Name: "subject", Value: text("The session.")},
			{Name: "time", Value: &openapi.Schema{Type: "string", Format: "date-time"}},
			{Name: "sequence", Value: text("Counts the events of the session.")},
			{Name: "traceparent", Value: text("The trace context of what caused the event, where messages are traced.")},
			{Name: "datacontenttype", Value: &openapi.Schema{Const: "application/json"}},
			{Name: "data", Value: data},
		},
		Required: []string{"specversion", "id", "source", "type", "time", "datacontenttype", "data"},
	}
}

// members gives a member of an event, and for octets the one that stands in its place where they are no text.
func members(m event.Member) openapi.Members {
	if m.Type != "octets" {
		return openapi.Members{{Name: m.Name, Value: &openapi.Schema{Type: m.Type, Description: m.Doc}}}
	}
	return openapi.Members{
		{Name: m.Name, Value: &openapi.Schema{Type: "string", Description: m.Doc}},
		{Name: m.Name + "_base64", Value: &openapi.Schema{Type: "string", ContentEncoding: "base64", Description: strings.TrimSuffix(m.Doc, ".") + ", in base64."}},
	}
}
