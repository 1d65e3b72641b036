package web

import (
	"net/http"

	"github.com/parley-msrp/parley/internal/event"
)

// eventQuery is what a request for events may ask for.
type eventQuery struct {
	From    string      `query:"from" doc:"Begin after the event with this cursor; 0 begins with the oldest that is kept. Without it the stream begins now."`
	Type    []eventName `query:"type" doc:"Only events of one of these types."`
	Session []string    `query:"session" doc:"Only events of one of these sessions."`
	Tag     []string    `query:"tag" doc:"Only events of sessions that have all of these tags: NAME, or NAME=VALUE."`
}

type eventName string

// Enum lists the events of the catalogue.
func (eventName) Enum() []string {
	var names []string
	for _, k := range event.Catalogue() {
		names = append(names, string(k.Name))
	}
	return names
}

// selection is which events a stream tells, and from where on.
type selection struct {
	from   string // cursor
	filter event.Filter
}

// selectionOf reads the query of a request for events.
func selectionOf(r *http.Request) (selection, error) {
	query, err := readQuery[eventQuery](r)
	if err != nil {
		return selection{}, err
	}
	// A browser that connects again repeats the URL, from and all, and says by this header how far it has come.
	if last := r.Header.Get("Last-Event-ID"); last != "" {
		query.From = last
	}
	f := selection{from: query.From, filter: event.Filter{Types: eventNames(query.Type), Sessions: query.Session, Tags: query.Tag}}
	if err := f.filter.Check(); err != nil {
		return selection{}, wrongField("query", "%v", err)
	}
	return f, nil
}

func eventNames(names []eventName) []event.Name {
	var all []event.Name
	for _, name := range names {
		all = append(all, event.Name(name))
	}
	return all
}
