package mi

import (
	"testing"

	"github.com/parley-msrp/parley/internal/access"
)

// TestTable: each method has something to say to help, and its place in the table of package access; one without would take the right to everything.
func TestTable(t *testing.T) {
	var s Server
	for _, row := range append(s.methods(), s.eventMethods()...) {
		if !access.Listed(row.names[0]) {
			t.Errorf("%s is not in the table of operations", row.names[0])
		}
		if row.help == "" {
			t.Errorf("%s has no help", row.names[0])
		}
	}
}
