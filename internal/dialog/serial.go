package dialog

import "sync"

// serial runs the tasks of one dialog one at a time and in order, each on the goroutine that finds it idle or on the one
// that is at work already. Its lock is not held while a task runs. The zero value is ready.
type serial struct {
	mu    sync.Mutex
	busy  bool
	tasks []func()
}

// run executes f before it returns, or leaves it to the goroutine that is at work. For the stack's goroutines and timers.
func (s *serial) run(f func()) {
	if !s.enter(f) {
		return
	}
	f()
	s.drain()
}

// call is run for goroutines of the user: they may hold locks that an Owner's method takes, so that tasks left behind f
// are handed to spawn. f itself must not call the Owner (push does that).
func (s *serial) call(f func(), spawn func(func())) {
	if !s.enter(f) {
		return
	}
	f()
	s.leave(spawn)
}

// leave ends what take began, as call does.
func (s *serial) leave(spawn func(func())) {
	s.mu.Lock()
	left := len(s.tasks) > 0
	s.busy = left
	s.mu.Unlock()
	if left {
		spawn(s.drain)
	}
}

// take makes the caller the one at work if there is none; it then ends with drain. Where there is one it gives false, and the task is one for
// run: what happens often costs no closure that way.
func (s *serial) take() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.busy {
		return false
	}
	s.busy = true
	return true
}

// push, called from within a task, appends another one.
func (s *serial) push(f func()) {
	s.mu.Lock()
	s.tasks = append(s.tasks, f)
	s.mu.Unlock()
}

// enter makes the caller the one at work, or queues f if there is one.
func (s *serial) enter(f func()) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.busy {
		s.tasks = append(s.tasks, f)
		return false
	}
	s.busy = true
	return true
}

func (s *serial) drain() {
	for f := s.next(); f != nil; f = s.next() {
		f()
	}
}

func (s *serial) next() func() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.tasks) == 0 {
		s.busy, s.tasks = false, nil
		return nil
	}
	f := s.tasks[0]
	s.tasks[0] = nil
	s.tasks = s.tasks[1:]
	return f
}
