package relay_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-msrp/parley/msrp"
	"github.com/parley-msrp/parley/msrp/relay"
)

func TestExpires(t *testing.T) {
	t.Run("R-014/a path is renewed before its end", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, &fake{reply: func(n int, _ auth) (int, []string) { return 200, []string{path(n), "Expires: 60"} }})
			var o owner
			s, l, err := r.join(&o)
			if err != nil {
				t.Fatal(err)
			}
			before := s.Path()[0]
			time.Sleep(59 * time.Second)
			synctest.Wait()
			if n, err := o.told(); n != 1 || err != nil || s.Path()[0] == before || len(r.all()) != 2 {
				t.Errorf("told of %d changes (%v), %d AUTHs", n, err, len(r.all()))
			}
			time.Sleep(59 * time.Second)
			synctest.Wait()
			if n, _ := o.told(); n != 2 {
				t.Errorf("told of %d changes", n)
			}
			l.End()
			l.End()
			time.Sleep(time.Hour)
			synctest.Wait()
			if n := len(r.all()); n != 3 {
				t.Errorf("%d AUTHs after the lease's end", n)
			}
		})
	})

	t.Run("R-017/a path that took the place of a dead one does not end with that", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, &fake{reply: func(n int, _ auth) (int, []string) {
				switch n {
				case 1:
					return 200, []string{path(n), "Expires: 60"}
				case 2:
					time.Sleep(time.Second) // the path before is to be renewed meanwhile
					return 200, []string{path(n), "Expires: 600"}
				}
				return 403, nil
			}})
			s, err := r.endpoint.NewSession(msrp.SessionConfig{
				Base: msrp.URI{Host: "192.0.2.9", Port: 2855}, Accept: msrp.Types{"*"}, Handler: patient{}, Recovers: true,
			})
			if err != nil {
				t.Fatal(err)
			}
			var o owner
			l, err := r.client.Join(t.Context(), s, &o)
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(44500 * time.Millisecond)
			r.ends[0].Close()
			synctest.Wait()
			if err := l.Rejoin(t.Context()); err != nil {
				t.Fatal(err)
			}
			time.Sleep(5 * time.Minute)
			if _, err := o.told(); err != nil || len(r.all()) != 3 {
				t.Errorf("%d AUTHs, expired with %v", len(r.all()), err)
			}
		})
	})

	t.Run("R-014/a path that cannot be renewed is used to its end and no longer", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, &fake{reply: func(n int, _ auth) (int, []string) {
				if n > 1 {
					return 403, nil
				}
				return 200, []string{path(n), "Expires: 60"}
			}})
			var o owner
			if _, _, err := r.join(&o); err != nil {
				t.Fatal(err)
			}
			time.Sleep(59 * time.Second)
			synctest.Wait()
			if n, err := o.told(); n != 0 || err != nil || len(r.all()) != 2 {
				t.Errorf("told of %d changes (%v), %d AUTHs", n, err, len(r.all()))
			}
			time.Sleep(2 * time.Second)
			synctest.Wait()
			if _, err := o.told(); err == nil || !strings.Contains(err.Error(), "403") {
				t.Errorf("told %v", err)
			}
		})
	})

	for _, test := range []struct {
		name, bound string
		asked       time.Duration
		want        string
	}{
		{"R-013/too short", "Min-Expires: 600", time.Minute, "60 600"},
		{"R-013/too long", "Max-Expires: 600", time.Hour, "3600 600"},
		{"R-013/not asked for", "Max-Expires: 600", 0, " 600"},
		{"R-013/bounds that say nothing", "X: y", time.Minute, "60"},
		{"R-013/bounds that move", "", time.Minute, "60 100 200"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, &fake{reply: func(n int, a auth) (int, []string) {
					bound := test.bound
					switch {
					case bound == "":
						return 423, []string{fmt.Sprintf("Min-Expires: %d", 100*n)}
					case a.expires == "600":
						return 200, []string{path(n)}
					}
					return 423, []string{bound}
				}}, func(c *relay.Config) { c.Expires = test.asked })
				_, _, err := r.join(&owner{})
				var asked []string
				for _, a := range r.all() {
					asked = append(asked, a.expires)
				}
				if got := strings.Join(asked, " "); got != test.want || (err == nil) != strings.HasSuffix(test.want, "600") {
					t.Errorf("asked for %q, error %v", got, err)
				}
			})
		})
	}
}

func TestConnection(t *testing.T) {
	granting := func(n int, _ auth) (int, []string) { return 200, []string{path(n)} }

	t.Run("R-016/kept for a while after its last session", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, &fake{reply: granting})
			s, l, err := r.join(&owner{})
			if err != nil {
				t.Fatal(err)
			}
			leave := func() { s.Close(); l.End() }
			leave()
			time.Sleep(59 * time.Minute)
			if s, l, err = r.join(&owner{}); err != nil || len(r.ends) != 1 {
				t.Fatalf("%v, %d connections", err, len(r.ends))
			}
			time.Sleep(2 * time.Hour)
			leave()
			time.Sleep(61 * time.Minute)
			if _, _, err = r.join(&owner{}); err != nil || len(r.ends) != 2 {
				t.Errorf("%v, %d connections", err, len(r.ends))
			}
		})
	})

	t.Run("R-017/a lost connection is replaced", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, &fake{reply: granting})
			first, _, err := r.join(&owner{})
			if err != nil {
				t.Fatal(err)
			}
			r.ends[0].Close()
			synctest.Wait()
			second, _, err := r.join(&owner{})
			if err != nil || len(r.ends) != 2 || first.Path()[0] == second.Path()[0] {
				t.Errorf("%v, %d connections", err, len(r.ends))
			}
		})
	})

	t.Run("R-008/two sessions at once, one AUTH after the other; R-011/each has a path of its own", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var mu sync.Mutex
			under, most := 0, 0
			r := newRig(t, &fake{reply: func(n int, _ auth) (int, []string) {
				mu.Lock()
				under++
				most = max(most, under)
				mu.Unlock()
				time.Sleep(time.Second)
				mu.Lock()
				under--
				mu.Unlock()
				return 200, []string{path(n)}
			}})
			var wg sync.WaitGroup
			paths := make([]string, 3)
			for i := range paths {
				s := r.session()
				wg.Go(func() {
					if _, err := r.client.Join(context.Background(), s, &owner{}); err != nil {
						t.Error(err)
						return
					}
					paths[i] = s.Path()[0].SessionID
				})
			}
			wg.Wait()
			if most != 1 || paths[0] == paths[1] || paths[1] == paths[2] || paths[0] == paths[2] || len(r.all()) != 3 {
				t.Errorf("%d AUTHs at once, paths %q", most, paths)
			}
		})
	})

	t.Run("a caller that gives up", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, &fake{reply: challenging("silence")})
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			defer cancel()
			began := time.Now()
			if _, err := r.client.Join(ctx, r.session(), &owner{}); err == nil || time.Since(began) != time.Second {
				t.Errorf("%v after %v", err, time.Since(began))
			}
		})
	})

	t.Run("R-001/clear is warned of, once, without secrets", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var log strings.Builder
			r := newRig(t, &fake{reply: challenging("401 "+digest(plain), "200 X: y")}, func(c *relay.Config) {
				c.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
			})
			for range 2 {
				if _, _, err := r.join(&owner{}); err != nil {
					t.Fatal(err)
				}
			}
			if strings.Count(log.String(), "in clear") != 1 || strings.Contains(log.String(), "token") || strings.Contains(log.String(), "sesame") {
				t.Errorf("%s", &log)
			}
		})
	})
}
