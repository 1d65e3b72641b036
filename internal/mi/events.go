package mi

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/parley-msrp/parley/internal/event"
	"github.com/parley-msrp/parley/internal/sink"
)

// Subscribers are the receivers that events go to as OpenSIPS sends them.
type Subscribers interface {
	Subscribe(name event.Name, socket string, expire time.Duration) error
	List() []sink.Subscription
	Raise(name event.Name, params []event.Param) error
}

// defaultExpire is how long a subscription lasts whose request does not say it.
const defaultExpire = time.Hour

// eventMethods are the rows of the table that need Subscribers.
func (s *Server) eventMethods() []method {
	return []method{
		{
			names:   []string{"event_subscribe", "core:event_subscribe", "evi:subscribe"},
			help:    "has the events of one name sent to a socket",
			recipes: []recipe{{"event", "socket"}, {"event", "socket", "expire"}},
			do:      s.subscribe,
		},
		{
			names:   []string{"events_list", "core:events_list", "evi:list"},
			help:    "lists all events",
			recipes: []recipe{{}},
			do:      s.listEvents,
		},
		{
			names:   []string{"subscribers_list", "core:subscribers_list", "evi:subscribers"},
			help:    "lists the sockets that events are sent to",
			recipes: []recipe{{}, {"event"}, {"event", "socket"}},
			do:      s.listSubscribers,
		},
		{
			names:   []string{"raise_event", "core:raise_event", "evi:raise"},
			help:    "tells an event that has not happened",
			recipes: []recipe{{"event"}, {"event", "params"}},
			do:      s.raise,
		},
	}
}

func (s *Server) subscribe(p params) (any, error) {
	name, _, err := p.text("event")
	if err != nil {
		return nil, err
	}
	socket, _, err := p.text("socket")
	if err != nil {
		return nil, err
	}
	expire, err := expiry(p)
	if err != nil {
		return nil, err
	}
	switch err := s.config.Subscribers.Subscribe(event.Name(name), socket, expire); {
	case err == nil:
		return "OK", nil
	case errors.Is(err, sink.ErrUnknownEvent), errors.Is(err, sink.ErrSocket):
		return nil, &rpcError{Code: 400, Message: "Bad parameter value"}
	case errors.Is(err, sink.ErrForbidden):
		return nil, &rpcError{Code: 400, Message: "Bad parameter value", Data: err.Error()}
	default:
		return nil, &rpcError{Code: 500, Message: "Failed to subscribe", Data: err.Error()}
	}
}

// expiry reads expire: seconds, as a number or as its text.
func expiry(p params) (time.Duration, error) {
	seconds, given, err := p.number("expire")
	switch {
	case err != nil || !given:
		return defaultExpire, err
	case seconds < 0:
		return 0, invalidParams("Negative expire value")
	}
	return time.Duration(seconds) * time.Second, nil
}

// An eventEntry is an event in a list.
type eventEntry struct {
	Name event.Name `json:"name"`
	ID   int        `json:"id"`
}

// entries are all events; the id of one is its place in the catalogue.
func entries() []eventEntry {
	var all []eventEntry
	for id, kind := range event.Catalogue() {
		all = append(all, eventEntry{kind.Name, id})
	}
	return all
}

func (s *Server) listEvents(params) (any, error) {
	return struct{ Events []eventEntry }{entries()}, nil
}

// A subscriberEntry is a subscription in a list.
type subscriberEntry struct {
	Socket string `json:"socket"`
	Expire any    `json:"expire"`        // seconds, or "never"
	TTL    any    `json:"ttl,omitempty"` // seconds, or "expired"; nil for one that never expires
}

func describeSubscriber(s sink.Subscription) subscriberEntry {
	entry := subscriberEntry{Socket: s.Socket, Expire: "never"}
	if s.Expire != sink.Never {
		entry.Expire, entry.TTL = int64(s.Expire/time.Second), int64(math.Ceil(s.Left.Seconds()))
	}
	if s.Expired {
		entry.TTL = "expired"
	}
	return entry
}

// subscribed is an event with its subscribers.
type subscribed struct {
	eventEntry
	Subscribers []subscriberEntry
}

// listSubscribers lists all events that have subscribers, or one event, or one subscriber of it.
func (s *Server) listSubscribers(p params) (any, error) {
	name, oneEvent, err := p.text("event")
	if err != nil {
		return nil, err
	}
	socket, oneSocket, err := p.text("socket")
	if err != nil {
		return nil, err
	}
	all, subscribers := []subscribed{}, s.config.Subscribers.List()
	for _, entry := range entries() {
		of := subscribed{eventEntry: entry}
		for _, sub := range subscribers {
			if sub.Event == entry.Name && (!oneSocket || sub.Socket == socket) {
				of.Subscribers = append(of.Subscribers, describeSubscriber(sub))
			}
		}
		if of.Subscribers != nil && (!oneEvent || string(entry.Name) == name) {
			all = append(all, of)
		}
	}
	switch {
	case !oneEvent:
		return struct{ Events []subscribed }{all}, nil
	case !event.Known(event.Name(name)):
		return nil, &rpcError{Code: 404, Message: "Event not published"}
	case oneSocket && len(all) == 0:
		return nil, &rpcError{Code: 404, Message: "Subscriber does not exist"}
	case oneSocket:
		type one struct {
			eventEntry
			Subscriber subscriberEntry
		}
		return struct{ Event one }{one{all[0].eventEntry, all[0].Subscribers[0]}}, nil
	case len(all) == 0:
		return struct{ Event struct{} }{}, nil
	}
	return struct{ Event subscribed }{all[0]}, nil
}

func (s *Server) raise(p params) (any, error) {
	text, _, err := p.text("event")
	if err != nil {
		return nil, err
	}
	name := event.Name(text)
	if !event.Known(name) {
		return nil, &rpcError{Code: 404, Message: "Event not registered"}
	}
	members, ok := raisedParams(name, p.values.of("params"))
	if !ok {
		return nil, &rpcError{Code: 400, Message: "Bad Params"}
	}
	switch err := s.config.Subscribers.Raise(name, members); {
	case errors.Is(err, sink.ErrNobody):
		return nil, &rpcError{Code: 480, Message: "Temporarily Unavailable"}
	case err != nil:
		return nil, &rpcError{Code: 500, Message: "Cannot Raise Event", Data: err.Error()}
	}
	return "OK", nil
}

// raisedParams reads the parameters of an event that is raised by hand: a list of texts, which are the event's parameters in their order, or an object, or the
// text of one. Numbers stay numbers; what is neither text nor number becomes the text of its JSON.
func raisedParams(name event.Name, raw rawJSON) ([]event.Param, bool) {
	if text, ok := stringOf(raw); ok {
		raw = bytes.TrimSpace([]byte(text))
		if !json.Valid(raw) || raw[0] != '{' {
			return nil, false
		}
	}
	if len(raw) == 0 {
		return nil, true
	}
	switch raw[0] {
	case '[':
		var values []rawJSON
		known := event.KindOf(name).Params
		if json.Unmarshal(raw, &values) != nil || len(values) > len(known) {
			return nil, false
		}
		var members []event.Param
		for i, value := range values {
			members = append(members, event.Param{Name: known[i].Name, Value: raisedValue(value)})
		}
		return members, true
	case '{':
		return raisedMembers(raw)
	}
	return nil, false
}

// raisedMembers reads the members of an object in their order.
func raisedMembers(raw rawJSON) ([]event.Param, bool) {
	d := json.NewDecoder(bytes.NewReader(raw))
	if _, err := d.Token(); err != nil {
		return nil, false
	}
	var members []event.Param
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, false
		}
		var value rawJSON
		if d.Decode(&value) != nil {
			return nil, false
		}
		member := event.Param{Name: name.(string), Value: raisedValue(value)}
		if !member.Readable() {
			return nil, false
		}
		members = append(members, member)
	}
	return members, true
}

func raisedValue(raw rawJSON) any {
	if text, ok := stringOf(raw); ok {
		return text
	}
	if n, err := strconv.Atoi(string(raw)); err == nil {
		return n
	}
	return strings.TrimSpace(string(raw))
}
