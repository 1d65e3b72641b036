package sink

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/parley-msrp/parley/internal/event"
)

// Store keeps a document over a restart. Save replaces it whole or not at all.
type Store interface {
	Load() ([]byte, error) // nil, nil: there is none
	Save(document []byte) error
}

// File is a Store in a file of this name, readable by nobody else.
type File string

// Load reads the file.
func (f File) Load() ([]byte, error) {
	b, err := os.ReadFile(string(f))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return b, err
}

// Save writes another file, has it put on the disk, and gives it the name.
func (f File) Save(document []byte) (err error) {
	next, err := os.CreateTemp(filepath.Dir(string(f)), filepath.Base(string(f))+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(next.Name())
		}
	}()
	_, err = next.Write(document)
	if err == nil {
		err = next.Sync()
	}
	if err = errors.Join(err, next.Close()); err != nil {
		return err
	}
	return os.Rename(next.Name(), string(f))
}

// format is the version of the document that this version of Parley writes. It reads this one and all before it.
const format = 1

// state is the document.
type state struct {
	Format   int         `json:"format"`
	Webhooks []hookState `json:"webhooks"`
}

// hookState is one webhook in it. Of a configured one, the configuration says what it is.
type hookState struct {
	ID         string       `json:"id"`
	Configured bool         `json:"configured,omitempty"`
	URL        string       `json:"url,omitempty"`
	Secret     string       `json:"secret,omitempty"`
	Types      []event.Name `json:"types,omitempty"`
	Sessions   []string     `json:"sessions,omitempty"`
	Tags       []string     `json:"tags,omitempty"`
	Created    time.Time    `json:"created"`
	Cursor     string       `json:"cursor"`         // to go on after
	Gone       bool         `json:"gone,omitempty"` // the receiver answered 410
}

// loadState reads the document. One of a newer format is refused: what it says would be lost.
func loadState(s Store) (state, error) {
	b, err := s.Load()
	if err != nil || b == nil {
		return state{}, err
	}
	var st state
	if err := json.Unmarshal(b, &st); err != nil {
		return state{}, fmt.Errorf("the kept webhooks cannot be read: %w", err)
	}
	if st.Format < 1 || st.Format > format {
		return state{}, fmt.Errorf("the kept webhooks have format %d, this version reads up to %d: a newer version wrote them", st.Format, format)
	}
	return st, nil
}
