package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// daemon is how commands reach a running daemon.
type daemon struct {
	URL string `name:"url" default:"http://127.0.0.1:8888" env:"PARLEY_URL" help:"HTTP address of the daemon (${default})."`
}

// callTimeout is how long the daemon may take to answer.
const callTimeout = 30 * time.Second

// call makes one call of the management interface.
func (d *daemon) call(ctx context.Context, method string, params, result any) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	request, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
	if err != nil {
		return err
	}
	body, err := d.do(ctx, http.MethodPost, "/mi", bytes.NewReader(request))
	if err != nil {
		return err
	}
	defer body.Close()
	var answer struct {
		Result json.RawMessage
		Error  *struct {
			Code    int
			Message string
			Data    string
		}
	}
	if err := json.NewDecoder(body).Decode(&answer); err != nil {
		return fmt.Errorf("the daemon's answer cannot be read: %w", err)
	}
	if e := answer.Error; e != nil {
		if e.Data != "" {
			return fmt.Errorf("%s: %s", e.Message, e.Data)
		}
		return errors.New(e.Message)
	}
	return json.Unmarshal(answer.Result, result)
}

// request is one HTTP request.
type request struct {
	method, path string
	contentType  string
	body         io.Reader
	length       int64 // of body; 0: not known
}

// do sends one HTTP request of JSON; the caller closes the body.
func (d *daemon) do(ctx context.Context, method, path string, body io.Reader) (io.ReadCloser, error) {
	return d.ask(ctx, request{method: method, path: path, contentType: "application/json", body: body})
}

// ask sends one HTTP request; the caller closes the body.
func (d *daemon) ask(ctx context.Context, q request) (io.ReadCloser, error) {
	r, err := http.NewRequestWithContext(ctx, q.method, strings.TrimSuffix(d.URL, "/")+q.path, q.body)
	if err != nil {
		return nil, err
	}
	if q.length > 0 {
		r.ContentLength = q.length
	}
	r.Header.Set("Content-Type", q.contentType)
	r.Close = true // a command asks once
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		var u *url.Error
		if errors.As(err, &u) && ctx.Err() == nil {
			err = u.Err
		}
		return nil, fmt.Errorf("no daemon answers at %s: %w; start one with \"parley serve\", or name another with --url", d.URL, err)
	}
	if answer.StatusCode/100 != 2 {
		defer answer.Body.Close()
		return nil, fmt.Errorf("%s answered %s%s", d.URL, answer.Status, detail(answer.Body))
	}
	return answer.Body, nil
}

// detail is what a problem document (RFC 9457) says.
func detail(body io.Reader) string {
	var problem struct{ Detail string }
	if err := json.NewDecoder(io.LimitReader(body, 4096)).Decode(&problem); err != nil || problem.Detail == "" {
		return ""
	}
	return ": " + printable(problem.Detail)
}
