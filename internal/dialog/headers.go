package dialog

import (
	"math/rand/v2"
	"strconv"
	"strings"

	"github.com/parley-msrp/parley/internal/sip"
)

// What this package speaks (S-043): exactly this works.
const (
	allow          = "INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, PRACK"
	supported      = "timer, 100rel" // of what comes, always
	spokenAsCaller = "timer"         // no reliable provisional response is asked for
	accept         = sdpType + ", multipart/mixed, multipart/alternative, multipart/related"
	acceptEncoding = "identity"
	acceptLanguage = "*" // no text is read by a person here
)

const sdpType = "application/sdp"

// capabilities are said in responses to INVITE, UPDATE and OPTIONS, asCaller in own INVITE and UPDATE.
func (e *Endpoint) capabilities() []sip.Header { return e.appendCapabilities(nil) }

func (e *Endpoint) appendCapabilities(h []sip.Header) []sip.Header {
	return append(h, sip.Header{Name: "Allow", Value: e.allow()}, sip.Header{Name: "Supported", Value: e.supported()})
}

// headerRoom is for what follows an INVITE's own headers in its answer: those of capabilities, of a session timer and of reply.
const headerRoom = 6

func (e *Endpoint) asCaller() []sip.Header {
	value := spokenAsCaller
	if e.cfg.Replacing != ReplacingOff {
		value += ", replaces"
	}
	return []sip.Header{{Name: "Allow", Value: e.allow()}, {Name: "Supported", Value: value}}
}

// allow and supported list what works with this configuration.
func (e *Endpoint) allow() string {
	if e.cfg.Refer {
		return allow + ", REFER"
	}
	return allow
}

func (e *Endpoint) supported() string {
	value := supported
	if e.cfg.Replacing != ReplacingOff {
		value += ", replaces"
	}
	if e.cfg.Refer {
		value += ", norefersub"
	}
	return value
}

// reply answers a request. A body is a session description.
func (e *Endpoint) reply(tx *sip.ServerTx, code int, reason string, h []sip.Header, body []byte) {
	if e.cfg.Product != "" {
		h = append(h, sip.Header{Name: "Server", Value: e.cfg.Product})
	}
	if len(body) > 0 {
		h = append(h, sip.Header{Name: "Content-Type", Value: sdpType})
	}
	e.countReply(tx, code)
	if err := tx.Reply(code, reason, h, body); err != nil {
		e.log.Debug("SIP response not sent", "call_id", tx.Request().CallID(), "code", code, "err", err)
	}
}

// refuse answers a request with a refusal, of whose headers those are left out that would break the message.
func (e *Endpoint) refuse(tx *sip.ServerTx, r *Refusal) {
	code := r.Code
	if code < 300 || code > 699 {
		code = 500
	}
	h := make([]sip.Header, 0, len(r.Headers)+1)
	for _, x := range r.Headers {
		if validHeader(x) {
			h = append(h, x)
		}
	}
	e.reply(tx, code, oneLine(r.Reason), h, nil)
}

// later is the refusal of a request that came too early, to be repeated after a random time (S-009, S-026).
func later() *Refusal {
	return &Refusal{Code: 500, Headers: []sip.Header{{Name: "Retry-After", Value: strconv.Itoa(rand.IntN(11))}}}
}

// warning makes a Warning value (RFC 3261 §20.43).
func warning(code int, text string) sip.Header {
	return sip.Header{Name: "Warning", Value: strconv.Itoa(code) + ` parley "` + text + `"`}
}

// validHeader says whether a header can be written as one line.
func validHeader(h sip.Header) bool {
	return validName(h.Name) && oneLine(h.Value) == h.Value
}

func validName(name string) bool {
	for i := range len(name) {
		c := name[i]
		if c <= ' ' || c >= 0x7f || strings.IndexByte(`()<>@,;:\"/[]?={}`, c) >= 0 {
			return false
		}
	}
	return name != ""
}

// oneLine takes out what would break a line in two or be no text.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\t' || r == 0x7f {
			return -1
		}
		return r
	}, s)
}
