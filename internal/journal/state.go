package journal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// away says whether an error may be gone in a moment, when servers have come up or leaders are chosen.
func away(err error) bool {
	var answer *apiError
	var api *jetstream.APIError
	var network net.Error
	return errors.As(err, &answer) && answer.Code == unavailable || errors.As(err, &api) && api.Code == unavailable || errors.As(err, &network) ||
		errors.Is(err, nats.ErrNoServers) || errors.Is(err, nats.ErrTimeout) || errors.Is(err, nats.ErrNoResponders) || errors.Is(err, nats.ErrConnectionClosed) ||
		errors.Is(err, jetstream.ErrJetStreamNotEnabled) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, errNoAnswer)
}

// unavailable is the code that a server of a cluster answers with which cannot do at the moment what was asked for.
const unavailable = 503

// errNoAnswer says that nobody knows of a stream at the moment.
var errNoAnswer = errors.New("no server answers for it")

// about asks the leader of a stream for the stream's state; nil: there is no such stream. While none leads it nobody answers, or one does who may be
// behind: so it asks again until a leader answers, for as long as an answer may take.
func (st *store) about(ctx context.Context, stream string) (*jetstream.StreamInfo, error) {
	ctx, cancel := context.WithTimeout(ctx, apiTimeout)
	defer cancel()
	inbox := st.conn.NewInbox()
	sub, err := st.conn.SubscribeSync(inbox)
	if err != nil {
		return nil, fmt.Errorf("NATS: stream %s: %w", stream, err)
	}
	defer func() { _ = sub.Unsubscribe() }()
	why := errNoAnswer
	for ctx.Err() == nil {
		if err := st.conn.PublishRequest("$JS.API.STREAM.INFO."+stream, inbox, nil); err != nil {
			return nil, fmt.Errorf("NATS: stream %s: %w", stream, err)
		}
		found, err := state(ctx, sub, &why)
		if err == nil {
			return found, nil
		}
		if !errors.Is(err, context.DeadlineExceeded) {
			return nil, fmt.Errorf("NATS: stream %s: %w", stream, err)
		}
	}
	return nil, fmt.Errorf("NATS: stream %s: %w", stream, why)
}

// state waits a moment for an answer that holds, and notes why others do not.
func state(ctx context.Context, sub *nats.Subscription, why *error) (*jetstream.StreamInfo, error) {
	ctx, cancel := context.WithTimeout(ctx, askAgain)
	defer cancel()
	for {
		m, err := sub.NextMsgWithContext(ctx)
		if err != nil {
			return nil, err
		}
		found, err := stateOf(m)
		if err == nil || !away(err) {
			return found, err
		}
		*why = err
	}
}

// stateOf reads an answer about a stream.
func stateOf(m *nats.Msg) (*jetstream.StreamInfo, error) {
	if len(m.Data) == 0 {
		return nil, nats.ErrNoResponders // JetStream is not there, or not yet
	}
	var answer struct {
		Error *apiError
		jetstream.StreamInfo
	}
	if err := json.Unmarshal(m.Data, &answer); err != nil {
		return nil, err
	}
	switch e := answer.Error; {
	case e != nil && e.Code == 404:
		return nil, nil
	case e != nil:
		return nil, e
	case answer.Cluster != nil && answer.Cluster.Leader == "":
		return nil, errNoAnswer // it is said by one who may be behind
	}
	return &answer.StreamInfo, nil
}
