package config

import (
	"errors"
	"io/fs"
	"slices"
	"time"
)

// Changes are the keys whose values differ between two configurations, in the order of the documentation.
type Changes struct {
	Taken     []string // those that a running node takes
	NextStart []string // those that count from its next start on
}

// Again reads the configuration anew, from where c was read, for a node that runs with c. What comes back is what the node is to run with now: keys whose
// class is Restart keep the values that they have in c. The error is as for Load; it may also be that what is new does not go with what stays.
func (c *Config) Again() (Config, Changes, error) {
	next, err := Load(c.File)
	if err != nil {
		return Config{}, Changes{}, err
	}
	var changes Changes
	keys := Keys()
	for i := range keys {
		k := &keys[i]
		if k.Reload == Restart && k.Text(c) != k.Text(&next) {
			changes.NextStart = append(changes.NextStart, k.Path)
			k.copy(&next, c)
		}
	}
	next.Complete() // what follows from keys that stay
	for i := range keys {
		if k := &keys[i]; k.Reload != Restart && k.Text(c) != k.Text(&next) {
			changes.Taken = append(changes.Taken, k.Path)
		}
	}
	if err := next.Check(); err != nil {
		return Config{}, Changes{}, next.together(err, changes.NextStart)
	}
	return next, changes, nil
}

// together says why what is wrong with a mixture of two configurations is, where neither by itself is wrong.
func (c *Config) together(err error, nextStart []string) error {
	var wrong *Error
	if !errors.As(err, &wrong) || len(nextStart) == 0 {
		return err
	}
	for i := range wrong.Problems {
		p := &wrong.Problems[i]
		p.File = c.File
		p.Text += "; what it has to go with changes at the next start only"
	}
	return wrong
}

// copy copies the key's value.
func (k *Key) copy(to, from *Config) {
	switch v := k.field(from).(type) {
	case *string:
		*k.field(to).(*string) = *v
	case *[]string:
		*k.field(to).(*[]string) = slices.Clone(*v)
	case *int:
		*k.field(to).(*int) = *v
	case *bool:
		*k.field(to).(*bool) = *v
	case *fs.FileMode:
		*k.field(to).(*fs.FileMode) = *v
	case *time.Duration:
		*k.field(to).(*time.Duration) = *v
	}
}
