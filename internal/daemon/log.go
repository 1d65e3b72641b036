package daemon

import (
	"io"
	"log/slog"

	"github.com/parley-msrp/parley/internal/config"
)

// levelOf is what is logged at least, which can change later.
func levelOf(c config.Log) *slog.LevelVar {
	var level slog.LevelVar // LevelInfo
	// The text was checked.
	_ = level.UnmarshalText([]byte(c.Level))
	return &level
}

func newLogger(c config.Log, level slog.Leveler, w io.Writer) *slog.Logger {
	options := &slog.HandlerOptions{Level: level, ReplaceAttr: utc}
	if c.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}

// utc writes the time of a log line in UTC.
func utc(groups []string, a slog.Attr) slog.Attr {
	if len(groups) == 0 && a.Key == slog.TimeKey {
		a.Value = slog.TimeValue(a.Value.Time().UTC())
	}
	return a
}
