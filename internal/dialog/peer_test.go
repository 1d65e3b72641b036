package dialog

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parley-msrp/parley/internal/sip"
)

// text is a SIP message as the scripted peer reads it, with a reader of its own.
type text struct {
	start string
	head  []string
	body  string
}

func parseText(s string) text {
	head, body, _ := strings.Cut(s, "\r\n\r\n")
	rows := strings.Split(head, "\r\n")
	return text{start: rows[0], head: rows[1:], body: body}
}

// all values of a header, one for each row.
func (m text) all(name string) []string {
	var vs []string
	for _, row := range m.head {
		if n, v, ok := strings.Cut(row, ":"); ok && strings.EqualFold(n, name) {
			vs = append(vs, strings.TrimSpace(v))
		}
	}
	return vs
}

func (m text) get(name string) string {
	if vs := m.all(name); len(vs) > 0 {
		return vs[0]
	}
	return ""
}

func (m text) has(name string) bool { return len(m.all(name)) > 0 }

// tag of a From or To header.
func (m text) tag(name string) string {
	_, tag, _ := strings.Cut(m.get(name), ";tag=")
	return tag
}

func (m text) contact() string {
	_, s, _ := strings.Cut(m.get("Contact"), "<")
	s, _, _ = strings.Cut(s, ">")
	return s
}

func (m text) seq() int {
	n, _, _ := strings.Cut(m.get("CSeq"), " ")
	i, _ := strconv.Atoi(n)
	return i
}

func (m text) method() string {
	_, method, _ := strings.Cut(m.get("CSeq"), " ")
	return method
}

// received is a message with the way back.
type received struct {
	text
	raw  string
	at   time.Time
	back func(string)
}

// peer is a scripted SIP user agent on raw sockets: it knows nothing of package sip.
type peer struct {
	t     *testing.T
	proto string // UDP or TCP
	addr  string
	out   func(string) // sends to the unit under test
	in    chan received
	stop  []func()
	wg    sync.WaitGroup
	n     int
}

// socketPeer is a peer on a real socket of the loopback; ua is where the unit under test listens.
func socketPeer(t *testing.T, proto sip.Proto, ua string) *peer {
	p := &peer{t: t, proto: proto.String(), in: make(chan received, 1000)}
	if proto == sip.UDP {
		pc, err := net.ListenPacket("udp4", "127.0.0.1:0")
		check0(t, err)
		p.onPackets(pc, ua)
	} else {
		l, err := net.Listen("tcp4", "127.0.0.1:0")
		check0(t, err)
		p.onStreams(l, func() (net.Conn, error) { return net.Dial("tcp4", ua) })
	}
	t.Cleanup(p.close)
	return p
}

// memPeer is the same in memory, on an address of its own.
func memPeer(t *testing.T, n *memNet, proto sip.Proto, addr, ua string) *peer {
	p := &peer{t: t, proto: proto.String(), in: make(chan received, 1000)}
	if proto == sip.UDP {
		pc, err := n.ListenPacket("udp4", addr)
		check0(t, err)
		p.onPackets(pc, ua)
	} else {
		l, err := n.Listen("tcp4", addr)
		check0(t, err)
		p.onStreams(l, func() (net.Conn, error) { return n.Dial(t.Context(), "tcp4", ua) })
	}
	return p
}

func check0(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (p *peer) close() {
	for _, f := range p.stop {
		f()
	}
	p.wg.Wait()
}

func (p *peer) onPackets(pc net.PacketConn, ua string) {
	p.addr = pc.LocalAddr().String()
	p.stop = append(p.stop, func() { pc.Close() })
	write := func(to net.Addr) func(string) {
		return func(s string) { _, _ = pc.WriteTo([]byte(s), to) }
	}
	if to, err := net.ResolveUDPAddr("udp", ua); err == nil {
		p.out = write(to)
	}
	p.wg.Go(func() {
		b := make([]byte, 65536)
		for {
			n, from, err := pc.ReadFrom(b)
			if err != nil {
				return
			}
			p.in <- received{parseText(string(b[:n])), string(b[:n]), time.Now(), write(from)}
		}
	})
}

func (p *peer) onStreams(l net.Listener, dial func() (net.Conn, error)) {
	p.addr = l.Addr().String()
	var mu sync.Mutex
	var conns []net.Conn
	p.stop = append(p.stop, func() {
		l.Close()
		mu.Lock()
		defer mu.Unlock()
		for _, c := range conns {
			c.Close()
		}
	})
	serve := func(c net.Conn) {
		mu.Lock()
		conns = append(conns, c)
		mu.Unlock()
		p.wg.Go(func() { p.readStream(c) })
	}
	p.wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			serve(c)
		}
	})
	var own net.Conn
	p.out = func(s string) {
		if own == nil {
			c, err := dial()
			check0(p.t, err)
			own = c
			serve(c)
		}
		_, _ = io.WriteString(own, s)
	}
}

func (p *peer) readStream(c net.Conn) {
	r := bufio.NewReader(c)
	for {
		var b strings.Builder
		for !strings.HasSuffix(b.String(), "\r\n\r\n") {
			line, err := r.ReadString('\n')
			if err != nil {
				return
			}
			if b.Len() > 0 || line != "\r\n" {
				b.WriteString(line)
			}
		}
		n, _ := strconv.Atoi(parseText(b.String()).get("Content-Length"))
		body := make([]byte, n)
		if _, err := io.ReadFull(r, body); err != nil {
			return
		}
		b.Write(body)
		p.in <- received{parseText(b.String()), b.String(), time.Now(), func(s string) { _, _ = io.WriteString(c, s) }}
	}
}

// next is the next message, within a limit that no test should come near (fake time or not).
func (p *peer) next() received {
	p.t.Helper()
	select {
	case r := <-p.in:
		return r
	case <-time.After(10 * time.Minute / timeScale()):
		p.t.Fatal("no message came")
		panic("unreachable")
	}
}

// timeScale keeps real waiting short: under fake time the clock starts in the year 2000.
func timeScale() time.Duration {
	if time.Now().Year() < 2010 {
		return 1
	}
	return 60
}

// want is the next message, which must be a request of that method, or a response of that code to one, like "200 INVITE". In real time the
// machine may be busy for the 200 ms after which a 100 leaves (RFC 3261 §17.2.1): one that is not wanted is no error there.
func (p *peer) want(what string) received {
	p.t.Helper()
	r := p.next()
	for timeScale() > 1 && what != "100 INVITE" && r.what() == "100 INVITE" {
		r = p.next()
	}
	if got := r.what(); got != what {
		p.t.Fatalf("got %s, want %s\n%s", got, what, r.raw)
	}
	return r
}

func (m text) what() string {
	if code, ok := strings.CutPrefix(m.start, "SIP/2.0 "); ok {
		return code[:3] + " " + m.method()
	}
	method, _, _ := strings.Cut(m.start, " ")
	return method
}

// silent checks that nothing comes for d. For fake time.
func (p *peer) silent(d time.Duration) {
	p.t.Helper()
	select {
	case r := <-p.in:
		p.t.Fatalf("got %s, want silence\n%s", r.what(), r.raw)
	case <-time.After(d):
	}
}

const (
	capabilitiesSDP = "v=0\r\ns=capabilities\r\n"

	offerSDP  = "v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=offer\r\n"
	answerSDP = "v=0\r\no=- 2 1 IN IP4 192.0.2.1\r\ns=answer\r\n"
	otherSDP  = "v=0\r\no=- 1 2 IN IP4 192.0.2.9\r\ns=other\r\n"
)

// request is a request that the peer sends, part by part so that a test can change each.
type request struct {
	method, uri, branch, from, to, callID, contact string
	seq                                            int
	head                                           []string
	body                                           string
}

// call is the peer's view of one dialog.
type call struct {
	*peer
	id, own, other string // Call-ID and tags
	seq            int
	target         string // of requests
}

// newCall is a call that the peer starts.
func (p *peer) newCall() *call {
	p.n++
	return &call{
		peer: p, id: fmt.Sprintf("call-%d@%s", p.n, p.addr), own: fmt.Sprintf("tag-%d", p.n), seq: 100,
		target: "sip:parley@192.0.2.1",
	}
}

func (c *call) uri() string {
	if c.proto == "TCP" {
		return "sip:peer@" + c.addr + ";transport=tcp"
	}
	return "sip:peer@" + c.addr
}

// request makes the next request of the call.
func (c *call) request(method string) *request {
	c.seq++
	c.n++
	r := &request{
		method: method, uri: c.target, branch: fmt.Sprintf("z9hG4bK-%d-%d", c.n, c.seq), callID: c.id, seq: c.seq,
		from: "<sip:peer@example.org>", to: "<sip:parley@example.com>", contact: "<" + c.uri() + ">",
	}
	if c.own != "" {
		r.from += ";tag=" + c.own
	}
	if c.other != "" {
		r.to += ";tag=" + c.other
	}
	return r
}

func (c *call) invite(head ...string) *request {
	r := c.request("INVITE")
	return r.with(head...).sdp(offerSDP)
}

func (r *request) with(head ...string) *request {
	r.head = append(r.head, head...)
	return r
}

func (r *request) sdp(body string) *request {
	r.body = body
	return r.with("Content-Type: application/sdp")
}

// send sends the request; it can be sent again.
func (c *call) send(r *request) {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s SIP/2.0\r\n", r.method, r.uri)
	fmt.Fprintf(&b, "Via: SIP/2.0/%s %s;branch=%s;rport\r\n", c.proto, c.addr, r.branch)
	fmt.Fprintf(&b, "Max-Forwards: 70\r\nFrom: %s\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: %d %s\r\n", r.from, r.to, r.callID, r.seq, r.method)
	if r.contact != "" {
		fmt.Fprintf(&b, "Contact: %s\r\n", r.contact)
	}
	for _, h := range r.head {
		b.WriteString(h + "\r\n")
	}
	fmt.Fprintf(&b, "Content-Length: %d\r\n\r\n%s", len(r.body), r.body)
	c.out(b.String())
}

// ack sends the ACK of a 2xx to inv.
func (c *call) ack(inv *request) {
	r := c.request("ACK")
	c.seq--
	r.seq = inv.seq
	r.contact = ""
	c.send(r)
}

// ackFinal sends the ACK of a final answer above 299, which UDP needs to be quiet.
func (c *call) ackFinal(inv *request, answer received) {
	r := *inv
	r.method, r.to, r.body, r.head, r.contact = "ACK", answer.get("To"), "", nil, ""
	c.send(&r)
}

// learn takes the dialog's other side from a response.
func (c *call) learn(r received) {
	c.other = r.tag("To")
	if u := r.contact(); u != "" {
		c.target = u
	}
}

// setUp makes an established call that the unit under test answers at once.
func (c *call) setUp(head ...string) (inv *request, ok received) {
	c.t.Helper()
	inv = c.invite(head...)
	c.send(inv)
	ok = c.want("200 INVITE")
	c.learn(ok)
	c.ack(inv)
	return inv, ok
}

// answer responds to a request of the unit under test; a body is a session description.
func (p *peer) answer(r received, code int, tag string, head []string, body string) {
	if body != "" {
		head = append(head, "Content-Type: application/sdp")
	}
	p.respond(r, code, tag, head, body)
}

func (p *peer) respond(r received, code int, tag string, head []string, body string) {
	var b strings.Builder
	fmt.Fprintf(&b, "SIP/2.0 %d Test\r\n", code)
	for _, v := range r.all("Via") {
		b.WriteString("Via: " + v + "\r\n")
	}
	to := r.get("To")
	if tag != "" && !strings.Contains(to, ";tag=") {
		to += ";tag=" + tag
	}
	fmt.Fprintf(&b, "From: %s\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: %s\r\n", r.get("From"), to, r.get("Call-ID"), r.get("CSeq"))
	for _, h := range head {
		b.WriteString(h + "\r\n")
	}
	fmt.Fprintf(&b, "Content-Length: %d\r\n\r\n%s", len(body), body)
	r.back(b.String())
}

// contact is the peer's Contact header row.
func (p *peer) contactRow() string {
	if p.proto == "TCP" {
		return "Contact: <sip:peer@" + p.addr + ";transport=tcp>"
	}
	return "Contact: <sip:peer@" + p.addr + ">"
}

// answering is the call from the view of a peer that was called.
func (p *peer) answering(inv received, tag string) *call {
	return &call{peer: p, id: inv.get("Call-ID"), own: tag, other: inv.tag("From"), seq: 500, target: inv.contact()}
}
