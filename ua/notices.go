package ua

import "sync"

// notices are what the Handler of one call is still to be told about the call. It is told one thing at a time and in order,
// whichever goroutine something happens on, and never under a lock. The zero value holds everything back until open.
type notices struct {
	mu    sync.Mutex
	ready bool // it is sure that there is a call to tell of
	busy  bool // a goroutine is telling
	queue []func()
	room  [1]func() // the queue's, if there is one notice only
}

// put leaves a notice for the next tell. It may be called under Call.mu, which decides the order.
func (n *notices) put(f func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.queue == nil {
		n.queue = n.room[:0]
	}
	n.queue = append(n.queue, f)
}

// open lets notices through from the next tell on, and says whether there are any.
func (n *notices) open() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.ready = true
	return len(n.queue) > 0
}

// tell tells what is waiting, or leaves that to the goroutine that is telling.
func (n *notices) tell() {
	n.mu.Lock()
	if n.busy || !n.ready {
		n.mu.Unlock()
		return
	}
	n.busy = true
	for len(n.queue) > 0 {
		f := n.queue[0]
		n.queue[0] = nil
		n.queue = n.queue[1:]
		n.mu.Unlock()
		f()
		n.mu.Lock()
	}
	n.busy, n.queue = false, nil
	n.mu.Unlock()
}
