package msrp_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/parley-msrp/parley/msrp"
)

// FuzzEndpoint feeds octets to a live endpoint in each state that a connection can be in, each with a handler of messages and one of streams.
// In the octets <to> stands for the session's URI, and <id> for the transaction id of a request that the peer has not answered. Whatever
// comes, nothing panics or hangs, no octet stays counted as buffered, no connection is left, and another one goes on working.
func FuzzEndpoint(f *testing.F) {
	l, dialled := newPipeListener(), make(chan net.Conn, 1)
	r := startRig(f, msrp.Config{
		ConnectAttempts: -1, // each input has a connection of its own, to the same peer
		MaxMessage:      1 << 16, LingerTimeout: 50 * time.Millisecond, ChunkSize: 1 << 20, Interruptible: true,
		Dial: func(context.Context, string, string) (net.Conn, error) {
			ours, theirs := net.Pipe()
			dialled <- theirs
			return ours, nil
		},
	}, l, l.dial, limit)
	_, steady, good := r.bound()

	states := fuzzStates()
	addSeeds(f, byte(2*len(states)))
	defer func() { r.t, good.t = f, f }()
	f.Fuzz(func(t *testing.T, state byte, octets string) {
		r.t, good.t = t, t
		x := &fuzzed{t: t, r: r, dialled: dialled}
		defer x.close()
		x.begin(int(state)/len(states)%2 == 1)
		states[int(state)%len(states)](x)
		octets = strings.NewReplacer("<to>", x.s.URI().String(), "<id>", x.id).Replace(octets)
		first := min(len(octets)/2, unread)
		feed(t, x.p.nc, octets[:first])
		x.drain()
		feed(t, x.p.nc, octets[first:])
		x.close()
		poll(t, func() bool { return r.endpoint.Buffered() == 0 && r.endpoint.Connections() == 1 })

		id, req := good.text("m-good", "x", "Success-Report: no")
		good.write(req)
		good.expect(id, 200)
		<-steady.events
	})
}

// addSeeds adds the first inputs, each in every state.
func addSeeds(f *testing.F, states byte) {
	p := &rawPeer{uri: peerURI, to: "<to>"}
	_, whole := p.text("m-0001", "hello")
	_, chunk := p.chunk("m-0001", "1-2/5", "ab", "+", "Success-Report: yes")
	_, last := p.chunk("m-0001", "3-5/5", "llo", "$")
	moved := strings.ReplaceAll(whole, peerURI, movedURI)
	answer := func(code, flag string) string {
		return "MSRP <id> " + code + " x\r\nTo-Path: <to>\r\nFrom-Path: " + peerURI + "\r\n-------<id>" + flag + "\r\n"
	}
	report := func(status string) string {
		return p.request("abcdefgh", "REPORT", nil, "$", "Message-ID: "+fuzzMessage, "Byte-Range: 1-5/5", "Status: 000 "+status)
	}
	seeds := []string{
		"", "\r\n", whole, chunk + whole, last + chunk + chunk, chunk + strings.Repeat("x", 70_000),
		moved, whole + moved + whole,
		answer("200", "$") + whole, answer("413", "$") + answer("200", "$"), answer("481", "$"), answer("415", "$"), answer("200", "+"), answer("999", "$"),
		report("200 OK") + answer("200", "$"), answer("200", "$") + report("408 x"), report("200"),
		p.request("abcdefgh", "SEND", nil, "#", "Message-ID: m-fuzz", "Byte-Range: 3-2/5"),
		p.request("abcdefgh", "AUTH", nil, "$"),
		"x\r\n-------tIdchunk00000000$\r\n" + whole,
		"x\r\n-------tIdchunk00000000#\r\n" + whole,
	}
	for state := range states {
		for _, s := range seeds {
			f.Add(state, s)
		}
	}
}

// unread is how many octets are fed at most before the peer reads: with more, reading may stop.
const unread = 8 << 10

// fuzzMessage is the Message-ID of what the fuzzed session sends.
const fuzzMessage = "m-fuzz-out"

// fuzzed is a session of the endpoint, and the peer's side of its connections.
type fuzzed struct {
	t       *testing.T
	r       *rig
	dialled chan net.Conn
	s       *msrp.Session
	p       *rawPeer   // the connection that is fed
	others  []*rawPeer // further ones
	id      string     // of a request that is not answered
}

// fuzzStates bring the connection p into a state each.
func fuzzStates() []func(*fuzzed) {
	return []func(*fuzzed){
		func(x *fuzzed) { x.p = x.accepted(peerURI) }, // no session bound
		(*fuzzed).bound,
		func(x *fuzzed) { // in the middle of a chunk that comes
			x.bound()
			body := "half"
			req := x.p.request("tIdchunk00000000", "SEND", &body, "+", "Message-ID: m-fuzz", "Byte-Range: 1-*/*", "Content-Type: text/plain")
			x.p.write(req[:strings.Index(req, "\r\n-------")])
		},
		func(x *fuzzed) { // in the middle of a head
			x.bound()
			_, req := x.p.text("m-fuzz", "hello")
			x.p.write(req[:strings.Index(req, "Byte-Range")])
		},
		func(x *fuzzed) { // opened by the endpoint, its bind not answered
			if err := x.s.Connect(x.t.Context()); err != nil {
				x.t.Fatal(err)
			}
			x.p = x.peer(<-x.dialled, peerURI)
			x.id = x.p.expectRequest("SEND").id
		},
		func(x *fuzzed) { // in the middle of a chunk that leaves
			x.p = x.accepted(peerURI)
			x.p.bind()
			send(x.t, x.s, msrp.Outgoing{MessageID: fuzzMessage, ContentType: "text/plain", Body: make([]byte, 200_000), SuccessReport: true})
			line, err := x.p.in.ReadString('\n')
			if err != nil {
				x.t.Fatal(err)
			}
			x.id = strings.Fields(line)[1]
		},
		func(x *fuzzed) { // left by its session, which has no other yet
			x.bound()
			x.move()
		},
		func(x *fuzzed) { // left by its session for another one
			x.bound()
			x.move()
			q := x.accepted(movedURI)
			q.bind()
			x.others = append(x.others, q)
		},
		func(x *fuzzed) { // the other one
			x.bound()
			x.others = append(x.others, x.p)
			x.move()
			x.p = x.accepted(movedURI)
			x.p.bind()
		},
		func(x *fuzzed) { // shared by two sessions, of which one is over
			x.bound()
			other, err := x.r.endpoint.NewSession(msrp.SessionConfig{Base: x.r.base, Handler: acceptor{}})
			if err != nil {
				x.t.Fatal(err)
			}
			other.SetPeer(known(x.t, peerURI))
			to := x.p.to
			x.p.to = other.URI().String()
			x.p.bind()
			x.p.to = to
			other.Close()
		},
		func(x *fuzzed) { // its only session is over
			x.bound()
			x.s.Close()
		},
	}
}

// begin makes the session.
func (x *fuzzed) begin(streams bool) {
	var h msrp.Handler = acceptor{}
	if streams {
		h = consumer{}
	}
	var err error
	if x.s, err = x.r.endpoint.NewSession(msrp.SessionConfig{Base: x.r.base, Accept: msrp.Types{"text/plain"}, Handler: h}); err != nil {
		x.t.Fatal(err)
	}
	x.s.SetPeer(known(x.t, peerURI))
}

func (x *fuzzed) peer(nc net.Conn, uri string) *rawPeer {
	return &rawPeer{t: x.t, nc: nc, in: bufio.NewReader(nc), uri: uri, to: x.s.URI().String(), patience: limit}
}

func (x *fuzzed) accepted(uri string) *rawPeer { return x.peer(x.r.dial(), uri) }

// bound binds a connection, over which then a request of the session waits for its response.
func (x *fuzzed) bound() {
	x.p = x.accepted(peerURI)
	x.p.bind()
	send(x.t, x.s, msrp.Outgoing{MessageID: fuzzMessage, ContentType: "text/plain", Body: []byte("hello"), SuccessReport: true})
	x.id = x.p.expectRequest("SEND").id
}

func (x *fuzzed) move() {
	if err := x.s.SetPeer(known(x.t, movedURI)); err != nil {
		x.t.Fatal(err)
	}
}

// drain has the peer read all that comes from now on.
func (x *fuzzed) drain() {
	for _, p := range append(x.others, x.p) {
		p.nc.SetReadDeadline(time.Time{})
		go io.Copy(io.Discard, p.in) // ends with the connection
	}
}

func (x *fuzzed) close() {
	x.s.Close()
	for _, p := range append(x.others, x.p) {
		if p != nil {
			p.nc.Close()
		}
	}
}

// feed writes octets in pieces until they are all taken or the connection is closed.
func feed(t *testing.T, nc net.Conn, octets string) {
	t.Helper()
	nc.SetWriteDeadline(time.Now().Add(limit))
	for len(octets) > 0 {
		n := min(len(octets), 1+len(octets)/3)
		if _, err := io.WriteString(nc, octets[:n]); err != nil {
			if errors.Is(err, os.ErrDeadlineExceeded) {
				t.Fatal("reading has stopped")
			}
			return
		}
		octets = octets[n:]
	}
}

// consumer is an acceptor that takes streams: every other one is given up after the first octets.
type consumer struct{ acceptor }

func (consumer) Stream(_ *msrp.Session, in *msrp.Incoming) {
	go func() {
		if len(in.MessageID)%2 == 0 {
			in.Read(make([]byte, 2))
			in.Reject(403, in.MessageID)
			return
		}
		io.Copy(io.Discard, in)
		in.Accept()
		in.ReportFailure(480, "")
	}()
}

// acceptor accepts every other message, rejects the others, and hears nothing else.
type acceptor struct{}

func (acceptor) Message(_ *msrp.Session, m *msrp.Received) {
	if len(m.Body)%2 == 0 {
		go m.Accept()
	} else {
		m.Reject(400, string(m.Body))
	}
}
func (acceptor) Report(*msrp.Session, msrp.Report) {}
func (acceptor) Fate(*msrp.Session, msrp.Fate)     {}
func (acceptor) Closed(*msrp.Session, error)       {}
