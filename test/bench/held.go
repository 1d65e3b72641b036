package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// holdRate is how many calls a second are set up, or asked, or ended.
const holdRate = 5000

// holdTime is longer than finished transactions live.
const holdTime = 34 * time.Second

// measureHeld sets calls up and holds them: none may be lost. Their memory is that of a dialog, and of a session whose MSRP connection is not open.
func (p plan) measureHeld(ctx context.Context, out io.Writer) error {
	for _, kind := range []string{bareAgent, wholeAgent} {
		r := callRow{server: kind, proto: "udp"}
		name := fmt.Sprintf("%s/held/sessions=%d", kind, p.held)
		if !p.only.MatchString(name) {
			continue
		}
		if err := p.hold(ctx, r, name, out); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

func (p plan) hold(ctx context.Context, r callRow, name string, out io.Writer) (err error) {
	x, err := p.startExchange(ctx, r, r.server)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, x.stop()) }()
	empty, err := x.control.do(demand{Do: doMemory})
	if err != nil {
		return err
	}
	fmt.Printf("\n%s: %d calls set up and held\n", r.server, p.held)
	if err := x.all(phoneHold, p.held, "set up"); err != nil {
		return err
	}
	if p.warmup > 0 {
		select {
		case <-time.After(holdTime):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	full, err := x.control.do(demand{Do: doMemory})
	if err != nil {
		return err
	}
	n := int64(p.held)
	held := (full.Memory.Heap + full.Memory.Stacks - empty.Memory.Heap - empty.Memory.Stacks) / n
	fmt.Fprintf(os.Stdout, "  idle: %d octets of heap and stacks each; resident %d\n", held, (full.Memory.Resident-empty.Memory.Resident)/n)
	if err := json.NewEncoder(out).Encode(figure{Name: name, Value: float64(held), Unit: "octets/session", Least: float64(held), Most: float64(held), Runs: 1}); err != nil {
		return err
	}
	if c, err := x.count(); err != nil {
		return err
	} else if c.Open != p.held {
		return fmt.Errorf("%d calls stand, of %d", c.Open, p.held)
	}
	if err := x.all(phoneAsk, p.held, "asked, all answered"); err != nil {
		return err
	}
	if err := x.all(phoneEnd, p.held, "ended"); err != nil {
		return err
	}
	if c, err := x.count(); err != nil {
		return err
	} else if c.Open != 0 || int(c.Ended) != p.held {
		return fmt.Errorf("%d calls are left, %d of %d came to their end", c.Open, c.Ended, p.held)
	}
	return nil
}

// all does the same with so many calls; none may fail.
func (x *exchange) all(do string, count int, what string) error {
	r, err := x.use(phoneDemand{Do: do, Rate: holdRate, Count: count})
	switch {
	case err != nil:
		return err
	case r.Failed > 0:
		return fmt.Errorf("%d of %d calls failed: %s", r.Failed, count, r.Why)
	case int(r.Finished) != count:
		return fmt.Errorf("%s: %d of %d calls", do, r.Finished, count)
	}
	fmt.Printf("  %s in %.1f s, %d requests sent again\n", what, r.Elapsed.Seconds(), r.Repeated)
	return nil
}
