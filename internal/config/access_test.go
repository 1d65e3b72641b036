package config_test

import (
	"strings"
	"testing"

	"github.com/parley-msrp/parley/internal/config"
)

func TestLoadUsers(t *testing.T) {
	md5 := "carol:example.org:" + strings.Repeat("0a", 16) + "\n"
	for _, c := range []struct {
		name, text string
		md5        bool
		err        string
	}{
		{"a password", "alice:example.org:swordfish\n", false, ""},
		{"an MD5 hash", md5, true, ""},
		{"an MD5 hash that is of no use", "alice:example.org:swordfish\n" + md5, false, "users that have an MD5 hash only: 1"},
		{"a broken line", "alice:example.org:swordfish\nswordfish\n", false, "users.txt:2: "},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := config.Auth{Users: write(t, "users.txt", c.text), MD5: c.md5}
			users, err := a.LoadUsers()
			switch {
			case c.err == "" && (err != nil || users == nil):
				t.Error(err)
			case c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err) || strings.Contains(err.Error(), "swordfish")):
				t.Errorf("%v, want %s", err, c.err)
			}
		})
	}
	if users, err := new(config.Auth).LoadUsers(); users != nil || err != nil {
		t.Errorf("no file: %v, %v", users, err)
	}
}
