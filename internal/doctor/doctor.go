// Package doctor looks for what keeps a node from starting or from working well on a machine: limits, addresses, clock, certificates, names, and whether a
// peer can be reached. It changes nothing.
package doctor

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/parley-msrp/parley/internal/config"
)

// Level says how bad a finding is.
type Level string

// The levels.
const (
	OK      Level = "ok"
	Warning Level = "warning" // it works, but not as well as it could, or not for long
	Failure Level = "failure" // the node does not start, or does not do what it is for
)

// Finding is what one look found.
type Finding struct {
	Check string `json:"check"` // what was looked at, one word
	Level Level  `json:"level"`
	Text  string `json:"text"`         // what was found
	Do    string `json:"do,omitempty"` // what to do about it
}

// Config says what to look at.
type Config struct {
	Config config.Config // loaded and checked
	Peer   string        // SIP URI that is asked by OPTIONS; "": none
	From   string        // SIP URI that asks
}

// lookTime is how long the looks that need the network may take together.
const lookTime = 10 * time.Second

// Examine makes every look, in the order of what to mend first. It blocks for a few seconds where names are looked up or a peer is asked.
func Examine(ctx context.Context, c Config) []Finding {
	ctx, cancel := context.WithTimeoutCause(ctx, lookTime, fmt.Errorf("no answer within %v", lookTime))
	defer cancel()
	return slices.Concat(
		files(&c.Config),
		listeners(ctx, &c.Config),
		clock(),
		certificates(&c.Config, time.Now()),
		names(ctx, &c.Config),
		peer(ctx, &c),
	)
}

// Worst is the worst level among findings.
func Worst(all []Finding) Level {
	worst := OK
	for _, f := range all {
		if f.Level == Failure || f.Level == Warning && worst == OK {
			worst = f.Level
		}
	}
	return worst
}
