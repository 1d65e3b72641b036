package web

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/parley-msrp/parley/internal/control"
	"github.com/parley-msrp/parley/internal/telemetry"
	"github.com/parley-msrp/parley/msrp"
)

const (
	maxUploads  = 64
	uploadPause = 30 * time.Second // without an octet of the file
	lingerTime  = 5 * time.Second  // for a client to hear that its file is not wanted, and to stop
	longestName = 255              // octets of a file's name
)

type fileQuery struct {
	FailureReport FailureReport `query:"failure_report" doc:"What the peer shall tell of failures: yes, which is the default, partial or no."`
	SuccessReport YesNo         `query:"success_report" doc:"Whether the peer shall report success; no is the default."`
}

// YesNo is yes or no.
type YesNo string

// Enum lists both.
func (YesNo) Enum() []string { return []string{"yes", "no"} }

// SentFile is a file that was read to its end and is being sent.
type SentFile struct {
	SessionID string `json:"session_id" doc:"The session."`
	MessageID string `json:"message_id" doc:"The Message-ID, which the events that tell its fate bear."`
	Octets    int64  `json:"octets" doc:"How large the file is."`
}

// sendFile hands a request's body to the session as a stream: it is read as fast as the peer takes it.
func (s *Server) sendFile(w http.ResponseWriter, r *http.Request) {
	query, err := readQuery[fileQuery](r)
	if err != nil {
		refuseQuery(w, err)
		return
	}
	name := r.PathValue("name")
	if len(name) > longestName || strings.ContainsFunc(name, func(c rune) bool { return c < ' ' || c == 0x7f || c == '/' || c == '\\' }) {
		refuse(w, wrongField("name", "must have at most %d octets, and neither slashes nor control characters", longestName))
		return
	}
	select {
	case s.uploads <- struct{}{}:
		defer func() { <-s.uploads }()
	default:
		problem(w, http.StatusServiceUnavailable, fmt.Sprintf("there are %d files on their way already", maxUploads))
		return
	}
	file := &upload{body: r.Body, control: http.NewResponseController(w), done: make(chan struct{})}
	file.rest.L = &file.mu
	send := control.Send{
		SessionID: r.PathValue("session_id"), ContentType: r.Header.Get("Content-Type"), Stream: file, Size: max(0, r.ContentLength),
		Disposition:   mime.FormatMediaType("attachment", map[string]string{"filename": name}),
		FailureReport: query.FailureReport.value(), SuccessReport: query.SuccessReport == "yes",
		Parent: telemetry.Parent(r.Context()),
	}
	if send.ContentType == "" {
		send.ContentType = "application/octet-stream"
	}
	if err := errors.Join(file.control.SetWriteDeadline(time.Time{}), file.control.EnableFullDuplex()); err != nil {
		problem(w, http.StatusInternalServerError, err.Error())
		return
	}
	id, err := s.config.Node.Send(send)
	if err != nil {
		s.refuseMessage(w, send.SessionID, err)
		file.linger()
		return
	}
	<-file.done // the engine closes it when it is read to its end, or when the message is given up
	_ = file.control.SetWriteDeadline(time.Now().Add(answerTime))
	if err := file.problem(); err != nil {
		writeProblem(w, Problem{Status: http.StatusConflict, Detail: fmt.Sprintf("message %s came to nothing after %d octets were read: %v", id, file.octets.Load(), err)})
		file.linger()
		return
	}
	writeJSON(w, "application/json", http.StatusAccepted, SentFile{send.SessionID, id, file.octets.Load()})
}

// upload is the body of a request on its way into a session. It stalls for no longer than uploadPause.
type upload struct {
	body    io.Reader
	control *http.ResponseController
	octets  atomic.Int64
	done    chan struct{}

	mu      sync.Mutex
	rest    sync.Cond // reading has become false
	reading bool
	closed  bool
	ended   error // how reading went; nil: it goes on
}

var errGivenUp = errors.New("the session has ended, or the peer has refused the message")

// Read is called by the session.
func (u *upload) Read(p []byte) (int, error) {
	if err := u.wait(); err != nil {
		return 0, err
	}
	n, err := u.body.Read(p)
	u.octets.Add(int64(n))
	u.mu.Lock()
	defer u.mu.Unlock()
	u.reading, u.ended = false, err
	u.rest.Signal()
	return n, err
}

// wait lets the next Read wait for octets, unless nobody wants any.
func (u *upload) wait() error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.closed {
		return errGivenUp
	}
	u.reading = true
	return u.control.SetReadDeadline(time.Now().Add(uploadPause))
}

// Close is called by the session when it wants no more. A Read may still wait for octets.
func (u *upload) Close() error {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.closed = true
	close(u.done)
	return nil
}

// linger takes what a client still sends that has its answer already, for a while: a connection that is closed on it at once is reset, and
// the answer lost. It returns when nothing reads the body any more.
func (u *upload) linger() {
	_ = u.control.Flush()
	err := u.control.SetReadDeadline(time.Now().Add(lingerTime))
	u.mu.Lock()
	for u.reading {
		u.rest.Wait()
	}
	u.mu.Unlock()
	if err == nil {
		_, _ = io.Copy(io.Discard, u.body)
	}
}

// problem is why the file was not read to its end; nil: it was.
func (u *upload) problem() error {
	u.mu.Lock()
	defer u.mu.Unlock()
	switch {
	case errors.Is(u.ended, io.EOF):
		return nil
	case u.ended == nil:
		return errGivenUp
	}
	return u.ended
}

// joined lists media types for people.
func joined(types msrp.Types) string {
	if len(types) == 0 {
		return "nothing that is known yet"
	}
	return types.String()
}
