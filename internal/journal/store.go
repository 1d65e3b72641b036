package journal

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

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
	bucket string
	lost   chan struct{} // closed when the connection is

	instance string // names the stream for ever, unlike one that was there before it
	last     uint64 // sequence of the last pack when it was opened
	total    uint64 // number of the last event then
}

// The oldest version of an outside server: it reads packs in batches.
const minMajor, minMinor = 2, 11

// openStore connects, starting an embedded server where none is named, and reads where the stream ends.
func openStore(ctx context.Context, c *Config) (*store, error) {
	return opened(c, func(st *store) error { return st.look(ctx) })
}

// makeStore is openStore, which also makes what is not there yet, and gives what is there the limits that the configuration says.
func makeStore(ctx context.Context, c *Config) (*store, error) {
	return opened(c, func(st *store) error { return st.ensure(ctx, c) })
}

// makeStoreOfCluster is makeStore, which waits for a cluster that comes up, or chooses leaders, for as long as that should take.
func makeStoreOfCluster(ctx context.Context, c *Config) (*store, error) {
	end, said := time.Now().Add(startPatience), false
	for {
		st, err := makeStore(ctx, c)
		if err == nil || !away(err) || time.Now().After(end) {
			return st, err
		}
		if !said {
			c.Logger.Warn("waiting for the NATS servers", "err", err, "at_most", startPatience.String())
			said = true
		}
		select {
		case <-time.After(askAgain):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// opened is a connection that look has had a look over.
func opened(c *Config, look func(*store) error) (_ *store, err error) {
	st := &store{stream: event.Stream(c.Node), bucket: Bodies(c.Node), lost: make(chan struct{})}
	defer func() {
		if err != nil {
			st.close()
		}
	}()
	options := []nats.Option{
		nats.Name("parley " + c.Node), nats.NoReconnect(), nats.Timeout(connectTimeout),
		nats.ClosedHandler(func(*nats.Conn) { close(st.lost) }),
	}
	if c.URL == "" {
		if st.server, err = startServer(c.Dir, c.Fsync, c.Logger); err != nil {
			return nil, err
		}
		options = append(options, nats.InProcessServer(st.server))
	} else {
		options = append(options, nats.PingInterval(pingEvery))
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
	return st, look(st)
}

func newEnough(version string) bool {
	var major, minor int
	_, err := fmt.Sscanf(version, "%d.%d", &major, &minor)
	return err == nil && (major > minMajor || major == minMajor && minor >= minMinor)
}

// ensure makes the stream and the object store, or gives them the limits that the configuration says, and reads where the stream ends.
func (st *store) ensure(ctx context.Context, c *Config) error {
	want := jetstream.StreamConfig{
		Name:        st.stream,
		Description: "events of the Parley node " + c.Node,
		Subjects:    []string{subject(c.Node, "*")},
		Replicas:    c.Replicas,
		AllowDirect: true,
		Metadata:    map[string]string{event.MetaFormat: strconv.Itoa(event.Format), event.MetaInstance: random(4)},
	}
	found, err := st.about(ctx, st.stream)
	if err != nil {
		return err
	}
	if found != nil {
		want = found.Config
		if f := want.Metadata[event.MetaFormat]; f != strconv.Itoa(event.Format) {
			return fmt.Errorf("the journal has format %q, and this version of Parley reads %d: a newer Parley wrote it", f, event.Format)
		}
	}
	want.MaxAge, want.MaxBytes = max(c.MaxAge, 0), c.MaxOctets
	if want.MaxBytes <= 0 {
		want.MaxBytes = -1
	}
	s, err := st.js.CreateOrUpdateStream(ctx, want)
	if err != nil {
		return fmt.Errorf("NATS: stream %s: %w", st.stream, err)
	}
	bodies := jetstream.ObjectStoreConfig{
		Bucket: st.bucket, Description: "large bodies of the Parley node " + c.Node, Replicas: want.Replicas, MaxBytes: max(c.MaxBodyOctets, -1),
	}
	if c.MaxAge > 0 {
		bodies.TTL = c.MaxAge + bodyGrace
	}
	if _, err := st.js.CreateOrUpdateObjectStore(ctx, bodies); err != nil {
		return fmt.Errorf("NATS: object store %s: %w", st.bucket, err)
	}
	return st.end(ctx, s.CachedInfo())
}

// look reads where the stream ends. It asks for nothing but that one: the others may be without a leader for longer.
func (st *store) look(ctx context.Context) error {
	found, err := st.about(ctx, st.stream)
	if err != nil {
		return err
	}
	if found == nil {
		return fmt.Errorf("the stream %s is gone: restart to begin with another one", st.stream)
	}
	return st.end(ctx, found)
}

func (st *store) end(ctx context.Context, info *jetstream.StreamInfo) error {
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
