package main

import (
	"context"
	"errors"
	"io"
	"net/netip"
	"os"
	"runtime"
	"runtime/pprof"
	"strings"
	"sync/atomic"
	"time"

	"github.com/parley-msrp/parley/internal/dialog"
	"github.com/parley-msrp/parley/internal/sip"
	"github.com/parley-msrp/parley/msrp"
	"github.com/parley-msrp/parley/ua"
)

// A subscriber takes calls until it is closed.
type subscriber interface {
	sipAddr() string
	counters() counters
	close() error
}

// counters are what a called process says of itself, without a garbage collection.
type counters struct {
	Mallocs     uint64 // objects allocated so far
	Octets      uint64 // of those
	Heap        int64  // octets of live and dead objects, without the ballast
	Open        int    // calls that stand
	Established int64  // calls so far
	Ended       int64
	Goroutines  int
	Descriptors int
}

// serveAgent is the user agent (package ua) with a handler that only counts, or with bare set internal/dialog alone with a prepared answer. SIP is at
// addr, on UDP and TCP. It serves until in ends. Profiles are written to profile and, of allocations, profile.alloc, if there is one.
func serveAgent(ctx context.Context, addr, profile string, bare bool, in io.Reader, out io.Writer) (err error) {
	if _, err := raiseOpenFiles(0); err != nil {
		return err
	}
	if profile != "" {
		stop, err := startProfiles(profile)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, stop()) }()
	}
	at, err := netip.ParseAddrPort(addr)
	if err != nil {
		return err
	}
	open := openAgent
	if bare {
		open = openDialogs
	}
	s, err := open(at)
	if err != nil {
		return err
	}
	ballast := make([]byte, ballastSize)
	err = serve(ctx, addresses{SIP: s.sipAddr()}, in, out, func() subject { return called{s} })
	runtime.KeepAlive(ballast)
	return errors.Join(err, s.close())
}

// startProfiles begins a CPU profile; stop ends it, and writes the profile of allocations.
func startProfiles(name string) (stop func() error, err error) {
	f, err := os.Create(name)
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func() error {
		pprof.StopCPUProfile()
		allocs, err := os.Create(name + ".alloc")
		if err != nil {
			return errors.Join(err, f.Close())
		}
		runtime.GC() // the profile is as old as the last collection
		return errors.Join(pprof.Lookup("allocs").WriteTo(allocs, 0), allocs.Close(), f.Close())
	}, nil
}

// ballastSize is the daemon's: address space that counts as heap and is never touched, or a heap of a few MiB is collected all the time.
const ballastSize = 64 << 20

// A called is the subject of a control connection to a subscriber.
type called struct{ subscriber }

func (c called) do(d demand) (r reply, err error) {
	switch d.Do {
	case doCount:
		r.Counters, err = countProcess(c.counters())
	case doMemory:
		r.Memory, err = readMemory()
	default:
		err = errors.ErrUnsupported
	}
	return r, err
}

func (called) close() {}

func countProcess(c counters) (counters, error) {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	c.Mallocs, c.Octets, c.Heap, c.Goroutines = m.Mallocs, m.TotalAlloc, int64(m.HeapAlloc)-ballastSize, runtime.NumGoroutine()
	files, err := os.ReadDir("/proc/self/fd")
	c.Descriptors = len(files)
	return c, err
}

// An agent accepts every call.
type agent struct {
	ua.Quiet
	ua                 *ua.Agent
	established, ended atomic.Int64
}

func openAgent(at netip.AddrPort) (subscriber, error) {
	a := &agent{}
	var err error
	a.ua, err = ua.New(ua.Config{
		SIPListen:  []string{"udp:" + at.String()},
		MSRPListen: []string{"tcp:" + netip.AddrPortFrom(at.Addr(), mediaPort(at)).String()},
		OnInvite:   func(i *ua.Invitation) { _, _ = i.Answer(a) }, // what cannot be answered is refused, which the generator counts
		MSRP:       msrp.Config{MaxConnections: -1, MaxConnectionsPerSource: -1},
	})
	if err != nil {
		return nil, err
	}
	return a, nil
}

// mediaPort goes with a SIP port: any with any.
func mediaPort(at netip.AddrPort) uint16 {
	if at.Port() == 0 {
		return 0
	}
	return enginePort
}

func (a *agent) sipAddr() string { return strings.TrimPrefix(a.ua.SIPAddrs()[0], "udp:") }

func (a *agent) counters() counters {
	return counters{Open: len(a.ua.Sessions()), Established: a.established.Load(), Ended: a.ended.Load()}
}

func (a *agent) Established(*ua.Session, *ua.SIPMessage) { a.established.Add(1) }
func (a *agent) Ended(*ua.Session, ua.End)               { a.ended.Add(1) }

func (a *agent) close() error { return closeWithin(a.ua.Close) }

// closeWithin gives what generators left behind no long time.
func closeWithin(closing func(context.Context) error) error {
	cut, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if err := closing(cut); !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return nil
}

// dialogs accepts every call with the same octets.
type dialogs struct {
	endpoint           *dialog.Endpoint
	stack              *sip.Stack
	at                 netip.AddrPort
	answer             []byte
	established, ended atomic.Int64
}

func openDialogs(at netip.AddrPort) (subscriber, error) {
	d := &dialogs{answer: []byte(preparedText)}
	d.endpoint = dialog.New(dialog.Config{}, d)
	var err error
	if d.stack, err = sip.NewStack(sip.Config{User: d.endpoint}); err != nil {
		return nil, err
	}
	d.endpoint.Attach(d.stack)
	if d.at, err = d.stack.Listen(sip.UDP, at.String()); err != nil {
		return nil, errors.Join(err, d.close())
	}
	return d, nil
}

func (d *dialogs) sipAddr() string { return d.at.String() }

func (d *dialogs) counters() counters {
	return counters{Open: d.endpoint.Len(), Established: d.established.Load(), Ended: d.ended.Load()}
}

func (d *dialogs) close() error {
	return errors.Join(closeWithin(d.endpoint.Close), closeWithin(d.stack.Close))
}

const preparedText = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns= -\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=message 2855 TCP/MSRP *\r\n" +
	"a=accept-types:text/plain *\r\na=path:msrp://127.0.0.1:2855/prepared;tcp\r\n"

func (d *dialogs) Invite(in *dialog.Incoming)               { _, _ = in.Accept(d.answer, d) }
func (d *dialogs) Query(q *dialog.Query)                    { q.Accept(d.answer) }
func (d *dialogs) Capabilities() []byte                     { return d.answer }
func (d *dialogs) Progress(*dialog.Dialog, *sip.Message)    {}
func (d *dialogs) MakeOffer(*dialog.Dialog) []byte          { return nil }
func (d *dialogs) Ended(*dialog.Dialog, dialog.End)         { d.ended.Add(1) }
func (d *dialogs) Established(*dialog.Dialog, *sip.Message) { d.established.Add(1) }

func (d *dialogs) Answered(*dialog.Dialog, *sip.Message, []byte) *dialog.Refusal { return nil }

func (d *dialogs) Offer(*dialog.Dialog, *sip.Message, []byte) ([]byte, *dialog.Refusal) {
	return d.answer, nil
}
