package reliability

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/parley-msrp/parley/test/daemon"
)

// told is one event.
type told struct {
	ID       string
	Type     string
	Subject  string
	Sequence string
	Data     map[string]any
}

func (e told) text(name string) string {
	s, _ := e.Data[name].(string)
	return s
}

// events reads the events after a cursor and hands them to next, until that returns false, ctx ends or the stream does.
func events(ctx context.Context, d *daemon.Daemon, from string, next func(told) bool) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, d.URL("/v1/events?from="+from), nil)
	if err != nil {
		return err
	}
	r, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer r.Body.Close()
	lines := bufio.NewScanner(r.Body)
	lines.Buffer(nil, 4<<20)
	for lines.Scan() {
		data, ok := strings.CutPrefix(lines.Text(), "data: ")
		if !ok {
			continue
		}
		var e told
		if err := json.Unmarshal([]byte(data), &e); err != nil {
			return err
		}
		if !next(e) {
			return nil
		}
	}
	return lines.Err()
}
