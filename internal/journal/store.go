package journal

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/parley-msrp/parley/internal/event"
)

// store is a connection to the stream. It is used until something goes wrong with it, and then another one is opened.
type store struct {
	server *server.Server // nil: an outside one
	conn   *nats.Conn
	js     jetstream.JetStream
	stream string
	bodies jetstream.ObjectStore
	bucket string
	lost   chan struct{} // closed when the connection is

	instance string // names the stream for ever, unlike one that was there before it
	last     uint64 // sequence of the last pack when it was opened
	total    uint64 // number of the last event then
}

// The oldest version of an outside server: it reads packs in batches.
const minMajor, minMinor = 2, 11

// openStore connects, starting an embedded server where none is named, and makes the stream if it is not there.
func openStore(ctx context.Context, c *Config) (_ *store, err error) {
	st := &store{stream: event.Stream(c.Node), bucket: Bodies(c.Node), lost: make(chan struct{})}
	defer func() {
		if err != nil {
			st.close()
		}
	}()
	options := []nats.Option{
		nats.Name("parley " + c.Node), nats.NoReconnect(), nats.Timeout(apiTimeout),
		nats.ClosedHandler(func(*nats.Conn) { close(st.lost) }),
	}
	if c.URL == "" {
		if st.server, err = startServer(c.Dir, c.Fsync, c.Logger); err != nil {
			return nil, err
		}
		options = append(options, nats.InProcessServer(st.server))
	}
	if c.Credentials != "" {
		options = append(options, nats.UserCredentials(c.Credentials))
	}
	if c.Roots != "" {
		options = append(options, nats.RootCAs(c.Roots))
	}
	if st.conn, err = nats.Connect(c.URL, options...); err != nil {
		return nil, fmt.Errorf("NATS: %w", err)
	}
	if v := st.conn.ConnectedServerVersion(); !newEnough(v) {
		return nil, fmt.Errorf("NATS: the server is version %s; %d.%d or newer is needed", v, minMajor, minMinor)
	}
	if st.js, err = jetstream.New(st.conn, jetstream.WithDefaultTimeout(apiTimeout)); err != nil {
		return nil, err
	}
	return st, st.ensure(ctx, c)
}

func newEnough(version string) bool {
	var major, minor int
	_, err := fmt.Sscanf(version, "%d.%d", &major, &minor)
	return err == nil && (major > minMajor || major == minMajor && minor >= minMinor)
}

// ensure makes the stream, or gives it the limits that the configuration says, and reads where it ends.
func (st *store) ensure(ctx context.Context, c *Config) error {
	want := jetstream.StreamConfig{
		Name:        st.stream,
		Description: "events of the Parley node " + c.Node,
		Subjects:    []string{subject(c.Node, "*")},
		Replicas:    c.Replicas,
		AllowDirect: true,
		Metadata:    map[string]string{event.MetaFormat: strconv.Itoa(event.Format), event.MetaInstance: random(4)},
	}
	s, err := st.js.Stream(ctx, st.stream)
	if err == nil {
		want = s.CachedInfo().Config
		if f := want.Metadata[event.MetaFormat]; f != strconv.Itoa(event.Format) {
			return fmt.Errorf("the journal has format %q, and this version of Parley reads %d: a newer Parley wrote it", f, event.Format)
		}
	} else if !errors.Is(err, jetstream.ErrStreamNotFound) {
		return fmt.Errorf("NATS: stream %s: %w", st.stream, err)
	}
	want.MaxAge, want.MaxBytes = max(c.MaxAge, 0), c.MaxOctets
	if want.MaxBytes <= 0 {
		want.MaxBytes = -1
	}
	if s, err = st.js.CreateOrUpdateStream(ctx, want); err != nil {
		return fmt.Errorf("NATS: stream %s: %w", st.stream, err)
	}
	bodies := jetstream.ObjectStoreConfig{Bucket: st.bucket, Description: "large bodies of the Parley node " + c.Node, Replicas: c.Replicas, MaxBytes: max(c.MaxBodyOctets, -1)}
	if c.MaxAge > 0 {
		bodies.TTL = c.MaxAge + bodyGrace
	}
	if st.bodies, err = st.js.CreateOrUpdateObjectStore(ctx, bodies); err != nil {
		return fmt.Errorf("NATS: object store %s: %w", st.bucket, err)
	}
	info := s.CachedInfo()
	st.instance, st.last = info.Config.Metadata[event.MetaInstance], info.State.LastSeq
	return st.readTotal(ctx)
}

// readTotal finds the number of the last event.
func (st *store) readTotal(ctx context.Context) error {
	if st.last == 0 {
		return nil
	}
	first, _, _, err := st.bounds(ctx)
	if err != nil {
		return err
	}
	for n := st.last; n >= first; n-- {
		p, err := st.get(ctx, n)
		switch {
		case errors.Is(err, errNoPack):
		case err != nil:
			return err
		case p.alien == nil:
			st.total = p.first + uint64(p.count()) - 1
			return nil
		}
	}
	st.total = st.last * packEvents // all were dropped by age: there were no more than that
	return nil
}

func (st *store) close() {
	if st.conn != nil {
		st.conn.Close()
	}
	if st.server != nil {
		st.server.Shutdown()
		st.server.WaitForShutdown()
	}
}
