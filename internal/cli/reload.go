package cli

import (
	"context"
	"fmt"
	"io"
)

type reloadCommand struct {
	daemon
	output
}

// Run has a daemon read its configuration anew.
func (c *reloadCommand) Run(ctx context.Context, std IO) error {
	var changed struct {
		Changed   []string `json:"changed"`
		NextStart []string `json:"at_next_start"`
	}
	if err := c.daemon.call(ctx, "reload", nil, &changed); err != nil {
		return err
	}
	return c.print(std.Out, changed, func(w io.Writer) error {
		for _, key := range changed.Changed {
			fmt.Fprintln(w, printable(key), "has changed")
		}
		for _, key := range changed.NextStart {
			fmt.Fprintln(w, printable(key), "changes at the next start")
		}
		if len(changed.Changed)+len(changed.NextStart) == 0 {
			fmt.Fprintln(w, "no key has changed; the files that the configuration names were read anew")
		}
		return nil
	})
}
