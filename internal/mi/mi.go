// Package mi is the management interface: JSON-RPC 2.0 with the methods, results and errors of OpenSIPS, so that a program
// written for its msrp_ua module works unchanged. It turns octets into octets; what carries them (HTTP) is somebody else's
// business. docs/mi.md describes the methods.
package mi

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/parley-msrp/parley/internal/access"
	"github.com/parley-msrp/parley/internal/control"
	"github.com/parley-msrp/parley/internal/statistics"
	"github.com/parley-msrp/parley/internal/telemetry"
)

// Limits on one call of Serve.
const (
	// MaxRequest is the longest request, in octets: a body of 10 MiB fits, with room for the escapes of JSON.
	MaxRequest = 16 << 20
	// MaxBatch is how many requests one batch may hold.
	MaxBatch = 100

	maxDepth        = 32       // arrays and objects in each other
	maxBatchAnswers = 16 << 20 // octets of answers after which the rest of a batch is refused
)

// Node is what the methods act on.
type Node interface {
	Start(s control.Start) (sessionID string, err error)
	Send(s control.Send) (messageID string, err error)
	EndOnce(sessionID, key string) error // key: the caller's own, or ""
	List() []control.Session
	Registrations() []control.Registration
}

// Config of a Server.
type Config struct {
	Node Node // required

	// Subscribers get events as OpenSIPS sends them; nil: the methods for that are not there.
	Subscribers Subscribers

	// Reload reads the configuration anew; an error says that nothing has changed, and why. Nil: that cannot be done.
	Reload func() (control.Reloaded, error)

	Statistics *statistics.Set // what get_statistics tells; nil: nothing is counted

	Product string           // as version tells it: "Parley"
	Version string           // "0.1.0"
	Started time.Time        // when the node started
	Level   *slog.LevelVar   // of what is logged, which log_level tells and sets; nil: one of its own
	Now     func() time.Time // nil: time.Now
}

// Server answers requests. Safe for concurrent use.
type Server struct {
	config Config
	rows   []method
	byName map[string]*method
}

// New makes a Server.
func New(c Config) (*Server, error) {
	if c.Node == nil {
		return nil, errors.New("mi: a node is needed")
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Statistics == nil {
		c.Statistics = &statistics.Set{}
	}
	if c.Level == nil {
		c.Level = new(slog.LevelVar)
	}
	s := &Server{config: c, byName: make(map[string]*method)}
	s.rows = s.methods()
	for i := range s.rows {
		for _, name := range s.rows[i].names {
			s.byName[name] = &s.rows[i]
		}
	}
	return s, nil
}

// Serve answers one request or one batch, which holds at most MaxRequest octets, of a caller who has these rights. The answer is one line of JSON
// without a line end; nil where nothing is to be answered (a notification, or a batch of them). Whatever the octets are, the answer is
// valid JSON-RPC. Serve blocks while the node acts; a message that it sends
// goes on with ctx's trace context (telemetry.Parent); a batch ends early, without an answer, when ctx does.
func (s *Server) Serve(ctx context.Context, rights access.Rights, octets []byte) []byte {
	if len(octets) > MaxRequest {
		return failed(invalidRequest("the request is longer than 16 MiB"), nil)
	}
	document, err := parse(octets)
	switch {
	case err != nil:
		return failed(err, nil)
	case document.batch == nil:
		return s.answer(ctx, rights, document.single)
	case len(document.batch) == 0:
		return failed(invalidRequest(""), nil)
	case len(document.batch) > MaxBatch:
		return failed(invalidRequest("a batch holds at most 100 requests"), nil)
	}
	return s.answerBatch(ctx, rights, document.batch)
}

// JSON-RPC 2.0 §6: the answers of a batch are one array; notifications have none, and an empty array is never sent.
func (s *Server) answerBatch(ctx context.Context, rights access.Rights, batch []rawJSON) []byte {
	answers := []byte{'['}
	for _, raw := range batch {
		if ctx.Err() != nil {
			return nil
		}
		var answer []byte
		if len(answers) < maxBatchAnswers {
			answer = s.answer(ctx, rights, raw)
		} else {
			answer = s.tooMuch(raw)
		}
		if answer == nil {
			continue
		}
		if len(answers) > 1 {
			answers = append(answers, ',')
		}
		answers = append(answers, answer...)
	}
	if len(answers) == 1 {
		return nil
	}
	return append(answers, ']')
}

func (s *Server) answer(ctx context.Context, rights access.Rights, raw rawJSON) []byte {
	r, err := parseRequest(raw)
	if err != nil {
		return failed(err, r.id)
	}
	result, err := s.call(ctx, rights, r)
	switch {
	case r.notification():
		return nil
	case err != nil:
		return failed(err, r.id)
	}
	return succeeded(result, r.id)
}

func (s *Server) tooMuch(raw rawJSON) []byte {
	r, err := parseRequest(raw)
	if err == nil && r.notification() {
		return nil
	}
	return failed(&rpcError{Code: -32000, Message: "Server error", Data: "the answers of this batch are too long; nothing was done"}, r.id)
}

func (s *Server) call(ctx context.Context, rights access.Rights, r request) (any, error) {
	m, known := s.byName[r.method]
	if !known {
		return nil, &rpcError{Code: -32601, Message: "Method not found"}
	}
	if err := permit(rights, m.names[0]); err != nil {
		return nil, err
	}
	p, err := m.match(r.params)
	if err != nil {
		return nil, err
	}
	p.rights, p.trace = rights, telemetry.Parent(ctx)
	return m.do(p)
}

// permit refuses what the caller has no right to.
func permit(rights access.Rights, operation string) error {
	if needed := access.Needed(operation); !rights.Has(needed) {
		return &rpcError{Code: 403, Message: "Forbidden", Data: "this takes the right " + needed.String() + ", which the caller does not have"}
	}
	return nil
}

// TooLong is the answer to a request whose own answer does not fit into what carries it; data says what would be right. The answer to a batch has no
// id.
func TooLong(request []byte, data string) []byte {
	var id rawJSON
	if document, err := parse(request); err == nil && document.batch == nil {
		r, _ := parseRequest(document.single)
		id = r.id
	}
	return failed(&rpcError{Code: -32000, Message: "Server error", Data: data}, id)
}
