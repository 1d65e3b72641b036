package ua

import (
	"cmp"
	"encoding/json"
	"fmt"
	"time"

	"github.com/parley-msrp/parley/msrp"
	"github.com/parley-msrp/parley/msrpsdp"
)

// stateFormat is the version of what a Keeper gets. Restore reads every version up to it.
const stateFormat = 1

// maxState bounds what Restore reads, in octets.
const maxState = 1 << 20

// Keeper keeps the states of established calls, which Agent.Restore takes in a later process. Its methods are called with a lock of the call held, one at a time for
// each call: they must not block, nor call the call.
type Keeper interface {
	// Keep: the state of the call that key names for ever has changed: it is established, or its session descriptions are others. It does not change
	// with messages. It comes some 10 ms after the change, and not at all where the call is over by then. state is the Keeper's.
	Keep(key string, state []byte)
	// Forget: the call is over.
	Forget(key string)
}

// Labelled is a Handler that is to be made anew with its call: what Label gives, Restore hands to the application.
type Labelled interface {
	Handler
	Label() []byte
}

// callState is an established call as it is written out. Its fields are never renamed; a new one that older programs must not overlook, or another
// meaning, is a new version.
type callState struct {
	Format     int             `json:"format"`
	Key        string          `json:"key"`
	Dialog     json.RawMessage `json:"dialog"` // has a version of its own
	Caller     bool            `json:"caller,omitempty"`
	From       string          `json:"from"`
	To         string          `json:"to"`
	RequestURI string          `json:"request_uri"`
	CallID     string          `json:"call_id"` // that it began with
	Profile    string          `json:"profile,omitempty"`
	Started    time.Time       `json:"started"`
	Expires    time.Time       `json:"expires,omitzero"`
	Offerer    bool            `json:"offerer,omitempty"`
	Plain      bool            `json:"plain,omitempty"`
	Identity   *Identity       `json:"identity,omitempty"`
	Own        string          `json:"own"` // session description
	Peer       []lineState     `json:"peer"`
	Sessions   []sessionState  `json:"sessions"`
	Label      []byte          `json:"label,omitempty"`
}

// lineState is a line of the peer's session description.
type lineState struct {
	Media        string     `json:"media"`
	Port         int        `json:"port"`
	Proto        string     `json:"proto"`
	Formats      string     `json:"formats"`
	Path         string     `json:"path,omitempty"`
	Accept       msrp.Types `json:"accept,omitempty"`
	Wrapped      msrp.Types `json:"wrapped,omitempty"`
	MaxSize      int64      `json:"max_size,omitempty"`
	Direction    string     `json:"direction,omitempty"`
	Fingerprints []string   `json:"fingerprints,omitempty"`
	Host         string     `json:"host,omitempty"`
	Setup        string     `json:"setup,omitempty"`
	CEMA         bool       `json:"cema,omitempty"`
}

// sessionState is a session that lives.
type sessionState struct {
	Line      int    `json:"line"`
	URI       string `json:"uri"`                 // that its peer knows
	Direction string `json:"direction,omitempty"` // what this side wishes
}

// makeState has the Keeper get the call's state, once its dialog has done what it is at.
func (c *Call) makeState() {
	c.mu.Lock()
	c.toKeep = false
	d, leg, over := c.dialog, c.leg, c.over
	c.mu.Unlock()
	if d == nil || over {
		return
	}
	d.State(func(dialog []byte) {
		c.mu.Lock()
		defer c.mu.Unlock()
		if dialog == nil || c.over || c.state != Established || c.leg != leg || c.peer == nil {
			return
		}
		b, err := json.Marshal(c.stateOf(dialog))
		if err != nil {
			c.logger().Error("state of a call not written", "err", err)
			return
		}
		c.kept = true
		c.agent.cfg.Keeper.Keep(c.key(), b)
	})
}

// forget has it forgotten. Holding c.mu.
func (c *Call) forget() {
	if c.kept {
		c.kept = false
		c.agent.cfg.Keeper.Forget(c.key())
	}
}

// key names the call for ever: it is the ID of its first session.
func (c *Call) key() string { return cmp.Or(c.firstSession, c.sessions[0].ID()) }

// stateOf is what is written of the call. Holding c.mu.
func (c *Call) stateOf(dialog []byte) *callState {
	s := &callState{
		Format: stateFormat, Key: c.key(), Dialog: dialog, Caller: c.caller, From: c.from, To: c.to, RequestURI: c.ruri, CallID: c.firstID, Profile: c.profile.name,
		Started: c.started.UTC().Round(0), Offerer: c.offerer, Plain: c.plain, Own: string(c.own.Bytes()),
	}
	if !c.expires.IsZero() {
		s.Expires = c.expires.UTC().Round(0)
	}
	if c.who.By != Unverified {
		who := c.who
		s.Identity = &who
	}
	for i := range c.peer.Lines {
		s.Peer = append(s.Peer, stateOfLine(&c.peer.Lines[i]))
	}
	for _, session := range c.live() {
		local := c.locals[session.line]
		if local == nil {
			continue
		}
		s.Sessions = append(s.Sessions, sessionState{Line: session.line, URI: local.Path[len(local.Path)-1].String(), Direction: local.Direction})
	}
	if h, ok := c.handler.(Labelled); ok {
		s.Label = h.Label()
	}
	return s
}

func stateOfLine(l *msrpsdp.Line) lineState {
	s := lineState{
		Media: l.Media, Port: l.Port, Proto: l.Proto, Formats: l.Formats, Path: msrp.FormatPath(l.Path), Accept: l.Accept, Wrapped: l.Wrapped, MaxSize: l.MaxSize,
		Direction: l.Direction, Host: l.Host, Setup: l.Setup, CEMA: l.CEMA,
	}
	for _, f := range l.Fingerprints {
		s.Fingerprints = append(s.Fingerprints, f.String())
	}
	return s
}

// line makes it anew.
func (s *lineState) line() (l msrpsdp.Line, err error) {
	l = msrpsdp.Line{
		Media: s.Media, Port: s.Port, Proto: s.Proto, Formats: s.Formats, Accept: s.Accept, Wrapped: s.Wrapped, MaxSize: s.MaxSize, Direction: s.Direction,
		Host: s.Host, Setup: s.Setup, CEMA: s.CEMA, MSRP: s.Path != "",
	}
	if s.Path != "" {
		if l.Path, err = msrp.ParsePath(s.Path); err != nil {
			return l, fmt.Errorf("path: %w", err)
		}
	}
	for _, f := range s.Fingerprints {
		parsed, err := msrp.ParseFingerprint(f)
		if err != nil {
			return l, fmt.Errorf("fingerprint: %w", err)
		}
		l.Fingerprints = append(l.Fingerprints, parsed)
	}
	return l, nil
}
