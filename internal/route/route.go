// Package route runs the request route: a Starlark script that decides what happens with an INVITE.
//
// The script defines one function, request(msg), which is called once for each INVITE that starts a dialog. It decides by
// calling msrp_ua_answer, reject, redirect or ask, once. docs/route.md describes the language that a script sees.
package route

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.starlark.net/starlark"

	"github.com/parley-msrp/parley/msrp"
)

// Request is what the script sees as msg.
type Request struct {
	Method, RequestURI string
	From, To           string // URIs
	Source             string // "udp:127.0.0.1:5090"
	CallID             string
	Types              []string // the offer's accept-types, of all usable message lines
	WrappedTypes       []string // its accept-wrapped-types
	Offer              []byte   // the session description; nil: none
	Identity           Identity
	TLSPeer            []string  // names of the previous hop's certificate, which was verified
	Time               time.Time // what the script's now says; zero: the time of Run

	// Header gives the values of all rows of that name, List the elements of a header that is a list. Nil: there are none. They are called on
	// the goroutine that called Run.
	Header, List func(name string) []string

	// Verify says which user of a realm the request shows good credentials of; nil: there are no users. Called as Header is.
	Verify func(realm string) (username string, ok bool)
}

// Decision is what the script decided.
type Decision struct {
	Answer    []string // types for msrp_ua_answer; nil: not answered
	Session   Session  // what else an answer says
	Code      int      // 300 to 699; 0 for an answer
	Reason    string   // "": the usual phrase for Code
	Contacts  []string // of a redirect: Contact values, by preference
	Ask       bool     // the application decides; if it does not in time, the rest of the decision holds
	Challenge string   // realm whose users are asked for their credentials, with Code 401; "": none
}

// Limits on what one script may cost. Starlark looks at both between two steps only: a single operation on very large values
// (multiplying a string by a million) is not cut short.
const (
	maxScript = 256 << 10 // octets of source
	maxPrint  = 1024      // octets of one printed line that reach the log

	loadSteps = 10_000_000
	runSteps  = 1_000_000

	loadTime = 5 * time.Second
	runTime  = time.Second
)

// Script is a loaded route. Safe for concurrent use.
type Script struct {
	request *starlark.Function // nil: fixed decides
	fixed   Decision

	print func(Print)
	steps uint64
	time  time.Duration

	patterns patterns
	zones    zones
}

// Print is a line that the script printed.
type Print struct {
	CallID string // of the request; "": printed while the script loaded
	Line   int    // of the script
	Text   string // at most 1,024 octets and an ellipsis
}

// Option changes how a script is run.
type Option func(*Script)

// WithPrint hands what the script prints to f, on the goroutine that runs the script. Without it nothing is printed.
func WithPrint(f func(Print)) Option { return func(s *Script) { s.print = f } }

// WithLimits sets how many Starlark steps, and how much time, one run may take; zero keeps the default (1,000,000 steps, 1 s).
func WithLimits(steps uint64, d time.Duration) Option {
	return func(s *Script) {
		if steps > 0 {
			s.steps = steps
		}
		if d > 0 {
			s.time = d
		}
	}
}

// Load reads a script, compiles it and runs its top level (at most 5 s). The script must define request(msg). An *Error names
// file, line and column; a file that cannot be read is an error of package os.
func Load(path string, options ...Option) (*Script, error) {
	source, err := readFile(path, maxScript)
	if err != nil {
		return nil, err
	}
	s := &Script{print: func(Print) {}, steps: runSteps, time: runTime}
	for _, o := range options {
		o(s)
	}
	if s.request, err = s.load(path, source); err != nil {
		return nil, err
	}
	return s, nil
}

// Default is the route without a script: every MSRP offer is answered with "text/plain *".
func Default() *Script { return &Script{fixed: Decision{Answer: msrp.Types{"text/plain", "*"}}} }

// Fixed says whether the route decides the same for every call, at once and by itself.
func (s *Script) Fixed() bool { return s.request == nil && !s.fixed.Ask }

// Run decides. An *Error, which names the script's line, is a 500 to the caller: the script failed, took too long, or ended
// without deciding. Run blocks for as long as the script takes, and ends early with ctx.
func (s *Script) Run(ctx context.Context, r Request) (Decision, error) {
	if s.request == nil {
		d := s.fixed
		d.Answer = slices.Clone(d.Answer)
		return d, nil
	}
	c := &call{msg: newMessage(r), verify: r.Verify, time: r.Time}
	if c.time.IsZero() {
		c.time = time.Now()
	}
	thread := s.thread("request", r.CallID)
	thread.SetLocal(callKey, c)
	thread.SetMaxExecutionSteps(s.steps)
	defer limitTime(ctx, thread, s.time)()

	if _, err := starlark.Call(thread, s.request, starlark.Tuple{c.msg}, nil); err != nil && !errors.Is(err, errChallenged) {
		return Decision{}, scriptError(err)
	}
	if c.decision == nil {
		return Decision{}, errorAt(s.request.Position(), "request(msg) ended without a decision: call msrp_ua_answer, reject, redirect or ask on every way through it")
	}
	return *c.decision, nil
}

// limitTime cancels thread when ctx ends or d is over. The function that it returns stops that.
func limitTime(ctx context.Context, thread *starlark.Thread, d time.Duration) func() {
	ctx, cancel := context.WithTimeoutCause(ctx, d, fmt.Errorf("took longer than %v", d))
	stop := context.AfterFunc(ctx, func() { thread.Cancel(context.Cause(ctx).Error()) })
	return func() {
		stop()
		cancel()
	}
}
