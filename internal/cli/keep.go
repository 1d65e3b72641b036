package cli

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"os"
	"path/filepath"
	"strings"
	"unicode"

	"github.com/parley-msrp/parley/msrp"
	"github.com/parley-msrp/parley/ua"
)

// maxSameName bounds the search for a free file name.
const maxSameName = 1000

// keep writes a message that came into dir, under the name that the peer gave it, made safe. An existing file is never touched.
func keep(dir, messageID string, c ua.Content) (path string, err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	f, err := claim(dir, fileName(c.Headers, messageID))
	if err != nil {
		return "", err
	}
	_, err = f.Write(c.Body)
	if err = errors.Join(err, f.Close()); err != nil {
		return "", errors.Join(err, os.Remove(f.Name()))
	}
	return f.Name(), nil
}

// keepStream is keep for a message that is still arriving: it goes into a file of its own, which gets its name when the message is whole, and
// is removed if it never is.
func keepStream(dir string, a *arrival) (path string, err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	part, err := os.CreateTemp(dir, ".parley-*.part")
	if err != nil {
		return "", err
	}
	_, err = io.Copy(part, a.Reader)
	if err = errors.Join(err, part.Close()); err != nil {
		return "", errors.Join(err, os.Remove(part.Name()))
	}
	f, err := claim(dir, fileName(a.headers, a.messageID))
	if err != nil {
		return "", errors.Join(err, os.Remove(part.Name()))
	}
	if err := errors.Join(f.Close(), os.Rename(part.Name(), f.Name())); err != nil {
		return "", errors.Join(err, os.Remove(part.Name()), os.Remove(f.Name()))
	}
	return f.Name(), nil
}

// claim makes a new file of that name, or with a number added to it if there is one.
func claim(dir, name string) (*os.File, error) {
	ext := filepath.Ext(name)
	for n := 0; n < maxSameName; n++ {
		path := filepath.Join(dir, name)
		if n > 0 {
			path = filepath.Join(dir, fmt.Sprintf("%s-%d%s", strings.TrimSuffix(name, ext), n, ext))
		}
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if !os.IsExist(err) {
			return f, err
		}
	}
	return nil, fmt.Errorf("%s has too many files called %s", dir, name)
}

// fileName is the name in a message's Content-Disposition without anything that could lead elsewhere, or a name made from its Message-ID.
func fileName(headers []msrp.Header, messageID string) string {
	for _, h := range headers {
		if !strings.EqualFold(h.Name, "Content-Disposition") {
			continue
		}
		_, params, err := mime.ParseMediaType(h.Value)
		if err != nil {
			continue
		}
		if name := safeName(params["filename"]); name != "" {
			return name
		}
	}
	return "message-" + safeName(messageID)
}

// maxName bounds a file name, in octets, so that a number can be added.
const maxName = 100

// safeName keeps letters, digits and a few signs of the last path element, and never a leading dot. "" : nothing is left.
func safeName(s string) string {
	s = s[strings.LastIndexAny(s, `/\`)+1:]
	s = strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("-_. +=", r) {
			return r
		}
		return '_'
	}, s)
	if cut := len(s) - maxName; cut > 0 { // the end has the extension
		s = strings.ToValidUTF8(s[cut:], "")
	}
	return strings.Trim(s, ". ")
}

// printable is a peer's text without control characters, which could drive the terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' || unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, s)
}
