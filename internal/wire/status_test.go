package wire

import "testing"

func TestParseStatus(t *testing.T) {
	for _, c := range []struct {
		name, in        string
		namespace, code int
		comment         string
		ok              bool
	}{
		{"M-029/with comment", "000 200 OK", 0, 200, "OK", true},
		{"M-029/without comment", "000 413", 0, 413, "", true},
		{"M-029/comment with blanks", "000 408 took too long", 0, 408, "took too long", true},
		{"M-029/another namespace", "001 200", 1, 200, "", true},
		{"M-029/empty comment", "000 200 ", 0, 200, "", true},
		{"M-029/no namespace", "200 OK", 0, 0, "", false},
		{"M-029/namespace of 2 digits", "00 200 OK", 0, 0, "", false},
		{"M-029/code of 2 digits", "000 20", 0, 0, "", false},
		{"M-029/code of 4 digits", "000 2000", 0, 0, "", false},
		{"M-029/tab", "000\t200", 0, 0, "", false},
		{"M-029/two blanks", "000  200", 0, 0, "", false},
		{"M-029/nothing", "", 0, 0, "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := ParseStatus([]byte(c.in))
			if (err == nil) != c.ok || s.Namespace != c.namespace || s.Code != c.code || string(s.Comment) != c.comment {
				t.Errorf("%+v, error %v", s, err)
			}
		})
	}
}
