package msrp_test

import (
	"context"
	"fmt"
	"net"

	"github.com/parley-msrp/parley/msrp"
)

// talker accepts what comes and prints it.
type talker struct {
	name string
	said chan struct{}
	fate chan msrp.Fate
}

func (t *talker) Message(_ *msrp.Session, m *msrp.Received) {
	m.Accept()
	if !m.Bodiless {
		fmt.Printf("%s hears %q\n", t.name, m.Body)
		close(t.said)
	}
}
func (t *talker) Report(*msrp.Session, msrp.Report) {}
func (t *talker) Fate(_ *msrp.Session, f msrp.Fate) { t.fate <- f }
func (t *talker) Closed(_ *msrp.Session, err error) { fmt.Println(t.name, "lost the session:", err) }

// Two endpoints talk. What SIP does otherwise, to tell each side the other's path and types, is done by hand.
func Example() {
	endpoint, err := msrp.NewEndpoint(msrp.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	served := make(chan error)
	go func() { served <- endpoint.Serve(l) }()

	base := msrp.URI{Host: "127.0.0.1", Port: l.Addr().(*net.TCPAddr).Port, Transport: "tcp"}
	types := msrp.Types{"text/plain"}
	open := func(name string) (*msrp.Session, *talker) {
		t := &talker{name: name, said: make(chan struct{}), fate: make(chan msrp.Fate, 1)}
		s, err := endpoint.NewSession(msrp.SessionConfig{Base: base, Accept: types, Handler: t})
		if err != nil {
			panic(err)
		}
		return s, t
	}
	alice, a := open("Alice")
	bob, b := open("Bob")
	bob.SetPeer(msrp.Peer{Path: alice.Path(), Accept: types})
	alice.SetPeer(msrp.Peer{Path: bob.Path(), Accept: types})

	ctx := context.Background()
	if err := alice.Connect(ctx); err != nil { // the offerer connects
		fmt.Println(err)
		return
	}
	alice.Send(ctx, msrp.Outgoing{ContentType: "text/plain", Body: []byte("hello, Bob")})
	<-b.said
	fmt.Println((<-a.fate).Kind)
	bob.Send(ctx, msrp.Outgoing{ContentType: "text/plain", Body: []byte("hello, Alice")})
	<-a.said
	fmt.Println((<-b.fate).Kind)

	endpoint.Close(ctx)
	<-served
	// Output:
	// Bob hears "hello, Bob"
	// delivered
	// Alice hears "hello, Alice"
	// delivered
}
