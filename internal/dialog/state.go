package dialog

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/parley-msrp/parley/internal/sip"
)

// stateFormat is the version of what State writes. Restore reads every version up to it.
const stateFormat = 2

// seqLeap is added to the CSeq of a dialog that is restored: requests may have left after its state was written (S-043).
const seqLeap = 1 << 16

// maxState bounds a dialog's state, in octets.
const maxState = 1 << 20

// state is an established dialog as it is written out. Its fields are never renamed; a new one, or another meaning, is a new version.
type state struct {
	Format    int         `json:"format"`
	Caller    bool        `json:"caller,omitempty"`
	User      octets      `json:"user,omitempty"` // since 2
	CallID    octets      `json:"call_id"`
	LocalTag  octets      `json:"local_tag"`
	RemoteTag octets      `json:"remote_tag,omitempty"`
	Local     octets      `json:"local"`
	Remote    octets      `json:"remote"`
	Target    octets      `json:"target"`
	Routes    []octets    `json:"routes,omitempty"`
	Seq       uint32      `json:"seq"`
	RemoteSeq *uint32     `json:"remote_seq,omitempty"`
	Contact   octets      `json:"contact,omitempty"`
	PeerAddr  netip.Addr  `json:"peer_addr,omitzero"`
	Updates   bool        `json:"updates,omitempty"`
	OwnSDP    octets      `json:"own_sdp"`
	PeerSDP   []byte      `json:"peer_sdp"` // SHA-256
	Timer     *timerState `json:"timer,omitempty"`
}

// timerState is a session timer that runs; times in seconds.
type timerState struct {
	Interval  int64     `json:"interval"`
	Least     int64     `json:"least,omitempty"`
	Refresher bool      `json:"refresher,omitempty"`
	Expiry    time.Time `json:"expiry"`
}

// octets is text of a peer's, which need not be UTF-8: then it is written as an array that holds its base64.
type octets string

// MarshalJSON writes o.
func (o octets) MarshalJSON() ([]byte, error) {
	if utf8.ValidString(string(o)) {
		return marshal(string(o))
	}
	return marshal([][]byte{[]byte(o)})
}

// marshal writes JSON for programs: < and > stay as they are.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte{'\n'}), err
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (o *octets) UnmarshalJSON(b []byte) error {
	if len(b) == 0 || b[0] != '[' {
		return json.Unmarshal(b, (*string)(o))
	}
	var parts [][]byte
	if err := json.Unmarshal(b, &parts); err != nil {
		return err
	}
	if len(parts) != 1 {
		return errors.New("want an array of one element")
	}
	*o = octets(parts[0])
	return nil
}

// State writes the dialog out, so that Restore makes it anew in another process: done gets it, as the methods of Owner are called, or nil where
// the dialog is not established, or no more. State does not block.
func (d *Dialog) State(done func(state []byte)) {
	d.tasks.call(func() { d.tasks.push(func() { done(d.state()) }) }, d.e.spawn)
}

func (d *Dialog) state() []byte {
	if d.phase != established || d.leave != nil {
		return nil
	}
	s := state{
		Format: stateFormat, Caller: d.caller, User: octets(d.user), CallID: octets(d.callID), LocalTag: octets(d.localTag), RemoteTag: octets(d.remoteTag),
		Local: octets(d.local), Remote: octets(d.remote), Target: octets(d.target), Seq: d.seq, Contact: octets(d.contact), PeerAddr: d.peerAddr, Updates: d.peerUpdates,
		OwnSDP: octets(d.ownSDP), PeerSDP: d.peerSDP[:],
	}
	for _, r := range d.routes {
		s.Routes = append(s.Routes, octets(r))
	}
	if d.sequenced {
		s.RemoteSeq = &d.remoteSeq
	}
	if t := &d.timer; t.interval > 0 {
		s.Timer = &timerState{
			Interval: int64(t.interval / time.Second), Least: int64(t.least / time.Second), Refresher: t.refresher, Expiry: t.expiry.UTC().Round(0),
		}
	}
	b, err := marshal(s)
	if err != nil {
		d.e.log.Error("state of a dialog not written", "call_id", d.callID, "err", err)
		return nil
	}
	return b
}

// StateError says that a state cannot be restored.
type StateError struct{ Err error }

func (e *StateError) Error() string { return fmt.Sprintf("dialog: state: %v", e.Err) }

// Unwrap gives the reason.
func (e *StateError) Unwrap() error { return e.Err }

// Restore makes a dialog of what State wrote, here or in an older version of this program. It is established, which o is not told again, and goes on
// where it was: its CSeq numbers leap forward, its session timer runs. Errors: *StateError for a state that is none, is of a newer version, or whose
// dialog is here already; ErrClosed and ErrLimit as from Invite.
func (e *Endpoint) Restore(written []byte, o Owner) (*Dialog, error) {
	if e.closed.Load() {
		return nil, ErrClosed
	}
	if o == nil {
		return nil, &InputError{Field: "owner", Err: errRequired}
	}
	s, err := readState(written)
	if err != nil {
		return nil, &StateError{Err: err}
	}
	d := s.dialog(e, o)
	if err := d.whole(s); err != nil {
		return nil, &StateError{Err: err}
	}
	if e.table.find(d.callID, d.localTag) != nil {
		return nil, &StateError{Err: errors.New("the dialog is here already")}
	}
	if !e.register(d) {
		return nil, ErrLimit
	}
	d.tasks.call(func() { d.timer.restore(d, s.Timer) }, e.spawn)
	if e.closed.Load() {
		d.End("") // Close may have missed it
	}
	return d, nil
}

// readState reads what State wrote.
func readState(written []byte) (*state, error) {
	if len(written) > maxState {
		return nil, fmt.Errorf("%d octets, %d are taken", len(written), maxState)
	}
	var version struct {
		Format int `json:"format"`
	}
	if err := json.Unmarshal(written, &version); err != nil {
		return nil, err
	}
	if version.Format < 1 || version.Format > stateFormat {
		return nil, fmt.Errorf("format %d; this version reads 1 to %d", version.Format, stateFormat)
	}
	s := &state{}
	return s, json.Unmarshal(written, s)
}

// dialog makes the record.
func (s *state) dialog(e *Endpoint, o Owner) *Dialog {
	d := &Dialog{
		e: e, owner: o, caller: s.Caller, user: string(s.User), phase: established, wasEstablished: true, stands: true, peerAddr: s.PeerAddr, contact: string(s.Contact), peerUpdates: s.Updates,
		ownSDP: []byte(s.OwnSDP),
	}
	d.leg = leg{
		callID: string(s.CallID), localTag: string(s.LocalTag), remoteTag: string(s.RemoteTag), local: string(s.Local), remote: string(s.Remote),
		target: string(s.Target), seq: s.Seq + seqLeap,
	}
	for _, r := range s.Routes {
		d.routes = append(d.routes, string(r))
	}
	d.leg.keep()
	copy(d.peerSDP[:], s.PeerSDP)
	if s.RemoteSeq != nil {
		d.sequenced, d.remoteSeq = true, *s.RemoteSeq
	}
	return d
}

// whole says what a dialog that is to be restored lacks.
func (d *Dialog) whole(s *state) error {
	for _, f := range []struct{ name, value string }{
		{"call_id", d.callID}, {"local_tag", d.localTag}, {"local", d.local}, {"remote", d.remote}, {"target", d.target}, {"own_sdp", string(d.ownSDP)},
	} {
		if f.value == "" {
			return fmt.Errorf("%s is missing", f.name)
		}
		if f.name != "own_sdp" && hasControl(f.value) {
			return fmt.Errorf("%s has control characters", f.name)
		}
	}
	if _, err := sip.ParseURI(d.target); err != nil {
		return fmt.Errorf("target: %w", err)
	}
	switch _, _, hop, err := route(d.target, d.routes); {
	case err != nil:
		return err
	case !hop.IsSIP():
		return errors.New("the first hop is no SIP URI")
	case hasControl(d.contact):
		return errors.New("contact has control characters")
	case !validCallID(d.callID):
		return errors.New("call_id has blanks")
	case len(s.PeerSDP) != len(d.peerSDP):
		return fmt.Errorf("peer_sdp has %d octets, not %d", len(s.PeerSDP), len(d.peerSDP))
	case s.Seq >= 1<<31-2*seqLeap:
		return errors.New("seq leaves no room to go on")
	case s.Timer != nil && (s.Timer.Interval < int64(leastInterval/time.Second) || s.Timer.Interval > maxInterval):
		return fmt.Errorf("timer: interval of %d s", s.Timer.Interval)
	}
	for _, r := range d.routes {
		if _, err := sip.ParseAddress(r); err != nil || hasControl(r) {
			return errors.New("routes: one is no address")
		}
	}
	return nil
}

// hasControl says whether a value would break the line that it is written to.
func hasControl(value string) bool {
	return strings.ContainsFunc(value, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f })
}

// maxInterval is the largest session interval that can be written, in seconds.
const maxInterval = 1<<32 - 1

// restore starts a session timer that ran before.
func (t *sessionTimer) restore(d *Dialog, s *timerState) {
	if s == nil {
		return
	}
	t.begin(d, time.Duration(s.Interval)*time.Second, s.Refresher)
	t.least = time.Duration(s.Least) * time.Second
	passed := t.interval - time.Until(s.Expiry)
	t.expiry = s.Expiry
	t.due.Stop()
	t.arm(max(t.firstDue()-passed, 0))
}
