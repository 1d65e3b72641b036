package cli

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// progress is a line on a terminal that says how much of something is done. What is written to it counts.
type progress struct {
	out   io.Writer // nil: nothing is shown
	total int64     // octets; 0: not known
	done  int64
	began time.Time
	shown time.Time
}

const (
	showEvery = 100 * time.Millisecond
	barWidth  = 30
)

func newProgress(out io.Writer, total int64) *progress {
	p := &progress{total: total, began: time.Now()}
	if isTerminal(out) {
		p.out = out
	}
	return p
}

// Write counts b.
func (p *progress) Write(b []byte) (int, error) {
	p.done += int64(len(b))
	if now := time.Now(); p.out != nil && now.Sub(p.shown) >= showEvery {
		p.shown = now
		fmt.Fprint(p.out, "\r"+p.line(now)+"\x1b[K")
	}
	return len(b), nil
}

// line is what is shown at a time.
func (p *progress) line(now time.Time) string {
	rate := ""
	if s := now.Sub(p.began).Seconds(); s > 0 {
		rate = "  " + octets(int64(float64(p.done)/s)) + "/s"
	}
	if p.total <= 0 {
		return octets(p.done) + rate
	}
	done := int(min(p.done, p.total) * barWidth / p.total)
	return fmt.Sprintf("[%s%s] %3d %%  %s of %s%s", strings.Repeat("#", done), strings.Repeat(" ", barWidth-done),
		min(p.done, p.total)*100/p.total, octets(p.done), octets(p.total), rate)
}

// end leaves the line.
func (p *progress) end() {
	if p.out != nil && !p.shown.IsZero() {
		fmt.Fprintln(p.out, "\r"+p.line(time.Now())+"\x1b[K")
	}
}

// octets writes a size for people.
func octets(n int64) string {
	const unit = 1024
	if n < unit {
		return fmt.Sprintf("%d octets", n)
	}
	value, prefix := float64(n), 0
	for value >= unit && prefix < len("KMGTPE") {
		value /= unit
		prefix++
	}
	return fmt.Sprintf("%.1f %ciB", value, "KMGTPE"[prefix-1])
}
