package dialog

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"strings"

	"github.com/parley-msrp/parley/internal/sip"
)

// Limits of what is looked through in a multipart body.
const (
	maxDepth = 8
	maxParts = 64
)

// What can be wrong with a body.
var (
	errType   = errors.New("body of a type or disposition that is not understood")
	errCoding = errors.New("content coding that is not understood")
	errBroken = errors.New("broken body")
)

// sessionDescription finds the session description in a message's body; nil if there is none. A part that must be understood
// and is not makes it a refusal (RFC 3261 §8.2.3, RFC 5621; S-016).
func sessionDescription(m *sip.Message) ([]byte, *Refusal) {
	if len(m.Body) == 0 {
		return nil, nil
	}
	if !m.Has("Content-Type") {
		return nil, &Refusal{Code: 400, Reason: "Body without Content-Type"}
	}
	f := &finder{m: m}
	err := f.part(part{
		mediaType: m.Get("Content-Type"), disposition: m.Get("Content-Disposition"),
		coding: m.Get("Content-Encoding"), body: m.Body,
	}, 0)
	switch {
	case err == nil:
		return f.found, nil
	case errors.Is(err, errCoding):
		return nil, &Refusal{Code: 415, Headers: []sip.Header{{Name: "Accept-Encoding", Value: acceptEncoding}}}
	case errors.Is(err, errType):
		return nil, &Refusal{Code: 415, Headers: []sip.Header{{Name: "Accept", Value: accept}}}
	default:
		return nil, &Refusal{Code: 400, Reason: "Broken Multipart Body"}
	}
}

// part is a body or a part of one, its header values as they came.
type part struct {
	mediaType, disposition, coding, transfer, id string
	body                                         []byte
	chosen                                       bool // inside multipart/alternative, where handling says nothing (RFC 5621 §4.2)
}

// finder looks through the parts of one message for the session description.
type finder struct {
	m     *sip.Message
	parts int
	found []byte
}

// part looks into one part. What may be skipped gives no error.
func (f *finder) part(p part, depth int) error {
	if f.parts++; f.parts > maxParts || depth > maxDepth {
		return errBroken
	}
	disposition, params, _ := mime.ParseMediaType(p.disposition)
	if disposition == "by-reference" || f.referenced(p.id) {
		// Whatever refers to it is a header that is not needed here, so that the part is not either.
		return nil
	}
	err := f.required(p, disposition, depth)
	optional := strings.EqualFold(params["handling"], "optional") && !p.chosen
	if optional && !errors.Is(err, errBroken) {
		return nil
	}
	return err
}

func (f *finder) required(p part, disposition string, depth int) error {
	if !isIdentity(p.coding) || !isPlain(p.transfer) {
		return errCoding
	}
	mediaType, params, err := mime.ParseMediaType(p.mediaType)
	if err != nil && mediaType == "" {
		return errBroken
	}
	kind, sub, _ := strings.Cut(mediaType, "/")
	switch {
	case kind == "multipart":
		return f.multipart(sub, params, p.body, depth)
	case mediaType == sdpType && (disposition == "session" || disposition == ""):
		if f.found == nil {
			f.found = p.body
		}
		return nil
	default:
		return errType
	}
}

func (f *finder) multipart(sub string, params map[string]string, body []byte, depth int) error {
	parts, err := split(body, params["boundary"])
	if err != nil {
		return err
	}
	switch sub {
	case "alternative":
		return f.alternative(parts, depth)
	case "related":
		return f.part(parts[root(parts, params["start"])], depth+1)
	default: // RFC 2046 §5.1.3: an unknown subtype is mixed
		for _, p := range parts {
			if err := f.part(p, depth+1); err != nil {
				return err
			}
		}
		return nil
	}
}

// alternative takes the last part that is understood (RFC 2046 §5.1.4).
func (f *finder) alternative(parts []part, depth int) error {
	for i := len(parts) - 1; i >= 0; i-- {
		p := parts[i]
		p.chosen = true
		before := f.found
		err := f.part(p, depth+1)
		if err == nil || errors.Is(err, errBroken) {
			return err
		}
		f.found = before
	}
	return errType
}

// root is the part of a multipart/related that start names, else the first (RFC 2387 §3.2).
func root(parts []part, start string) int {
	for i, p := range parts {
		if start != "" && bareID(p.id) == bareID(start) {
			return i
		}
	}
	return 0
}

// referenced says whether a header points to the part by its cid URL (RFC 5621 §9.3).
func (f *finder) referenced(id string) bool {
	if id = bareID(id); id == "" {
		return false
	}
	for _, h := range f.m.Headers() {
		if strings.Contains(h.Value, "cid:"+id) {
			return true
		}
	}
	return false
}

func bareID(id string) string {
	return strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(id), "<"), ">")
}

// split cuts a multipart body into its parts, at least one.
func split(body []byte, boundary string) ([]part, error) {
	if boundary == "" {
		return nil, errBroken
	}
	var parts []part
	for r := multipart.NewReader(bytes.NewReader(body), boundary); ; {
		raw, err := r.NextRawPart()
		if errors.Is(err, io.EOF) && len(parts) > 0 {
			return parts, nil
		}
		if err != nil || len(parts) == maxParts {
			return nil, errBroken
		}
		octets, err := io.ReadAll(raw)
		if err != nil {
			return nil, errBroken
		}
		h := raw.Header
		mediaType := h.Get("Content-Type")
		if mediaType == "" {
			mediaType = "text/plain" // RFC 2046 §5.1
		}
		parts = append(parts, part{
			mediaType: mediaType, disposition: h.Get("Content-Disposition"), coding: h.Get("Content-Encoding"),
			transfer: h.Get("Content-Transfer-Encoding"), id: h.Get("Content-Id"), body: octets,
		})
	}
}

func isIdentity(coding string) bool {
	coding = strings.TrimSpace(coding)
	return coding == "" || strings.EqualFold(coding, "identity")
}

// isPlain says whether a Content-Transfer-Encoding leaves the octets as they are.
func isPlain(transfer string) bool {
	switch strings.ToLower(strings.TrimSpace(transfer)) {
	case "", "7bit", "8bit", "binary":
		return true
	default:
		return false
	}
}
