package dialog

import (
	"slices"
	"sync"
	"testing"
)

func TestSerial(t *testing.T) {
	t.Run("tasks run in order, one at a time, also those handed in by a task", func(t *testing.T) {
		var s serial
		var got []int
		s.run(func() {
			s.run(func() { got = append(got, 2) })
			s.call(func() { got = append(got, 3) }, func(func()) { t.Error("spawned while at work") })
			s.push(func() { got = append(got, 4) })
			got = append(got, 1)
		})
		s.run(func() { got = append(got, 5) })
		if !slices.Equal(got, []int{1, 2, 3, 4, 5}) {
			t.Errorf("ran %v", got)
		}
	})

	t.Run("call leaves what it finds afterwards to another goroutine", func(t *testing.T) {
		var s serial
		var got []int
		var left func()
		s.call(func() {
			s.push(func() { got = append(got, 2) })
			got = append(got, 1)
		}, func(f func()) { left = f })
		if !slices.Equal(got, []int{1}) || left == nil {
			t.Fatalf("ran %v", got)
		}
		s.run(func() { got = append(got, 3) }) // waits for its turn
		left()
		if !slices.Equal(got, []int{1, 2, 3}) {
			t.Errorf("ran %v", got)
		}
	})

	t.Run("no task is lost or doubled among many goroutines", func(t *testing.T) {
		var s serial
		var wg sync.WaitGroup
		n := 0
		for range 8 {
			wg.Go(func() {
				for range 1000 {
					s.run(func() { n++ })
					s.call(func() { n++ }, func(f func()) { wg.Go(f) })
				}
			})
		}
		wg.Wait()
		s.run(func() {
			if n != 16000 {
				t.Errorf("%d tasks ran", n)
			}
		})
	})
}
