package ua

import (
	"errors"
	"time"
)

// Limits bound one call that came in, in place of what Config and Profile say.
type Limits struct {
	// MaxDuration is the longest life of the call's sessions; 0: Config.MaxDuration, negative: no limit.
	MaxDuration time.Duration
	// MaxSize is the largest message taken, in octets, and shown as a=max-size; 0: Profile.MaxSize.
	MaxSize int64
}

// Limit sets the limits of a call that is then answered. An error, a *FieldError, says that nothing was set.
func (i *Invitation) Limit(l Limits) error {
	if l.MaxSize < 0 {
		return &FieldError{Field: "MaxSize", Err: errors.New("is negative")}
	}
	i.limits.Store(&l)
	return nil
}

// limited is the profile with the limits of the call that it answers.
func (p *profile) limited(l *Limits) *profile {
	if l == nil || l.MaxSize == 0 {
		return p
	}
	own := *p
	own.maxSize = l.MaxSize
	return &own
}

// duration is the longest life of the call's sessions; 0: no limit.
func (l *Limits) duration(otherwise time.Duration) time.Duration {
	switch {
	case l == nil || l.MaxDuration == 0:
		return otherwise
	case l.MaxDuration < 0:
		return 0
	}
	return l.MaxDuration
}
