package route

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"go.starlark.net/starlark"

	"github.com/parley-msrp/parley/msrp"
)

// Session is what an answer says of its sessions; what is zero is as configured.
type Session struct {
	MaxDuration time.Duration // the longest life; negative: no limit
	MaxSize     int64         // of the largest message taken, in octets
	Profile     string        // the identity that answers
	Handler     string        // whom events are for
	Tags        map[string]string
}

// Limits on what an answer may say.
const (
	maxName = 64 // octets of the name of a handler or tag
	maxTags = 16 // of one session

	maxSize    = 16 << 20 // octets: what an MSRP endpoint takes of itself, which a session may only take less than
	maxSeconds = 1e9      // more than thirty years
)

func answer(thread *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var types string
	var duration, size, tags starlark.Value
	var d Decision
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "types", &types, "max_duration??", &duration, "max_size??", &size,
		"profile??", &d.Session.Profile, "handler??", &d.Session.Handler, "tags??", &tags); err != nil {
		return nil, err
	}
	var err error
	if d.Answer, err = msrp.ParseTypes(types); err == nil {
		err = d.Session.read(duration, size, tags)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", b.Name(), err)
	}
	return decide(thread, b, d)
}

// read takes the overrides that are not mere strings, and checks them all.
func (s *Session) read(duration, size, tags starlark.Value) (err error) {
	if s.Handler != "" && !isName(s.Handler) {
		return fmt.Errorf("handler %.80q: %w", s.Handler, errName)
	}
	if s.MaxDuration, err = readDuration(duration); err != nil {
		return err
	}
	if s.MaxSize, err = readSize(size); err != nil {
		return err
	}
	s.Tags, err = readTags(tags)
	return err
}

// readDuration reads seconds; 0 is no limit, as in the configuration.
func readDuration(v starlark.Value) (time.Duration, error) {
	if v == nil {
		return 0, nil
	}
	seconds, ok := starlark.AsFloat(v)
	switch {
	case !ok:
		return 0, fmt.Errorf("max_duration: got %s, want a number of seconds", v.Type())
	case math.IsNaN(seconds) || seconds < 0 || seconds > maxSeconds:
		return 0, fmt.Errorf("max_duration %v: want a number of seconds up to %v, or 0 for no limit", v, int64(maxSeconds))
	case seconds == 0:
		return -1, nil
	}
	return max(time.Duration(seconds*float64(time.Second)), 1), nil
}

func readSize(v starlark.Value) (int64, error) {
	if v == nil {
		return 0, nil
	}
	n, ok := v.(starlark.Int)
	if !ok {
		return 0, fmt.Errorf("max_size: got %s, want a number of octets", v.Type())
	}
	size, ok := n.Int64()
	if !ok || size < 1 || size > maxSize {
		return 0, fmt.Errorf("max_size %v: want a number of octets, 1 to %d", n, maxSize)
	}
	return size, nil
}

// readTags reads a dictionary of strings. A value of None leaves the tag out: headers that are not there are None.
func readTags(v starlark.Value) (map[string]string, error) {
	if v == nil {
		return nil, nil
	}
	given, ok := v.(starlark.IterableMapping)
	if !ok {
		return nil, fmt.Errorf(`tags: got %s, want a dictionary like {"customer": "acme"}`, v.Type())
	}
	var tags map[string]string
	for _, item := range given.Items() {
		if item[1] == starlark.None {
			continue
		}
		name, isText := starlark.AsString(item[0])
		value, isLine := starlark.AsString(item[1])
		switch {
		case !isText || !isName(name):
			return nil, fmt.Errorf("tag %.80s: %w", item[0], errName)
		case !isLine:
			return nil, fmt.Errorf("tag %s: got %s, want a string", name, item[1].Type())
		}
		if err := checkLine("value", value); err != nil {
			return nil, fmt.Errorf("tag %s: %w", name, err)
		}
		if tags == nil {
			tags = map[string]string{}
		}
		if tags[name] = value; len(tags) > maxTags {
			return nil, fmt.Errorf("tags: at most %d are taken", maxTags)
		}
	}
	return tags, nil
}

var errName = errors.New("want letters, digits, dot, minus and underscore, at most 64 of them")

func isName(s string) bool {
	other := func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.' || r == '-' || r == '_')
	}
	return s != "" && len(s) <= maxName && !strings.ContainsFunc(s, other)
}
