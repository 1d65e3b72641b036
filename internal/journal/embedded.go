package journal

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// startTimeout is for an embedded server to be there, which reads what it has stored.
const startTimeout = 5 * time.Minute

// startServer runs a NATS server in this process. It listens nowhere and handles no signals.
func startServer(dir string, fsync bool, log *slog.Logger) (*server.Server, error) {
	s, err := server.NewServer(&server.Options{
		ServerName:             "parley",
		DontListen:             true,
		NoSigs:                 true,
		JetStream:              true,
		StoreDir:               dir,
		JetStreamMaxMemory:     16 << 20, // nothing is stored there
		JetStreamMaxStore:      1 << 50,  // the stream has limits of its own
		DisableJetStreamBanner: true,
		SyncAlways:             fsync,
		MaxPayload:             maxPayload + 64<<10,
		NoSystemAccount:        true,
	})
	if err != nil {
		return nil, fmt.Errorf("embedded NATS server: %w", err)
	}
	fatal := make(chan string, 1)
	s.SetLoggerV2(natsLog{log, fatal}, false, false, false)
	s.Start()
	why := "it does not get ready"
	for end := time.Now().Add(startTimeout); time.Now().Before(end); {
		if s.ReadyForConnections(readyPoll) && s.JetStreamEnabled() {
			return s, nil
		}
		select {
		case why = <-fatal:
			end = time.Time{}
		default:
		}
	}
	s.Shutdown()
	s.WaitForShutdown()
	return nil, fmt.Errorf("embedded NATS server: %s", why)
}

// readyPoll is how long one look takes whether the server is ready.
const readyPoll = 50 * time.Millisecond

// natsLog hands on what the server logs. What it says when all is well is for debugging.
type natsLog struct {
	log   *slog.Logger
	fatal chan string // takes why it cannot go on
}

func (l natsLog) line(level slog.Level, format string, v []any) {
	l.log.Log(context.Background(), level, "journal server", "text", strings.TrimSpace(fmt.Sprintf(format, v...)))
}

func (l natsLog) Noticef(format string, v ...any) { l.line(slog.LevelDebug, format, v) }
func (l natsLog) Warnf(format string, v ...any)   { l.line(slog.LevelDebug, format, v) }
func (l natsLog) Fatalf(format string, v ...any) {
	select {
	case l.fatal <- strings.TrimSpace(fmt.Sprintf(format, v...)):
	default:
	}
}
func (l natsLog) Errorf(format string, v ...any) { l.line(slog.LevelWarn, format, v) }
func (l natsLog) Debugf(format string, v ...any) {}
func (l natsLog) Tracef(format string, v ...any) {}
