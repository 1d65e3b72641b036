package sink

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/parley-msrp/parley/internal/telemetry"
)

// Headers that show who sent a request, and when: the seconds of Unix time, and v1= with the HMAC-SHA256, in hexadecimal, of these seconds, a dot and the body.
const (
	TimestampHeader = "Parley-Timestamp"
	SignatureHeader = "Parley-Signature"
)

const (
	maxURL       = 2048      // octets
	minSecret    = 16        // octets
	maxSecret    = 256       // octets
	maxAnswer    = 64 << 10  // octets of an answer that are read
	maxRetry     = time.Hour // that a receiver may ask for by Retry-After
	idleConnTime = 90 * time.Second
)

// ErrURL says that a text is no URL that can be posted to.
var ErrURL = errors.New("http://HOST/PATH or https://HOST/PATH would be right")

// Sign gives the value of SignatureHeader for a body that is sent at a time.
func Sign(secret string, at time.Time, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	fmt.Fprintf(mac, "%d.", at.Unix())
	mac.Write(body)
	return "v1=" + hex.EncodeToString(mac.Sum(nil))
}

// CheckURL says what is wrong with the URL of a receiver. The error wraps ErrURL, or ErrForbidden where it names an address that the policy forbids.
func (p Policy) CheckURL(text string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || !isHost(u.Hostname()):
		return fmt.Errorf("it is not a URL of a receiver: %w", ErrURL)
	case len(text) > maxURL:
		return fmt.Errorf("it is longer than %d octets: %w", maxURL, ErrURL)
	case u.User != nil || u.Fragment != "":
		return fmt.Errorf("it has a user or a fragment: %w", ErrURL)
	}
	if a, err := netip.ParseAddr(u.Hostname()); err == nil {
		return p.Check(netip.AddrPortFrom(a, 0))
	}
	return nil
}

// checkSecret takes what is hard to guess.
func checkSecret(s string) error {
	if len(s) < minSecret || len(s) > maxSecret || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		return fmt.Errorf("it must have %d to %d printable characters of ASCII without blanks", minSecret, maxSecret)
	}
	return nil
}

// poster posts signed JSON. Safe for concurrent use.
type poster struct {
	client *http.Client
	agent  string
}

// newPoster trusts what roots trust; nil: what the system trusts. It posts so much at a time to one receiver.
func newPoster(dial func(context.Context, string, string) (net.Conn, error), roots *x509.CertPool, agent string, atATime int) *poster {
	transport := &http.Transport{
		DialContext: dial, IdleConnTimeout: idleConnTime, TLSHandshakeTimeout: dialTimeout,
		MaxIdleConnsPerHost: atATime, ForceAttemptHTTP2: true, DisableCompression: true, MaxResponseHeaderBytes: maxAnswer,
		TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
	}
	return &poster{agent: agent, client: &http.Client{
		Transport: transport,
		// Where a receiver sends on to, nobody has asked for.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// reply is what a receiver answered.
type reply struct {
	status     int
	retryAfter time.Duration // 0: it did not say
	body       []byte        // at most maxAnswer octets
}

// post sends a body, with a trace context unless that is empty, and reads the answer. Its error says why there is none, and does not show the URL, which may hold what is not for a log.
func (p *poster) post(ctx context.Context, to, secret, contentType, trace string, body []byte) (reply, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, to, bytes.NewReader(body))
	if err != nil {
		return reply{}, ErrURL
	}
	now := time.Now()
	r.Header.Set("Content-Type", contentType)
	r.Header.Set(TimestampHeader, strconv.FormatInt(now.Unix(), 10))
	r.Header.Set(SignatureHeader, Sign(secret, now, body))
	r.Header.Set("User-Agent", p.agent)
	if trace != "" {
		r.Header.Set(telemetry.Header, trace)
	}
	answer, err := p.client.Do(r)
	if err != nil {
		var e *url.Error
		if errors.As(err, &e) {
			err = e.Err
		}
		return reply{}, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	if err != nil {
		return reply{}, err
	}
	got := reply{status: answer.StatusCode, body: text}
	if n, err := strconv.ParseUint(answer.Header.Get("Retry-After"), 10, 31); err == nil {
		got.retryAfter = min(time.Duration(n)*time.Second, maxRetry)
	}
	return got, nil
}

func (p *poster) close() { p.client.CloseIdleConnections() }
