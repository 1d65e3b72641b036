package dialog

import (
	"strconv"
	"strings"
	"time"

	"github.com/parley-msrp/parley/internal/sip"
)

// leastInterval is the smallest session interval there may be (RFC 4028 §5).
const leastInterval = 90 * time.Second

// sessionTimer is the session timer of a dialog (RFC 4028; S-030). The zero value is one that is off.
type sessionTimer struct {
	d         *Dialog
	interval  time.Duration // 0: off
	least     time.Duration // the largest Min-SE seen; 0: none
	refresher bool          // this side refreshes
	expiry    time.Time
	due       *time.Timer
}

// sessionExpires is the value of that header.
type sessionExpires struct {
	interval  time.Duration
	refresher string // uac, uas, or "" where it is not said
}

// readSessionExpires reads the header of a message; false if there is none that can be read.
func readSessionExpires(m *sip.Message) (x sessionExpires, ok bool) {
	seconds, params, _ := strings.Cut(m.Get("Session-Expires"), ";")
	if x.interval, ok = deltaSeconds(seconds); !ok {
		return sessionExpires{}, false
	}
	for p := range strings.SplitSeq(params, ";") {
		name, value, _ := strings.Cut(p, "=")
		if strings.EqualFold(strings.TrimSpace(name), "refresher") {
			x.refresher = strings.ToLower(strings.TrimSpace(value))
		}
	}
	return x, true
}

func (x sessionExpires) header() sip.Header {
	value := seconds(x.interval)
	if x.refresher != "" {
		value += ";refresher=" + x.refresher
	}
	return sip.Header{Name: "Session-Expires", Value: value}
}

// minSE reads the header of that name; 0 if there is none that can be read.
func minSE(m *sip.Message) time.Duration {
	value, _, _ := strings.Cut(m.Get("Min-SE"), ";")
	d, _ := deltaSeconds(value)
	return d
}

func deltaSeconds(s string) (time.Duration, bool) {
	if s == "" {
		return 0, false
	}
	n, err := strconv.ParseUint(strings.TrimSpace(s), 10, 32)
	return time.Duration(n) * time.Second, err == nil
}

func seconds(d time.Duration) string { return strconv.FormatInt(int64(d/time.Second), 10) }

// supports says whether the sender of m speaks an extension.
func supports(m *sip.Message, tag string) bool {
	return lists(m, "Supported", tag) || lists(m, "Require", tag)
}

func lists(m *sip.Message, header, tag string) bool {
	for _, t := range m.List(header) {
		if strings.EqualFold(strings.TrimSpace(t), tag) {
			return true
		}
	}
	return false
}

// checkTimer refuses a session interval that is too small; only whoever speaks the extension understands that (RFC 4028 §9).
func (e *Endpoint) checkTimer(m *sip.Message) *Refusal {
	if m.Method != "INVITE" && m.Method != "UPDATE" || !supports(m, "timer") {
		return nil
	}
	x, ok := readSessionExpires(m)
	if !ok || x.interval >= e.cfg.MinSE {
		return nil
	}
	return &Refusal{Code: 422, Headers: []sip.Header{{Name: "Min-SE", Value: seconds(e.cfg.MinSE)}}}
}

// askTimer are the headers that ask for a session timer in an INVITE that is to make a dialog; least is the largest Min-SE seen.
func (e *Endpoint) askTimer(least time.Duration) []sip.Header {
	interval := max(e.cfg.SessionExpires, least)
	if interval == 0 {
		return nil
	}
	h := []sip.Header{sessionExpires{interval: interval}.header()}
	if least = max(least, e.cfg.MinSE); least > leastInterval {
		h = append(h, sip.Header{Name: "Min-SE", Value: seconds(least)})
	}
	return h
}

// headers are those of an own re-INVITE or UPDATE: who refreshes goes on doing so (RFC 4028 §7.4).
func (t *sessionTimer) headers() []sip.Header {
	if t.interval == 0 {
		return nil
	}
	x := sessionExpires{interval: t.interval, refresher: "uas"}
	if t.refresher {
		x.refresher = "uac"
	}
	h := []sip.Header{x.header()}
	if t.least > leastInterval {
		h = append(h, sip.Header{Name: "Min-SE", Value: seconds(t.least)})
	}
	return h
}

// raise takes the Min-SE of a 422: the next request asks for no less. False if it does not help.
func (t *sessionTimer) raise(m *sip.Message) bool {
	least := minSE(m)
	if t.interval == 0 || least <= t.interval {
		return false
	}
	t.least, t.interval = max(t.least, least), least
	return true
}

// grantTimer decides on the session timer as the called side of m (RFC 4028 §9, table 2): the headers of the 2xx, and what is agreed with it.
func (d *Dialog) grantTimer(m *sip.Message) []sip.Header {
	speaks := supports(m, "timer")
	x, asked := readSessionExpires(m)
	floor := max(minSE(m), leastInterval, d.e.cfg.MinSE)
	own := d.e.cfg.SessionExpires
	switch {
	case asked && x.interval < leastInterval:
		// No legal value answers this, and whoever asked does not understand 422: there is no timer.
		x.interval = 0
	case asked && own > 0:
		// Lower, never below the floor, never higher (S-030).
		x.interval = min(x.interval, max(own, floor))
	case !asked && own > 0:
		x = sessionExpires{interval: max(own, floor)}
	}
	if x.interval == 0 {
		d.timer.stop()
		return nil
	}
	switch {
	case !speaks:
		x.refresher = "uas"
	case x.refresher != "uas":
		x.refresher = "uac"
	}
	d.timer.least = max(d.timer.least, minSE(m))
	d.timer.begin(d, x.interval, x.refresher == "uas")
	h := []sip.Header{x.header()}
	if speaks {
		h = append(h, sip.Header{Name: "Require", Value: "timer"})
	}
	return h
}

// timerAgreed takes what a 2xx to an own INVITE or UPDATE says of the session timer. Without Session-Expires it is off.
func (d *Dialog) timerAgreed(m *sip.Message) {
	x, ok := readSessionExpires(m)
	if !ok || x.interval == 0 {
		d.timer.stop()
		return
	}
	// A smaller one than there may be is taken for the smallest: no peer makes us refresh all the time.
	d.timer.begin(d, max(x.interval, leastInterval), x.refresher != "uas")
}

// begin starts the interval, or starts it anew after a refresh.
func (t *sessionTimer) begin(d *Dialog, interval time.Duration, refresher bool) {
	t.stop()
	t.d, t.interval, t.refresher, t.expiry = d, interval, refresher, time.Now().Add(interval)
	t.arm(t.firstDue())
}

// firstDue is how long after the interval's start something is to be done.
func (t *sessionTimer) firstDue() time.Duration {
	if t.refresher {
		return t.interval / 2
	}
	// RFC 4028 §10: a little before the end, so that the BYE still finds proxies that know the session.
	return t.interval - min(32*time.Second, t.interval/3)
}

func (t *sessionTimer) arm(after time.Duration) {
	d := t.d
	var due *time.Timer
	due = time.AfterFunc(after, func() {
		d.tasks.run(func() {
			if t.due == due {
				t.elapsed()
			}
		})
	})
	t.due = due
}

func (t *sessionTimer) stop() {
	t.interval = 0
	if t.due != nil {
		t.due.Stop()
		t.due = nil
	}
}

func (t *sessionTimer) elapsed() {
	d := t.d
	left := time.Until(t.expiry)
	switch {
	case d.phase != established || d.leave != nil:
		t.stop()
	case !t.refresher || left <= 0:
		t.stop()
		d.lose(End{Cause: Lost, Code: 408, Reason: "the session was not refreshed"})
	default:
		t.arm(left)
		d.want(&modification{d: d, update: true})
	}
}

// notRefreshed has a refresh tried again half-way to the end, after the peer refused it.
func (t *sessionTimer) notRefreshed() {
	if t.interval == 0 || !t.refresher {
		return
	}
	left := time.Until(t.expiry)
	if left < 2*time.Second {
		return // the end is near
	}
	t.due.Stop()
	t.arm(left / 2)
}
