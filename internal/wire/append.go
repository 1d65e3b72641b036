package wire

import (
	"bytes"
	"strconv"
)

// Request is a request to write. It checks nothing: values must be of the grammar, without CR and LF. Its methods may be
// called concurrently as long as nobody changes it, and allocate only if the buffer is too small.
type Request struct {
	ID, Method       string
	ToPath, FromPath string // ready made paths
	MessageID        string // "": no header
	Success, Failure Report // Absent: no header
	Range            ByteRange
	HasRange         bool
	Status           string // of a REPORT, "000 200 OK"; "": no header
	Extra            string // further header lines, each with its CRLF
	MIME             string // further Content-* header lines, each with its CRLF; written only with a ContentType (M-013)
	ContentType      string // "": no body
}

// AppendHead appends start line and headers, and the blank line if there is a ContentType.
func (r *Request) AppendHead(b []byte) []byte {
	b = append(b, startWord...)
	b = append(b, r.ID...)
	b = append(b, ' ')
	b = append(b, r.Method...)
	b = append(b, crlf...)
	b = appendHeader(b, nameToPath, r.ToPath)
	b = appendHeader(b, nameFromPath, r.FromPath)
	if r.MessageID != "" {
		b = appendHeader(b, nameMessageID, r.MessageID)
	}
	if r.HasRange {
		b = append(b, nameByteRange+": "...)
		b = r.Range.AppendTo(b)
		b = append(b, crlf...)
	}
	if r.Success != Absent {
		b = appendHeader(b, nameSuccessReport, r.Success.String())
	}
	if r.Failure != Absent {
		b = appendHeader(b, nameFailureReport, r.Failure.String())
	}
	if r.Status != "" {
		b = appendHeader(b, nameStatus, r.Status)
	}
	b = append(b, r.Extra...)
	if r.ContentType == "" {
		return b
	}
	// RFC 4975 §7.1: Content-Type is the last header (M-011).
	b = append(b, r.MIME...)
	b = appendHeader(b, nameContentType, r.ContentType)
	return append(b, crlf...)
}

// AppendTo appends the whole frame. Without a ContentType body is left out.
func (r *Request) AppendTo(b, body []byte, f Flag) []byte {
	b = r.AppendHead(b)
	if r.ContentType != "" {
		b = append(b, body...)
	}
	return AppendEnd(b, r.ID, r.ContentType != "", f)
}

// AppendEnd appends the end-line of transaction id, with the CRLF before it that a body needs, even an empty one (M-016).
func AppendEnd(b []byte, id string, hasBody bool, f Flag) []byte {
	if hasBody {
		b = append(b, crlf...)
	}
	b = append(b, endHyphens...)
	b = append(b, id...)
	b = append(b, byte(f))
	return append(b, crlf...)
}

// AppendResponse appends a response with the paths as they shall stand in it (M-093, M-094). An empty comment is left out.
func AppendResponse(b, id []byte, code int, comment string, toPath, fromPath []byte) []byte {
	b = append(b, startWord...)
	b = append(b, id...)
	b = append(b, ' ')
	b = strconv.AppendInt(b, int64(code), 10)
	if comment != "" {
		b = append(b, ' ')
		b = append(b, comment...)
	}
	b = append(b, crlf...)
	b = appendHeader(b, nameToPath, toPath)
	b = appendHeader(b, nameFromPath, fromPath)
	b = append(b, endHyphens...)
	b = append(b, id...)
	b = append(b, byte(Complete))
	return append(b, crlf...)
}

func appendHeader[T string | []byte](b []byte, name string, value T) []byte {
	b = append(b, name...)
	b = append(b, ": "...)
	b = append(b, value...)
	return append(b, crlf...)
}

// ContainsEndLine says whether body holds seven hyphens, id and a flag anywhere, so that a frame of that id must not
// carry it (M-018).
func ContainsEndLine(body []byte, id string) bool {
	var room [len(endHyphens) + maxIdent]byte
	pat := append(append(room[:0], endHyphens...), id...)
	for {
		i := bytes.Index(body, pat)
		if i < 0 {
			return false
		}
		if end := i + len(pat); end < len(body) && isFlag(body[end]) {
			return true
		}
		body = body[i+1:] // an id may end in hyphens: matches can overlap
	}
}
