package web

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/parley-msrp/parley/internal/event"
)

// selection is which events a stream tells, and from where on.
type selection struct {
	cursor  string
	types   []event.Name // none: all
	session string       // "": all
}

func (f *selection) matches(e *event.Event) bool {
	return (len(f.types) == 0 || slices.Contains(f.types, e.Name)) && (f.session == "" || f.session == e.SessionID)
}

// selectionOf reads the query of a request for events. Errors name the parameter.
func selectionOf(r *http.Request) (selection, error) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return selection{}, fmt.Errorf("the query cannot be read: %w", err)
	}
	var f selection
	for _, name := range slices.Sorted(maps.Keys(query)) {
		if err := f.set(name, query[name]); err != nil {
			return selection{}, err
		}
	}
	// A browser that connects again repeats the URL, from and all, and says by this header how far it has come.
	if last := r.Header.Get("Last-Event-ID"); last != "" {
		f.cursor = last
	}
	return f, nil
}

func (f *selection) set(name string, values []string) error {
	if name != "type" && len(values) > 1 {
		return fmt.Errorf("%.64q is given %d times", name, len(values))
	}
	switch name {
	case "type":
		return f.setTypes(strings.Split(strings.Join(values, ","), ","))
	case "session":
		f.session = values[0]
	case "from":
		f.cursor = values[0]
	default:
		return fmt.Errorf("unknown parameter %.64q: a stream takes type, session and from", name)
	}
	return nil
}

func (f *selection) setTypes(names []string) error {
	for _, name := range names {
		if !event.Known(event.Name(name)) {
			return fmt.Errorf("type: there is no event %.64q", name)
		}
		f.types = append(f.types, event.Name(name))
	}
	return nil
}
