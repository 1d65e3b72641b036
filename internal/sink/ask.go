package sink

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// maxAsking is how many questions are under way at the same time.
const maxAsking = 256

// Question is what an application is told of a call that it is to decide on.
type Question struct {
	Type          string   `json:"type"` // "invite"
	CallID        string   `json:"call_id"`
	FromURI       string   `json:"from_uri"`
	ToURI         string   `json:"to_uri"`
	RequestURI    string   `json:"ruri"`
	ContentTypes  []string `json:"content_types"` // that the offer accepts
	Source        string   `json:"source"`        // udp:192.0.2.7:5060
	Identity      string   `json:"identity,omitempty"`
	IdentityRealm string   `json:"identity_realm,omitempty"`
	IdentityBy    string   `json:"identity_by"` // digest, pai, tls, none
	TLSPeer       []string `json:"tls_peer,omitempty"`
}

// AskerConfig says whom to ask.
type AskerConfig struct {
	URL, Secret string
	Timeout     time.Duration // for one question
	Policy      Policy
	Roots       *x509.CertPool // nil: what the system trusts
	Product     string
}

// Asker asks an application about calls. Safe for concurrent use.
type Asker struct {
	config AskerConfig
	poster *poster
	places chan struct{}
}

// NewAsker makes an Asker. The error says what is wrong with the URL or the secret.
func NewAsker(c AskerConfig) (*Asker, error) {
	if err := c.Policy.CheckURL(c.URL); err != nil {
		return nil, &FieldError{"url", err}
	}
	if err := checkSecret(c.Secret); err != nil {
		return nil, &FieldError{"secret", err}
	}
	return &Asker{config: c, poster: newPoster(c.Policy.dialer().DialContext, c.Roots, c.Product, maxAsking), places: make(chan struct{}, maxAsking)}, nil
}

// Ask gives what the application answered with status 200. The error says why there is no answer in time.
func (a *Asker) Ask(ctx context.Context, q Question) ([]byte, error) {
	select {
	case a.places <- struct{}{}:
		defer func() { <-a.places }()
	default:
		return nil, fmt.Errorf("there are %d questions under way", maxAsking)
	}
	q.Type = "invite"
	body, err := json.Marshal(q)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, a.config.Timeout)
	defer cancel()
	answer, err := a.poster.post(ctx, a.config.URL, a.config.Secret, "application/json", "", body)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return nil, fmt.Errorf("no answer within %v", a.config.Timeout)
	case err != nil:
		return nil, err
	case answer.status != http.StatusOK:
		return nil, fmt.Errorf("it answered %d %s", answer.status, http.StatusText(answer.status))
	}
	return answer.body, nil
}

// Close lets go of idle connections.
func (a *Asker) Close() { a.poster.close() }
