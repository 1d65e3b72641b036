package relay_test

import (
	"bufio"
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net"
	"regexp"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/parley-msrp/parley/msrp"
	"github.com/parley-msrp/parley/msrp/relay"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// auth is an AUTH as it came.
type auth struct {
	conn          int // which connection, from 1
	to, from      string
	expires       string
	authorization string
}

// params are the parameters of the credentials.
func (a auth) params() map[string]string {
	p := map[string]string{}
	for _, m := range regexp.MustCompile(`(\w+)=(?:"([^"]*)"|([^,]*))`).FindAllStringSubmatch(a.authorization, -1) {
		p[m[1]] = m[2] + m[3]
	}
	return p
}

// form is what kind of credentials the AUTH carries.
func (a auth) form() string {
	_, hasURI := a.params()["uri"]
	switch {
	case a.authorization == "":
		return "none"
	case hasURI:
		return "uri"
	}
	return "bare"
}

func hash(algorithm string, parts ...string) string {
	text := []byte(strings.Join(parts, ":"))
	if algorithm == "SHA-256" {
		sum := sha256.Sum256(text)
		return hex.EncodeToString(sum[:])
	}
	sum := md5.Sum(text)
	return hex.EncodeToString(sum[:])
}

// good says whether the credentials are those of the password "open sesame".
func (a auth) good() bool {
	p := a.params()
	uri := a.to[strings.LastIndexByte(a.to, ' ')+1:]
	h := func(parts ...string) string { return hash(p["algorithm"], parts...) }
	return p["response"] == h(h(p["username"], p["realm"], "open sesame"), p["nonce"], p["nc"], p["cnonce"], p["qop"], h("AUTH", uri))
}

// fake is a relay in memory. reply says what comes back to the n-th AUTH, from 1: code and header lines. Code 0 is silence, -1 the end of the connection.
type fake struct {
	t     testing.TB
	reply func(n int, a auth) (code int, headers []string)
	// secure makes a TLS connection of one; nil: that failed. Nil: the relay talks in clear.
	secure func(net.Conn) net.Conn

	mu    sync.Mutex
	auths []auth
	dials []string
	ends  []net.Conn
	deny  map[string]bool
	wg    sync.WaitGroup
}

func (f *fake) dial(_ context.Context, _, address string) (net.Conn, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.dials = append(f.dials, address)
	if f.deny[address] {
		return nil, fmt.Errorf("%s: connection refused", address)
	}
	near, far := f.pair()
	f.ends = append(f.ends, far)
	n := len(f.ends)
	f.wg.Go(func() { f.serve(n, far) })
	return near, nil
}

// pair is a connection's two ends; of TLS over a pipe without buffer each end may wait for the other.
func (f *fake) pair() (near, far net.Conn) {
	if f.secure == nil {
		return net.Pipe()
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		f.t.Fatal(err)
	}
	defer l.Close()
	if near, err = net.Dial("tcp", l.Addr().String()); err == nil {
		far, err = l.Accept()
	}
	if err != nil {
		f.t.Fatal(err)
	}
	return near, far
}

func (f *fake) serve(n int, c net.Conn) {
	defer c.Close()
	if f.secure != nil {
		if c = f.secure(c); c == nil {
			return
		}
	}
	var lines []string
	for in := bufio.NewScanner(c); in.Scan(); {
		line := in.Text()
		lines = append(lines, line)
		if !strings.HasPrefix(line, "-------") {
			continue
		}
		if !f.answer(n, c, lines) {
			return
		}
		lines = nil
	}
}

func (f *fake) answer(n int, c net.Conn, lines []string) bool {
	start := strings.Fields(lines[0])
	if start[2] != "AUTH" {
		return true
	}
	a := auth{conn: n}
	for _, l := range lines[1:] {
		name, v, _ := strings.Cut(l, ": ")
		switch name {
		case "To-Path":
			a.to = v
		case "From-Path":
			a.from = v
		case "Expires":
			a.expires = v
		case "Authorization":
			a.authorization = v
		}
	}
	f.mu.Lock()
	f.auths = append(f.auths, a)
	count := len(f.auths)
	f.mu.Unlock()
	code, headers := f.reply(count, a)
	if code <= 0 {
		return code == 0
	}
	_, _ = fmt.Fprintf(c, "MSRP %s %d Because\r\nTo-Path: %s\r\nFrom-Path: %s\r\n%s-------%s$\r\n", start[1], code, a.from, a.to,
		strings.Join(append(headers, ""), "\r\n"), start[1])
	return true
}

// forms are the credentials of all AUTHs so far.
func (f *fake) forms() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var all []string
	for _, a := range f.auths {
		all = append(all, a.form())
	}
	return strings.Join(all, " ")
}

func (f *fake) all() []auth {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]auth(nil), f.auths...)
}

// digest is a challenge.
func digest(params string) string {
	return `WWW-Authenticate: Digest realm="example.org", ` + params
}

const plain = `nonce="n1", qop="auth", algorithm=MD5`

// path is the n-th Use-Path.
func path(n int) string { return fmt.Sprintf("Use-Path: msrp://relay.example.org:2855/token%d;tcp", n) }

// rig is a client of a fake relay.
type rig struct {
	*fake
	endpoint *msrp.Endpoint
	client   *relay.Client
}

func newRig(t testing.TB, f *fake, change ...func(*relay.Config)) *rig {
	t.Helper()
	f.t = t
	e, err := msrp.NewEndpoint(msrp.Config{})
	if err != nil {
		t.Fatal(err)
	}
	c := relay.Config{
		Endpoint: e, Dial: f.dial, Resolver: &names{}, Relays: uris(t, "msrp://alice@192.0.2.1;tcp"),
		Credentials: []relay.Credential{{Username: "alice", Realm: "example.org", Password: "open sesame"}},
	}
	for _, ch := range change {
		ch(&c)
	}
	client, err := relay.New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		client.Close()
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_ = e.Close(ctx)
		for _, c := range f.ends {
			c.Close()
		}
		f.wg.Wait()
	})
	return &rig{f, e, client}
}

func uris(t testing.TB, s string) []msrp.URI {
	t.Helper()
	p, err := msrp.ParsePath(s)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func (r *rig) session() *msrp.Session {
	r.t.Helper()
	s, err := r.endpoint.NewSession(msrp.SessionConfig{Base: msrp.URI{Host: "192.0.2.9", Port: 2855}, Accept: msrp.Types{"*"}, Handler: deaf{}})
	if err != nil {
		r.t.Fatal(err)
	}
	return s
}

// join takes one more session behind the relay.
func (r *rig) join(o relay.Owner) (*msrp.Session, *relay.Lease, error) {
	r.t.Helper()
	s := r.session()
	l, err := r.client.Join(context.Background(), s, o)
	return s, l, err
}

// deaf is a Handler that wants to know nothing.
type deaf struct{}

func (deaf) Message(_ *msrp.Session, m *msrp.Received) { m.Accept() }
func (deaf) Report(*msrp.Session, msrp.Report)         {}
func (deaf) Fate(*msrp.Session, msrp.Fate)             {}
func (deaf) Closed(*msrp.Session, error)               {}

// patient is deaf, and waits for another connection.
type patient struct{ deaf }

func (patient) Disconnected(*msrp.Session, error) {}
func (patient) Recovered(*msrp.Session)           {}

// owner counts what it is told.
type owner struct {
	mu      sync.Mutex
	changed int
	expired error
}

func (o *owner) PathChanged() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.changed++
}

func (o *owner) PathExpired(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.expired = err
}

func (o *owner) told() (changed int, expired error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.changed, o.expired
}
