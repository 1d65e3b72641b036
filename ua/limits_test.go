package ua_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/parley-msrp/parley/test/peer"
	"github.com/parley-msrp/parley/ua"
)

// TestLimit: what holds for one call is what its Invitation was told, else what Config and Profile say.
func TestLimit(t *testing.T) {
	for _, c := range []struct {
		name    string
		agent   time.Duration // MaxDuration of the Config
		limits  ua.Limits
		expires bool
		size    string // a=max-size of the answer
	}{
		{"none: the agent's", 300 * time.Millisecond, ua.Limits{}, true, "1000"},
		{"a duration where the agent has none", 0, ua.Limits{MaxDuration: 300 * time.Millisecond}, true, "1000"},
		{"a shorter duration", time.Hour, ua.Limits{MaxDuration: 300 * time.Millisecond}, true, "1000"},
		{"no limit", 10 * time.Millisecond, ua.Limits{MaxDuration: -1}, false, "1000"},
		{"a size", 300 * time.Millisecond, ua.Limits{MaxSize: 17}, true, "17"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newRecorder()
			config := ua.Config{MaxDuration: c.agent, CleanupInterval: 50 * time.Millisecond, Profile: ua.Profile{MaxSize: 1000}}
			config.OnInvite = func(inv *ua.Invitation) {
				if err := inv.Limit(c.limits); err != nil {
					t.Error(err)
				}
				if _, err := inv.Answer(h, "text/plain"); err != nil {
					t.Error(err)
				}
			}
			a := newAgent(t, config)
			d := newCaller(t, a, "text/plain", 1)
			answer, _, _ := d.call(t)
			if size, _ := answer.Media[0].Attr("max-size"); size != c.size {
				t.Errorf("a=max-size:%s, want %s", size, c.size)
			}
			s := h.session(t)
			if !c.expires {
				if left := s.Lifetime(); left != 0 {
					t.Errorf("lifetime %v, want no limit", left)
				}
				return
			}
			h.want(t, "established ACK", "ended: expired, 200 longest duration reached")
			if reason := bye(t, d.Agent, d.Dialog); reason != `SIP;cause=200;text="longest duration reached"` {
				t.Errorf("Reason %q", reason)
			}
			forgotten(t, a)
		})
	}
	t.Run("a negative size sets nothing", func(t *testing.T) {
		refused := make(chan error, 1)
		a := newAgent(t, ua.Config{OnInvite: func(inv *ua.Invitation) {
			refused <- inv.Limit(ua.Limits{MaxSize: -1})
			_ = inv.Reject(480, "")
		}})
		peer.NewAgent(t, "udp", address(a)).NewDialog("bob").Call(t, limit, peer.Offer("text/plain", "msrp://127.0.0.1:9/x;tcp"))
		var field *ua.FieldError
		if err := <-refused; !errors.As(err, &field) || field.Field != "MaxSize" {
			t.Errorf("error is %v", err)
		}
	})
}

func TestRedirect(t *testing.T) {
	for _, c := range []struct {
		name     string
		code     int
		contacts []string
		want     []string // Contact rows; nil: a *FieldError, and the call waits on
	}{
		{"one URI", 302, []string{"sip:bob@192.0.2.1:5070;transport=tcp"}, []string{"<sip:bob@192.0.2.1:5070;transport=tcp>"}},
		{"several addresses", 300, []string{`"Bob, desk" <sip:bob@a.example>;q=0.7`, "tel:+1-201-555-0123"}, []string{`"Bob, desk" <sip:bob@a.example>;q=0.7`, "<tel:+1-201-555-0123>"}},
		{"moved", 301, []string{"sip:bob@b.example"}, []string{"<sip:bob@b.example>"}},
		{"by proxy", 305, []string{"sip:proxy.example;lr"}, []string{"<sip:proxy.example;lr>"}},
		{"a code that does not redirect", 380, []string{"sip:bob@b.example"}, nil},
		{"nowhere", 302, nil, nil},
		{"no URI", 302, []string{"bob"}, nil},
		{"a header of its own", 302, []string{"sip:bob@b.example\r\nX: y"}, nil},
		{"a header of its own in a parameter", 302, []string{"<sip:bob@b.example>;x=\"\r\nX: y\""}, nil},
		{"anything goes", 302, []string{"*"}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			results := make(chan error, 2)
			redirect := func(r interface {
				Redirect(int, string, ...string) error
				Reject(int, string) error
			},
			) {
				err := r.Redirect(c.code, "Elsewhere", c.contacts...)
				if err != nil {
					_ = r.Reject(480, "")
				}
				results <- err
			}
			a := newAgent(t, ua.Config{
				OnInvite: func(inv *ua.Invitation) { redirect(inv) },
				OnQuery:  func(q *ua.Query) { redirect(q) },
			})
			p := peer.NewAgent(t, "udp", address(a))
			d := p.NewDialog("bob")
			_, invite := d.Call(t, limit, peer.Offer("text/plain", "msrp://127.0.0.1:9/x;tcp"))
			options := p.Ask(t, limit, p.NewDialog("bob").Request("OPTIONS"))
			for _, r := range []*peer.Message{invite, options} {
				err := <-results
				var field *ua.FieldError
				switch {
				case c.want == nil && (!errors.As(err, &field) || r.Code() != 480):
					t.Errorf("answered %s, %v", r.Start, err)
				case c.want != nil && (err != nil || r.Code() != c.code || !slices.Equal(r.All("Contact"), c.want)):
					t.Errorf("answered %s, Contact %q, %v", r.Start, r.All("Contact"), err)
				}
			}
		})
	}
}
