package web

import (
	"net/http"
	"slices"

	"github.com/parley-msrp/parley/internal/event"
)

// eventQuery is what a request for events may ask for.
type eventQuery struct {
	From    string      `query:"from" doc:"Begin after the event with this cursor; 0 begins with the oldest that is kept. Without it the stream begins now."`
	Type    []eventName `query:"type" doc:"Only events of these types."`
	Session string      `query:"session" doc:"Only events of this session."`
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
type selection struct{ eventQuery }

func (f *selection) matches(e *event.Event) bool {
	return (len(f.Type) == 0 || slices.Contains(f.Type, eventName(e.Name))) && (f.Session == "" || f.Session == e.SessionID)
}

// selectionOf reads the query of a request for events.
func selectionOf(r *http.Request) (selection, error) {
	query, err := readQuery[eventQuery](r)
	// A browser that connects again repeats the URL, from and all, and says by this header how far it has come.
	if last := r.Header.Get("Last-Event-ID"); last != "" {
		query.From = last
	}
	return selection{query}, err
}
