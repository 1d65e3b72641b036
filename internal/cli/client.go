package cli

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

// daemon is how commands reach a running daemon.
type daemon struct {
	URL   string `name:"url" default:"http://127.0.0.1:8888" env:"PARLEY_URL" help:"HTTP address of the daemon (${default})."`
	Token string `placeholder:"TOKEN" env:"PARLEY_TOKEN" help:"Token of a client, where the daemon asks for one. Better in the environment, where other users do not see it."`
	CA    string `name:"ca" placeholder:"FILE" env:"PARLEY_CA" help:"PEM file of the authorities that the daemon's certificate has to come from. Without it, the system's."`
}

// client is what talks to the daemon.
func (d *daemon) client() (*http.Client, error) {
	if d.CA == "" {
		return http.DefaultClient, nil
	}
	pem, err := os.ReadFile(d.CA)
	if err != nil {
		return nil, fmt.Errorf("--ca: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("--ca: %s holds no certificate in PEM", d.CA)
	}
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.TLSClientConfig = &tls.Config{RootCAs: roots}
	return &http.Client{Transport: t}, nil
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
	if d.Token != "" {
		r.Header.Set("Authorization", "Bearer "+d.Token)
	}
	client, err := d.client()
	if err != nil {
		return nil, err
	}
	answer, err := client.Do(r)
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
