package dialog

import (
	"context"
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/parley-msrp/parley/internal/sip"
	"github.com/parley-msrp/parley/internal/sip/dnsclient"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// rig is an Endpoint on a stack, with a scripted peer.
type rig struct {
	*peer
	e      *Endpoint
	stack  *sip.Stack
	at     string      // where it listens
	events chan string // what User and Owner are told

	mu sync.Mutex // sockets order nothing for the race detector
	do hooks
}

// hooks say what the user above does.
type hooks struct {
	invite   func(*Incoming)
	answered func(d *Dialog) *Refusal
	offer    func(offer []byte) ([]byte, *Refusal)
	progress func(d *Dialog)
	make     func() []byte
	options  int
}

// set changes what the user above does.
func (r *rig) set(change func(*hooks)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change(&r.do)
}

func (r *rig) hooks() hooks {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.do
}

func (r *rig) Invite(in *Incoming) { r.hooks().invite(in) }

func (r *rig) Query(q *Query) {
	if code := r.hooks().options; code != 200 {
		q.Refuse(Refusal{Code: code})
		return
	}
	q.Accept([]byte(capabilitiesSDP))
}

func (r *rig) Capabilities() []byte { return []byte(capabilitiesSDP) }

func (r *rig) tell(format string, a ...any) { r.events <- fmt.Sprintf(format, a...) }

func (r *rig) Progress(d *Dialog, m *sip.Message) {
	r.tell("progress %d", m.Status)
	if f := r.hooks().progress; f != nil {
		f(d)
	}
}

func (r *rig) Answered(d *Dialog, _ *sip.Message, answer []byte) *Refusal {
	r.tell("answered %d", len(answer))
	if f := r.hooks().answered; f != nil {
		return f(d)
	}
	return nil
}

func (r *rig) Established(_ *Dialog, _ *sip.Message) { r.tell("established") }

func (r *rig) Offer(_ *Dialog, _ *sip.Message, offer []byte) ([]byte, *Refusal) {
	r.tell("offer")
	return r.hooks().offer(offer)
}

func (r *rig) MakeOffer(*Dialog) []byte {
	r.tell("make offer")
	return r.hooks().make()
}

var causes = map[Cause]string{
	Local: "local", Remote: "remote", Refused: "refused", Timeout: "timeout", Transport: "transport", Lost: "lost", BadAnswer: "bad answer",
}

func (r *rig) Ended(_ *Dialog, e End) {
	r.tell("ended %s %d established=%t", causes[e.Cause], e.Code, e.Established)
}

// accept answers at once.
func (r *rig) accept(in *Incoming) {
	if _, err := in.Accept([]byte(answerSDP), r); err != nil {
		r.tell("accept: %v", err)
	}
}

// expect is the next thing that User or Owner is told.
func (r *rig) expect(want string) {
	r.t.Helper()
	select {
	case got := <-r.events:
		if got != want {
			r.t.Fatalf("told %q, want %q", got, want)
		}
	case <-time.After(10 * time.Minute / timeScale()):
		r.t.Fatalf("not told %q", want)
	}
}

// quiet checks that nothing more was told, and that no dialog is left.
func (r *rig) quiet() {
	r.t.Helper()
	for end := time.Now().Add(time.Minute); r.e.Len() != 0; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			r.t.Fatalf("%d dialogs left", r.e.Len())
		}
	}
	if left := r.e.table.all(); len(left) > 0 {
		r.t.Errorf("%d dialogs in the table", len(left))
	}
	if n := r.e.undecided.count(); n > 0 {
		r.t.Errorf("%d undecided INVITEs are left", n)
	}
	select {
	case got := <-r.events:
		r.t.Fatalf("told %q, want nothing", got)
	default:
	}
}

func (r *rig) start(t *testing.T, c Config, s sip.Config, listen string) string {
	r.events = make(chan string, 10_000)
	r.do = hooks{invite: r.accept, options: 200, offer: func([]byte) ([]byte, *Refusal) { return []byte(otherSDP), nil }}
	r.do.make = func() []byte { return []byte(answerSDP) }
	c.Product = "Parley-Test/1"
	r.e = New(c, r)
	s.User = r.e
	stack, err := sip.NewStack(s)
	check0(t, err)
	r.stack = stack
	r.e.Attach(stack)
	at, err := stack.Listen(sip.UDP, listen)
	check0(t, err)
	r.at = at.String()
	return r.at
}

// close ends what a test left.
func (r *rig) close() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	_ = r.e.Close(ctx)
	ctx, cancel = context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := r.stack.Close(ctx); err != nil {
		r.t.Error(err)
	}
}

// overSockets runs a test on real sockets, over UDP and over TCP.
func overSockets(t *testing.T, name string, c Config, test func(*testing.T, *rig)) {
	t.Helper()
	for _, proto := range []sip.Proto{sip.UDP, sip.TCP} {
		t.Run(name+" over "+proto.String(), func(t *testing.T) {
			r := &rig{}
			at := r.start(t, c, sip.Config{}, "127.0.0.1:0")
			r.peer = socketPeer(t, proto, at)
			t.Cleanup(r.close)
			test(t, r)
		})
	}
}

// inDialog is overSockets with a call that is established.
func inDialog(t *testing.T, name string, test func(*testing.T, *rig, *call)) {
	t.Helper()
	overSockets(t, name, Config{}, func(t *testing.T, r *rig) {
		c := r.newCall()
		c.setUp()
		r.expect("established")
		test(t, r, c)
	})
}

// underFakeTime runs a test in memory, in a bubble of fake time.
func underFakeTime(t *testing.T, name string, proto sip.Proto, c Config, test func(*testing.T, *rig, *memNet)) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			n := newMemNet()
			r := &rig{}
			at := r.start(t, c, sip.Config{
				ListenPacket: n.ListenPacket, ListenStream: n.Listen, DialStream: n.Dial,
				Names: twoAddresses{},
			}, "192.0.2.1:5060")
			r.peer = memPeer(t, n, proto, "192.0.2.9:0", at)
			defer r.peer.close()
			defer r.close()
			test(t, r, n)
		})
	})
}

// twoAddresses is what every name has here, and no other record.
type twoAddresses struct{}

func (twoAddresses) NAPTR(context.Context, string) ([]dnsclient.NAPTR, error) { return nil, nil }
func (twoAddresses) SRV(context.Context, string) ([]dnsclient.SRV, error)     { return nil, nil }
func (twoAddresses) Addresses(context.Context, string) ([]netip.Addr, error) {
	return []netip.Addr{netip.MustParseAddr("192.0.2.8"), netip.MustParseAddr("192.0.2.9")}, nil
}

// invite starts a call to the peer.
func (r *rig) invite(head ...sip.Header) *Dialog {
	r.t.Helper()
	c := call{peer: r.peer}
	d, err := r.e.Invite(Invite{
		RequestURI: c.uri(), From: "Parley <sip:parley@example.com>", To: "sip:peer@example.org", Offer: []byte(offerSDP), Headers: head, Owner: r,
	})
	check0(r.t, err)
	return d
}
