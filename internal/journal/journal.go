// Package journal is the log of events: Durable in a JetStream stream, Memory the newest ones in memory.
package journal

import (
	"context"
	"errors"
	"fmt"

	"github.com/parley-msrp/parley/internal/event"
)

// Journal appends events and lets any number of readers follow, each from its own cursor. Safe for concurrent use.
type Journal interface {
	// Append adds e, whose Params, Own and what they point to must not change afterwards. kept, which may be nil, is called once,
	// from any goroutine, with nil when e is kept, else with what went wrong. Events are kept in the order of the calls.
	Append(e event.Event, kept func(error))

	// Subscribe reads from after cursor, which is an event's Cursor; Newest is from now on, Oldest from the oldest event kept. The
	// error wraps ErrCursorLost for a cursor whose events are no longer there, ErrCursorUnknown for one that this journal never gave.
	Subscribe(cursor string) (Reader, error)

	// Err says why nothing can be kept at the moment; nil: it can.
	Err() error

	// Refusing says that nothing could be kept for so long that events with kept are refused at once. It is cheap.
	Refusing() bool

	// Stats says how much there is.
	Stats(ctx context.Context) Stats

	// Close ends the journal: later events are refused with ErrClosed, readers get what is left and then ErrClosed.
	Close() error
}

// Reader follows the journal. One goroutine at a time uses it.
type Reader interface {
	// Next returns the next event, its Cursor set. It blocks until there is one, ctx ends (ctx.Err()) or the journal or the reader
	// is closed (ErrClosed). A *LostError says that events were dropped before they were read; the call after it goes on with the
	// oldest one kept.
	Next(ctx context.Context) (event.Event, error)

	// Ready says whether Next would return at once: what is told meanwhile can be told together.
	Ready() bool

	// Close ends the reader. It does nothing the second time.
	Close()
}

// Cursors that are no event's.
const (
	Newest = ""  // from now on
	Oldest = "0" // from the oldest event kept
)

// Errors of journals and readers.
var (
	ErrClosed        = errors.New("the journal is closed")
	ErrCursorLost    = errors.New("events after the cursor are no longer kept")
	ErrCursorUnknown = errors.New("unknown cursor")
	ErrLost          = errors.New("events were dropped before they were read")
)

// LostError says that a reader was so slow that events were dropped before it read them. errors.Is takes it for ErrLost.
type LostError struct {
	Dropped uint64 // events
}

func (e *LostError) Error() string { return fmt.Sprintf("%v: %d", ErrLost, e.Dropped) }

// Is says whether target is ErrLost.
func (e *LostError) Is(target error) bool { return target == ErrLost }
