package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"

	"github.com/parley-msrp/parley/msrp"
	"github.com/parley-msrp/parley/ua"
)

// maxTexts bounds the texts that are arriving, in octets together.
const maxTexts = 32 << 20

var errLongText = errors.New("a text that is too long to be shown")

// isText says whether a message is shown.
func isText(contentType string) bool { return strings.HasPrefix(strings.ToLower(contentType), "text/") }

// Stream takes a message that does not come in one piece.
func (t *conversation) Stream(_ *ua.Session, in *ua.Incoming) {
	var place *said
	if isText(in.ContentType) && !in.Duplicate {
		place = t.said.reserve() // what comes later is not shown before it
	}
	t.streams.Go(func() { t.arriving(in, place) }) // ends with the message, or with its session
}

func (t *conversation) arriving(in *ua.Incoming, place *said) {
	var err error
	switch {
	case in.Duplicate:
		_, err = in.WriteTo(io.Discard)
	case place != nil:
		err = t.arrivingText(in, place)
	case t.save == "":
		var n int64
		if n, err = in.WriteTo(io.Discard); err == nil {
			fmt.Fprintf(t.std.Err, "peer sent %s, %d octets; --save DIR keeps such messages\n", printable(in.ContentType), n)
		}
	default:
		var path string
		if path, err = keepStream(t.save, in); err == nil {
			fmt.Fprintf(t.std.Out, "peer sent a file: %s\n", path)
		}
	}
	switch {
	case err == nil:
		in.Accept()
	case errors.Is(err, msrp.ErrIncomplete):
		fmt.Fprintf(t.std.Err, "peer began to send %s, but not all of it came\n", printable(in.ContentType))
	default:
		fmt.Fprintln(t.std.Err, "what came could not be kept:", err)
		in.Reject(413, "cannot be kept")
	}
}

func (t *conversation) arrivingText(in *ua.Incoming, place *said) error {
	text := &roomFor{room: &t.texts}
	_, err := in.WriteTo(text)
	t.texts.Add(-int64(text.Len()))
	if err != nil {
		t.said.drop(place)
		return err
	}
	t.said.fill(place, text.String())
	return nil
}

// roomFor is a buffer that shares a limit with others.
type roomFor struct {
	bytes.Buffer
	room *atomic.Int64 // octets in all of them
}

func (b *roomFor) Write(p []byte) (int, error) {
	if b.room.Add(int64(len(p))) > maxTexts {
		b.room.Add(-int64(len(p)))
		return 0, errLongText
	}
	return b.Buffer.Write(p)
}
