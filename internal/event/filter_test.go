package event_test

import (
	"strings"
	"testing"

	"github.com/parley-msrp/parley/internal/event"
)

func TestFilter(t *testing.T) {
	tagged := event.NewEnd("a", event.Tags(map[string]string{"customer": "acme", "line": "2"}))
	for _, c := range []struct {
		name   string
		filter event.Filter
		want   bool
	}{
		{"nothing named", event.Filter{}, true},
		{"its type among others", event.Filter{Types: []event.Name{event.SessionNew, event.SessionEnd}}, true},
		{"another type", event.Filter{Types: []event.Name{event.SessionNew}}, false},
		{"its session among others", event.Filter{Sessions: []string{"b", "a"}}, true},
		{"another session", event.Filter{Sessions: []string{"b"}}, false},
		{"a tag of any value", event.Filter{Tags: []string{"customer"}}, true},
		{"a tag and its value", event.Filter{Tags: []string{"customer=acme"}}, true},
		{"a tag and another value", event.Filter{Tags: []string{"customer=other"}}, false},
		{"a tag that must be empty", event.Filter{Tags: []string{"customer="}}, false},
		{"all tags", event.Filter{Tags: []string{"customer=acme", "line"}}, true},
		{"not all tags", event.Filter{Tags: []string{"customer=acme", "agent"}}, false},
		{"its type, not its session", event.Filter{Types: []event.Name{event.SessionEnd}, Sessions: []string{"b"}}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := c.filter.Check(); err != nil {
				t.Fatal(err)
			}
			if got := c.filter.Match(&tagged); got != c.want {
				t.Errorf("matches: %v", got)
			}
		})
	}
	untagged := event.NewEnd("a")
	if f := (event.Filter{Tags: []string{"customer"}}); f.Match(&untagged) {
		t.Error("an event without tags has one")
	}
}

func TestFilterThatIsWrong(t *testing.T) {
	for want, f := range map[string]event.Filter{
		`type: there is no event "E_NOPE"`: {Types: []event.Name{"E_NOPE"}},
		"session: is empty":                {Sessions: []string{""}},
		`tag: "=acme" has no name`:         {Tags: []string{"=acme"}},
		"session: 65 of them":              {Sessions: make([]string, 65)},
	} {
		if err := f.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error is %v, want %s", err, want)
		}
	}
}
