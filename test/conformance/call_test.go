package conformance

import (
	"encoding/base64"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/parley-msrp/parley/test/conformance/node"
	"github.com/parley-msrp/parley/test/peer"
)

// setup says what differs from a plain call. The zero value is one.
type setup struct {
	proto  string         // SIP over "udp" (default) or "tcp"
	types  string         // accept-types of the peer; default "*"
	attrs  string         // further lines of the peer's m-line, each with CRLF
	path   string         // the peer's path; default a single URI
	conn   *peer.Conn     // MSRP connection to use, of another call
	unused bool           // answered calls: open no connection and bind nothing
	own    string         // started calls: content_types; default "text/plain *"
	listen *peer.Listener // started calls: where the peer listens
}

// call is an established call with one MSRP session, seen from the peer.
type call struct {
	n    *node.Node
	a    *peer.Agent
	d    *peer.Dialog
	sdp  peer.SDP // what the program under test said
	id   string   // session_id
	s    peer.Session
	c    *peer.Conn
	bind *peer.Frame // started calls: the binding SEND
	over bool        // ended; no BYE at the end of the test
}

// sessionID is the session-id of an MSRP URI.
func sessionID(uri string) string {
	_, rest, _ := strings.Cut(uri, "://")
	_, id, _ := strings.Cut(rest, "/")
	id, _, _ = strings.Cut(id, ";")
	return id
}

// hostPort is the authority of an MSRP URI.
func hostPort(uri string) string {
	_, rest, _ := strings.Cut(uri, "://")
	authority, _, _ := strings.Cut(rest, "/")
	return authority
}

// answered makes a call from the peer, with a connection that is bound by a bodiless SEND.
func answered(t *testing.T, n *node.Node, o setup) *call {
	t.Helper()
	c := &call{n: n, a: peer.NewAgent(t, or(o.proto, "udp"), n.SIP)}
	c.d = c.a.NewDialog("bob")
	path := or(o.path, "msrp://"+c.a.Addr.String()+"/"+peer.Ident()+";tcp")
	c.s.Own = strings.TrimSpace(path)
	_, r := c.d.Call(t, patience(), peer.Offer(or(o.types, "*"), path)+o.attrs)
	c.take(t, r)
	c.d.Ack(t)
	c.endWith(t)
	if node.Target() == "daemon" { // the stub has no events, and shall not fail for that alone
		n.Await(t, c.id, "E_MSRP_SESSION_NEW", 1)
	}
	switch {
	case o.unused:
	case o.conn != nil:
		c.c = o.conn
		c.ok(t, c.s.Bodiless())
	default:
		c.c = peer.DialMSRP(t, hostPort(c.s.Remote))
		c.ok(t, c.s.Bodiless())
	}
	return c
}

// take reads the 200 of an INVITE.
func (c *call) take(t *testing.T, r *peer.Message) {
	t.Helper()
	if r.Code() != 200 {
		t.Fatalf("INVITE: %s, want 200", r.Start)
	}
	c.sdp = peer.ParseSDP(r.Body)
	if len(c.sdp.Media) == 0 || c.sdp.Media[0].Path() == "" {
		t.Fatalf("no path in the answer:\n%s", r.Body)
	}
	c.s.Remote = c.sdp.Media[0].Path()
	c.id = sessionID(c.s.Remote)
}

// endWith hangs up at the end of the test if nobody did before.
func (c *call) endWith(t *testing.T) {
	t.Cleanup(func() {
		if !c.over {
			c.a.Try(t, patience(), c.d.Request("BYE").Del("Contact"))
		}
		for _, bye := range c.a.Drop(func(m *peer.Message) bool { return m.IsRequest() && m.Method() == "BYE" }) { // the connection has closed before
			_ = c.a.TryRespond(bye, c.d.Response(bye, 200, "OK"))
		}
	})
}

// started lets the program under test call the peer, which accepts the connection and answers the binding SEND.
func started(t *testing.T, n *node.Node, o setup) *call {
	t.Helper()
	c, invite := invited(t, n, o)
	if o.listen == nil {
		o.listen = peer.ListenMSRP(t)
	}
	c.s.Own = or(o.path, o.listen.Path(peer.Ident()))
	c.accept(t, invite, peer.Offer(or(o.types, "*"), c.s.Own)+o.attrs)
	c.c = o.conn
	if c.c == nil {
		c.c = o.listen.Accept(t, patience())
	}
	c.bind = c.c.Request(t, patience(), "SEND")
	c.c.Answer(c.bind, 200, "OK")
	n.Await(t, c.id, "E_MSRP_SESSION_NEW", 1)
	return c
}

// invited lets the program under test call the peer, and returns with the INVITE.
func invited(t *testing.T, n *node.Node, o setup) (*call, *peer.Message) {
	t.Helper()
	c := &call{n: n, a: peer.NewAgent(t, or(o.proto, "udp"), n.SIP)}
	uri := "sip:bob@" + c.a.Addr.String()
	if o.proto == "tcp" {
		uri += ";transport=tcp"
	}
	c.id = n.StartSession(t, or(o.own, "text/plain *"), uri)
	invite := c.a.Request(t, patience(), "INVITE")
	c.sdp = peer.ParseSDP(invite.Body)
	if len(c.sdp.Media) == 0 {
		t.Fatalf("no m-line in the offer:\n%s", invite.Body)
	}
	c.s.Remote = c.sdp.Media[0].Path()
	c.d = c.a.Answering(invite)
	t.Cleanup(func() { _ = c.a.TryRespond(invite, c.d.Response(invite, 480, "Temporarily Unavailable")) }) // if there was no final answer
	return c, invite
}

// accept answers the INVITE with 200 and waits for the ACK.
func (c *call) accept(t *testing.T, invite *peer.Message, sdp string) {
	t.Helper()
	c.a.Respond(t, invite, c.d.Response(invite, 200, "OK").WithSDP(sdp))
	c.a.Request(t, patience(), "ACK")
	c.endWith(t)
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// bye ends the call from the peer's side.
func (c *call) bye(t *testing.T) {
	t.Helper()
	c.over = true
	if r := c.d.Bye(t, patience()); r.Code() != 200 {
		t.Fatalf("BYE: %s", r.Start)
	}
}

// byeCame waits for the BYE of the program under test and answers it.
func (c *call) byeCame(t *testing.T) *peer.Message {
	t.Helper()
	c.over = true
	m := c.a.Request(t, patience(), "BYE")
	c.d.Answer(t, m, 200, "OK")
	return m
}

// answer writes a request and returns the response to it.
func (c *call) answer(t *testing.T, f *peer.Frame) *peer.Frame {
	t.Helper()
	c.c.Put(f.Bytes())
	return c.c.Response(t, patience(), f.ID)
}

// want writes a request and checks the code of the response.
func (c *call) want(t *testing.T, f *peer.Frame, code int) *peer.Frame {
	t.Helper()
	r := c.answer(t, f)
	if r.Code != code {
		t.Fatalf("response %d %s to %s, want %d", r.Code, r.Comment, f.Method, code)
	}
	return r
}

func (c *call) ok(t *testing.T, f *peer.Frame) *peer.Frame {
	t.Helper()
	return c.want(t, f, 200)
}

const markerPrefix = "marker "

// marker sends a valid message and waits until it was answered and told. What was to come before it has come then.
func (c *call) marker(t *testing.T) {
	t.Helper()
	mark := markerPrefix + peer.Ident()
	c.ok(t, c.s.Send(mark))
	end := time.Now().Add(patience())
	for !slices.Contains(c.bodies(t, c.n.Await(t, c.id, "E_MSRP_MSG_RECEIVED", 1)), mark) {
		if time.Now().After(end) {
			t.Fatal("the marker was not told")
		}
		time.Sleep(time.Millisecond)
	}
}

// received checks that exactly these bodies were told in this session, beside markers: it sends one itself.
func (c *call) received(t *testing.T, want ...string) {
	t.Helper()
	c.marker(t)
	c.told(t, want...)
}

// told checks that exactly these bodies were told up to now, beside markers.
func (c *call) told(t *testing.T, want ...string) {
	t.Helper()
	got := slices.DeleteFunc(c.bodies(t, c.n.Events(c.id, "E_MSRP_MSG_RECEIVED")), func(s string) bool {
		return strings.HasPrefix(s, markerPrefix)
	})
	if !slices.Equal(got, want) {
		t.Fatalf("messages told:\n%.300q\nwant:\n%.300q", got, want)
	}
}

func (c *call) bodies(t *testing.T, events []node.Event) []string {
	t.Helper()
	var bodies []string
	for _, e := range events {
		b := e.Text("body")
		if b64, has := e.Data["body_base64"].(string); has {
			raw, err := base64.StdEncoding.DecodeString(b64)
			if err != nil {
				t.Fatal(err)
			}
			b = string(raw)
		}
		if ref, has := e.Data["body_ref"].(map[string]any); has {
			b = c.n.Body(t, ref["id"].(string))
		}
		bodies = append(bodies, b)
	}
	return bodies
}

// bound makes two calls whose sessions share one connection.
func bound(t *testing.T, n *node.Node) (first, second *call) {
	t.Helper()
	first = answered(t, n, setup{})
	return first, answered(t, n, setup{conn: first.c})
}

// outcome writes input, then a valid message behind it, and says what came back before the answer to that:
// "IGNORE" for nothing, codes joined by "+", "CLOSE" for the end of the connection (also after codes).
func (c *call) outcome(t *testing.T, write func([]byte), input []byte) string {
	t.Helper()
	mark := c.s.Send(markerPrefix + peer.Ident())
	write(input)
	write(mark.Bytes())
	var got []string
	for {
		f, err := c.c.Read(patience())
		switch {
		case err != nil && peer.IsClosed(err):
			return strings.Join(append(got, "CLOSE"), "+")
		case err != nil:
			t.Fatalf("neither an answer to the next request nor the end of the connection: %v (before: %v)", err, got)
		}
		for _, w := range f.Check() {
			t.Errorf("%s: %s", f.ID, w)
		}
		if f.ID == mark.ID && f.Code == 200 {
			if got == nil {
				return "IGNORE"
			}
			return strings.Join(got, "+")
		}
		got = append(got, strconv.Itoa(f.Code))
	}
}

// expect is outcome with the verdicts that are right.
func (c *call) expect(t *testing.T, input []byte, want ...string) string {
	t.Helper()
	got := c.outcome(t, c.c.Put, input)
	if !slices.Contains(want, got) {
		t.Fatalf("%s, want %s, for\n%.2000q", got, strings.Join(want, " or "), input)
	}
	return got
}

// read collects the SENDs of one message, answering each, until its last chunk.
func (c *call) read(t *testing.T, answer int) []*peer.Frame {
	t.Helper()
	var chunks []*peer.Frame
	for {
		f := c.c.Request(t, patience(), "SEND")
		if len(chunks) > 0 && f.Get("Message-ID") != chunks[0].Get("Message-ID") {
			t.Fatalf("chunk of message %s in message %s", f.Get("Message-ID"), chunks[0].Get("Message-ID"))
		}
		chunks = append(chunks, f)
		if answer != 0 {
			c.c.Answer(f, answer, "")
		}
		if f.Flag != '+' {
			return chunks
		}
	}
}

func join(chunks []*peer.Frame) string {
	var b strings.Builder
	for _, f := range chunks {
		b.Write(f.Body)
	}
	return b.String()
}

// fate waits for the E_MSRP_MSG_SENT of a message.
func (c *call) fate(t *testing.T, messageID, want string) {
	t.Helper()
	for count := 1; ; count++ {
		events := c.n.Await(t, c.id, "E_MSRP_MSG_SENT", count)
		for _, e := range events {
			if e.Text("message_id") == messageID {
				if e.Text("fate") != want {
					t.Fatalf("fate %s, want %s: %s", e.Text("fate"), want, e.Raw)
				}
				return
			}
		}
	}
}

// failed waits for the E_MSRP_REPORT_RECEIVED that tells a negative response or report.
func (c *call) failed(t *testing.T, messageID, status string) node.Event {
	t.Helper()
	for count := 1; ; count++ {
		events := c.n.Await(t, c.id, "E_MSRP_REPORT_RECEIVED", count)
		for _, e := range events {
			if e.Text("message_id") == messageID {
				if e.Text("status") != status {
					t.Fatalf("status %q, want %q: %s", e.Text("status"), status, e.Raw)
				}
				return e
			}
		}
	}
}

// gone waits until the session is not listed any more.
func (c *call) gone(t *testing.T) {
	t.Helper()
	end := time.Now().Add(patience())
	for c.n.Session(t, c.id) != nil {
		if time.Now().After(end) {
			t.Fatalf("session %s is still listed", c.id)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// numbered makes a body of that many octets that tells where it is cut: lines of eight octets with their number.
func numbered(octets int) string {
	b := make([]byte, 0, octets+8)
	for i := 0; len(b) < octets; i++ {
		n := strconv.Itoa(i)
		b = append(b, "0000000"[len(n):]...)
		b = append(append(b, n...), '\n')
	}
	return string(b[:octets])
}

// dialled says whether an address takes connections.
func dialled(addr string) bool {
	c, err := net.DialTimeout("tcp", addr, 2*time.Second)
	if err == nil {
		c.Close()
	}
	return err == nil
}
