package cli

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
)

// maxStreamLine bounds one line of a stream: the largest message, each octet of it escaped, and more.
const maxStreamLine = 128 << 20

// follow reads a stream of server-sent events (what: "events") until it is interrupted, which is no error. begun, which may be nil, is called when it has begun, each with the
// data of every event.
func (d *daemon) follow(ctx context.Context, path, what string, begun func(), each func(data []byte) error) error {
	body, err := d.do(ctx, http.MethodGet, path, nil)
	if err != nil {
		return err
	}
	defer body.Close()
	lines := bufio.NewScanner(body)
	lines.Buffer(nil, maxStreamLine)
	if begun != nil {
		begun()
	}
	for lines.Scan() {
		data, ok := bytes.CutPrefix(lines.Bytes(), []byte("data:"))
		if !ok {
			continue
		}
		if err := each(bytes.TrimSpace(data)); err != nil {
			return err
		}
	}
	if ctx.Err() != nil {
		return nil
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("the stream of %s broke: %w", what, err)
	}
	return errors.New("the daemon closed the stream")
}
