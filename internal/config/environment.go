package config

import (
	"io/fs"
	"strconv"
	"strings"
	"time"
)

// overlayEnvironment reads the environment over c. An empty variable counts as none; lists are separated by commas.
func (s *source) overlayEnvironment(c *Config, lookup func(string) (string, bool)) {
	s.variables = make(map[string]string)
	keys := Keys()
	for i := range keys {
		k := &keys[i]
		value, _ := lookup(k.Variable())
		if value == "" {
			continue
		}
		s.variables[k.Path] = k.Variable()
		if wrong := k.parse(c, value); wrong != "" {
			s.problems = append(s.problems, Problem{Key: k.Path, Variable: k.Variable(), Text: wrong})
		}
	}
}

// parse sets the key's field from the text of an environment variable, and says what is wrong with it.
func (k *Key) parse(c *Config, value string) string {
	switch field := k.field(c).(type) {
	case *string:
		*field = value
	case *[]string:
		words := strings.Split(value, ",")
		for i := range words {
			words[i] = strings.TrimSpace(words[i])
		}
		*field = words
	case *bool:
		switch value {
		case "true":
			*field = true
		case "false":
			*field = false
		default:
			return "expected " + wantBool + ", got " + quoted(value)
		}
	case *int:
		n, err := strconv.ParseInt(value, 10, 54)
		if err != nil {
			return "expected " + wantInt + ", got " + quoted(value)
		}
		*field = int(n)
	case *fs.FileMode:
		return mode(field, value)
	case *time.Duration:
		v, err := strconv.ParseFloat(value, 64)
		if err != nil {
			return "expected " + wantSeconds + ", got " + quoted(value)
		}
		return seconds(field, v)
	}
	return ""
}

// quoted shows a value, shortened, with nothing in it that a terminal would take as an order.
func quoted(s string) string {
	if r := []rune(s); len(r) > maxExcerpt {
		s = string(r[:maxExcerpt]) + "…"
	}
	return strconv.Quote(s)
}
