package ua_test

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/parley-msrp/parley/ua"
)

func TestAsk(t *testing.T) {
	bob := newAgent(t, ua.Config{OnQuery: func(q *ua.Query) { _ = q.Accept("text/plain") }})
	alice := newAgent(t, ua.Config{})
	to := "sip:bob@" + address(bob)
	got, err := alice.Ask(t.Context(), "sip:alice@127.0.0.1", to)
	if err != nil || got.Code != 200 || !strings.Contains(string(got.Response.Body()), "a=accept-types:text/plain\r\n") {
		t.Fatalf("%v %+v", err, got)
	}
	if at, err := netip.ParseAddrPort(strings.TrimPrefix(got.Source, "udp:")); err != nil || !strings.HasSuffix(to, "@"+at.String()) {
		t.Errorf("asked %s: %v", got.Source, err)
	}
	var field *ua.FieldError
	if _, err := alice.Ask(t.Context(), "alice", to); !errors.As(err, &field) || field.Field != "From" {
		t.Errorf("a wrong address: %v", err)
	}
	if err := alice.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := alice.Ask(t.Context(), "sip:alice@127.0.0.1", to); !errors.Is(err, ua.ErrClosed) {
		t.Errorf("after the end: %v", err)
	}
}
