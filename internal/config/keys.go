package config

import (
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Reload says when a changed value takes effect in a running node.
type Reload uint8

// The reload classes.
const (
	Live        Reload = iota + 1 // at once
	NewSessions                   // for sessions that begin after the change
	Restart                       // at the next start
)

func (r Reload) String() string {
	switch r {
	case Live:
		return "live"
	case NewSessions:
		return "new sessions"
	}
	return "restart"
}

// Key is one key of the configuration.
type Key struct {
	Path    string // as in YAML: "sip.listen"
	Default string // as YAML text
	Doc     string // Markdown, one paragraph
	Reload  Reload

	// field points at the key's place in a configuration: *string, *[]string, *int, *bool, *fs.FileMode (octal) or
	// *time.Duration (seconds in YAML).
	field func(*Config) any
	// derived is the default's text for a key whose default follows from others.
	derived string
	// entry is what the first word of a list's entries is called where each may be a mapping, too; "": they are texts.
	entry string
	// secret says that the value is not to be shown: no line of the file that holds it is.
	secret bool
}

// Variable is the environment variable that sets the key: PARLEY_SIP_LISTEN for sip.listen.
func (k *Key) Variable() string {
	return "PARLEY_" + strings.ToUpper(strings.ReplaceAll(k.Path, ".", "_"))
}

// Section is the part of the path before the dot; "" for a key of its own.
func (k *Key) Section() string {
	s, _, found := strings.Cut(k.Path, ".")
	if !found {
		return ""
	}
	return s
}

// Name is the part of the path after the dot.
func (k *Key) Name() string { return k.Path[strings.LastIndexByte(k.Path, '.')+1:] }

// Keys returns every key, in the order of the documentation.
func Keys() []Key {
	keys := slices.Concat(sipKeys(), msrpKeys(), authKeys(), nodeKeys(), faceKeys(), observationKeys())
	c := Default()
	for i := range keys {
		keys[i].Default = keys[i].Text(&c)
	}
	return keys
}

// Text is the key's value in c, as YAML text on one line.
func (k *Key) Text(c *Config) string {
	switch v := k.field(c).(type) {
	case *string:
		if k.Section() == "log" {
			return *v
		}
		return strconv.Quote(*v)
	case *[]string:
		words := make([]string, len(*v))
		for i, s := range *v {
			words[i] = strconv.Quote(s)
		}
		return "[" + strings.Join(words, ", ") + "]"
	case *int:
		return strconv.Itoa(*v)
	case *bool:
		return strconv.FormatBool(*v)
	case *fs.FileMode:
		return fmt.Sprintf("%04o", uint32(*v))
	case *time.Duration:
		return strconv.FormatFloat(v.Seconds(), 'f', -1, 64)
	}
	return ""
}

// find returns the key with that path.
func find(keys []Key, path string) (*Key, bool) {
	i := slices.IndexFunc(keys, func(k Key) bool { return k.Path == path })
	if i < 0 {
		return nil, false
	}
	return &keys[i], true
}
