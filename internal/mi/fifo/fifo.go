// Package fifo carries the management interface over a FIFO, as OpenSIPS' mi_fifo does: a client makes a FIFO of its own in the reply folder, writes
// `:NAME:REQUEST` to the node's, and reads one line from its own. docs/mi.md describes it.
package fifo

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/parley-msrp/parley/internal/access"
)

const (
	// silence is how long a request may pause before it counts as ended.
	silence = time.Second
	// replyTime is how long a client may take to open its FIFO, and then to read the answer.
	replyTime = 5 * time.Second
	// maxReplies bounds the answers that wait for their clients; for one more the oldest is dropped.
	maxReplies = 64
)

// MI answers JSON-RPC requests; nil: nothing is to be answered.
type MI interface {
	Serve(ctx context.Context, rights access.Rights, request []byte) []byte
}

// Config of a Server.
type Config struct {
	Path     string      // of the FIFO, which is made, and removed by Close
	Mode     fs.FileMode // its permissions: who may write to it may do everything
	ReplyDir string      // folder of the clients' FIFOs
	MI       MI          // required
	Logger   *slog.Logger
}

// Server reads requests from a FIFO. They are served in their order, by one goroutine; answers do not hold it up.
type Server struct {
	config Config
	file   *os.File
	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu      sync.Mutex
	waiting []*answer // for their clients, the oldest first
}

// Listen makes the FIFO and serves what is written to it, until Close. Something else at the path is an error, as is a FIFO that somebody reads; one
// that nobody reads is left over from a node that was killed, and made anew.
func Listen(c Config) (*Server, error) {
	file, err := create(c.Path, c.Mode)
	if err != nil {
		return nil, err
	}
	s := &Server{config: c, file: file}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.wg.Go(s.read) // ends with Close
	return s, nil
}

// Close removes the FIFO, and waits for the request at hand. Answers that nobody has read yet are dropped.
func (s *Server) Close() error {
	s.cancel()
	err := errors.Join(remove(s.config.Path, s.file), s.file.Close())
	s.wg.Wait()
	return err
}

func (s *Server) read() {
	var scan scanner
	buffer := make([]byte, 64<<10)
	for {
		var limit time.Time
		if scan.inRequest() {
			limit = time.Now().Add(silence)
		}
		// A FIFO that takes no deadline is closed, and says so when it is read.
		_ = s.file.SetReadDeadline(limit)
		n, err := s.file.Read(buffer)
		for rest := buffer[:n]; len(rest) > 0; {
			var r request
			var whole bool
			if rest, r, whole = scan.scan(rest); whole {
				s.serve(r)
			}
		}
		switch {
		case err == nil:
		case errors.Is(err, os.ErrDeadlineExceeded):
			if r, whole := scan.expire(); whole {
				s.serve(r)
			}
		case errors.Is(err, os.ErrClosed):
			return
		case errors.Is(err, io.EOF):
			// Not while this process has it open for writing, too.
			fallthrough
		default:
			s.config.Logger.Error("the FIFO of the management interface cannot be read any more", "fifo", s.config.Path, "err", err)
			return
		}
	}
}

const tooLong = `{"jsonrpc":"2.0","error":{"code":-32600,"message":"Invalid Request","data":"a request over the FIFO holds at most 1 MiB"},"id":null}`

// serve answers one request. Who may write to the FIFO may do everything.
func (s *Server) serve(r request) {
	answer := []byte(tooLong)
	if !r.long {
		answer = s.config.MI.Serve(s.ctx, access.All, r.json)
	}
	if r.reply == "" {
		return
	}
	a := s.wait()
	s.wg.Go(func() { // ends within twice replyTime, or with Close
		defer s.done(a)
		if err := s.reply(a.ctx, r.reply, answer); err != nil && s.ctx.Err() == nil {
			s.config.Logger.Warn("an answer of the management interface was dropped", "fifo", s.config.Path, "reply", r.reply, "err", err)
		}
	})
}

// answer waits for its client while ctx lasts.
type answer struct {
	ctx  context.Context
	drop context.CancelFunc
}

// wait gives one more answer its place: that of the one whose client has had the longest time, where there are too many.
func (s *Server) wait() *answer {
	a := &answer{}
	a.ctx, a.drop = context.WithCancel(s.ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.waiting) == maxReplies {
		s.waiting[0].drop()
		s.waiting = slices.Delete(s.waiting, 0, 1)
	}
	s.waiting = append(s.waiting, a)
	return a
}

func (s *Server) done(a *answer) {
	a.drop()
	s.mu.Lock()
	defer s.mu.Unlock()
	if i := slices.Index(s.waiting, a); i >= 0 {
		s.waiting = slices.Delete(s.waiting, i, i+1)
	}
}

// reply writes an answer, and the line end, into a client's FIFO; without an answer it only lets the client see the end.
func (s *Server) reply(ctx context.Context, name string, answer []byte) error {
	file, err := s.open(ctx, name)
	if err != nil {
		return err
	}
	defer file.Close()
	if answer == nil {
		return nil
	}
	if err := file.SetWriteDeadline(time.Now().Add(replyTime)); err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() { _ = file.SetWriteDeadline(time.Unix(1, 0)) })()
	_, err = file.Write(append(answer, '\n'))
	return err
}
