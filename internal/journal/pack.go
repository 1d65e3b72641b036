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
}

func (p *pack) count() int { return bytes.Count(p.lines, []byte{'\n'}) }

// events reads the events.
func (p *pack) events() ([]event.Event, error) {
	events := make([]event.Event, 0, p.count())
	for line := range event.Lines(p.lines) {
		e, err := event.ParseCloudEvent(line)
		if err != nil {
			return nil, fmt.Errorf("pack %d: %w", p.sequence, err)
		}
		events = append(events, e)
	}
	return events, nil
}

// began is the time of the first event.
func (p *pack) began() (time.Time, error) {
	for line := range event.Lines(p.lines) {
		e, err := event.ParseCloudEvent(line)
		if err != nil {
			return time.Time{}, fmt.Errorf("pack %d: %w", p.sequence, err)
		}
		return e.Time, nil
	}
	return time.Time{}, fmt.Errorf("pack %d is empty", p.sequence)
}

// errNoPack says that the stream has no such pack, or none behind it.
var errNoPack = errors.New("no such pack")

// parse reads the headers. The format was looked at when the stream was opened; a pack may be newer all the same, while versions change.
func parse(h nats.Header, sequence string, data []byte) (p pack, err error) {
	if f := h.Get(event.HeaderFormat); f != strconv.Itoa(event.Format) {
		return p, fmt.Errorf("pack %s has format %q, and this version of Parley reads %d", sequence, f, event.Format)
	}
	var errFirst error
	p = pack{name: h.Get(event.HeaderPack), lines: data}
	p.sequence, err = strconv.ParseUint(sequence, 10, 64)
	p.first, errFirst = strconv.ParseUint(h.Get(event.HeaderFirst), 10, 64)
	return p, errors.Join(err, errFirst)
}

// get asks the leader of the stream for one pack, so that the answer is never an old one.
func (st *store) get(ctx context.Context, sequence uint64) (pack, error) {
	request := fmt.Appendf(nil, `{"seq":%d}`, sequence)
	ctx, cancel := context.WithTimeout(ctx, apiTimeout)
	defer cancel()
	m, err := st.conn.RequestWithContext(ctx, "$JS.API.STREAM.MSG.GET."+st.stream, request)
	if err != nil {
		return pack{}, err
	}
	var answer struct {
		Error   *apiError
		Message struct {
			Sequence uint64 `json:"seq"`
			Headers  []byte `json:"hdrs"`
			Data     []byte `json:"data"`
		}
	}
	if err := json.Unmarshal(m.Data, &answer); err != nil {
		return pack{}, err
	}
	switch {
	case answer.Error != nil && answer.Error.Code == 404:
		return pack{}, errNoPack
	case answer.Error != nil:
		return pack{}, answer.Error
	}
	h, err := nats.DecodeHeadersMsg(answer.Message.Headers)
	if err != nil {
		return pack{}, err
	}
	return parse(h, strconv.FormatUint(answer.Message.Sequence, 10), answer.Message.Data)
}

// fetch reads some packs from sequence on, from any server that has them. None: it has none from there on, yet.
func (st *store) fetch(ctx context.Context, sequence uint64) ([]pack, error) {
	answers, err := st.direct(ctx, st.stream, fmt.Sprintf(`{"seq":%d,"batch":%d,"max_bytes":%d}`, sequence, fetchPacks, fetchOctets))
	if err != nil {
		return nil, err
	}
	packs := make([]pack, len(answers))
	for i, m := range answers {
		if packs[i], err = parse(m.Header, m.Header.Get("Nats-Sequence"), m.Data); err != nil {
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
	ctx, cancel := context.WithTimeout(ctx, apiTimeout)
	defer cancel()
	s, err := st.js.Stream(ctx, st.stream)
	if err != nil {
		return 0, 0, 0, err
	}
	state := s.CachedInfo().State
	return max(state.FirstSeq, 1), state.LastSeq, state.Bytes, nil
}

// apiError is an error that the server answered with.
type apiError struct {
	Code        int    `json:"code"`
	Description string `json:"description"`
}

func (e *apiError) Error() string { return fmt.Sprintf("NATS: %d %s", e.Code, e.Description) }

// putError says what became of a pack, by the answer to it; nil: it is stored.
func putError(m *nats.Msg) error {
	if len(m.Data) == 0 {
		return fmt.Errorf("NATS: the stream does not answer: status %s", m.Header.Get("Status"))
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
