package ua

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/parley-msrp/parley/internal/dialog"
	"github.com/parley-msrp/parley/internal/sip"
)

// Registration is an address that the Agent keeps registered, from New to Close (RFC 3261 §10.2). Its Config.Credentials answer the registrar's challenges.
type Registration struct {
	// AOR is the address of record, a sip or sips URI; required.
	AOR string
	// Registrar is the URI that requests go to, without a user; for a sips AOR a sips URI; empty: the domain of AOR. With an
	// outbound proxy they go there first.
	Registrar string
	// Contact is the SIP URI where calls shall come, for a sips registrar a sips URI; empty: that of the default profile, or of a listener.
	Contact string
	// Expires is how long a registration is asked for; 0 means one hour. It is renewed before what the registrar grants is over.
	Expires time.Duration
}

// RegistrationState is how a Registration is.
type RegistrationState struct {
	AOR        string
	Registered bool
	Until      time.Time // end of what was granted; zero where it is not registered
	Code       int       // SIP status of the last attempt: 408 for no answer, 503 for a failure of the network; 0: none ended yet
	Reason     string    // its phrase
}

// registrar keeps what is known of the registrations.
type registrar struct {
	mu    sync.Mutex
	known []RegistrationState // in the order of the configuration
}

// register starts the registrations.
func (a *Agent) register() error {
	a.registrar.known = make([]RegistrationState, len(a.cfg.Register))
	for i, c := range a.cfg.Register {
		a.registrar.known[i].AOR = c.AOR
	}
	for i, c := range a.cfg.Register {
		d := dialog.Register{AOR: c.AOR, Registrar: c.Registrar, Expires: c.Expires}
		if c.Contact != "" {
			u, err := sip.ParseURI(c.Contact)
			if err != nil || !u.IsSIP() {
				return fmt.Errorf("registration of %s: contact %q: want a SIP URI", c.AOR, c.Contact)
			}
			d.Contact = u
		}
		d.Told = func(t dialog.RegistrationTold) { a.registered(i, t) }
		if err := a.dialogs.Register(d); err != nil {
			return fmt.Errorf("registration of %s: %w", c.AOR, public(err))
		}
	}
	return nil
}

// registered takes the news of one registration. One line in the log for each change, not for each refresh.
func (a *Agent) registered(i int, t dialog.RegistrationTold) {
	a.registrar.mu.Lock()
	s := &a.registrar.known[i]
	was := s.Registered
	s.Registered, s.Code, s.Reason, s.Until = t.Registered, t.Code, t.Reason, time.Time{}
	if t.Registered {
		s.Until = time.Now().Add(t.Expires)
	}
	aor := s.AOR
	a.registrar.mu.Unlock()
	switch {
	case !t.Registered:
		a.log.Warn("not registered", "aor", aor, "code", t.Code, "reason", t.Reason, "retry_seconds", int(t.Retry.Seconds()))
	case !was:
		a.log.Info("registered", "aor", aor, "expires_seconds", int(t.Expires.Seconds()))
	}
}

// Registrations says how each of Config.Register is, in that order.
func (a *Agent) Registrations() []RegistrationState {
	a.registrar.mu.Lock()
	defer a.registrar.mu.Unlock()
	return slices.Clone(a.registrar.known)
}
