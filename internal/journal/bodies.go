package journal

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/parley-msrp/parley/internal/event"
)

// ErrNoBody says that there is no body of that name, or none any more.
var ErrNoBody = errors.New("no such body")

// headerOffset is the header of a piece that says how many octets come before it.
const headerOffset = "Parley-Offset"

// aboutBody is the subject of what is said about a body.
func (st *store) aboutBody(id string) string { return aboutBody(st.bucket, id) }

func aboutBody(bucket, id string) string {
	return "$O." + bucket + ".M." + base64.URLEncoding.EncodeToString([]byte(id))
}

func (st *store) purgeBodies(ctx context.Context, subject string) error {
	s, err := st.js.Stream(ctx, "OBJ_"+st.bucket)
	if err != nil {
		return err
	}
	return s.Purge(ctx, jetstream.WithPurgeSubject(subject))
}

func (st *store) dropBody(ctx context.Context, body *jetstream.ObjectInfo) error {
	if err := st.purgeBodies(ctx, st.aboutBody(body.Name)); err != nil {
		return err
	}
	return st.purgeBodies(ctx, "$O."+st.bucket+".C."+body.NUID)
}

func ignoreNone(err error) error {
	if errors.Is(err, jetstream.ErrNoObjectsFound) {
		return nil
	}
	return err
}

// Body is a body that is read. It is an io.ReadSeeker, for one goroutine, and holds a batch of pieces at most.
type Body struct {
	event.BodyRef
	Kept time.Time // when it was whole

	ctx      context.Context
	st       *store
	about    uint64 // sequence of what is said about it, behind its pieces
	at       int64  // octets before the next one that is read
	rest     []byte // of the piece at hand, from at on
	fetched  []*nats.Msg
	sequence uint64 // of the piece to fetch next; 0: not known
}

// OpenBody opens a body. ctx bounds all that is read. Errors are ErrNoBody and ErrUnavailable.
func (j *Durable) OpenBody(ctx context.Context, id string) (*Body, error) {
	j.mu.Lock()
	st := j.store
	j.mu.Unlock()
	if st == nil {
		return nil, ErrUnavailable
	}
	if len(id) != 32 || strings.Trim(id, "0123456789abcdef") != "" {
		return nil, ErrNoBody
	}
	about, err := st.askAboutBody(ctx, id)
	if err != nil {
		return nil, err
	}
	var info jetstream.ObjectInfo
	if err := json.Unmarshal(about.Data, &info); err != nil {
		return nil, err
	}
	sum, _ := base64.URLEncoding.DecodeString(strings.TrimPrefix(info.Digest, "SHA-256="))
	b := &Body{BodyRef: event.BodyRef{ID: id, Octets: int64(info.Size), SHA256: hex.EncodeToString(sum)}, ctx: ctx, st: st}
	b.Kept, _ = time.Parse(time.RFC3339Nano, about.Header.Get(headerTime))
	b.about, err = strconv.ParseUint(about.Header.Get(headerSequence), 10, 64)
	return b, err
}

// askAboutBody gets what is said about a body. The leader has the last word: another server may not have it yet.
func (st *store) askAboutBody(ctx context.Context, id string) (*nats.Msg, error) {
	found, err := st.direct(ctx, "OBJ_"+st.bucket, fmt.Sprintf(`{"seq":1,"next_by_subj":%q,"batch":1}`, st.aboutBody(id)))
	if err == nil && len(found) > 0 {
		return found[0], nil
	}
	m, err := st.ask(ctx, "OBJ_"+st.bucket, fmt.Sprintf(`{"last_by_subj":%q}`, st.aboutBody(id)))
	switch {
	case errors.Is(err, errNoPack):
		return nil, ErrNoBody
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return m, nil
}

func (b *Body) Read(p []byte) (int, error) {
	for len(b.rest) == 0 {
		if b.at >= b.Octets {
			return 0, io.EOF
		}
		if err := b.next(); err != nil {
			return 0, err
		}
	}
	n := copy(p, b.rest)
	b.rest = b.rest[n:]
	b.at += int64(n)
	return n, nil
}

// Seek moves to where is read next, at once.
func (b *Body) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += b.at
	case io.SeekEnd:
		offset += b.Octets
	}
	if offset < 0 {
		return 0, errors.New("a place before the first octet")
	}
	if offset != b.at {
		b.at, b.rest, b.fetched, b.sequence = offset, nil, nil, 0
	}
	return offset, nil
}

// next gets the piece that holds the octet behind b.at.
func (b *Body) next() error {
	if len(b.fetched) == 0 {
		if err := b.locate(); err != nil {
			return err
		}
		for range 20 {
			var err error
			if b.fetched, err = b.pieces(b.sequence, bodyAhead); err != nil {
				return err
			}
			if len(b.fetched) > 0 {
				break
			}
			select {
			case <-time.After(pause): // another server of the cluster does not have it yet, or it was dropped while it was read
			case <-b.ctx.Done():
				return b.ctx.Err()
			}
		}
		if len(b.fetched) == 0 {
			return ErrNoBody
		}
	}
	m := b.fetched[0]
	b.fetched = b.fetched[1:]
	offset, sequence, err := place(m)
	if err != nil {
		return err
	}
	b.sequence = sequence + 1
	if skip := b.at - offset; skip < 0 || skip >= int64(len(m.Data)) {
		return ErrNoBody // a piece is missing
	} else {
		b.rest = m.Data[skip:]
	}
	return nil
}

// pieces reads pieces from a sequence on.
func (b *Body) pieces(sequence uint64, n int) ([]*nats.Msg, error) {
	m, err := b.st.direct(b.ctx, "OBJ_"+b.st.bucket, fmt.Sprintf(`{"seq":%d,"next_by_subj":"$O.%s.C.%s","batch":%d,"max_bytes":%d}`, sequence, b.st.bucket, b.ID, n, n*bodyPiece))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return m, nil
}

// place is how many octets stand before a piece, and its sequence.
func place(m *nats.Msg) (offset int64, sequence uint64, err error) {
	offset, err = strconv.ParseInt(m.Header.Get(headerOffset), 10, 64)
	sequence, errSequence := strconv.ParseUint(m.Header.Get(headerSequence), 10, 64)
	return offset, sequence, errors.Join(err, errSequence)
}

// locate finds the piece that holds the octet behind b.at. Pieces stand in order, with those of other bodies between them.
func (b *Body) locate() error {
	if b.sequence != 0 {
		return nil
	}
	if b.at == 0 {
		b.sequence = 1
		return nil
	}
	low, high := uint64(1), b.about // the piece lies at low or behind it, and before high
	for {
		middle := low + (high-low)/2
		found, err := b.pieces(middle, 1)
		if err != nil {
			return err
		}
		offset, sequence := b.Octets, high
		if len(found) > 0 {
			if offset, sequence, err = place(found[0]); err != nil {
				return err
			}
		}
		switch {
		case offset > b.at:
			if middle == low {
				return ErrNoBody
			}
			high = middle
		case len(found) > 0 && b.at < offset+int64(len(found[0].Data)):
			b.sequence = sequence
			return nil
		case sequence+1 >= high:
			return ErrNoBody
		default:
			low = sequence + 1
		}
	}
}
