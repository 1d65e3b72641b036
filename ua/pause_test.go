package ua

import (
	"testing"
	"time"
)

// TestPause: what is drawn until the next offer lies between 0.1 and 2 s, where a BYE may be on its way not below 0.5 s, varies, and doubles (G-012).
func TestPause(t *testing.T) {
	for offers := range maxRecoveries {
		for _, closed := range []bool{false, true} {
			least, most := time.Hour, time.Duration(0)
			for range 2000 {
				p := (&recovery{offers: offers}).pause(closed) >> offers
				least, most = min(least, p), max(most, p)
			}
			lowest := firstWait
			if closed {
				lowest = byeGrace
			}
			if least < lowest || most >= lastWait || least > lowest+100*time.Millisecond || most < lastWait-100*time.Millisecond {
				t.Errorf("after %d offers, closed %t: %v to %v", offers, closed, least, most)
			}
		}
	}
}
