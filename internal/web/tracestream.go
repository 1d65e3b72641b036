package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"
	"unicode/utf8"

	"github.com/parley-msrp/parley/internal/trace"
	"github.com/parley-msrp/parley/internal/web/openapi"
)

type followQuery struct {
	SessionID string `query:"session_id" doc:"Only the messages of this session's call."`
}

// TracedMessage is one SIP or MSRP message as it passed.
type TracedMessage struct {
	Time       time.Time      `json:"time" doc:"When it passed."`
	Protocol   trace.Protocol `json:"protocol" doc:"What it is a message of."`
	Transport  string         `json:"transport,omitempty" doc:"Of SIP: UDP, TCP or TLS."`
	CallID     string         `json:"call_id,omitempty" doc:"The Call-ID; of MSRP that of the session's call, where the session is known."`
	SessionID  string         `json:"session_id,omitempty" doc:"Of MSRP: the session."`
	Sent       bool           `json:"sent" doc:"Whether this node sent it."`
	Local      string         `json:"local" doc:"The own address."`
	Remote     string         `json:"remote" doc:"The peer's address."`
	Octets     int            `json:"octets" doc:"How long it was."`
	Text       string         `json:"text,omitempty" doc:"The message, or its first 16 KiB. Credentials are left out."`
	TextBase64 []byte         `json:"text_base64,omitempty" doc:"The same where it is no text, in base64; in place of text."`
}

func (s *Server) traceStreamRoute() route {
	return route{stream: true, serve: s.followTrace, Operation: openapi.Operation{
		Method: "GET", Path: "/v1/trace", ID: "followTrace", Tag: "node", Summary: "Follow the SIP and MSRP messages as they pass",
		Detail: "A stream of server-sent events: `data` of each `event: message` is a TracedMessage. `event: lost` says how many messages a client was too slow for. Eight clients may follow at " +
			"a time. It takes the right admin: who sees messages sees what they say.",
		Query:    followQuery{},
		Answers:  []openapi.Answer{{Status: 200, Doc: "The stream; each data is a TracedMessage.", Type: "text/event-stream", Schema: &openapi.Schema{Type: "string"}}},
		Problems: []int{400, 404, 503},
	}}
}

func (s *Server) followTrace(w http.ResponseWriter, r *http.Request) {
	query, err := readQuery[followQuery](r)
	if err != nil {
		refuseQuery(w, err)
		return
	}
	follower, err := s.config.Node.Follow(query.SessionID)
	if err != nil {
		refuse(w, err)
		return
	}
	defer follower.Close()
	to := &serverSent{w: w, control: http.NewResponseController(w), writeTimeout: s.config.WriteTimeout}
	if err := s.tellTrace(r.Context(), follower, to, s.stands(r)); err != nil {
		s.config.Logger.Debug("trace stream ended", "err", err)
	}
}

// tellTrace tells messages until the client goes away, a write fails, or the server shuts down.
func (s *Server) tellTrace(client context.Context, follower *trace.Follower, to *serverSent, stands func() bool) error {
	if err := to.begin(); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(client)
	defer cancel()
	defer context.AfterFunc(s.closing, cancel)()
	looked := time.Now()
	for {
		if time.Since(looked) >= s.config.KeepAlive {
			if looked = time.Now(); !stands() {
				return errNoClient
			}
		}
		next, stop := context.WithTimeout(ctx, s.config.KeepAlive)
		m, dropped, err := follower.Next(next)
		stop()
		if dropped > 0 && err == nil {
			err = to.lost(dropped)
		}
		switch {
		case ctx.Err() != nil, errors.Is(err, trace.ErrClosed):
			return nil
		case errors.Is(err, context.DeadlineExceeded):
			err = to.alive("")
		case err == nil:
			err = to.message(&m)
		}
		if err != nil {
			return err
		}
	}
}

func (s *serverSent) message(p *trace.Passed) error {
	m := TracedMessage{
		Time: p.Time, Protocol: p.Protocol, Transport: p.Transport, CallID: p.CallID, SessionID: p.SessionID, Sent: p.Sent,
		Local: p.Local.String(), Remote: p.Remote.String(), Octets: p.Length,
	}
	if utf8.Valid(p.Octets) {
		m.Text = string(p.Octets)
	} else {
		m.TextBase64 = p.Octets
	}
	data, err := json.Marshal(&m)
	if err != nil {
		return err
	}
	return s.write(fmt.Appendf(nil, "event: message\ndata: %s\n\n", data))
}
