package main

import (
	"context"
	"encoding/json"
	"io"
	"os"
	"strings"
	"testing"
	"time"
)

// TestEveryRowFlows runs each row for a moment against the echo and the engine, with bodies and numbers of sessions cut down.
func TestEveryRowFlows(t *testing.T) {
	servers := map[string]func(context.Context, io.Reader, io.Writer) error{
		"echo": func(ctx context.Context, in io.Reader, out io.Writer) error {
			return serveEcho(ctx, "127.0.0.1:0", in, out)
		},
		"engine": func(ctx context.Context, in io.Reader, out io.Writer) error {
			return serveEngine(ctx, "127.0.0.1:0", "", in, out)
		},
	}
	for name, serve := range servers {
		t.Run(name, func(t *testing.T) {
			control := serveHere(t, serve)
			for _, r := range allRows() {
				r.Body, r.Sessions = min(r.Body, 4<<20), min(r.Sessions, 20)
				t.Run(r.name(), func(t *testing.T) {
					out, err := works[r.Work].run(order{Row: r, Control: control, PID: os.Getpid(), Duration: 20 * time.Millisecond})
					if err != nil {
						t.Fatal(err)
					}
					if out.Count == 0 || r.Work == "messages" && (out.Sent < 369 || out.Answer < 150) {
						t.Errorf("outcome %+v: nothing flowed", out)
					}
				})
			}
		})
	}
}

// serveHere runs a server until the end of the test, and returns where it takes demands.
func serveHere(t *testing.T, serve func(context.Context, io.Reader, io.Writer) error) (control string) {
	t.Helper()
	in, stop := io.Pipe()
	from, out := io.Pipe()
	served := make(chan error, 1)
	go func() { served <- serve(t.Context(), in, out) }() // ends with in
	t.Cleanup(func() {
		stop.Close()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	var a addresses
	if err := json.NewDecoder(from).Decode(&a); err != nil {
		t.Fatal(err)
	}
	return a.Control
}

// TestDemandsFail shows that a server says what it could not do, and goes on.
func TestDemandsFail(t *testing.T) {
	addr := serveHere(t, func(ctx context.Context, in io.Reader, out io.Writer) error {
		return serveEngine(ctx, "127.0.0.1:0", "", in, out)
	})
	c, err := dialControl(addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.end()
	if _, err := c.do(demand{Do: "dance"}); err == nil || !strings.Contains(err.Error(), "dance: ") {
		t.Errorf("an unknown demand got the error %v", err)
	}
	if _, err := c.open("http://nowhere"); err == nil {
		t.Error("a session with a peer that has no MSRP path was made")
	}
	if _, err := c.open(ownPath("127.0.0.1:1")); err != nil {
		t.Error(err)
	}
	if _, err := c.do(demand{Do: doConnect}); err == nil {
		t.Error("a session was connected to a port where nobody listens")
	}
}
