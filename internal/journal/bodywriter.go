package journal

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/parley-msrp/parley/internal/event"
)

// PutBody keeps a body that is too large for an event, while it is read. It is an object of a JetStream object store, which other clients can read as
// such. Of its octets bodyAhead pieces and the one that is read are in memory at most. It blocks, for Config.Patience where nothing can be kept at the
// moment; an error is that of r, or ErrUnavailable, and nothing is kept then.
func (j *Durable) PutBody(ctx context.Context, r io.Reader) (event.BodyRef, error) {
	bucket, id := Bodies(j.cfg.Node), random(16)
	w := &bodyWriter{journal: j, bucket: bucket, id: id, subject: "$O." + bucket + ".C." + id, stuck: time.Now()}
	if err := w.begin(ctx); err != nil {
		return event.BodyRef{}, err
	}
	ref, err := w.put(ctx, r)
	w.leave()
	if err != nil {
		w.undo()
		return event.BodyRef{}, err
	}
	select {
	case j.filled <- struct{}{}:
	default:
	}
	return ref, nil
}

// bodyWriter writes one body. What is not acknowledged is sent again when its stream is there again; each message has an ID, by which the stream knows
// those that it has.
type bodyWriter struct {
	journal             *Durable
	bucket, id, subject string

	st      *store
	sub     *nats.Subscription
	answers chan *nats.Msg
	waiting []*nats.Msg // for their acknowledgement, which come in their order
	spare   [][]byte    // memory for pieces
	stuck   time.Time   // since when nothing was acknowledged that should have been; zero: that is not so
	resent  bool        // something was sent again
}

func (w *bodyWriter) put(ctx context.Context, r io.Reader) (ref event.BodyRef, err error) {
	hash := sha256.New()
	pieces := uint32(0)
	for more := true; more; {
		piece := w.memory()
		n, err := io.ReadFull(r, piece)
		switch {
		case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
			more = false
		case err != nil:
			return ref, err
		}
		if n == 0 {
			break
		}
		hash.Write(piece[:n])
		offset := strconv.FormatInt(ref.Octets, 10)
		if err := w.publish(ctx, &nats.Msg{Subject: w.subject, Data: piece[:n], Header: nats.Header{headerOffset: {offset}, nats.MsgIdHdr: {w.id + "-" + offset}}}); err != nil {
			return ref, err
		}
		ref.Octets += int64(n)
		pieces++
	}
	sum := hash.Sum(nil)
	ref.ID, ref.SHA256 = w.id, hex.EncodeToString(sum)
	info, err := json.Marshal(jetstream.ObjectInfo{
		ObjectMeta: jetstream.ObjectMeta{Name: w.id, Opts: &jetstream.ObjectMetaOptions{ChunkSize: bodyPiece}},
		Bucket:     w.bucket, NUID: w.id, Size: uint64(ref.Octets), Chunks: pieces, Digest: "SHA-256=" + base64.URLEncoding.EncodeToString(sum),
	})
	if err != nil {
		return ref, err
	}
	if err := w.awaitDownTo(ctx, 0); err != nil { // it is not whole before that
		return ref, err
	}
	if err := w.check(ctx, ref); err != nil {
		return ref, err
	}
	about := &nats.Msg{Subject: aboutBody(w.bucket, w.id), Data: info, Header: nats.Header{"Nats-Rollup": {"sub"}, nats.MsgIdHdr: {w.id}}}
	if err := w.publish(ctx, about); err != nil {
		return ref, err
	}
	return ref, w.awaitDownTo(ctx, 0)
}

// check reads a body of which something was sent again. An answer may have been lost for longer than the stream knows the IDs of what it has, and the stream may
// have come back between two pieces: then one stands there twice, or behind its next one, and the body is none.
func (w *bodyWriter) check(ctx context.Context, ref event.BodyRef) error {
	if !w.resent {
		return nil
	}
	hash := sha256.New()
	if _, err := io.Copy(hash, &Body{BodyRef: ref, ctx: ctx, st: w.st}); err != nil {
		return fmt.Errorf("%w: after an interruption: %w", ErrUnavailable, err)
	}
	if hex.EncodeToString(hash.Sum(nil)) != ref.SHA256 {
		return fmt.Errorf("%w: after an interruption its octets are others", ErrUnavailable)
	}
	return nil
}

func (w *bodyWriter) memory() []byte {
	if n := len(w.spare); n > 0 {
		piece := w.spare[n-1]
		w.spare = w.spare[:n-1]
		return piece
	}
	return make([]byte, bodyPiece)
}

func (w *bodyWriter) publish(ctx context.Context, m *nats.Msg) error {
	if err := w.awaitDownTo(ctx, bodyAhead-1); err != nil {
		return err
	}
	w.waiting = append(w.waiting, m)
	m.Reply = w.sub.Subject
	if err := w.st.conn.PublishMsg(m); err != nil {
		return w.again(ctx, err)
	}
	return nil
}

// awaitDownTo waits until at most n messages wait for their acknowledgement.
func (w *bodyWriter) awaitDownTo(ctx context.Context, n int) error {
	for len(w.waiting) > n {
		if err := w.await(ctx); err != nil {
			return err
		}
	}
	return nil
}

// await waits for one acknowledgement, or until what waits for its own was sent again.
func (w *bodyWriter) await(ctx context.Context) error {
	late := time.NewTimer(ackTimeout)
	defer late.Stop()
	select {
	case m := <-w.answers:
		switch err := putError(m); {
		case err == nil:
			w.done()
			return nil
		case passing(err):
			return w.again(ctx, err)
		default:
			return fmt.Errorf("%w: %w", ErrUnavailable, err)
		}
	case <-w.st.lost:
		return w.again(ctx, errLost)
	case <-late.C:
		return w.again(ctx, errSilent)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// done takes out the oldest message that waits, which is stored.
func (w *bodyWriter) done() {
	if piece := w.waiting[0].Data; cap(piece) == bodyPiece {
		w.spare = append(w.spare, piece[:bodyPiece])
	}
	w.waiting, w.stuck = w.waiting[1:], time.Time{}
}

// What the stream of an object store answers, beside those codes that say that it is not there.
const (
	codeConflict    = 409   // a message of this ID is on its way
	kindStoreFailed = 10077 // there is no room
)

// passing says whether the same message may be taken later.
func passing(err error) bool {
	var answer *apiError
	if errors.As(err, &answer) {
		return answer.Code == codeConflict || answer.Code == unavailable && answer.Kind != kindStoreFailed
	}
	return away(err)
}

// again sends again what waits, once the journal is there: over another connection, if it has lost that one. It gives up when nothing was acknowledged
// for as long as patience lasts.
func (w *bodyWriter) again(ctx context.Context, why error) error {
	if w.stuck.IsZero() {
		w.stuck = time.Now()
	}
	for time.Since(w.stuck) < w.journal.cfg.Patience {
		select {
		case <-time.After(askAgain):
		case <-ctx.Done():
			return ctx.Err()
		}
		if why = w.resend(ctx); why == nil || errors.Is(why, ErrUnavailable) {
			return why
		}
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, why)
}

func (w *bodyWriter) resend(ctx context.Context) error {
	w.leave()
	if err := w.join(ctx); err != nil {
		return err
	}
	w.resent = w.resent || len(w.waiting) > 0
	for _, m := range w.waiting {
		m.Reply = w.sub.Subject
		if err := w.st.conn.PublishMsg(m); err != nil {
			return err
		}
	}
	return nil
}

// begin is the first join. Its connection may have been lost just now.
func (w *bodyWriter) begin(ctx context.Context) error {
	err := w.join(ctx)
	if err != nil && !errors.Is(err, ErrUnavailable) {
		err = w.again(ctx, err)
	}
	w.stuck = time.Time{}
	return err
}

// join waits for the journal's connection, and subscribes to the answers of what is sent there. Its error is ErrUnavailable where patience is over.
func (w *bodyWriter) join(ctx context.Context) error {
	st, err := w.journal.awaitStore(ctx, w.stuck.Add(w.journal.cfg.Patience))
	if err != nil {
		return err
	}
	w.st = st
	w.answers = make(chan *nats.Msg, 4*bodyAhead)
	w.sub, err = w.st.conn.ChanSubscribe(w.st.conn.NewInbox(), w.answers)
	return err
}

func (w *bodyWriter) leave() {
	if w.sub != nil {
		_ = w.sub.Unsubscribe()
		w.sub = nil
	}
}

// undo drops what was written. What stays for want of a connection goes with its age.
func (w *bodyWriter) undo() {
	ctx, cancel := context.WithTimeout(context.Background(), apiTimeout)
	defer cancel()
	_ = w.st.purgeBodies(ctx, w.subject)
}

// awaitStore waits for a connection to the stream. Its error is ErrUnavailable, or that of ctx.
func (j *Durable) awaitStore(ctx context.Context, until time.Time) (*store, error) {
	patience := time.NewTimer(time.Until(until))
	defer patience.Stop()
	for {
		j.mu.Lock()
		st, refused := j.store, j.refusing || j.closed
		change := j.awaitChange()
		j.mu.Unlock()
		switch {
		case st != nil:
			return st, nil
		case refused:
			return nil, ErrUnavailable
		}
		select {
		case <-change:
		case <-patience.C:
			return nil, ErrUnavailable
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}
