package control

import (
	"errors"
	"fmt"
	"testing"
)

// came is a message that notes how it was completed.
type came struct{ codes []int }

func (c *came) Accept()                   { c.codes = append(c.codes, 200) }
func (c *came) Reject(code int, _ string) { c.codes = append(c.codes, code) }

// TestRepeatsShareTheFate: whichever way a message ends, the repeats that came meanwhile end with it, and one that crosses its refusal is not accepted.
func TestRepeatsShareTheFate(t *testing.T) {
	key := messageKey{"session", "message"}
	for _, c := range []struct {
		name string
		end  func(*keeping, completable)
		code int
	}{
		{"kept", func(k *keeping, m completable) { k.done(key, m, nil) }, 200},
		{"not kept", func(k *keeping, m completable) { k.done(key, m, errors.New("disk full")) }, 413},
		{"without a body", func(k *keeping, m completable) { k.accept(key, m) }, 200},
		{"no wrapper that can be read", func(k *keeping, m completable) { k.refuse(key, m, 400, "") }, 400},
		{"too late", func(k *keeping, m completable) { k.refuse(key, m, 481, "") }, 481},
	} {
		t.Run(c.name, func(t *testing.T) {
			var k keeping
			var first, during, after came
			k.begin(key)
			k.repeat(key, &during)
			c.end(&k, &first)
			k.repeat(key, &after)
			for _, m := range []came{first, during, after} {
				if fmt.Sprint(m.codes) != fmt.Sprint([]int{c.code}) {
					t.Errorf("completed with %v, want %d once", m.codes, c.code)
				}
			}
			// What was refused may come again, and be kept.
			var again, repeated came
			k.begin(key)
			k.done(key, &again, nil)
			k.repeat(key, &repeated)
			if fmt.Sprint(again.codes, repeated.codes) != "[200] [200]" {
				t.Errorf("the next attempt: %v, its repeat: %v", again.codes, repeated.codes)
			}
		})
	}
}

// TestRefusalsAreBounded: a peer whose messages are refused costs no memory that grows.
func TestRefusalsAreBounded(t *testing.T) {
	var k keeping
	for i := range 10 * maxRefused {
		key := messageKey{"session", fmt.Sprint(i)}
		k.begin(key)
		k.refuse(key, &came{}, 413, "")
	}
	if len(k.refused) > maxRefused || len(k.repeats) > 0 {
		t.Errorf("%d refusals and %d messages are remembered", len(k.refused), len(k.repeats))
	}
}

// TestFailedCommandsTakeNoPlace: however many commands fail, the keys of those that were done are remembered.
func TestFailedCommandsTakeNoPlace(t *testing.T) {
	var k commands
	failed := errors.New("failed")
	do := func(key string, err error) (result string) {
		result, got := k.once(key, "digest", func() (string, error) { return "made by " + key, err })
		if !errors.Is(got, err) {
			t.Errorf("%s: %v", key, got)
		}
		return result
	}
	do("tried again", failed)
	do("done", nil)
	for n := range rememberedKeys {
		do(fmt.Sprint("failed", n), failed)
	}
	do("tried again", nil)
	for _, key := range []string{"done", "tried again"} {
		result, err := k.once(key, "digest", func() (string, error) { return "", errors.New("it was done twice") })
		if err != nil || result != "made by "+key {
			t.Errorf("%s: %q, %v", key, result, err)
		}
	}
	if len(k.oldest) != 2 || len(k.known) != 2 {
		t.Errorf("%d and %d are remembered", len(k.oldest), len(k.known))
	}
}
