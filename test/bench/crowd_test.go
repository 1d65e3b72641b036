package main

import (
	"context"
	"io"
	"testing"
)

// TestCrowd has the members of a crowd exchange a message in each direction; without connections that is an error.
func TestCrowd(t *testing.T) {
	const sessions = 100
	control := serveHere(t, func(ctx context.Context, in io.Reader, out io.Writer) error {
		return serveEngine(ctx, "127.0.0.1:0", "", in, out)
	})
	var m members
	defer m.close()
	for _, do := range []string{crowdBind, crowdSend, crowdReceive} {
		if err := m.do(crowdDemand{Do: do, Control: control, Sessions: sessions, Part: 99}); err != nil {
			t.Fatalf("%s: %v", do, err)
		}
	}
	members := 0
	for _, g := range m.groups {
		members += len(g)
	}
	if members != sessions {
		t.Errorf("%d members, want %d", members, sessions)
	}
	m.close()
	if err := m.do(crowdDemand{Do: crowdSend}); err == nil {
		t.Error("messages on closed connections were answered")
	}
}
