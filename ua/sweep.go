package ua

import "time"

// sweepUntilClosed ends the calls whose MaxDuration is over, once each CleanupInterval.
func (a *Agent) sweepUntilClosed() {
	tick := time.NewTicker(a.settings.Load().CleanupInterval)
	defer tick.Stop()
	for {
		select {
		case <-a.ctx.Done():
			return
		case <-a.swept:
			tick.Reset(a.settings.Load().CleanupInterval)
		case now := <-tick.C:
			a.sweep(now)
		}
	}
}

func (a *Agent) sweep(now time.Time) {
	for _, c := range a.table.calls() {
		if c.expired(now) {
			c.finish(End{Cause: Expired, Code: 200, Reason: "longest duration reached"})
		}
	}
}
