package msrpsdp

import (
	"errors"
	"fmt"
)

// Answer makes the answer to an offer: one local for each line that is taken, nil for a refused one; missing ones are refused.
// Number and order of the lines and t= are the offer's, o= is our own (RFC 3264 §6). A refused line repeats media, protocol and
// formats with port 0 (D-013). A local's direction is turned to fit what was offered (D-018). A line whose Problem is set,
// or that wants TLS where the local's path is not msrps, is refused whatever the local says. Locals must not change afterwards.
func Answer(offer *Description, locals []*Local) *Own {
	o := newOwn(offer.origin.SessionID)
	o.times, o.lines = offer.times, answered(offer, locals)
	o.render()
	return o
}

// Answer makes the answer to a later offer in the same call: as the function Answer, but o= keeps its session id, and its version
// is one higher unless the description comes out unchanged, where the same Own is returned (RFC 3264 §8, D-017).
func (o *Own) Answer(offer *Description, locals []*Local) *Own {
	return o.next(answered(offer, locals), offer.times)
}

func answered(offer *Description, locals []*Local) []ownLine {
	lines := make([]ownLine, len(offer.Lines))
	for i := range offer.Lines {
		l := &offer.Lines[i]
		lines[i] = ownLine{media: l.Media, proto: l.Proto, formats: l.Formats}
		if i >= len(locals) || locals[i] == nil || len(locals[i].Path) == 0 || l.Problem != nil {
			continue
		}
		if l.TLS() && !locals[i].Path[0].Secure {
			// A path that is not msrps has no place on a TLS line (M-067).
			continue
		}
		lines[i].local = locals[i]
		lines[i].formats = "*"
		lines[i].direction = turn(locals[i].Direction, l.Direction)
		if l.Proto == TCP {
			// RFC 4976 §11: behind a relay that is reached by TLS the answer to TCP/MSRP is TCP/TLS/MSRP (D-001).
			lines[i].proto = protoFor(locals[i].Path)
		}
	}
	return lines
}

// AnswerError says why an answer does not fit our offer: it needs an ACK, and then a BYE (D-004).
type AnswerError struct {
	Line int   // index of the m-line; -1 where it is the whole answer
	Err  error // a *LineError where the line by itself cannot be used
}

func (e *AnswerError) Error() string {
	if e.Line < 0 {
		return "answer: " + e.Err.Error()
	}
	return fmt.Sprintf("answer: m-line %d: %v", e.Line+1, e.Err)
}

// Unwrap returns Err.
func (e *AnswerError) Unwrap() error { return e.Err }

// Errors that an AnswerError wraps.
var (
	ErrLineCount    = errors.New("the number of m-lines is not that of the offer")
	ErrMedia        = errors.New("media or protocol is not what was offered")
	ErrNotOffered   = errors.New("the line was offered with port 0")
	ErrEveryRefused = errors.New("every line was refused")
)

// CheckAnswer matches an answer against an offer of ours: as many lines, each refused (port 0) or usable for what was offered, at
// least one usable. The error is an *AnswerError.
func CheckAnswer(offer *Own, answer *Description) error {
	if len(answer.Lines) != len(offer.lines) {
		return &AnswerError{Line: -1, Err: ErrLineCount}
	}
	for i := range answer.Lines {
		if err := offer.lines[i].check(&answer.Lines[i]); err != nil {
			return &AnswerError{Line: i, Err: err}
		}
	}
	if !answer.Usable() {
		return &AnswerError{Line: -1, Err: ErrEveryRefused}
	}
	return nil
}

func (l *ownLine) check(answer *Line) error {
	switch {
	case answer.Port == 0:
		return nil
	case l.local == nil:
		return ErrNotOffered
	case answer.Media != l.media:
		return ErrMedia
	case answer.Proto == l.proto:
	case answer.Proto == TLS && l.proto == TCP:
		// The answerer sits behind a relay that is reached by TLS (D-001).
	default:
		return ErrMedia
	}
	return answer.Problem
}
