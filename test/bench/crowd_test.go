package main

import (
	"context"
	"io"
	"net"
	"testing"
)

// TestCrowd has the members of a crowd exchange a message in each direction; without connections that is an error.
func TestCrowd(t *testing.T) {
	const sessions = 100
	for _, perConnection := range []int{1, 3} {
		control := serveHere(t, func(ctx context.Context, in io.Reader, out io.Writer) error {
			return serveEngine(ctx, "127.0.0.1:0", "", in, out)
		})
		var m members
		defer m.close()
		for _, do := range []string{crowdBind, crowdSend, crowdReceive} {
			if err := m.do(crowdDemand{Do: do, Control: control, Sessions: sessions, PerConnection: perConnection, Part: 99}); err != nil {
				t.Fatalf("%d to a connection: %s: %v", perConnection, do, err)
			}
		}
		members, connections := 0, make(map[net.Conn]bool)
		for _, g := range m.groups {
			members += len(g)
			for _, o := range g {
				connections[o.conn] = true
			}
		}
		if members != sessions || perConnection == 1 && len(connections) != sessions || perConnection > 1 && len(connections) > 2*groups {
			t.Errorf("%d to a connection: %d members on %d connections, want %d", perConnection, members, len(connections), sessions)
		}
		m.close()
		if err := m.do(crowdDemand{Do: crowdSend}); err == nil {
			t.Error("messages on closed connections were answered")
		}
	}
}
