package control

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"sync"
	"time"

	"github.com/parley-msrp/parley/internal/event"
	"github.com/parley-msrp/parley/internal/journal"
	"github.com/parley-msrp/parley/internal/telemetry"
	"github.com/parley-msrp/parley/internal/trace"
	"github.com/parley-msrp/parley/msrp"
	"github.com/parley-msrp/parley/ua"
)

// Control drives one agent and tells what happens there through a journal. Safe for concurrent use.
type Control struct {
	journal journal.Journal
	source  string
	log     *slog.Logger
	agent   *ua.Agent
	unwrap  bool // content_type and body of message/cpim are told unwrapped

	bodies  Bodies // nil: all bodies are in events
	maxBody int    // octets of a body in an event

	ctx        context.Context // of what keeps messages
	cancel     context.CancelFunc
	arriving   sync.WaitGroup // large messages that are being kept
	memory     memory
	commands   commands
	statistics *Statistics
	tracer     *telemetry.Tracer // nil: nobody traces messages
	tap        *trace.Tap
	traces     *trace.Recorder
}

var _ Node = (*Control)(nil)

// New makes a Control that writes events to j as the node called source. Attach gives it the agent.
func New(j journal.Journal, source string, log *slog.Logger) *Control {
	c := &Control{journal: j, source: source, log: log, statistics: NewStatistics(), tap: trace.NewTap()}
	c.traces = trace.NewRecorder(c.tap)
	c.addState()
	c.ctx, c.cancel = context.WithCancel(context.Background())
	return c
}

// Close gives up what is still being kept, after the agent was closed, and waits for its end.
func (c *Control) Close() {
	c.cancel()
	c.arriving.Wait()
	c.traces.Close()
	c.tap.Close()
}

// Statistics is what this node counts: Set has all of it, and the agent gets the rest as its counters.
func (c *Control) Statistics() *Statistics { return c.statistics }

// Attach sets the agent, before any call comes or goes.
func (c *Control) Attach(a *ua.Agent) {
	c.agent = a
	c.tap.Calls(func(sessionID string) string {
		if s := a.Session(sessionID); s != nil {
			return s.Call().CallID()
		}
		return ""
	})
}

// UnwrapCPIM says that events tell content_type and body of what a message/cpim brings, not its own; before any call comes or goes.
func (c *Control) UnwrapCPIM(on bool) { c.unwrap = on }

// Start starts a session. An error that one of s causes names it as the faces do: content_types, from_uri, to_uri, ruri.
// Its INVITE leaves once the journal has that it will: the outcome follows as an event, also where the process dies in between, and a command with a key that
// did not hear of it is not done a second time.
func (c *Control) Start(s Start) (sessionID string, err error) {
	sum := ""
	if s.Key != "" {
		sum = digest("start", s.ContentTypes, s.FromURI, s.ToURI, s.RequestURI)
	}
	return c.once(s.Key, sum, func() (string, error) { return c.start(s, sum) })
}

func (c *Control) start(s Start, sum string) (sessionID string, err error) {
	types, err := msrp.ParseTypes(s.ContentTypes)
	if err != nil {
		return "", &FieldError{"content_types", err}
	}
	if s.RequestURI == "" {
		return "", &FieldError{"ruri", errors.New("is required")}
	}
	begun := ""
	config := ua.StartConfig{
		From: s.FromURI, To: s.ToURI, RequestURI: s.RequestURI, Types: types, Handler: c.newTeller(Label{}),
		BeforeInvite: func(id string) error {
			err := c.keep(event.NewSessionBegun(id, s.FromURI, s.ToURI, s.RequestURI, s.Key, sum))
			if err == nil {
				begun = id
			}
			return err
		},
	}
	if s.Trace {
		sessionID, err = c.startTraced(config)
	} else {
		sessionID, err = c.startPlain(config)
	}
	if err != nil && begun != "" {
		_ = c.keep(event.NewOver(begun)) // nothing was sent; where that is not kept, the key is taken after a restart
	}
	return sessionID, err
}

func (c *Control) startPlain(config ua.StartConfig) (sessionID string, err error) {
	session, err := c.agent.Start(config)
	if err != nil {
		return "", named(err)
	}
	return session.ID(), nil
}

// named gives a field of ua.StartConfig the name that it has in Start's callers.
func named(err error) error {
	var field *ua.FieldError
	if !errors.As(err, &field) {
		return err
	}
	names := map[string]string{"From": "from_uri", "To": "to_uri", "RequestURI": "ruri", "Types": "content_types"}
	if name, ok := names[field.Field]; ok {
		return &FieldError{name, field.Err}
	}
	return err
}

// Answer answers a call that came in, with these types. Its sessions get the label. Errors are those of ua.Invitation.Answer.
func (c *Control) Answer(inv *ua.Invitation, l Label, types ...string) error {
	sessions, err := inv.Answer(c.newTeller(l), types...)
	for _, s := range sessions {
		c.traces.Name(s.Call().CallID(), s.ID())
	}
	return err
}

// EndOnce is End with a caller's key: the same command again does nothing, and succeeds.
func (c *Control) EndOnce(sessionID, key string) error {
	_, err := c.once(key, digest("end", sessionID), func() (string, error) { return "", c.End(sessionID) })
	return err
}

// End ends the call of a session.
func (c *Control) End(sessionID string) error {
	s := c.agent.Session(sessionID)
	if s == nil {
		return ErrUnknownSession
	}
	s.End()
	return nil
}

// List lists the sessions, the oldest first.
func (c *Control) List() []Session {
	all := c.agent.Sessions()
	list := make([]Session, len(all))
	for i, s := range all {
		list[i] = describe(s)
	}
	return list
}

// Session describes one session; ErrUnknownSession.
func (c *Control) Session(sessionID string) (Session, error) {
	s := c.agent.Session(sessionID)
	if s == nil {
		return Session{}, ErrUnknownSession
	}
	return describe(s), nil
}

func describe(s *ua.Session) Session {
	call := s.Call()
	role := "UAS"
	if call.Caller() {
		role = "UAC"
	}
	listed := Session{
		SessionID: s.ID(), B2BKey: call.Key(), Type: role, Handler: call.Handler().Name(), State: int(s.State()),
		PeerPath: msrp.FormatPath(s.PeerPath()), Lifetime: seconds(s.Lifetime()),
		CallID: call.CallID(), FromURI: call.From(), ToURI: call.To(),
		Started: call.Started(), Expires: call.Expires(), PeerTypes: s.PeerTypes(),
	}
	if t, ok := call.Handler().(*teller); ok {
		listed.Tags = t.label.Tags
		listed.Received, listed.Sent = t.counts(s.ID())
	}
	if who := call.Identity(); who.By != ua.Unverified {
		listed.IdentityBy, listed.IdentityRealm = string(who.By), who.Realm
		if !who.Private {
			listed.Identity = who.Name
		}
	}
	return listed
}

// Registrations lists the addresses that are kept registered, in the order of the configuration.
func (c *Control) Registrations() []Registration {
	all := c.agent.Registrations()
	list := make([]Registration, len(all))
	for i, r := range all {
		list[i] = Registration{AOR: r.AOR, Registered: r.Registered, Code: r.Code, Reason: r.Reason}
		if r.Registered {
			list[i].Expires = max(0, seconds(time.Until(r.Until)))
		}
	}
	return list
}

// seconds rounds up: a session that lives shows at least one second.
func seconds(d time.Duration) int { return int(math.Ceil(d.Seconds())) }

// Subscribe reads the journal from after a cursor; see journal.Journal.
func (c *Control) Subscribe(cursor string) (journal.Reader, error) {
	return c.journal.Subscribe(cursor)
}

// Raise puts an event into the journal that nothing has caused. kept is as in journal.Journal.
func (c *Control) Raise(e event.Event, kept func(error)) { c.emit(e, kept) }

// keep puts an event into the journal, and waits until it is there.
func (c *Control) keep(e event.Event) error {
	kept := make(chan error, 1)
	c.emit(e, func(err error) { kept <- err })
	return <-kept
}

// emit puts an event into the journal.
func (c *Control) emit(e event.Event, kept func(error)) {
	e.Source = c.source
	e.Time = time.Now().UTC()
	c.journal.Append(e, kept)
}
