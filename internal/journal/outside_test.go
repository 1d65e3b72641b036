package journal_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/parley-msrp/parley/internal/journal"
)

// outside is a NATS server that is stopped and started.
type outside struct {
	options server.Options
	server  *server.Server
}

func newOutside(t *testing.T) *outside {
	t.Helper()
	o := &outside{options: server.Options{Host: "127.0.0.1", Port: -1, JetStream: true, StoreDir: t.TempDir(), NoSigs: true, NoLog: true}}
	o.start(t)
	o.options.Port = o.server.Addr().(*net.TCPAddr).Port
	t.Cleanup(o.stop)
	return o
}

func (o *outside) start(t *testing.T) {
	t.Helper()
	options := o.options
	var err error
	if o.server, err = server.NewServer(&options); err != nil {
		t.Fatal(err)
	}
	o.server.Start()
	if !o.server.ReadyForConnections(time.Minute) {
		t.Fatal("no server")
	}
}

// startOnceMissed starts the server once the journal has noticed that it is away, of which nothing but Err tells.
func (o *outside) startOnceMissed(t *testing.T, j *journal.Durable) {
	t.Helper()
	for end := time.Now().Add(time.Minute); j.Err() == nil; time.Sleep(10 * time.Millisecond) { // real servers and connections: time cannot be faked
		if time.Now().After(end) {
			t.Error("the journal does not notice that its server is away")
			break
		}
	}
	o.start(t)
}

func (o *outside) stop() {
	o.server.Shutdown()
	o.server.WaitForShutdown()
}

// pausing calls pause once when half of its octets were read.
type pausing struct {
	io.Reader
	left  int
	pause func()
}

func (p *pausing) Read(b []byte) (int, error) {
	n, err := p.Reader.Read(b)
	if p.left > 0 && p.left <= n {
		p.pause()
	}
	p.left -= n
	return n, err
}

// TestBodyInterrupted: a body that is being kept when the server is away for less than patience lasts is kept all the same; one that begins then waits; and
// where patience ends before, neither is.
func TestBodyInterrupted(t *testing.T) {
	o := newOutside(t)
	j := open(t, journal.Config{URL: o.server.ClientURL(), Patience: time.Minute})
	want := content(6 << 20)
	started := make(chan struct{})
	ref, err := j.PutBody(t.Context(), &pausing{bytes.NewReader(want), len(want) / 2, func() {
		o.stop()
		go func() {
			defer close(started)
			o.startOnceMissed(t, j)
		}()
	}})
	if err != nil {
		t.Fatal(err)
	}
	<-started
	b, err := j.OpenBody(t.Context(), ref.ID)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(b); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%d octets came back, %v", len(got), err)
	}

	o.stop()
	waiting := make(chan error)
	go func() {
		_, err := j.PutBody(t.Context(), bytes.NewReader(want))
		waiting <- err
	}()
	o.startOnceMissed(t, j)
	if err := <-waiting; err != nil {
		t.Errorf("one that waited: %v", err)
	}
	if err := j.Close(); err != nil {
		t.Error(err)
	}

	j = open(t, journal.Config{URL: o.server.ClientURL(), Patience: time.Second})
	_, err = j.PutBody(t.Context(), &pausing{bytes.NewReader(want), len(want) / 2, o.stop})
	if !errors.Is(err, journal.ErrUnavailable) {
		t.Errorf("one that was interrupted for longer: %v", err)
	}
	if _, err := j.PutBody(t.Context(), bytes.NewReader(want)); !errors.Is(err, journal.ErrUnavailable) {
		t.Errorf("one that waited for longer: %v", err)
	}
}

// TestBodyInDisorder: a body is not kept of which a piece stands twice in its stream after an interruption, as it does where the stream has forgotten that it
// has it.
func TestBodyInDisorder(t *testing.T) {
	o := newOutside(t)
	j := open(t, journal.Config{URL: o.server.ClientURL(), Patience: time.Minute})
	want := content(6 << 20)
	started := make(chan struct{})
	ref, err := j.PutBody(t.Context(), &pausing{bytes.NewReader(want), len(want) / 2, func() {
		o.twice(t, "OBJ_"+journal.Bodies("n"))
		o.stop()
		go func() {
			defer close(started)
			o.startOnceMissed(t, j)
		}()
	}})
	<-started
	if !errors.Is(err, journal.ErrUnavailable) {
		t.Errorf("%+v, %v", ref, err)
	}
}

// twice stores the first message of a stream again.
func (o *outside) twice(t *testing.T, stream string) {
	t.Helper()
	c, err := nats.Connect(o.server.ClientURL())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	js, err := jetstream.New(c)
	if err != nil {
		t.Fatal(err)
	}
	s, err := js.Stream(t.Context(), stream)
	if err != nil {
		t.Fatal(err)
	}
	first, err := s.GetMsg(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	again := nats.NewMsg(first.Subject)
	again.Data, again.Header = first.Data, first.Header
	again.Header.Del(nats.MsgIdHdr)
	if _, err := js.PublishMsg(t.Context(), again); err != nil {
		t.Fatal(err)
	}
}

// TestServerComesLater: a journal is opened though its server comes up only afterwards.
func TestServerComesLater(t *testing.T) {
	o := newOutside(t)
	url := o.server.ClientURL()
	o.stop()
	opened := make(chan error)
	go func() {
		j, err := journal.Open(t.Context(), journal.Config{Node: "n", URL: url})
		if err == nil {
			err = j.Close()
		}
		opened <- err
	}()
	select {
	case err := <-opened:
		t.Errorf("without a server: %v", err)
	case <-time.After(300 * time.Millisecond):
	}
	o.start(t)
	if err := <-opened; err != nil {
		t.Error(err)
	}
}
