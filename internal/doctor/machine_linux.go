package doctor

import (
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/parley-msrp/parley/internal/config"
)

// beside is how many files a node has open beside those of its sessions.
const beside = 256

// files looks at how many files a process may have open: a session has a connection at most.
func files(c *config.Config) []Finding {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return []Finding{{Check: "files", Level: Warning, Text: fmt.Sprintf("how many files may be open cannot be told: %v", err)}}
	}
	f := Finding{Check: "files", Level: OK, Text: fmt.Sprintf("%d files may be open, for %d sessions (sip.max_sessions)", limit.Max, c.SIP.MaxSessions)}
	if limit.Max < uint64(c.SIP.MaxSessions)+beside {
		f.Level = Warning
		f.Do = fmt.Sprintf("raise it to %d (ulimit -Hn, or LimitNOFILE in the unit), or lower sip.max_sessions: sessions with a connection each stop at the smaller of the two", c.SIP.MaxSessions+beside)
	}
	return []Finding{f}
}

// clock asks the kernel whether something keeps the time: events and certificates need it.
func clock() []Finding {
	var t unix.Timex
	state, err := unix.Adjtimex(&t)
	switch {
	case err != nil:
		return []Finding{{Check: "clock", Level: Warning, Text: fmt.Sprintf("whether the clock is kept cannot be told: %v", err)}}
	case state == unix.TIME_ERROR || t.Status&unix.STA_UNSYNC != 0:
		return []Finding{{
			Check: "clock", Level: Warning, Text: "nothing keeps the clock right",
			Do: "run a time service (systemd-timesyncd, chrony): times of events and certificates depend on it",
		}}
	}
	return []Finding{{Check: "clock", Level: OK, Text: "the clock is kept by a time service"}}
}
