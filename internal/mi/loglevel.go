package mi

import (
	"log/slog"
	"os"
	"strconv"
	"strings"
)

// levels are those of package slog with OpenSIPS' numbers: -1 error, 1 warning, 3 information, 4 debug.
var levels = []struct {
	number int
	level  slog.Level
}{
	{-1, slog.LevelError},
	{1, slog.LevelWarn},
	{3, slog.LevelInfo},
	{4, slog.LevelDebug},
}

// logLevel tells what is logged, or sets it. A level is a number as OpenSIPS has them, or a name.
func (s *Server) logLevel(p params) (any, error) {
	text, given, err := p.text("level")
	if err != nil {
		return nil, err
	}
	if !given {
		return s.logLevels(), nil
	}
	if err := permit(p.rights, "log_level level"); err != nil {
		return nil, err
	}
	level, ok := parseLevel(text)
	if !ok {
		return nil, invalidParams("level is none of -3 to 4, debug, info, warn and error")
	}
	pid, ofOne, err := p.number("pid")
	if err != nil {
		return nil, err
	}
	if ofOne && pid != os.Getpid() {
		return nil, invalidParams("Bad PID")
	}
	s.config.Level.Set(level)
	if ofOne {
		return struct {
			Level int `json:"Log level"`
		}{levelNumber(level)}, nil
	}
	return struct {
		Level int `json:"New global log level"`
	}{levelNumber(level)}, nil
}

func (s *Server) logLevels() any {
	type process struct {
		PID   int
		Level int `json:"Log level"`
		Type  string
	}
	return struct{ Processes []process }{[]process{{os.Getpid(), levelNumber(s.config.Level.Level()), processType}}}
}

// parseLevel reads a level. A number between two that mean something is the one that logs less.
func parseLevel(s string) (slog.Level, bool) {
	n, err := strconv.Atoi(s)
	if err != nil {
		switch strings.ToLower(s) {
		case "debug", "info", "warn", "error":
			var level slog.Level
			return level, level.UnmarshalText([]byte(s)) == nil
		}
		return 0, false
	}
	if n < -3 || n > 4 {
		return 0, false
	}
	level := slog.LevelError
	for _, l := range levels {
		if n >= l.number {
			level = l.level
		}
	}
	return level, true
}

func levelNumber(level slog.Level) int {
	for _, l := range levels {
		if level >= l.level {
			return l.number
		}
	}
	return levels[len(levels)-1].number
}
