package event

import (
	"bytes"
	"iter"
	"strconv"
	"strings"
)

// Format is the version of the form that events are stored in: packs, each of which is a NATS message. Its headers say the format and the number of
// its first event; its payload is a line for each event, a CloudEvent without id. docs/reliability.md describes it.
const Format = 1

// Headers of a pack.
const (
	HeaderFormat = "Parley-Format" // Format, in decimal
	HeaderFirst  = "Parley-First"  // number of the first event in it; all events of a node are numbered
	HeaderPack   = "Parley-Pack"   // unlike that of any other pack
)

// Stream is the name of the JetStream stream that holds a node's packs.
func Stream(node string) string { return "PARLEY_EVENTS_" + node }

// Metadata of that stream.
const (
	MetaInstance = "parley-instance" // names the stream for ever, unlike one that was there before it
	MetaFormat   = "parley-format"   // Format, in decimal
)

// AppendLine appends the event to the payload of a pack.
func (e *Event) AppendLine(pack []byte) []byte {
	return append(e.AppendCloudEvent(pack), '\n')
}

// Written has AppendCloudEvent use the line that AppendLine wrote, which must not change, nor may the event but for its cursor.
func (e *Event) Written(line []byte) { e.line = line }

// Lines are the lines of a pack, each an event for ParseCloudEvent.
func Lines(pack []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for len(pack) > 0 {
			line, rest, _ := bytes.Cut(pack, []byte{'\n'})
			if !yield(line) {
				return
			}
			pack = rest
		}
	}
}

// Cursor is the cursor of the event that stands at index in a pack of the stream called instance.
func Cursor(instance string, sequence uint64, index int) string {
	b := make([]byte, 0, len(instance)+24)
	b = append(append(b, instance...), '-')
	b = append(strconv.AppendUint(b, sequence, 10), '-')
	return string(strconv.AppendInt(b, int64(index), 10))
}

// ParseCursor reads a Cursor.
func ParseCursor(cursor string) (instance string, sequence uint64, index int, ok bool) {
	parts := strings.Split(cursor, "-")
	if len(parts) != 3 || len(cursor) > maxCursor {
		return "", 0, 0, false
	}
	sequence, err := strconv.ParseUint(parts[1], 10, 64)
	index, errIndex := strconv.Atoi(parts[2])
	return parts[0], sequence, index, err == nil && errIndex == nil && parts[0] != "" && sequence > 0 && index >= 0
}

// maxCursor is more octets than any cursor has.
const maxCursor = 64

// Internal says that an event is a record of the node's own: it is in packs, and nobody is told.
func (n Name) Internal() bool { return strings.HasPrefix(string(n), "parley.") }
