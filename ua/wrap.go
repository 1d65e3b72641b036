package ua

import (
	"errors"
	"io"
	"strings"
	"time"

	"github.com/parley-msrp/parley/cpim"
	"github.com/parley-msrp/parley/msrp"
)

// wraps says whether a message of this type goes to the peer within message/cpim. The error is a *msrp.TypeError.
func wraps(p *msrp.Peer, contentType string) (bool, error) {
	switch {
	case contentType == "", cpim.Is(contentType), len(p.Accept) == 0:
		return false, nil // nothing to wrap, or wrapped by the application
	case cpim.Is(p.Accept[0]):
		// RFC 4975 §13: who names message/cpim first gets everything wrapped (D-010).
		if !p.Accept.Accepts(contentType) && !p.Wrapped.Accepts(contentType) {
			return false, &msrp.TypeError{ContentType: contentType}
		}
		return true, nil
	case p.Accept.Accepts(contentType):
		return false, nil
	}
	// RFC 4975 §8.6: taken only within a container that the peer takes (D-009).
	return p.Accept.Accepts(cpim.MediaType) && p.Wrapped.Accepts(contentType), nil
}

// wrap puts a message into message/cpim where the peer wants that. It is chunked afterwards, so only the first chunk has the CPIM headers (RFC 4975 §13, P-011).
func (s *Session) wrap(m *Outgoing) error {
	p := s.peer.Load()
	if p == nil {
		return nil // Send says so
	}
	wrapped, refused := wraps(p, m.ContentType)
	if !wrapped && refused == nil {
		return nil
	}
	if err := m.Check(); err != nil {
		return err
	}
	if refused != nil {
		return refused
	}
	c, err := s.envelope(m)
	if err != nil {
		return err
	}
	m.ContentType, m.Headers = cpim.MediaType, nil
	if m.Stream == nil {
		c.Content = m.Body
		m.Body = c.AppendTo(make([]byte, 0, c.Len()))
		return nil
	}
	head := c.AppendHead(nil)
	if m.Size > 0 {
		m.Size += int64(len(head))
	}
	m.Stream = &headed{head: head, stream: m.Stream}
	return nil
}

// envelope is the CPIM message without content.
func (s *Session) envelope(m *Outgoing) (*cpim.Message, error) {
	own, peer := s.call.from, s.call.to
	if !s.call.caller {
		own, peer = peer, own
	}
	c := &cpim.Message{
		Headers: []cpim.Header{
			cpim.From(cpim.Address{URI: own}), cpim.To(cpim.Address{URI: peer}), cpim.DateTime(time.Now().UTC()),
		},
		MIME: make([]cpim.MIMEHeader, 0, 1+len(m.Headers)),
	}
	add := func(name, value string) error {
		h, err := cpim.NewMIMEHeader(name, value)
		if err != nil {
			return &msrp.HeaderError{Name: name, Reason: "holds what is no line of UTF-8"}
		}
		c.MIME = append(c.MIME, h)
		return nil
	}
	if err := add("Content-Type", m.ContentType); err != nil {
		return nil, err
	}
	for _, h := range m.Headers {
		if err := add(h.Name, h.Value); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// headed is a stream behind a head.
type headed struct {
	head   []byte
	read   int // octets of head
	stream io.Reader
}

func (h *headed) Read(p []byte) (int, error) {
	if h.read < len(h.head) {
		n := copy(p, h.head[h.read:])
		h.read += n
		return n, nil
	}
	return h.stream.Read(p)
}

// Seek tells where the stream stands, before the first octet, and goes back to before the head and there: that is all that a message which is sent a second
// time needs.
func (h *headed) Seek(offset int64, whence int) (int64, error) {
	s, ok := h.stream.(io.Seeker)
	if !ok || whence == io.SeekCurrent && (offset != 0 || h.read > 0) || whence == io.SeekEnd {
		return 0, errors.ErrUnsupported
	}
	at, err := s.Seek(offset, whence)
	if err == nil {
		h.read = 0
	}
	return at, err
}

// Close closes the stream, if that is an io.Closer.
func (h *headed) Close() error {
	if c, ok := h.stream.(io.Closer); ok {
		return c.Close()
	}
	return nil
}

// Unwrap reads a message/cpim that came; with a code: what the message is answered with instead. A Handler that takes streams may have the head and the
// beginning of the content only.
func Unwrap(body []byte) (chain cpim.Chain, code int, why string) {
	chain, err := cpim.ParseChain(body)
	if err == nil {
		err = chain.CheckRequire(nil)
	}
	if err == nil {
		return chain, 0, ""
	}
	if _, ok := errors.AsType[*cpim.RequireError](err); ok {
		return nil, 403, "a required CPIM header is not understood" // P-008: 415 would stop message/cpim for the session
	}
	return nil, 400, "malformed message/cpim"
}

func isContentType(name string) bool { return strings.EqualFold(name, "Content-Type") }
