package event

import (
	"fmt"
	"slices"
	"strings"
)

// Filter says which events somebody wants. What it does not name it does not ask about: the zero value matches every event.
type Filter struct {
	Types    []Name   // one of them
	Sessions []string // one of them
	Tags     []string // all of them: NAME for whatever value, NAME=VALUE for this one
}

// maxFilter is how many types, sessions and tags a filter may name, each.
const maxFilter = 64

// Check says what is wrong with a filter: unknown types, empty sessions, tags without name, too many of them.
func (f *Filter) Check() error {
	for _, list := range []struct {
		name string
		n    int
	}{{"type", len(f.Types)}, {"session", len(f.Sessions)}, {"tag", len(f.Tags)}} {
		if list.n > maxFilter {
			return fmt.Errorf("%s: %d of them, at most %d are taken", list.name, list.n, maxFilter)
		}
	}
	for _, name := range f.Types {
		if !Known(name) {
			return fmt.Errorf("type: there is no event %.64q", name)
		}
	}
	if slices.Contains(f.Sessions, "") {
		return fmt.Errorf("session: is empty; a session_id would be right")
	}
	for _, tag := range f.Tags {
		if name, _, _ := strings.Cut(tag, "="); name == "" {
			return fmt.Errorf("tag: %.64q has no name; NAME or NAME=VALUE would be right", tag)
		}
	}
	return nil
}

// Match says whether an event is one of those that are wanted: of one of the types, and of one of the sessions, and with all of the tags.
func (f *Filter) Match(e *Event) bool {
	return (len(f.Types) == 0 || slices.Contains(f.Types, e.Name)) &&
		(len(f.Sessions) == 0 || slices.Contains(f.Sessions, e.SessionID)) &&
		(len(f.Tags) == 0 || f.tagged(e))
}

func (f *Filter) tagged(e *Event) bool {
	tags, ok := e.Param("tags").([]Param)
	if !ok {
		return false
	}
	for _, wanted := range f.Tags {
		name, value, valued := strings.Cut(wanted, "=")
		if !slices.ContainsFunc(tags, func(p Param) bool { return p.Name == name && (!valued || p.Value == value) }) {
			return false
		}
	}
	return true
}
