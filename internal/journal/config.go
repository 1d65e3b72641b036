package journal

import (
	"log/slog"
	"time"
)

// Config of a Durable; zero values mean the defaults named with each field.
type Config struct {
	Dir    string       // of the embedded server's files, which no other process may use at the same time; required unless URL is set
	Node   string       // name of the node: letters, digits, '-' and '_'; required
	Logger *slog.Logger // nil: nothing is logged
	Fsync  bool         // an event is kept when it is on the disk, not only with the operating system; of an embedded server

	// URL is an outside NATS cluster, "nats://host:4222,nats://host2:4222", in place of the embedded server.
	URL         string
	Credentials string // file of credentials for it; "": none
	Roots       string // file of certificate authorities for it; "": the system's
	Replicas    int    // of the stream there, 1

	MaxAge    time.Duration // of events, 7 days; negative: no limit
	MaxOctets int64         // of events on the disk, 1 GiB; negative: no limit
	MaxEvents int64         // 0: no limit; held to within a minute

	MaxBodyOctets int64 // of all bodies that are kept beside the events, 4 GiB; negative: no limit

	RecallOctets int64 // of the newest events that Recall reads in any case, 256 MiB

	Patience time.Duration // after which who waits for an event to be kept is told that it is not, 10 s
}

// limits that nobody needs to change.
const (
	shards         = 4                      // subjects of a node; with Fsync there is one
	packOctets     = 256 << 10              // of a pack, unless a single event is larger
	packEvents     = 1024                   // events of a pack
	packsAhead     = 4                      // packs that wait for the acknowledgement of an outside server; of an embedded one a round of them
	linger         = time.Millisecond       // that events which nobody waits for wait for others, so that fewer packs are made
	lingerEvents   = 64                     // unless there are so many of them
	ackTimeout     = 5 * time.Second        // for the acknowledgement of a pack
	tailOctets     = 8 << 20                // of the newest packs, kept for those who follow closely
	tailPacks      = 4096                   // of them
	queueOctets    = 64 << 20               // of events that nobody waits for; above, further ones are dropped
	fetchOctets    = 512 << 10              // of a read from the stream
	fetchPacks     = 64                     // packs of a read from the stream
	apiTimeout     = 5 * time.Second        // for an answer of the server
	askAgain       = 250 * time.Millisecond // for the state of a stream, while none leads it
	startPatience  = 30 * time.Second       // that Open waits for an outside cluster
	connectTimeout = 2 * time.Second        // for a connection to one of its servers
	pingEvery      = 5 * time.Second        // how often the one that it is connected to is asked whether it is there
	maxPayload     = 8 << 20                // octets of a pack, of an embedded server
	bodyPiece      = 256 << 10              // octets of a message that holds a piece of a body
	bodyAhead      = 8                      // pieces of a body that wait for their acknowledgement
)

func (c Config) withDefaults() Config {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Replicas <= 0 {
		c.Replicas = 1
	}
	if c.MaxAge == 0 {
		c.MaxAge = 7 * 24 * time.Hour
	}
	if c.MaxOctets == 0 {
		c.MaxOctets = 1 << 30
	}
	if c.RecallOctets == 0 {
		c.RecallOctets = 256 << 20
	}
	if c.MaxBodyOctets == 0 {
		c.MaxBodyOctets = 4 << 30
	}
	if c.Patience <= 0 {
		c.Patience = 10 * time.Second
	}
	return c
}

// Bodies is the name of the JetStream object store that holds the bodies of a node's messages that are too large for events.
func Bodies(node string) string { return "PARLEY_BODIES_" + node }

// subject is that of a shard.
func subject(node string, shard string) string { return "parley.event." + node + "." + shard }
