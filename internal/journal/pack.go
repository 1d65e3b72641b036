package journal

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/parley-msrp/parley/internal/event"
)

// pack is some events that are stored together, as they come from the stream.
type pack struct {
	sequence uint64 // in the stream
	first    uint64 // number of its first event
	name     string // HeaderPack
	lines    []byte
	alien    error // why the message is no pack of events, by its headers; nil: it is one. Then only sequence counts
}

// count is how many events there are, those that cannot be read among them.
func (p *pack) count() int {
	n := bytes.Count(p.lines, []byte{'\n'})
	if len(p.lines) > 0 && p.lines[len(p.lines)-1] != '\n' {
		n++ // one was cut off
	}
	return n
}

// events reads the events. One that cannot be read has no Name, so that the others keep their places; lost counts them, and the error is about the first one.
func (p *pack) events() (events []event.Event, lost int, damage error) {
	if p.alien != nil {
		return nil, 0, p.alien
	}
	events = make([]event.Event, 0, p.count())
	for line := range event.Lines(p.lines) {
		e, err := event.ParseCloudEvent(line)
		if err != nil {
			e = event.Event{}
			if lost++; damage == nil {
				damage = err
			}
		}
		events = append(events, e)
	}
	return events, lost, damage
}

// began is the time of the first event that can be read; false: none can.
func (p *pack) began() (time.Time, bool) {
	if p.alien == nil {
		for line := range event.Lines(p.lines) {
			if e, err := event.ParseCloudEvent(line); err == nil {
				return e.Time, true
			}
		}
	}
	return time.Time{}, false
}

// errNoPack says that the stream has no such pack, or none behind it.
var errNoPack = errors.New("no such pack")

// parse reads the headers. The format was looked at when the stream was opened; a pack may be newer all the same, while versions change, and that alone
// is an error. What has no such headers somebody else has put into the stream.
func parse(h nats.Header, sequence string, data []byte) (p pack, err error) {
	if p.sequence, err = strconv.ParseUint(sequence, 10, 64); err != nil {
		return p, err
	}
	f, first := h.Get(event.HeaderFormat), h.Get(event.HeaderFirst)
	format, err := strconv.Atoi(f)
	if err == nil && format > event.Format {
		return p, fmt.Errorf("pack %s has format %d, and this version of Parley reads %d: a newer Parley wrote it", sequence, format, event.Format)
	}
	p.first, p.alien = number(first)
	if err != nil || format != event.Format {
		p.alien = fmt.Errorf("%s is %.80q, want %d", event.HeaderFormat, f, event.Format)
	}
	if p.alien == nil {
		p.name, p.lines = h.Get(event.HeaderPack), data
	}
	return p, nil
}

// number reads HeaderFirst.
func number(first string) (uint64, error) {
	n, err := strconv.ParseUint(first, 10, 64)
	if err != nil || n == 0 {
		return 0, fmt.Errorf("%s is %.80q, want a number from 1", event.HeaderFirst, first)
	}
	return n, nil
}

// get asks the leader of the stream for one pack, so that the answer is never an old one.
func (st *store) get(ctx context.Context, sequence uint64) (pack, error) {
	m, err := st.ask(ctx, st.stream, fmt.Sprintf(`{"seq":%d}`, sequence))
	if err != nil {
		return pack{}, err
	}
	return parse(m.Header, m.Header.Get(headerSequence), m.Data)
}

// What direct answers say of a message, and ask.
const (
	headerSequence = "Nats-Sequence"
	headerTime     = "Nats-Time-Stamp"
)

// ask asks the leader of a stream for a message; errNoPack: there is none. The answer is that of direct.
func (st *store) ask(ctx context.Context, stream, request string) (*nats.Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, apiTimeout)
	defer cancel()
	m, err := st.conn.RequestWithContext(ctx, "$JS.API.STREAM.MSG.GET."+stream, []byte(request))
	if err != nil {
		return nil, err
	}
	var answer struct {
		Error   *apiError
		Message struct {
			Sequence uint64 `json:"seq"`
			Headers  []byte `json:"hdrs"`
			Data     []byte `json:"data"`
			Time     string `json:"time"`
		}
	}
	if err := json.Unmarshal(m.Data, &answer); err != nil {
		return nil, err
	}
	switch {
	case answer.Error != nil && answer.Error.Code == 404:
		return nil, errNoPack
	case answer.Error != nil:
		return nil, answer.Error
	}
	h, _ := nats.DecodeHeadersMsg(answer.Message.Headers) // none is no pack
	if h == nil {
		h = nats.Header{}
	}
	h.Set(headerSequence, strconv.FormatUint(answer.Message.Sequence, 10))
	h.Set(headerTime, answer.Message.Time)
	return &nats.Msg{Header: h, Data: answer.Message.Data}, nil
}

// fetch reads some packs from sequence on, from any server that has them. None: it has none from there on, yet.
func (st *store) fetch(ctx context.Context, sequence uint64) ([]pack, error) {
	answers, err := st.direct(ctx, st.stream, fmt.Sprintf(`{"seq":%d,"batch":%d,"max_bytes":%d}`, sequence, fetchPacks, fetchOctets))
	if err != nil {
		return nil, err
	}
	packs := make([]pack, len(answers))
	for i, m := range answers {
		if packs[i], err = parse(m.Header, m.Header.Get(headerSequence), m.Data); err != nil {
			return nil, err
		}
	}
	return packs, nil
}

// direct reads a batch of messages from a stream, without a consumer in the server.
func (st *store) direct(ctx context.Context, stream, request string) ([]*nats.Msg, error) {
	inbox := st.conn.NewInbox()
	sub, err := st.conn.SubscribeSync(inbox)
	if err != nil {
		return nil, err
	}
	defer func() { _ = sub.Unsubscribe() }()
	if err := st.conn.PublishRequest("$JS.API.DIRECT.GET."+stream, inbox, []byte(request)); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, apiTimeout)
	defer cancel()
	var messages []*nats.Msg
	for {
		m, err := sub.NextMsgWithContext(ctx)
		if err != nil {
			return nil, err
		}
		switch status := m.Header.Get("Status"); {
		case m.Header.Get(headerSequence) != "": // one of the stream
		case status == "204" || status == "404":
			return messages, nil
		case status != "" || len(m.Header) == 0:
			return nil, fmt.Errorf("reading the stream: status %s %s", status, m.Header.Get("Description"))
		}
		messages = append(messages, m)
	}
}

// bounds are the first and the last sequence of the stream; without packs the first is the one behind the last.
func (st *store) bounds(ctx context.Context) (first, last uint64, octets uint64, err error) {
	found, err := st.about(ctx, st.stream)
	if err != nil {
		return 0, 0, 0, err
	}
	if found == nil {
		return 0, 0, 0, fmt.Errorf("the stream %s is gone", st.stream)
	}
	return max(found.State.FirstSeq, 1), found.State.LastSeq, found.State.Bytes, nil
}

// apiError is an error that the server answered with.
type apiError struct {
	Code        int    `json:"code"`
	Kind        int    `json:"err_code"`
	Description string `json:"description"`
}

func (e *apiError) Error() string { return fmt.Sprintf("NATS: %d %s", e.Code, e.Description) }

// putError says what became of a pack, by the answer to it; nil: it is stored.
func putError(m *nats.Msg) error {
	if len(m.Data) == 0 {
		return fmt.Errorf("NATS: the stream does not answer: status %s: %w", m.Header.Get("Status"), nats.ErrNoResponders)
	}
	if !bytes.Contains(m.Data, []byte(`"error"`)) {
		return nil
	}
	var answer struct{ Error *apiError }
	if err := json.Unmarshal(m.Data, &answer); err != nil {
		return err
	}
	if answer.Error == nil {
		return nil
	}
	return answer.Error
}
