package sink

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/parley-msrp/parley/internal/event"
	"github.com/parley-msrp/parley/internal/journal"
	"github.com/parley-msrp/parley/internal/telemetry"
)

const (
	// MaxWebhooks is how many webhooks there may be, configured ones and registered ones.
	MaxWebhooks = 64
	// DefaultRetryFor is how long an event is tried to be delivered.
	DefaultRetryFor = 7 * 24 * time.Hour
	// attemptTime is how long one attempt may take, from the connection to the answer.
	attemptTime = 10 * time.Second
	// saveEvery is how often the cursors are saved. What was delivered since the last time comes again after a crash.
	saveEvery = time.Second
)

// Errors of Webhooks.
var (
	ErrUnknownWebhook = errors.New("there is no such webhook")
	ErrConfigured     = errors.New("the webhook stands in the configuration, which alone can take it away")
	ErrTooManyHooks   = fmt.Errorf("there are %d webhooks already", MaxWebhooks)
)

// FieldError says which part of a Registration was wrong, in the words of the faces: url, secret, or all three of the filter.
type FieldError struct {
	Field string
	Err   error
}

func (e *FieldError) Error() string { return e.Field + ": " + e.Err.Error() }

// Unwrap gives what was wrong.
func (e *FieldError) Unwrap() error { return e.Err }

// Registration asks for a webhook.
type Registration struct {
	URL    string
	Secret string // "": Register makes one
	Filter event.Filter
	From   string // cursor to begin after; journal.Newest: from now on
}

// WebhooksConfig says what Webhooks do; zero values mean the defaults.
type WebhooksConfig struct {
	Journal    Journal           // required
	Configured []Registration    // those of the configuration; each has a secret
	Store      Store             // nil: nothing is kept over a restart
	Policy     Policy            // nil: events may go anywhere
	Roots      *x509.CertPool    // nil: what the system trusts
	RetryFor   time.Duration     // DefaultRetryFor
	Product    string            // value of User-Agent
	Logger     *slog.Logger      // nil: nothing is logged
	Tracer     *telemetry.Tracer // nil: deliveries have no spans

	// Dial opens connections; nil: the system does, as far as Policy lets it.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// Webhooks deliver events by HTTP: each at least once, and in order within its session. Safe for concurrent use.
type Webhooks struct {
	config WebhooksConfig
	poster *poster

	mu     sync.Mutex
	hooks  []*hook // in the order of their making
	closed bool
	saving sync.Mutex // one save at a time

	stopSaving context.CancelFunc
	saver      sync.WaitGroup
}

// NewWebhooks starts the configured webhooks and the kept ones, each where it was. Its error says what is wrong with the configuration or with what was kept.
func NewWebhooks(c WebhooksConfig) (*Webhooks, error) {
	if c.RetryFor <= 0 {
		c.RetryFor = DefaultRetryFor
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Dial == nil {
		c.Dial = c.Policy.dialer().DialContext
	}
	w := &Webhooks{config: c, poster: newPoster(c.Dial, c.Roots, c.Product, parallel)}
	var kept state
	if c.Store != nil {
		var err error
		if kept, err = loadState(c.Store); err != nil {
			return nil, err
		}
	}
	if err := w.restore(kept); err != nil {
		return nil, err
	}
	// A webhook that is new in the configuration begins here, also if the process dies before its first event was taken.
	if err := w.save(); err != nil {
		return nil, fmt.Errorf("they cannot be kept: %w", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	w.stopSaving = cancel
	w.saver.Go(func() { w.keepSaving(ctx) }) // ends with Close
	for _, h := range w.hooks {
		h.start()
	}
	return w, nil
}

// restore makes the webhooks of the configuration and of what was kept. Whatever the configuration does not name any more is forgotten.
func (w *Webhooks) restore(kept state) error {
	at := map[string]hookState{}
	for _, s := range kept.Webhooks {
		at[s.ID] = s
	}
	for _, r := range w.config.Configured {
		if err := w.check(&r); err != nil {
			return err
		}
		s := hookState{
			ID: configuredID(&r), Configured: true, URL: r.URL, Secret: r.Secret,
			Types: r.Filter.Types, Sessions: r.Filter.Sessions, Tags: r.Filter.Tags, Created: time.Now().UTC(),
		}
		if slices.ContainsFunc(w.hooks, func(h *hook) bool { return h.ID == s.ID }) {
			return errors.New("the same URL with the same filter stands there twice")
		}
		before, known := at[s.ID]
		if known && before.Configured {
			s.Created, s.Cursor, s.Gone = before.Created, before.Cursor, before.Gone
		}
		h := newHook(w, s)
		if !known {
			// An error is seen again, and told, by the hook itself.
			h.reader, _ = w.config.Journal.Subscribe(journal.Newest)
		}
		w.hooks = append(w.hooks, h)
	}
	for _, s := range kept.Webhooks {
		if !s.Configured {
			w.hooks = append(w.hooks, newHook(w, s))
		}
	}
	if len(w.hooks) > MaxWebhooks {
		return ErrTooManyHooks
	}
	return nil
}

// configuredID names a configured webhook by what it is, so that its cursor is found again.
func configuredID(r *Registration) string {
	text := fmt.Sprintf("%q %q %q %q", r.URL, r.Filter.Types, r.Filter.Sessions, r.Filter.Tags)
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:8])
}

func (w *Webhooks) check(r *Registration) error {
	if err := w.config.Policy.CheckURL(r.URL); err != nil {
		return &FieldError{"url", err}
	}
	if err := checkSecret(r.Secret); err != nil {
		return &FieldError{"secret", err}
	}
	if err := r.Filter.Check(); err != nil {
		return &FieldError{"types, sessions, tags", err}
	}
	return nil
}

// Register adds a webhook, which is kept before Register returns, and gives it and its secret. The error is a *FieldError, or ErrTooManyHooks, ErrClosed,
// the journal's for a cursor, or the store's.
func (w *Webhooks) Register(r Registration) (status WebhookStatus, secret string, err error) {
	r.Secret = cmp.Or(r.Secret, rand.Text())
	if err := w.check(&r); err != nil {
		return WebhookStatus{}, "", err
	}
	created := time.Now().UTC()
	reader, err := w.config.Journal.Subscribe(r.From)
	if err != nil {
		return WebhookStatus{}, "", err
	}
	h := newHook(w, hookState{
		ID: strings.ToLower(rand.Text()[:16]), URL: r.URL, Secret: r.Secret, Types: r.Filter.Types, Sessions: r.Filter.Sessions, Tags: r.Filter.Tags,
		Created: created, Cursor: r.From,
	})
	h.reader = reader
	if err := w.add(h); err != nil {
		reader.Close()
		return WebhookStatus{}, "", err
	}
	if err := w.save(); err != nil {
		w.take(h.ID)
		reader.Close()
		return WebhookStatus{}, "", err
	}
	status = h.status()
	h.start()
	return status, r.Secret, nil
}

func (w *Webhooks) add(h *hook) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.closed:
		return ErrClosed
	case len(w.hooks) >= MaxWebhooks:
		return ErrTooManyHooks
	}
	w.hooks = append(w.hooks, h)
	return nil
}

// take removes a webhook from the list; nil: it is not there.
func (w *Webhooks) take(id string) *hook {
	w.mu.Lock()
	defer w.mu.Unlock()
	i := w.index(id)
	if i < 0 {
		return nil
	}
	h := w.hooks[i]
	w.hooks = slices.Delete(w.hooks, i, i+1)
	return h
}

func (w *Webhooks) index(id string) int {
	return slices.IndexFunc(w.hooks, func(h *hook) bool { return h.ID == id })
}

// Unregister ends a webhook and forgets it. The error is ErrUnknownWebhook, ErrConfigured, ErrClosed or the store's, with which it is gone until a restart.
func (w *Webhooks) Unregister(id string) error {
	w.mu.Lock()
	i := w.index(id)
	closed, configured := w.closed, i >= 0 && w.hooks[i].Configured
	w.mu.Unlock()
	switch {
	case i < 0:
		return ErrUnknownWebhook
	case configured:
		return ErrConfigured
	case closed:
		return ErrClosed
	}
	h := w.take(id)
	if h == nil {
		return ErrUnknownWebhook
	}
	h.stop()
	return w.save()
}

// List lists the webhooks in the order of their making.
func (w *Webhooks) List() []WebhookStatus {
	w.mu.Lock()
	hooks := slices.Clone(w.hooks)
	w.mu.Unlock()
	list := make([]WebhookStatus, len(hooks))
	for i, h := range hooks {
		list[i] = h.status()
	}
	return list
}

// Get gives one webhook, or ErrUnknownWebhook.
func (w *Webhooks) Get(id string) (WebhookStatus, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if i := w.index(id); i >= 0 {
		return w.hooks[i].status(), nil
	}
	return WebhookStatus{}, ErrUnknownWebhook
}

// keepSaving saves the cursors where they have moved.
func (w *Webhooks) keepSaving(ctx context.Context) {
	tick := time.NewTicker(saveEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if w.moved() {
				w.logUnsaved(w.save())
			}
		case <-ctx.Done():
			return
		}
	}
}

func (w *Webhooks) moved() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.ContainsFunc(w.hooks, (*hook).moved)
}

func (w *Webhooks) logUnsaved(err error) {
	if err != nil {
		w.config.Logger.Error("webhooks cannot be kept: after a restart, events come again", "err", err)
	}
}

// save keeps the webhooks with their cursors.
func (w *Webhooks) save() error {
	if w.config.Store == nil {
		return nil
	}
	w.saving.Lock()
	defer w.saving.Unlock()
	w.mu.Lock()
	st := state{Format: format, Webhooks: make([]hookState, len(w.hooks))}
	for i, h := range w.hooks {
		st.Webhooks[i] = h.keep()
	}
	w.mu.Unlock()
	b, err := json.MarshalIndent(st, "", "  ")
	if err != nil {
		return err
	}
	return w.config.Store.Save(append(b, '\n'))
}

// Close delivers what the journal still has, with one attempt for each event, until ctx ends; keeps the cursors, and returns when everything has ended.
func (w *Webhooks) Close(ctx context.Context) error {
	w.mu.Lock()
	w.closed = true
	hooks := slices.Clone(w.hooks)
	w.mu.Unlock()
	for _, h := range hooks {
		h.finish()
	}
	stop := context.AfterFunc(ctx, func() {
		for _, h := range hooks {
			h.cancel()
		}
	})
	for _, h := range hooks {
		h.running.Wait()
		h.cancel()
	}
	stop()
	w.stopSaving()
	w.saver.Wait()
	err := w.save()
	w.logUnsaved(err)
	w.poster.close()
	return errors.Join(err, ctx.Err())
}
