package main

import (
	"fmt"
	"io"
	"runtime"
	"sync/atomic"
	"syscall"
	"unsafe"
)

// stayAwake keeps all processors busy at the lowest priority there is until in ends. A processor of a virtual machine that has nothing to do is given back
// to the host, and to get it again takes longer than several messages: without this, the rows with a small window measure the host's mood.
// Whatever else is ready to run comes before it at once.
func stayAwake(in io.Reader, out io.Writer) error {
	const schedIdle = 5 // SCHED_IDLE of sched(7)
	var stop atomic.Bool
	failed := make(chan error, runtime.NumCPU())
	for range runtime.NumCPU() {
		go func() { // ends when stop is set
			runtime.LockOSThread() // ends with the goroutine, whose priority it keeps
			var priority int32
			if _, _, e := syscall.RawSyscall(syscall.SYS_SCHED_SETSCHEDULER, 0, schedIdle, uintptr(unsafe.Pointer(&priority))); e != 0 {
				failed <- fmt.Errorf("sched_setscheduler: %w", e)
				return
			}
			failed <- nil
			for !stop.Load() {
			}
		}()
	}
	defer stop.Store(true)
	for range runtime.NumCPU() {
		if err := <-failed; err != nil {
			return err
		}
	}
	fmt.Fprintln(out)
	_, err := io.Copy(io.Discard, in)
	return err
}
