package daemon

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// Usual waits until no other test uses the usual ports of 127.0.0.1, those of a daemon without configuration, and keeps them from
// other tests until free is called. Tests of different packages run at the same time; every one that uses these ports calls Usual.
func Usual(ctx context.Context) (free func(), err error) {
	f, err := os.OpenFile(filepath.Join(os.TempDir(), "parley-usual-ports.lock"), os.O_CREATE|os.O_RDWR, 0o666)
	if err != nil {
		return nil, err
	}
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil {
		select {
		case <-tick.C:
		case <-ctx.Done():
			f.Close()
			return nil, fmt.Errorf("another test uses the usual ports of 127.0.0.1: %w", ctx.Err())
		}
	}
	return func() { f.Close() }, nil // the lock goes with the file
}
