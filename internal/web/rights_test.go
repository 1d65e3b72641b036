package web

import (
	"testing"

	"github.com/parley-msrp/parley/internal/access"
)

// TestRoutesAreListed: no route is forgotten in the table of package access; one that is takes the right to everything.
func TestRoutesAreListed(t *testing.T) {
	var s Server
	for _, r := range s.table() {
		if operation := r.Method + " " + r.Path; !access.Listed(operation) {
			t.Errorf("%s is not in the table of operations", operation)
		}
	}
}
