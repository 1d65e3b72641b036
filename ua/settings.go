package ua

import (
	"fmt"
	"maps"
	"time"

	"github.com/parley-msrp/parley/internal/dialog"
)

// Settings are those of Config, and of its default Profile, that can change while an Agent runs. Zero values mean what they mean there.
type Settings struct {
	SetupTimeout    time.Duration
	MaxDuration     time.Duration
	CleanupInterval time.Duration
	MyURI, Contact  string // of the default profile
}

func (c *Config) settings() *Settings {
	s := Settings{
		SetupTimeout: c.SetupTimeout, MaxDuration: c.MaxDuration, CleanupInterval: c.CleanupInterval, MyURI: c.Profile.MyURI, Contact: c.Profile.Contact,
	}
	return s.withDefaults()
}

// withDefaults gives the settings with the defaults for what is not said.
func (s Settings) withDefaults() *Settings {
	if s.SetupTimeout <= 0 {
		s.SetupTimeout = dialog.DefaultSetupTimeout
	}
	if s.CleanupInterval <= 0 {
		s.CleanupInterval = 60 * time.Second
	}
	return &s
}

// Adjust changes settings: CleanupInterval at once, the others for calls that begin later. An error names what is wrong; nothing has changed then.
func (a *Agent) Adjust(s Settings) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	old := a.profile(DefaultProfile)
	p := a.cfg.Profile
	p.MyURI, p.Contact = s.MyURI, s.Contact
	ready, err := a.prepareProfile(DefaultProfile, p)
	if err != nil {
		return err
	}
	ready.relays = old.relays
	profiles := maps.Clone(*a.profiles.Load())
	profiles[DefaultProfile] = ready
	a.profiles.Store(&profiles)
	a.settings.Store(s.withDefaults())
	a.dialogs.SetSetupTimeout(s.SetupTimeout)
	select {
	case a.swept <- struct{}{}:
	default: // the sweep has yet to look
	}
	return nil
}

// profile is the one of that name; nil: there is none.
func (a *Agent) profile(name string) *profile { return (*a.profiles.Load())[name] }

// prepareProfile makes a profile ready for these listeners, but for its relays.
func (a *Agent) prepareProfile(name string, p Profile) (*profile, error) {
	ready, err := p.prepare(name, a.listeners)
	if err == nil && ready.base.Secure && a.cfg.MSRP.TLS == nil {
		err = fmt.Errorf("profile %s: my_uri %q asks for TLS, for which there is no MSRP listener: want tls:HOST:PORT", name, p.MyURI)
	}
	return ready, err
}
