package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/coder/websocket"

	"github.com/parley-msrp/parley/internal/event"
)

// moreTime is added to the time that writing a message may take for each so many octets of it.
const moreTime = 1 << 20

// webSocket tells the journal over WebSocket (RFC 6455): each message one JSON object.
func (s *Server) webSocket(w http.ResponseWriter, r *http.Request) {
	if !asksFor(r, "websocket") {
		w.Header().Set("Upgrade", "websocket")
		problem(w, http.StatusUpgradeRequired, "this path speaks WebSocket; GET /v1/events gives the same as server-sent events")
		return
	}
	to := &webSocket{writeTimeout: s.config.WriteTimeout}
	accept := func() (context.Context, follower, bool) {
		// Who may come was checked by access: Host, and Origin where there is one.
		conn, err := websocket.Accept(w, r, nil)
		if err != nil {
			s.config.Logger.Debug("no WebSocket", "err", err)
			return nil, nil, false // Accept has answered
		}
		to.conn = conn
		client, gone := context.WithCancel(r.Context())
		to.client = client
		stop := context.AfterFunc(s.over, func() { _ = conn.CloseNow() })
		s.running.Go(func() { // ends with the connection
			defer gone()
			to.listen()
		})
		s.running.Go(func() { // ends with the client, which the stream's end closes
			defer stop()
			defer gone()
			to.ping(s.config.KeepAlive)
		})
		return client, to, true
	}
	s.followEvents(w, r, accept, func(err error) {
		if s.closing.Err() != nil && to.client.Err() == nil && err == nil {
			_ = to.conn.Close(websocket.StatusGoingAway, shuttingDown)
		}
		_ = to.conn.CloseNow() // the client has gone, did not take what was written, or knows
	})
}

func asksFor(r *http.Request, protocol string) bool {
	for _, value := range r.Header.Values("Upgrade") {
		for name := range strings.SplitSeq(value, ",") {
			if strings.EqualFold(strings.TrimSpace(name), protocol) {
				return true
			}
		}
	}
	return false
}

// webSocket is one client of /v1/events/ws.
type webSocket struct {
	conn         *websocket.Conn
	client       context.Context
	writeTimeout time.Duration
	buffer       []byte
}

// listen takes pongs and the end of the connection. A client has nothing to say: one that does is closed.
func (s *webSocket) listen() {
	if _, _, err := s.conn.Reader(context.Background()); err == nil {
		_ = s.conn.Close(websocket.StatusPolicyViolation, "nothing is to be sent here")
	}
}

// ping asks every d whether the client is there, until it is not.
func (s *webSocket) ping(d time.Duration) {
	tick := time.NewTicker(d)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-s.client.Done():
			return
		}
		ctx, cancel := context.WithTimeout(s.client, s.writeTimeout)
		err := s.conn.Ping(ctx)
		cancel()
		if err != nil {
			return
		}
	}
}

func (s *webSocket) begin() error { return nil }

func (s *webSocket) event(e *event.Event) error {
	b := e.AppendCloudEvent(s.buffer[:0])
	if cap(b) <= keepBuffer {
		s.buffer = b
	}
	return s.write(b)
}

func (s *webSocket) flush() error { return nil }

func (s *webSocket) lost(dropped uint64) error {
	return s.write(fmt.Appendf(nil, `{"type":"lost","data":{"dropped":%d}}`, dropped))
}

func (s *webSocket) alive(cursor string) error {
	if cursor == "" {
		return nil
	}
	return s.write(fmt.Appendf(nil, `{"type":"position","id":"%s"}`, cursor))
}

func (s *webSocket) write(b []byte) error {
	ctx, cancel := context.WithTimeout(s.client, s.writeTimeout*time.Duration(1+len(b)/moreTime))
	defer cancel()
	err := s.conn.Write(ctx, websocket.MessageText, b)
	if err != nil && s.client.Err() != nil {
		return errors.Join(err, s.client.Err())
	}
	return err
}
