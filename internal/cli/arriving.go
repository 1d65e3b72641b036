package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"

	"github.com/parley-msrp/parley/cpim"
	"github.com/parley-msrp/parley/msrp"
	"github.com/parley-msrp/parley/ua"
)

// maxTexts bounds the texts that are arriving, in octets together.
const maxTexts = 32 << 20

var errLongText = errors.New("a text that is too long to be shown")

// isText says whether a message is shown.
func isText(contentType string) bool { return strings.HasPrefix(strings.ToLower(contentType), "text/") }

// arrival is a message that is arriving, without the wrapper that it may have.
type arrival struct {
	io.Reader
	messageID, contentType string
	headers                []msrp.Header
}

// errWrapper says that a message/cpim is none.
var errWrapper = errors.New("malformed message/cpim")

// unwrap reads the wrapper of a message that has one.
func unwrap(in *ua.Incoming) (*arrival, error) {
	a := &arrival{in, in.MessageID, in.ContentType, in.Headers}
	if !cpim.Is(in.ContentType) {
		return a, nil
	}
	m, content, err := cpim.Read(in)
	switch {
	case errors.Is(err, msrp.ErrIncomplete):
		return nil, err
	case err == nil:
		err = m.CheckRequire(nil)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errWrapper, err)
	}
	a.Reader, a.contentType, a.headers = content, m.ContentType(), ua.MIMEHeaders(m)
	return a, nil
}

// Stream takes a message that does not come in one piece.
func (t *conversation) Stream(_ *ua.Session, in *ua.Incoming) {
	var place *said
	if (isText(in.ContentType) || cpim.Is(in.ContentType)) && !in.Duplicate {
		place = t.said.reserve() // what comes later is not shown before it
	}
	t.streams.Go(func() { t.arriving(in, place) }) // ends with the message, or with its session
}

func (t *conversation) arriving(in *ua.Incoming, place *said) {
	err := t.arrived(in, place)
	refused, required := errors.AsType[*cpim.RequireError](err)
	switch {
	case err == nil:
		in.Accept()
	case errors.Is(err, msrp.ErrIncomplete):
		fmt.Fprintf(t.std.Err, "peer began to send %s, but not all of it came\n", printable(in.ContentType))
	case required:
		in.Reject(403, refused.Error())
	case errors.Is(err, errWrapper):
		in.Reject(400, errWrapper.Error())
	default:
		fmt.Fprintln(t.std.Err, "what came could not be kept:", err)
		in.Reject(413, "cannot be kept")
	}
}

// arrived takes a message to its end. A place that was reserved for it is filled or given back.
func (t *conversation) arrived(in *ua.Incoming, place *said) error {
	if in.Duplicate {
		_, err := in.WriteTo(io.Discard)
		return err
	}
	a, err := unwrap(in)
	if err == nil && isText(a.contentType) {
		return t.arrivingText(a, place)
	}
	if place != nil {
		t.said.drop(place)
	}
	switch {
	case err != nil:
		return err
	case t.save == "":
		n, err := io.Copy(io.Discard, a.Reader)
		if err == nil {
			fmt.Fprintf(t.std.Err, "peer sent %s, %d octets; --save DIR keeps such messages\n", printable(a.contentType), n)
		}
		return err
	}
	path, err := keepStream(t.save, a)
	if err == nil {
		fmt.Fprintf(t.std.Out, "peer sent a file: %s\n", path)
	}
	return err
}

func (t *conversation) arrivingText(a *arrival, place *said) error {
	text := &roomFor{room: &t.texts}
	_, err := io.Copy(struct{ io.Writer }{text}, a.Reader) // by Write alone, which keeps the limit
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
