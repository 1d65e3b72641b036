package access

import "testing"

func TestSourceOf(t *testing.T) {
	for remote, want := range map[string]string{
		"192.0.2.7:5": "192.0.2.7", "[2001:db8::7]:5": "2001:db8::", "[::ffff:192.0.2.7]:5": "192.0.2.7", "[::1]:5": "::1", "127.0.0.1:5": "127.0.0.1",
	} {
		if got := SourceOf(remote); got.String() != want || got.IsLoopback() != (want == "::1" || want == "127.0.0.1") {
			t.Errorf("%s: %s, want %s", remote, got, want)
		}
	}
	if SourceOf("nonsense").IsValid() {
		t.Error("nonsense has a source")
	}
}
