package ua

import "github.com/parley-msrp/parley/msrp"

// Streamer is an optional part of a Handler: one that takes messages as they arrive. A message that does not come whole in one frame is then
// handed over by Stream with its first octets, in place of Message at its end. Messages of one frame go to Message all the same.
type Streamer interface {
	// Stream hands over a message that begins to arrive. It must not block: another goroutine reads the body, to its end or until it gives
	// the message up, and completes it by in.Accept or in.Reject. It comes in order with Message, and may come before Established.
	// message/cpim comes as it is: cpim.Read takes the wrapper off; what it finds wrong is answered 400.
	Stream(s *Session, in *Incoming)
}

// Beginner is an optional part of a Handler: one that is told about each message that does not come whole in one chunk.
type Beginner interface {
	// Begun: the first chunk of a message came, and there is more to come. It must not block. Message, Stream or Unfinished follows.
	Begun(s *Session, messageID string)
	// Unfinished: a message that began will never be whole; so many octets of it came. Where it was handed over by Stream, its Read says so instead. It must not block, and
	// comes before Ended.
	Unfinished(s *Session, messageID string, octets int64)
}

// Incoming is a message that is being received.
type Incoming = msrp.Incoming

// streamingMedia is the msrp.Handler of a Session whose Handler is a Streamer.
type streamingMedia struct {
	media
	streamer Streamer
}

func (h *streamingMedia) Stream(_ *msrp.Session, in *msrp.Incoming) { h.streamer.Stream(h.s, in) }

// mediaHandler is the msrp.Handler of a session.
func mediaHandler(s *Session) msrp.Handler {
	if streamer, ok := s.call.handler.(Streamer); ok {
		return &streamingMedia{media{s}, streamer}
	}
	s.heard.s = s
	return &s.heard
}
